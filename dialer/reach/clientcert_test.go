//go:build unix

package reach

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"certsweep/dialer"
	"certsweep/dialer/dialertest"
	"certsweep/dialer/hello"
)

// startLighttpd starts lighttpd with one of its TLS modules.
func startLighttpd(module string) func(*testing.T, realSettings) netip.AddrPort {
	return func(t *testing.T, s realSettings) netip.AddrPort {
		path := requireProgram(t, "lighttpd")
		if _, err := os.Stat("/usr/lib/lighttpd/mod_" + module + ".so"); err != nil {
			t.Skipf("lighttpd-mod-%s is not installed", module)
		}
		chain, key, _ := writePEM(t, s.cert)
		dir := t.TempDir()
		verify := ""
		if s.clientAuth != "" {
			enforce := map[string]string{"optional": "disable", "required": "enable"}[s.clientAuth]
			verify = fmt.Sprintf("ssl.verifyclient.activate = \"enable\"\nssl.verifyclient.enforce = \"%s\"\nssl.ca-file = \"%s\"\nssl.verifyclient.ca-file = \"%[2]s\"\n",
				enforce, writeFile(t, dir, "ca.pem", s.clientCA))
		}
		version := "TLSv" + hello.VersionName(s.version)
		return startServer(t, path, func(addr netip.AddrPort) []string {
			config := fmt.Sprintf(`server.modules = ( "mod_%s" )
server.document-root = "%s"
server.bind = "%v"
server.port = %d
ssl.engine = "enable"
ssl.pemfile = "%s"
ssl.privkey = "%s"
ssl.openssl.ssl-conf-cmd = ("MinProtocol" => "%[7]s", "MaxProtocol" => "%[7]s")
%s`, module, dir, addr.Addr(), addr.Port(), chain, key, version, verify)
			return []string{"-D", "-f", writeFile(t, dir, "lighttpd.conf", []byte(config))}
		})
	}
}

// startPHP starts a server made of PHP's streams, which take one client at a time.
func startPHP(t *testing.T, s realSettings) netip.AddrPort {
	path := requireProgram(t, "php")
	_, _, both := writePEM(t, s.cert)
	dir := t.TempDir()
	verify := ""
	if s.clientAuth != "" {
		verify = fmt.Sprintf("'verify_peer' => true, 'verify_peer_name' => false, 'capture_peer_cert' => true, 'cafile' => '%s',", writeFile(t, dir, "ca.pem", s.clientCA))
	}
	method := "STREAM_CRYPTO_METHOD_TLSv" + strings.ReplaceAll(hello.VersionName(s.version), ".", "_") + "_SERVER"
	return startServer(t, path, func(addr netip.AddrPort) []string {
		script := fmt.Sprintf(`<?php
$context = stream_context_create(['ssl' => ['local_cert' => '%s', %s 'crypto_method' => %s]]);
$server = stream_socket_server('tcp://%v', $errno, $error, STREAM_SERVER_BIND | STREAM_SERVER_LISTEN, $context);
while (true) {
	$client = @stream_socket_accept($server, 60);
	if (!$client) continue;
	stream_set_timeout($client, 2);
	if (@stream_socket_enable_crypto($client, true, %[3]s)) {
		fread($client, 1);
	}
	fclose($client);
}
`, both, verify, method, addr)
		return []string{writeFile(t, dir, "server.php", []byte(script))}
	})
}

// TestRealWordlessRefusals has servers that want a client certificate and end the
// connection without saying so.
func TestRealWordlessRefusals(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a dozen servers")
	}
	ca := dialertest.NewCA("Real Root", dialertest.P256)
	for _, server := range []struct {
		name     string
		start    func(*testing.T, realSettings) netip.AddrPort
		versions []uint16
	}{
		{"lighttpd with mbedTLS", startLighttpd("mbedtls"), []uint16{tls.VersionTLS12}},
		{"lighttpd with GnuTLS", startLighttpd("gnutls"), []uint16{tls.VersionTLS12, tls.VersionTLS13}},
		{"PHP", startPHP, []uint16{tls.VersionTLS12, tls.VersionTLS13}},
	} {
		for _, version := range server.versions {
			for _, auth := range []string{"", "required"} {
				t.Run(fmt.Sprintf("%s/TLS %s %s", server.name, hello.VersionName(version), auth), func(t *testing.T) {
					s := realSettings{
						version: version, cert: ca.Issue(dialertest.Leaf{DNSNames: []string{"real.test"}}),
						clientAuth: auth, clientCA: ca.RootPEM(),
					}
					addr := server.start(t, s)
					// A server on a busy processor may be late with its end, which then
					// looks like any other.
					for try := range drainTries {
						h, err := probe(new(dialer.Dialer), within(t, patience), dialer.Endpoint{Host: addr.Addr().String(), Port: addr.Port(), ServerName: "real.test"})
						if try < drainTries-1 && auth != "" && err == nil && !h.ClientCertRequired && h.KeyProved {
							continue
						}
						if err != nil || h.ClientCertRequired != (auth != "") || !h.KeyProved || h.Version != version {
							t.Errorf("client certificate required: %v, key proved: %v, version %s, drain %+v, %v", h.ClientCertRequired, h.KeyProved, hello.VersionName(h.Version), h.Drain, err)
						}
					}
				})
			}
		}
	}
}
