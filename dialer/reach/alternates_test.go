//go:build unix

package reach

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net/netip"
	"testing"

	"certsweep/dialer"
	"certsweep/dialer/dialertest"
)

// TestRealAlternates asks real servers with an ECDSA and an RSA certificate for
// both of them.
func TestRealAlternates(t *testing.T) {
	ca := dialertest.NewCA("Root", dialertest.P256)
	leaf := dialertest.Leaf{DNSNames: []string{"real.test"}}
	ecdsa := ca.Issue(leaf)
	leaf.Key = dialertest.RSA2048
	rsa := ca.Issue(leaf)
	first, firstKey, firstBoth := writePEM(t, ecdsa)
	second, secondKey, secondBoth := writePEM(t, rsa)
	for name, start := range map[string]func(t *testing.T, version string) netip.AddrPort{
		"openssl": func(t *testing.T, version string) netip.AddrPort {
			return startServer(t, requireProgram(t, "openssl"), func(addr netip.AddrPort) []string {
				return []string{"s_server", "-accept", addr.String(), "-www", "-tls1_" + version[2:], "-cert", first, "-key", firstKey, "-dcert", second, "-dkey", secondKey}
			})
		},
		"nginx": func(t *testing.T, version string) netip.AddrPort {
			dir := t.TempDir()
			return startServer(t, requireProgram(t, "nginx"), func(addr netip.AddrPort) []string {
				config := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/nginx.pid; error_log stderr;
events {}
http {
	access_log off;
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
	server {
		listen %[2]v ssl;
		ssl_certificate %[3]s; ssl_certificate_key %[4]s;
		ssl_certificate %[5]s; ssl_certificate_key %[6]s;
		ssl_protocols TLSv%[7]s;
		return 200;
	}
}`, dir, addr, first, firstKey, second, secondKey, version)
				return []string{"-p", dir, "-e", "stderr", "-c", writeFile(t, dir, "nginx.conf", []byte(config))}
			})
		},
		"haproxy": func(t *testing.T, version string) netip.AddrPort {
			dir := t.TempDir()
			return startServer(t, requireProgram(t, "haproxy"), func(addr netip.AddrPort) []string {
				config := fmt.Sprintf(`defaults
	mode http
	timeout client 30s
	timeout server 30s
	timeout connect 30s
frontend tls
	bind %[1]v ssl crt %[2]s crt %[3]s ssl-min-ver TLSv%[4]s ssl-max-ver TLSv%[4]s
	http-request return status 200
`, addr, firstBoth, secondBoth, version)
				return []string{"-db", "-f", writeFile(t, dir, "haproxy.cfg", []byte(config))}
			})
		},
	} {
		for _, version := range []string{"1.2", "1.3"} {
			t.Run(name+" TLS "+version, func(t *testing.T) {
				counted := relay(t, start(t, version))
				d := &dialer.Dialer{AllCertificates: true, DrainTimeout: patience}
				h, err := probeInTime(t, d, dialer.Endpoint{Host: "127.0.0.1", Port: counted.Addr().Port(), ServerName: "real.test"}, patience, false)
				if err != nil || h.AlternatesError != nil {
					t.Fatal(err, h.AlternatesError)
				}
				if len(h.Alternates) != 1 || !h.Alternates[0].KeyProved {
					t.Fatalf("%d further certificates: %+v", len(h.Alternates), h.Alternates)
				}
				shown := [][]byte{h.Certificates[0], h.Alternates[0].Certificates[0]}
				for _, want := range []tls.Certificate{ecdsa, rsa} {
					if !bytes.Equal(shown[0], want.Certificate[0]) && !bytes.Equal(shown[1], want.Certificate[0]) {
						t.Error("one of its certificates was not seen")
					}
				}
			})
		}
	}
}
