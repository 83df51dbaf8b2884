//go:build unix

package reach

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"certsweep/dialer"
	"certsweep/dialer/dialertest"
	"certsweep/dialer/fingerprint"
	"certsweep/dialer/hello"
)

// enumerationCase is a server whose lists are known.
type enumerationCase struct {
	name  string
	start func(t *testing.T) string
	want  map[string]enumerated // by version
	// prefers: it has an order of its own; ordered: want has it, for suites and,
	// if groupsOrdered is set, for groups.
	prefers, ordered, groupsOrdered bool
}

type enumerated struct{ suites, groups []string }

// TestEnumeration: what servers are found to accept is what they were told to.
func TestEnumeration(t *testing.T) {
	if testing.Short() {
		t.Skip("starts sixty servers")
	}
	cases := slices.Concat(enumerateOpenSSL(t), enumerateGnuTLS(t), enumerateNSS(t))
	if len(cases) < 60 {
		t.Logf("%d configurations: not all of openssl, gnutls-bin and libnss3-tools is installed", len(cases))
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.check(t, survey(t, c.start(t))) })
	}
}

// survey enumerates a server, two connections at a time.
func survey(t *testing.T, addr string) dialer.Handshake {
	t.Helper()
	d := &dialer.Dialer{Enumerate: fingerprint.Versions | fingerprint.Suites | fingerprint.Groups}
	e, err := dialer.ParseEndpoint(addr)
	if err != nil {
		t.Fatal(err)
	}
	var h dialer.Handshake
	err = d.Probe(t.Context(), e, &h)
	d.Survey(context.Background(), e, &h, err, dialer.Pace{Parallel: twoAtATime})
	if h.Enumeration == nil {
		t.Fatalf("nothing was enumerated: %v", err)
	}
	return h
}

func twoAtATime(tasks ...func()) {
	work := make(chan func())
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			for task := range work {
				task()
			}
		})
	}
	for _, task := range tasks {
		work <- task
	}
	close(work)
	workers.Wait()
}

func (c *enumerationCase) check(t *testing.T, h dialer.Handshake) {
	e := h.Enumeration
	if !e.Complete || e.Err != nil {
		t.Errorf("complete %v: %v", e.Complete, e.Err)
	}
	got := make(map[string]enumerated)
	accepted := 0
	for _, v := range e.Versions {
		name := hello.VersionName(v.Version)
		list := enumerated{suites: v.Suites}
		for _, groups := range e.Groups {
			if groups.Version == v.Version {
				list.groups = groupNames(groups.Groups)
				c.checkPreferred(t, name, &groups)
			}
		}
		accepted += len(list.suites) + len(list.groups)
		got[name] = list
		if prefers := v.ServerPreference; prefers == nil || *prefers != (c.prefers || len(v.Suites) == 1) {
			t.Errorf("TLS %s: server preference %v, want %v", name, prefers, c.prefers)
		}
	}
	for name, want := range c.want {
		if !c.ordered {
			want.suites = inOrderOf(want.suites, got[name].suites)
		}
		if !c.groupsOrdered {
			want.groups = inOrderOf(want.groups, got[name].groups)
		}
		if !slices.Equal(got[name].suites, want.suites) {
			t.Errorf("TLS %s: suites\n%v, want\n%v", name, got[name].suites, want.suites)
		}
		if !slices.Equal(got[name].groups, want.groups) {
			t.Errorf("TLS %s: groups\n%v, want\n%v", name, got[name].groups, want.groups)
		}
	}
	for name := range got {
		if _, ok := c.want[name]; !ok {
			t.Errorf("it accepts %s: %v", name, got[name].suites)
		}
	}
	// One for each thing accepted; for the end of a list up to three, or four if it
	// has the client's order by chance; one for each of six versions, and for
	// RFC 7919, RFC 7507 and the end.
	lists := len(e.Versions) + len(e.Groups)
	if most := accepted + 3*lists + 2 + 6 + 3; e.Connections > most {
		t.Errorf("%d connections for %d things accepted", e.Connections, accepted)
	}
}

func (c *enumerationCase) checkPreferred(t *testing.T, version string, got *fingerprint.GroupList) {
	t.Helper()
	want := c.want[version].groups
	if len(want) == 0 || !c.groupsOrdered {
		return
	}
	if got.Preferred == 0 || hello.GroupName(got.Preferred) != want[0] {
		t.Errorf("TLS %s: it prefers %s, want %s", version, hello.GroupName(got.Preferred), want[0])
	}
}

func groupNames(groups []uint16) (names []string) {
	for _, group := range groups {
		names = append(names, hello.GroupName(group))
	}
	return names
}

// inOrderOf returns a list in the order of another that has the same elements.
func inOrderOf(list, other []string) []string {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b string) int { return cmp.Compare(slices.Index(other, a), slices.Index(other, b)) })
	return list
}

// opensslEnumerations are runs of s_server: versions, suites, groups.
var opensslEnumerations = []struct{ key, versions, ciphers, suites13, groups string }{
	{"RSA-2048", "1.0 1.1 1.2 1.3", "ALL", "", ""},
	{"RSA-2048", "1.2 1.3", "ECDHE+AESGCM:ECDHE+CHACHA20", "", "P-384:X25519"},
	{"P-256", "1.0 1.1 1.2 1.3", "ALL", "", ""},
	{"P-256", "1.2 1.3", "ECDHE+AESGCM:ECDHE+CHACHA20", "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256", "X25519:P-256"},
	{"RSA-2048", "1.0", "AES256-SHA:AES128-SHA", "", ""},
	{"RSA-2048", "1.1", "DHE+AES:kRSA+CAMELLIA", "", ""},
	{"RSA-2048", "1.0 1.1", "ALL:!aNULL", "", "P-256"},
	{"RSA-2048", "1.2", "kRSA", "", ""},
	{"RSA-2048", "1.2", "DHE+AESGCM", "", ""},
	{"RSA-2048", "1.2", "aNULL", "", "P-521:P-256"},
	{"RSA-2048", "1.2", "ECDHE-RSA-AES256-GCM-SHA384", "", "X448:P-256"},
	{"P-256", "1.2", "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256", "", "X25519:P-384:P-256"},
	{"RSA-2048", "1.3", "ALL", "TLS_AES_128_CCM_8_SHA256:TLS_AES_128_CCM_SHA256:TLS_AES_128_GCM_SHA256", "X448:ffdhe3072:P-256"},
	{"RSA-2048", "1.3", "ALL", "TLS_AES_256_GCM_SHA384", "P-521"},
	{"Ed25519", "1.2 1.3", "ALL", "", "X25519:P-256"},
	{"RSA-2048", "1.1 1.2", "HIGH:!aNULL:!kRSA", "", "P-256:P-384"},
}

var opensslVersions = []struct{ name, flag string }{{"1.0", "-tls1"}, {"1.1", "-tls1_1"}, {"1.2", "-tls1_2"}, {"1.3", "-tls1_3"}}

func enumerateOpenSSL(t *testing.T) (cases []enumerationCase) {
	if _, err := exec.LookPath("openssl"); err != nil {
		return nil
	}
	h := newReachHome(t)
	for _, c := range opensslEnumerations {
		for _, serverPref := range []bool{false, true} {
			args := "-quiet -www -cipher " + c.ciphers + opensslWeak
			for _, v := range opensslVersions {
				if !strings.Contains(c.versions, v.name) {
					args += " -no" + strings.Replace(v.flag, "-", "_", 1)
				}
			}
			if c.suites13 != "" {
				args += " -ciphersuites " + c.suites13
			}
			if c.groups != "" {
				args += " -groups " + c.groups
			}
			if serverPref {
				args += " -serverpref"
			}
			want := make(map[string]enumerated)
			for _, v := range opensslVersions {
				if strings.Contains(c.versions, v.name) {
					want[v.name] = opensslAccepts(t, v.name, v.flag, c.key, c.ciphers, c.suites13, c.groups)
				}
			}
			cases = append(cases, enumerationCase{
				name: "openssl " + c.key + args[len("-quiet -www"):], want: want, prefers: serverPref, ordered: serverPref, groupsOrdered: serverPref,
				start: func(t *testing.T) string {
					file, key := h.opensslCertificate(t, c.key)
					return h.opensslQuietServer(t, file, key, args)
				},
			})
		}
	}
	return cases
}

// opensslQuietServer is opensslServer for one that does not say where it listens.
func (h *reachHome) opensslQuietServer(t *testing.T, certificate, key, args string) string {
	return reachListen(t, h.dir, "openssl", func(port string) []string {
		return append([]string{"s_server", "-accept", net.JoinHostPort("127.0.0.1", port), "-cert", certificate, "-key", key}, strings.Fields(args)...)
	})
}

// opensslAccepts asks openssl what a server accepts in one version.
func opensslAccepts(t *testing.T, version, flag, key, ciphers, suites13, groups string) enumerated {
	t.Helper()
	args := []string{"ciphers", "-s", flag, "-V"}
	if suites13 != "" {
		args = append(args, "-ciphersuites", suites13)
	}
	list, err := exec.Command("openssl", append(args, ciphers+opensslWeak)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	authentication := map[string]string{"RSA-2048": "Au=RSA", "P-256": "Au=ECDSA", "Ed25519": "Au=ECDSA"}[key]
	var want enumerated
	ecdhe := version == "1.3"
	for line := range strings.Lines(string(list)) {
		var high, low uint16
		if n, _ := fmt.Sscanf(strings.TrimSpace(line), "0x%X,0x%X", &high, &low); n != 2 {
			continue
		}
		if !strings.Contains(line, authentication) && !strings.Contains(line, "Au=None") && !strings.Contains(line, "Au=any") {
			continue
		}
		want.suites = append(want.suites, hello.SuiteName(high<<8|low))
		ecdhe = ecdhe || strings.Contains(line, "Kx=ECDH ")
	}
	if !ecdhe || version < "1.2" {
		return want
	}
	for _, group := range strings.Split(cmp.Or(groups, "X25519:P-256:X448:P-521:P-384:ffdhe2048:ffdhe3072:ffdhe4096:ffdhe6144:ffdhe8192"), ":") {
		if version == "1.3" || !strings.HasPrefix(group, "ffdhe") {
			want.groups = append(want.groups, group)
		}
	}
	return want
}

// gnutlsEnumerations are priority strings, without the groups.
var gnutlsEnumerations = []string{
	"NORMAL", "NORMAL:%SERVER_PRECEDENCE", "SECURE256", "PFS:%SERVER_PRECEDENCE",
	"NONE:+VERS-TLS1.0:+RSA:+DHE-RSA:+3DES-CBC:+AES-128-CBC:+AES-256-CBC:+SHA1:+GROUP-ALL",
	"NONE:+VERS-TLS1.1:+VERS-TLS1.0:+ECDHE-RSA:+AES-128-CBC:+AES-256-CBC:+SHA1:+GROUP-SECP256R1:%SERVER_PRECEDENCE",
	"NONE:+VERS-TLS1.2:+ECDHE-RSA:+RSA:+AES-128-GCM:+CAMELLIA-128-GCM:+CHACHA20-POLY1305:+AEAD:+SIGN-ALL:+GROUP-X25519:+GROUP-X448",
	"NONE:+VERS-TLS1.2:+DHE-RSA:+AES-128-CCM:+AES-256-CCM-8:+AEAD:+SIGN-ALL:+GROUP-FFDHE3072:+GROUP-FFDHE2048",
	"NONE:+VERS-TLS1.2:+ANON-ECDH:+ANON-DH:+ECDHE-RSA:+AES-128-CBC:+SHA1:+SIGN-ALL:+GROUP-SECP384R1:+GROUP-FFDHE2048",
	"NONE:+VERS-TLS1.3:+AES-128-GCM:+AES-256-GCM:+AEAD:+SIGN-ALL:+GROUP-SECP521R1:+GROUP-X25519",
	"NONE:+VERS-TLS1.3:+AES-128-CCM:+AES-128-CCM-8:+CHACHA20-POLY1305:+AEAD:+SIGN-ALL:+GROUP-FFDHE4096:+GROUP-SECP256R1:%SERVER_PRECEDENCE",
	"NONE:+VERS-TLS1.3:+VERS-TLS1.2:+ECDHE-RSA:+AES-256-GCM:+AEAD:+SIGN-ALL:+GROUP-SECP256R1:+GROUP-SECP384R1",
}

func enumerateGnuTLS(t *testing.T) (cases []enumerationCase) {
	for _, program := range []string{"gnutls-serv", "gnutls-cli"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil
		}
	}
	h := newReachHome(t)
	for _, priority := range gnutlsEnumerations {
		cases = append(cases, enumerationCase{
			name: "gnutls-serv " + priority, want: gnutlsAccepts(t, priority), prefers: strings.Contains(priority, "%SERVER_PRECEDENCE"), ordered: strings.Contains(priority, "%SERVER_PRECEDENCE"),
			start: func(t *testing.T) string {
				file, key := h.opensslCertificate(t, "RSA-2048")
				return reachListen(t, h.dir, "gnutls-serv", func(port string) []string {
					return []string{"--port", port, "--nodb", "--echo", "--quiet", "--disable-client-cert", "--x509certfile", file, "--x509keyfile", key, "--priority", priority}
				})
			},
		})
	}
	return cases
}

// gnutlsGroups are the names of the groups.
var gnutlsGroups = map[string]string{
	"GROUP-SECP192R1": "P-192", "GROUP-SECP224R1": "P-224", "GROUP-SECP256R1": "P-256", "GROUP-SECP384R1": "P-384", "GROUP-SECP521R1": "P-521",
	"GROUP-X25519": "X25519", "GROUP-X448": "X448", "GROUP-FFDHE2048": "ffdhe2048", "GROUP-FFDHE3072": "ffdhe3072",
	"GROUP-FFDHE4096": "ffdhe4096", "GROUP-FFDHE6144": "ffdhe6144", "GROUP-FFDHE8192": "ffdhe8192",
}

// gnutlsAccepts asks gnutls-cli what a server with an RSA key accepts.
func gnutlsAccepts(t *testing.T, priority string) map[string]enumerated {
	t.Helper()
	text, err := exec.Command("gnutls-cli", "--list", "--priority", priority).Output()
	if err != nil {
		t.Fatalf("gnutls-cli --priority %s: %v", priority, err)
	}
	type suite struct {
		id    uint16
		since string
	}
	var suites []suite
	var versions, groups []string
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(strings.NewReplacer(",", " ").Replace(line))
		if len(fields) == 0 {
			continue
		}
		switch {
		case fields[0] == "Protocols:":
			versions = fields[1:]
		case fields[0] == "Groups:":
			groups = fields[1:]
		case len(fields) == 4 && strings.HasPrefix(fields[0], "TLS_"):
			var high, low uint16
			fmt.Sscanf(fields[1]+" "+fields[2], "0x%x 0x%x", &high, &low)
			suites = append(suites, suite{high<<8 | low, strings.TrimPrefix(strings.TrimPrefix(fields[3], "TLS"), "SSL")})
		}
	}
	want := make(map[string]enumerated)
	for _, v := range versions {
		v = strings.TrimPrefix(v, "VERS-TLS")
		if strings.HasPrefix(v, "VERS-") {
			continue // DTLS
		}
		var list enumerated
		var ecdhe, dhe bool
		for _, s := range suites {
			name := hello.SuiteName(s.id)
			if (s.since == "1.3") != (v == "1.3") || s.since > v || strings.Contains(name, "ECDSA") || strings.Contains(name, "_DSS_") || strings.Contains(name, "PSK") {
				continue
			}
			list.suites = append(list.suites, name)
			ecdhe = ecdhe || strings.HasPrefix(name, "TLS_ECDH") || v == "1.3"
			dhe = dhe || strings.HasPrefix(name, "TLS_DH") || v == "1.3"
		}
		for _, group := range groups {
			name, ok := gnutlsGroups[group]
			if !ok {
				t.Errorf("group %s", group)
			}
			if ff := strings.HasPrefix(name, "ffdhe"); v >= "1.2" && (ff && dhe || !ff && ecdhe) {
				list.groups = append(list.groups, name)
			}
		}
		want[v] = list
	}
	return want
}

// nssEnumerations are runs of selfserv: versions, suites by their numbers, and
// its names of groups.
var nssEnumerations = []struct{ versions, suites, groups string }{
	{"SSL 3.0", "0005 000A 002F", ""},
	{"SSL 3.0", "0035", ""},
	{"SSL 3.0 1.0", "002F 0035 000A", ""},
	{"SSL 3.0 1.0 1.1 1.2", "002F C02F C013", "P256 P384"},
	{"1.0", "C014 C013 002F", ""},
	{"1.0 1.1", "0096 002F", ""},
	{"1.2", "C02F C030 CCA8", "x25519 P521"},
	{"1.2", "009E 009F", "FF2048"},
	{"1.2", "009C 003D 0005", ""},
	{"1.2 1.3", "C02F 1301 1303", "P256"},
	{"1.2 1.3", "C030 009D 1302", "x25519 P384 FF3072"},
	{"1.3", "1301 1302 1303", "P384"},
	{"1.3", "1303", "FF2048"},
	{"1.1 1.2 1.3", "C013 C02F 1301", "P256 x25519"},
	{"1.0 1.1 1.2 1.3", "002F C013 C02F 1302", "P521 P256"},
	{"SSL 3.0 1.0 1.1 1.2", "0004 C011 CCA8 0035", "x25519"},
}

var nssNames = map[string]string{
	"SSL 3.0": "ssl3", "1.0": "tls1.0", "1.1": "tls1.1", "1.2": "tls1.2", "1.3": "tls1.3",
	"P256": "P-256", "P384": "P-384", "P521": "P-521", "x25519": "X25519", "FF2048": "ffdhe2048", "FF3072": "ffdhe3072",
}

func enumerateNSS(t *testing.T) (cases []enumerationCase) {
	for _, program := range []string{"selfserv", "certutil", "pk12util", "openssl"} {
		if _, err := exec.LookPath(program); errors.Is(err, exec.ErrNotFound) {
			return nil
		}
	}
	h := newReachHome(t)
	h.issue(t, "nss", dialertest.RSA2048)
	db := "sql:" + h.dir
	h.make(t, "cert9.db", "certutil", "-N", "-d", db, "--empty-password")
	h.make(t, "nss.p12", "openssl", "pkcs12", "-export", "-name", "reach", "-passout", "pass:", "-in", "nss-both.pem", "-out", "nss.p12")
	h.make(t, "imported", "pk12util", "-i", "nss.p12", "-d", db, "-W", "")
	for _, c := range nssEnumerations {
		versions := strings.Fields(strings.ReplaceAll(c.versions, "SSL ", "SSL_"))
		for i := range versions {
			versions[i] = strings.ReplaceAll(versions[i], "_", " ")
		}
		args := []string{"-d", db, "-n", "reach", "-V", nssNames[versions[0]] + ":" + nssNames[versions[len(versions)-1]]}
		for _, suite := range strings.Fields(c.suites) {
			if len(args) == 6 {
				args = append(args, "-c", "")
			}
			args[7] += ":" + suite
		}
		if c.groups != "" {
			args = append(args, "-I", strings.Join(strings.Fields(c.groups), ","))
		}
		if strings.Contains(c.suites, "009E") {
			args = append(args, "-H", "2") // DHE in the groups of RFC 7919
		}
		want := make(map[string]enumerated)
		for _, v := range versions {
			want[v] = nssAccepts(v, strings.Fields(c.suites), strings.Fields(c.groups))
		}
		cases = append(cases, enumerationCase{name: "selfserv " + strings.Join(args[4:], " "), want: want, prefers: true, start: func(t *testing.T) string {
			return reachListen(t, h.dir, "selfserv", func(port string) []string { return append(args, "-p", port) })
		}})
	}
	return cases
}

// nssAccepts says which of some suites and groups are good in a version.
func nssAccepts(version string, suites, groups []string) (want enumerated) {
	number := map[string]uint16{"SSL 3.0": 0x300, "1.0": 0x301, "1.1": 0x302, "1.2": 0x303, "1.3": 0x304}[version]
	var ecdhe, dhe bool
	for _, hex := range suites {
		var id uint16
		fmt.Sscanf(hex, "%X", &id)
		if !slices.Contains(hello.AllSuites(number), id) || number == 0x300 && id>>8 == 0xC0 {
			continue
		}
		name := hello.SuiteName(id)
		want.suites = append(want.suites, name)
		ecdhe = ecdhe || strings.HasPrefix(name, "TLS_ECDHE_") || number == 0x304
		dhe = dhe || strings.HasPrefix(name, "TLS_DHE_") || number == 0x304
	}
	for _, group := range groups {
		ff := strings.HasPrefix(group, "FF")
		if number >= 0x303 && (ff && dhe || !ff && ecdhe) {
			want.groups = append(want.groups, nssNames[group])
		}
	}
	return want
}
