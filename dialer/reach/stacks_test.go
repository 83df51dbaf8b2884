//go:build unix

package reach

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"certsweep/dialer/dialertest"
)

// stackCase is what a server of testdata/stacks is told.
type stackCase struct {
	name      string
	key       dialertest.Key
	low, high string // versions
	wants     string // "certificate", "name" (it refuses others than other.test), "protocol" (acme-tls/1), or "-"
}

// stackCases are what each of them does that can.
var stackCases = []stackCase{
	{"RSA", dialertest.RSA2048, "1.2", "1.3", "-"},
	{"ECDSA", dialertest.P256, "1.2", "1.3", "-"},
	{"ECDSA on P-384", dialertest.P384, "1.2", "1.3", "-"},
	{"Ed25519", dialertest.Ed25519, "1.2", "1.3", "-"},
	{"RSA, TLS 1.2 alone", dialertest.RSA2048, "1.2", "1.2", "-"},
	{"RSA, TLS 1.3 alone", dialertest.RSA2048, "1.3", "1.3", "-"},
	{"ECDSA, TLS 1.2 alone", dialertest.P256, "1.2", "1.2", "-"},
	{"ECDSA, TLS 1.3 alone", dialertest.P256, "1.3", "1.3", "-"},
	{"client certificate required, TLS 1.2", dialertest.RSA2048, "1.2", "1.2", "certificate"},
	{"client certificate required, TLS 1.3", dialertest.RSA2048, "1.3", "1.3", "certificate"},
	{"another name required, TLS 1.2", dialertest.P256, "1.2", "1.2", "name"},
	{"another name required, TLS 1.3", dialertest.P256, "1.3", "1.3", "name"},
	{"another protocol required", dialertest.P256, "1.2", "1.3", "protocol"},
}

// stack is a language with a TLS library of its own, or a binding of one.
type stack struct {
	server   string
	programs []string // that must be installed; the first runs the server
	before   []string // arguments before the file
	file     string   // in testdata/stacks
	can      func(*stackCase) bool
	// java says that the file is to be compiled, and that it reads its key and
	// certificates from a PKCS #12 file.
	java bool
}

func hasNoProtocols(c *stackCase) bool { return c.wants != "protocol" }

// group returns the stack as a group of TestReach.
func (s stack) group() reachGroup {
	return reachGroup{s.server, s.programs, func(t *testing.T) (cases []reachCase) {
		h := newReachHome(t)
		file, err := filepath.Abs(filepath.Join("testdata", "stacks", s.file))
		if err != nil {
			t.Fatal(err)
		}
		run := append(slices.Clone(s.before), file)
		if s.java {
			h.make(t, "Server.class", "javac", "-d", h.dir, file)
			run = []string{"-XX:TieredStopAtLevel=1", "-cp", h.dir, "Server"}
		}
		for i, c := range stackCases {
			if !s.can(&c) {
				continue
			}
			chainFile, keyFile, chain := h.issue(t, fmt.Sprint("stack", i), c.key)
			files := []string{chainFile, keyFile}
			if s.java {
				files = []string{h.make(t, fmt.Sprint("stack", i, ".p12"), "openssl", "pkcs12", "-export", "-name", "reach", "-passout", "pass:password",
					"-in", strings.TrimSuffix(chainFile, ".pem")+"-both.pem", "-out", fmt.Sprint("stack", i, ".p12"))}
			}
			cases = append(cases, reachCase{name: c.name, chain: chain, start: func(t *testing.T) string {
				return reachListen(t, h.dir, s.programs[0], func(port string) []string {
					return slices.Concat(run, []string{port}, files, []string{c.low, c.high, c.wants})
				})
			}})
		}
		return cases
	}}
}

// stacks are the groups of TestReach that testdata/stacks has a server for. The
// heavy ones are not among the packages of .ci/run, nor Node.js's binary packages of
// other majors: npm install -g node16@npm:node@16, and so on, and links by these names.
func stacks() (groups []reachGroup) {
	all := []stack{
		{server: "python", programs: []string{"python3"}, file: "server.py", can: hasNoProtocols},
		{server: "ruby", programs: []string{"ruby"}, file: "server.rb", can: hasNoProtocols},
		{server: "php", programs: []string{"php"}, file: "server.php", can: func(c *stackCase) bool { return hasNoProtocols(c) && c.wants != "name" }},
		{server: "erlang", programs: []string{"escript"}, file: "server.escript", can: hasNoProtocols},
		{server: "jsse", programs: []string{"java", "javac", "openssl"}, file: "Server.java", can: hasNoProtocols, java: true},
		{server: "rustls (deno)", programs: []string{"deno"}, before: []string{"run", "--quiet", "--allow-net", "--allow-read"}, file: "server.mjs",
			can: func(c *stackCase) bool { return c.low != c.high && c.wants != "certificate" && c.wants != "name" }},
	}
	for _, name := range []string{"node", "node16", "node18", "node20", "node22", "node24"} {
		all = append(all, stack{server: name, programs: []string{name}, file: "server.cjs", can: hasNoProtocols})
	}
	for _, s := range all {
		groups = append(groups, s.group())
	}
	return append(groups, reachGroup{"apache2", []string{"apache2"}, reachApache},
		reachGroup{"botan", []string{"botan"}, reachBotan},
		lighttpd("wolfssl"), lighttpd("mbedtls"), lighttpd("gnutls"), lighttpd("nss"))
}

// lighttpd returns the group of one of its TLS modules.
func lighttpd(module string) reachGroup {
	so := "/usr/lib/lighttpd/mod_" + module + ".so"
	return reachGroup{"lighttpd, " + module, []string{"lighttpd", so}, func(t *testing.T) (cases []reachCase) {
		h := newReachHome(t)
		for i, c := range stackCases {
			// mbedTLS 2.28 and NSS as Debian has them know no Ed25519, and mbedTLS no
			// TLS 1.3; mod_nss does not start with a CA for its clients.
			if c.wants == "protocol" || c.wants == "name" || c.key == dialertest.Ed25519 && module != "gnutls" || module == "mbedtls" && c.low == "1.3" ||
				c.wants == "certificate" && module == "nss" {
				continue
			}
			chainFile, keyFile, chain := h.issue(t, fmt.Sprint("stack", i), c.key)
			verify := ""
			if c.wants == "certificate" {
				verify = fmt.Sprintf("ssl.verifyclient.activate = \"enable\"\nssl.verifyclient.enforce = \"enable\"\nssl.verifyclient.ca-file = \"%s\"\n", chainFile)
			}
			cases = append(cases, reachCase{name: c.name, chain: chain, start: func(t *testing.T) string {
				return reachListen(t, h.dir, "lighttpd", func(port string) []string {
					config := fmt.Sprintf("server.modules = ( \"mod_%s\" )\nserver.document-root = \"%s\"\nserver.bind = \"127.0.0.1\"\nserver.port = %s\nssl.engine = \"enable\"\n"+
						"ssl.pemfile = \"%s\"\nssl.privkey = \"%s\"\nssl.openssl.ssl-conf-cmd = (\"MinProtocol\" => \"TLSv%s\", \"MaxProtocol\" => \"TLSv%s\")\n%s",
						module, h.dir, port, chainFile, keyFile, c.low, c.high, verify)
					return []string{"-D", "-f", h.write(t, fmt.Sprint("lighttpd", i, ".conf"), []byte(config))}
				})
			}})
		}
		return cases
	}}
}

func reachApache(t *testing.T) []reachCase {
	const modules = "/usr/lib/apache2/modules/"
	var config strings.Builder
	config.WriteString("ServerRoot {dir}\nPidFile {dir}/pid\nServerName reach.test\nErrorLog {dir}/log\nDefaultRuntimeDir {dir}\nMutex default:{dir}\n")
	for _, module := range []string{"mpm_event", "authz_core", "socache_shmcb", "ssl"} {
		if _, err := os.Stat(modules + "mod_" + module + ".so"); err == nil {
			fmt.Fprintf(&config, "LoadModule %s_module %smod_%[1]s.so\n", module, modules)
		}
	}
	config.WriteString("SSLCertificateFile {chain}\nSSLCertificateKeyFile {key}\nSSLCipherSuite ALL:@SECLEVEL=0\n")
	var names []string
	for i, host := range []struct{ name, more string }{
		{"ordinary", ""}, {"TLS 1.0 alone", "SSLProtocol -all +TLSv1"}, {"TLS 1.1 alone", "SSLProtocol -all +TLSv1.1"},
		{"TLS 1.2 alone", "SSLProtocol -all +TLSv1.2"}, {"TLS 1.3 alone", "SSLProtocol -all +TLSv1.3"},
		{"client certificate required, TLS 1.2", "SSLProtocol -all +TLSv1.2\nSSLVerifyClient require\nSSLCACertificateFile {chain}"},
		{"client certificate required, TLS 1.3", "SSLProtocol -all +TLSv1.3\nSSLVerifyClient require\nSSLCACertificateFile {chain}"},
		{"strict SNI check", "SSLStrictSNIVHostCheck on"}, {"Camellia alone", "SSLProtocol -all +TLSv1.2\nSSLCipherSuite CAMELLIA256-SHA:@SECLEVEL=0"},
	} {
		names = append(names, host.name)
		fmt.Fprintf(&config, "Listen 127.0.0.1:{port%d}\n<VirtualHost 127.0.0.1:{port%[1]d}>\nSSLEngine on\n%s\n</VirtualHost>\n", i, host.more)
	}
	return reachDaemon{server: "apache2", names: names, config: config.String(),
		args: func(config string) []string { return []string{"-X", "-f", config} }}.cases(t)
}

// botanPolicies are runs of botan tls_server.
var botanPolicies = []struct {
	name   string
	key    dialertest.Key
	policy string
}{
	{"RSA", dialertest.RSA2048, ""}, {"ECDSA", dialertest.P256, ""},
	{"RSA, key transport", dialertest.RSA2048, "key_exchange_methods = RSA\nsignature_methods = IMPLICIT\n"}, {"RSA, DHE", dialertest.RSA2048, "key_exchange_methods = DH\n"},
	{"ECDSA, CCM", dialertest.P256, "ciphers = AES-128/CCM\n"}, {"RSA, OCB", dialertest.RSA2048, "ciphers = AES-256/OCB(12)\n"},
	{"RSA, ARIA", dialertest.RSA2048, "ciphers = ARIA-256/GCM\n"}, {"ECDSA, Camellia", dialertest.P256, "ciphers = Camellia-256/GCM\n"},
	{"ECDSA, brainpool alone", dialertest.P256, "groups = brainpool256r1\n"}, {"RSA, ffdhe alone", dialertest.RSA2048, "groups = ffdhe/ietf/2048\nkey_exchange_methods = DH\n"},
	{"RSA, TLS 1.0 alone", dialertest.RSA2048, "allow_tls10 = true\nallow_tls11 = false\nallow_tls12 = false\nciphers = AES-128\nmacs = SHA-1\n"},
}

func reachBotan(t *testing.T) (cases []reachCase) {
	h := newReachHome(t)
	for i, c := range botanPolicies {
		chainFile, keyFile, chain := h.issue(t, fmt.Sprint("botan", i), c.key)
		cases = append(cases, reachCase{name: c.name, chain: chain, start: func(t *testing.T) string {
			return reachListen(t, h.dir, "botan", func(port string) []string {
				args := []string{"tls_server", chainFile, keyFile, "--port=" + port}
				if c.policy != "" {
					args = append(args, "--policy="+h.write(t, fmt.Sprint("policy", i), []byte(c.policy)))
				}
				return args
			})
		}})
	}
	return cases
}
