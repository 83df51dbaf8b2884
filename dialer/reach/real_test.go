//go:build unix

package reach

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"testing"

	"certsweep/dialer"
	"certsweep/dialer/dialertest"
	"certsweep/dialer/hello"
)

// realSettings is what a server that nobody here wrote is told to be.
type realSettings struct {
	version    uint16
	cert       tls.Certificate
	clientAuth string // "", "optional" or "required"
	clientCA   []byte // PEM
}

// The one suite of each version, and the one group, of every such server: not
// those that crypto/tls would choose.
const (
	realSuite13      = tls.TLS_AES_256_GCM_SHA384
	realSuite12RSA   = tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
	realSuite12ECDSA = tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
	realCiphers      = "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES256-GCM-SHA384"
	realGroup        = tls.CurveP256
)

var realServers = []struct {
	name  string
	start func(*testing.T, realSettings) netip.AddrPort
}{
	{"nginx", startNginx},
	{"haproxy", startHAProxy},
	{"openssl", startOpenSSL},
}

func startNginx(t *testing.T, s realSettings) netip.AddrPort {
	path := requireProgram(t, "nginx")
	chain, key, _ := writePEM(t, s.cert)
	dir := t.TempDir()
	verify := ""
	if s.clientAuth != "" {
		verify = fmt.Sprintf("ssl_verify_client %s; ssl_client_certificate %s;",
			map[string]string{"optional": "optional", "required": "on"}[s.clientAuth], writeFile(t, dir, "ca.pem", s.clientCA))
	}
	return startServer(t, path, func(addr netip.AddrPort) []string {
		config := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/nginx.pid; error_log stderr;
events {}
http {
	access_log off;
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
	server {
		listen %[2]v ssl;
		ssl_certificate %[3]s; ssl_certificate_key %[4]s;
		ssl_protocols TLSv%[5]s; ssl_ciphers %[6]s; ssl_conf_command Ciphersuites %[7]s;
		ssl_ecdh_curve prime256v1;
		%[8]s
		return 200;
	}
}`, dir, addr, chain, key, hello.VersionName(s.version), realCiphers, hello.SuiteName(realSuite13), verify)
		return []string{"-p", dir, "-e", "stderr", "-c", writeFile(t, dir, "nginx.conf", []byte(config))}
	})
}

func startHAProxy(t *testing.T, s realSettings) netip.AddrPort {
	path := requireProgram(t, "haproxy")
	_, _, both := writePEM(t, s.cert)
	dir := t.TempDir()
	verify := ""
	if s.clientAuth != "" {
		verify = fmt.Sprintf("verify %s ca-file %s", s.clientAuth, writeFile(t, dir, "ca.pem", s.clientCA))
	}
	return startServer(t, path, func(addr netip.AddrPort) []string {
		config := fmt.Sprintf(`defaults
	mode http
	timeout client 30s
	timeout server 30s
	timeout connect 30s
frontend tls
	bind %[1]v ssl crt %[2]s ssl-min-ver TLSv%[3]s ssl-max-ver TLSv%[3]s ciphers %[4]s ciphersuites %[5]s curves prime256v1 %[6]s
	http-request return status 200
`, addr, both, hello.VersionName(s.version), realCiphers, hello.SuiteName(realSuite13), verify)
		return []string{"-db", "-f", writeFile(t, dir, "haproxy.cfg", []byte(config))}
	})
}

func startOpenSSL(t *testing.T, s realSettings) netip.AddrPort {
	more := []string{"-cipher", realCiphers, "-ciphersuites", hello.SuiteName(realSuite13), "-groups", "P-256"}
	switch s.clientAuth {
	case "optional":
		more = append(more, "-verify", "1")
	case "required":
		more = append(more, "-Verify", "1")
	}
	if s.clientAuth != "" {
		more = append(more, "-CAfile", writeFile(t, t.TempDir(), "ca.pem", s.clientCA))
	}
	return startOpenSSLWith(t, s, more...)
}

// startOpenSSLWith starts openssl s_server with further arguments.
func startOpenSSLWith(t *testing.T, s realSettings, more ...string) netip.AddrPort {
	path := requireProgram(t, "openssl")
	chain, key, _ := writePEM(t, s.cert)
	version := map[uint16]string{tls.VersionTLS12: "-tls1_2", tls.VersionTLS13: "-tls1_3"}[s.version]
	return startServer(t, path, func(addr netip.AddrPort) []string {
		return append([]string{"s_server", "-accept", addr.String(), "-www", version, "-cert", chain, "-key", key}, more...)
	})
}

// probeReal probes a server through a relay, n times, and holds every probe to
// the server's settings and to an end without a reset.
func probeReal(t *testing.T, addr netip.AddrPort, s realSettings, n int) dialer.Handshake {
	t.Helper()
	counted := relay(t, addr)
	d := &dialer.Dialer{DrainTimeout: patience}
	var h dialer.Handshake
	late := 0 // on a busy machine, a server may not answer the goodbye in time
	for range n {
		var err error
		e := dialer.Endpoint{Host: "127.0.0.1", Port: counted.Addr().Port(), ServerName: "real.test"}
		h, err = probeInTime(t, d, e, patience, false)
		if err != nil {
			t.Fatal(err)
		}
		if len(h.Certificates) == 0 || !bytes.Equal(h.Certificates[0], s.cert.Certificate[0]) {
			t.Fatalf("%d certificates, and not the server's", len(h.Certificates))
		}
		if h.Version != s.version {
			t.Errorf("version %s", hello.VersionName(h.Version))
		}
		if h.Drain.End != dialer.DrainEOF {
			late++
		}
	}
	if err := counted.Wait(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	if resets := counted.Resets(); resets > int64(late) {
		t.Errorf("%d of %d connections were reset by us, and %d drains did not end in peace", resets, n, late)
	}
	return h
}

// TestRealServers has servers as they come from Debian's packages.
func TestRealServers(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a dozen servers")
	}
	ca := dialertest.NewCA("Real Root", dialertest.P256)
	for _, server := range realServers {
		for _, test := range []struct {
			version uint16
			key     dialertest.Key
			name    string
			suite   uint16
		}{
			{tls.VersionTLS12, dialertest.RSA2048, "RSA", realSuite12RSA},
			{tls.VersionTLS12, dialertest.P256, "ECDSA", realSuite12ECDSA},
			{tls.VersionTLS13, dialertest.RSA2048, "RSA", realSuite13},
			{tls.VersionTLS13, dialertest.P256, "ECDSA", realSuite13},
		} {
			t.Run(fmt.Sprintf("%s/TLS %s %s", server.name, hello.VersionName(test.version), test.name), func(t *testing.T) {
				s := realSettings{version: test.version, cert: ca.Issue(dialertest.Leaf{DNSNames: []string{"real.test"}, Key: test.key})}
				h := probeReal(t, server.start(t, s), s, 20)
				if h.CipherSuite != test.suite || h.Group != realGroup {
					t.Errorf("%s, %v", hello.SuiteName(h.CipherSuite), h.Group)
				}
				if h.Drain.End != dialer.DrainEOF || h.ClientCertRequired {
					t.Errorf("drain %+v, client certificate required: %v", h.Drain, h.ClientCertRequired)
				}
			})
		}
	}
}

// TestRealClientCertificates has them ask for a certificate that nobody has.
func TestRealClientCertificates(t *testing.T) {
	ca := dialertest.NewCA("Real Root", dialertest.P256)
	for _, server := range realServers {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			for _, auth := range []string{"optional", "required"} {
				t.Run(fmt.Sprintf("%s/TLS %s %s", server.name, hello.VersionName(version), auth), func(t *testing.T) {
					s := realSettings{
						version: version, cert: ca.Issue(dialertest.Leaf{DNSNames: []string{"real.test"}}),
						clientAuth: auth, clientCA: ca.RootPEM(),
					}
					h := probeReal(t, server.start(t, s), s, 5)
					// nginx completes the handshake and answers 400 later.
					want := auth == "required" && server.name != "nginx"
					if h.ClientCertRequired != want {
						t.Errorf("client certificate required: %v, want %v", h.ClientCertRequired, want)
					}
					end := dialer.DrainEOF
					if want {
						end = map[uint16]dialer.DrainEnd{tls.VersionTLS12: "", tls.VersionTLS13: dialer.DrainAlert}[version]
					}
					if h.Drain.End != end {
						t.Errorf("drain ended with %q, want %q", h.Drain.End, end)
					}
				})
			}
		}
	}
}

// TestRealWeakServers needs the go:debug lines of this package's tests, which
// cmd/certsweep has too.
func TestRealWeakServers(t *testing.T) {
	ca := dialertest.NewCA("Real Root", dialertest.P256)
	key, err := rsa.GenerateKey(rand.Reader, 512)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		leaf dialertest.Leaf
		more []string
	}{
		{"signature with SHA-1", dialertest.Leaf{DNSNames: []string{"real.test"}, Key: dialertest.RSA2048}, []string{"-sigalgs", "RSA+SHA1"}},
		{"RSA with 512 bits", dialertest.Leaf{DNSNames: []string{"real.test"}, PrivateKey: key}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := realSettings{version: tls.VersionTLS12, cert: ca.Issue(test.leaf)}
			addr := startOpenSSLWith(t, s, append(test.more, "-cipher", "ALL:@SECLEVEL=0")...)
			if h := probeReal(t, addr, s, 1); h.Drain.End != dialer.DrainEOF {
				t.Errorf("drain ended with %q", h.Drain.End)
			}
		})
	}
}

// TestRelayCountsResets holds the relay to what the tests above rely on.
func TestRelayCountsResets(t *testing.T) {
	farm, err := dialertest.Start("good")
	if err != nil {
		t.Fatal(err)
	}
	defer farm.Close()
	counted := relay(t, farm.Endpoints[0].Addr)
	c, err := tls.Dial("tcp", counted.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	c.NetConn().(*net.TCPConn).SetLinger(0)
	c.NetConn().Close()
	if err := counted.Wait(within(t, patience)); err != nil || counted.Resets() != 1 {
		t.Errorf("%d resets counted, want 1: %v", counted.Resets(), err)
	}
}
