package hello

import (
	"crypto/tls"
	"errors"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func marshalHello(t *testing.T, c *Client) []byte {
	t.Helper()
	hello, err := newClientHello(c)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := hello.marshal()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestHelloSize(t *testing.T) {
	t.Parallel()
	name := strings.Repeat("n", 50)
	for _, test := range []struct {
		name     string
		client   Client
		min, max int
	}{
		// Between 256 and 511 bytes some load balancers hang (RFC 7685 §1); more
		// than 1,400 do not fit into one segment everywhere.
		{"hello13", Client{Offer: Hello13()}, 512, 1400},
		{"hello13 with names", Client{Offer: withALPN(Hello13(), "h2", "http/1.1"), ServerName: name}, 512, 1400},
		{"hello10", Client{Offer: Hello10(), ServerName: name}, 0, 255},
	} {
		if n := len(marshalHello(t, &test.client)); n < test.min || n > test.max {
			t.Errorf("%s has %d bytes, want %d to %d", test.name, n, test.min, test.max)
		}
	}
}

func withALPN(o Offer, protocols ...string) Offer {
	o.ALPN = protocols
	return o
}

// TestOfferLimit: what is not wanted is not offered, nor taken for an answer.
func TestOfferLimit(t *testing.T) {
	t.Parallel()
	if o, ok := Hello13().Limit(0, versionTLS12); !ok || slices.Contains(o.SupportedVersions, versionTLS13) || slices.Contains(o.CipherSuites, 0x1301) || o.KeyShares != nil || o.PostQuantum() {
		t.Errorf("up to TLS 1.2: %v, %+v", ok, o)
	}
	if o, ok := Hello13().Limit(versionTLS13, 0); !ok || !slices.Equal(o.SupportedVersions, []uint16{versionTLS13}) || o.MinVersion != versionTLS13 || !o.PostQuantum() {
		t.Errorf("from TLS 1.3: %v, %+v", ok, o)
	}
	if o, ok := Hello13().Limit(0, versionTLS11); !ok || o.Version != versionTLS11 {
		t.Errorf("up to TLS 1.1: %v, %+v", ok, o)
	}
	if o, ok := Hello10().Limit(versionTLS11, 0); ok {
		t.Errorf("TLS 1.0 from TLS 1.1: %+v", o)
	}
	if Hello13().WithoutPostQuantum().PostQuantum() || !Hello13().PostQuantum() || Hello10().PostQuantum() {
		t.Error("PostQuantum is wrong of a usual hello")
	}
	older, _ := Hello13().Limit(versionTLS12, 0)
	for _, version := range []uint16{versionTLS10, versionTLS11} {
		_, err := fetchBytes(&Client{Offer: older}, record(recordHandshake, plainServerHello(version, 0x000A)))
		if _, ok := errors.AsType[*ProtocolError](err); !ok {
			t.Errorf("an answer of version %s is taken: %v", VersionName(version), err)
		}
	}
}

func TestHelloSharesWereOffered(t *testing.T) {
	t.Parallel()
	for _, group := range slices.Concat(groupsPostQuantum, groupsClassic, groups10) {
		if strings.HasPrefix(GroupName(group), "0x") {
			t.Errorf("group %#x has no name", group)
		}
	}
	for _, group := range firstShares {
		if !slices.Contains(groupsClassic, group) {
			t.Errorf("%s has a share and is not offered", GroupName(group))
		}
	}
}

func TestSNIName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"": "", "host.test": "host.test", "host.test.": "host.test", "192.0.2.1": "", "2001:db8::1": "",
		"[2001:db8::1]": "", "fe80::1%eth0": "", "1.2.3": "1.2.3",
	} {
		if got := sniName(name); got != want {
			t.Errorf("sniName(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestSuites(t *testing.T) {
	t.Parallel()
	ids, names := map[uint16]bool{}, map[string]bool{}
	for _, s := range suites {
		if ids[s.id] || names[s.name] {
			t.Errorf("%s (%#04x) is there twice", s.name, s.id)
		}
		ids[s.id], names[s.name] = true, true
		if strings.Contains(s.name, "anon") {
			t.Errorf("%s shows no certificate", s.name)
		}
	}
	for i, id := range suites10 {
		if !ids[id] || slices.Contains(suites10[:i], id) {
			t.Errorf("%#04x in the TLS 1.0 hello is unknown or there twice", id)
		}
		// Those name the hash of TLS 1.2's PRF and are its own.
		if name := SuiteName(id); strings.HasSuffix(name, "SHA256") || strings.HasSuffix(name, "SHA384") || strings.HasPrefix(name, "TLS_AES") {
			t.Errorf("%s is not for TLS 1.0", name)
		}
	}
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if SuiteName(s.ID) != s.Name {
			t.Errorf("SuiteName(%#04x) = %s, crypto/tls says %s", s.ID, SuiteName(s.ID), s.Name)
		}
	}
}

// openssl knows the registry's names of the suites it implements, and which of
// them show a certificate.
func TestSuitesAgainstOpenSSL(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed")
	}
	out, err := exec.Command("openssl", "ciphers", "-V", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0").Output()
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for line := range strings.Lines(string(out)) {
		// 0xC0,0x2C - TLS_ECDHE_… - ECDHE-… TLSv1.2 Kx=ECDH Au=ECDSA Enc=… Mac=…
		fields := strings.Fields(line)
		if len(fields) < 8 {
			continue
		}
		id, err := strconv.ParseUint(strings.ReplaceAll(fields[0], ",0x", ""), 0, 16)
		if err != nil {
			t.Fatal(err)
		}
		auth := fields[7]
		if auth == "Au=None" || auth == "Au=PSK" && !strings.Contains(line, "Kx=RSAPSK") || strings.Contains(line, "Kx=SRP") {
			continue
		}
		compared++
		if got := SuiteName(uint16(id)); got != fields[2] {
			t.Errorf("%#04x: %s, openssl says %s", id, got, fields[2])
		}
	}
	if compared < 20 {
		t.Errorf("only %d suites compared", compared)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ got, want string }{
		{VersionName(0x0300), "SSL 3.0"}, {VersionName(tls.VersionTLS13), "1.3"}, {VersionName(0x0101), "0x0101"},
		{GroupName(uint16(tls.X25519MLKEM768)), tls.X25519MLKEM768.String()},
		{GroupName(uint16(tls.SecP256r1MLKEM768)), tls.SecP256r1MLKEM768.String()},
		{GroupName(uint16(tls.SecP384r1MLKEM1024)), tls.SecP384r1MLKEM1024.String()},
		{GroupName(uint16(tls.X25519)), tls.X25519.String()},
		{GroupName(uint16(tls.CurveP521)), "P-521"}, {GroupName(0x9999), "0x9999"},
		{SuiteName(0x000D), "TLS_DH_DSS_WITH_3DES_EDE_CBC_SHA"}, {SuiteName(0x9999), "0x9999"},
	} {
		if test.got != test.want {
			t.Errorf("got %s, want %s", test.got, test.want)
		}
	}
}
