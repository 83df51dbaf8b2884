//go:build unix

package reach

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"certsweep/dialer/dialertest"
)

// gnutlsCases are runs of gnutls-serv: the kind of key as certtool names it,
// and a priority string.
var gnutlsCases = []struct{ name, key, args string }{
	{"TLS 1.0, 3DES", "rsa", "NONE:+VERS-TLS1.0:+RSA:+3DES-CBC:+SHA1"},
	{"TLS 1.0, RC4 and MD5", "rsa", "NONE:+VERS-TLS1.0:+RSA:+ARCFOUR-128:+MD5"},
	{"TLS 1.0, RC4 and SHA-1", "rsa", "NONE:+VERS-TLS1.0:+RSA:+ARCFOUR-128:+SHA1"},
	{"TLS 1.0, Camellia", "rsa", "NONE:+VERS-TLS1.0:+DHE-RSA:+CAMELLIA-256-CBC:+SHA1:+GROUP-ALL"},
	{"TLS 1.0, NULL", "rsa", "NONE:+VERS-TLS1.0:+RSA:+NULL:+MD5"},
	{"TLS 1.1, ECDHE, P-192", "rsa", "NONE:+VERS-TLS1.1:+ECDHE-RSA:+AES-128-CBC:+SHA1:+GROUP-SECP192R1"},
	{"TLS 1.1, DHE, 3DES", "rsa", "NONE:+VERS-TLS1.1:+DHE-RSA:+3DES-CBC:+SHA1:+GROUP-ALL"},
	{"TLS 1.2, Camellia-GCM, RSA", "rsa", "NONE:+VERS-TLS1.2:+RSA:+CAMELLIA-128-GCM:+AEAD:+SIGN-ALL"},
	{"TLS 1.2, Camellia-GCM, ECDHE", "rsa", "NONE:+VERS-TLS1.2:+ECDHE-RSA:+CAMELLIA-256-GCM:+AEAD:+SIGN-ALL:+GROUP-ALL"},
	{"TLS 1.2, Camellia-GCM, DHE", "rsa", "NONE:+VERS-TLS1.2:+DHE-RSA:+CAMELLIA-256-GCM:+AEAD:+SIGN-ALL:+GROUP-ALL"},
	{"TLS 1.2, CCM-8, ECDHE-ECDSA", "ecdsa", "NONE:+VERS-TLS1.2:+ECDHE-ECDSA:+AES-128-CCM-8:+AEAD:+SIGN-ALL:+GROUP-ALL"},
	{"TLS 1.2, CCM, DHE", "rsa", "NONE:+VERS-TLS1.2:+DHE-RSA:+AES-256-CCM:+AEAD:+SIGN-ALL:+GROUP-ALL"},
	{"TLS 1.2, X448", "rsa", "NONE:+VERS-TLS1.2:+ECDHE-RSA:+AES-128-GCM:+AEAD:+SIGN-ALL:+GROUP-X448"},
	{"TLS 1.2, P-192", "rsa", "NONE:+VERS-TLS1.2:+ECDHE-RSA:+AES-128-GCM:+AEAD:+SIGN-ALL:+GROUP-SECP192R1"},
	{"TLS 1.2, P-224", "rsa", "NONE:+VERS-TLS1.2:+ECDHE-RSA:+AES-128-GCM:+AEAD:+SIGN-ALL:+GROUP-SECP224R1"},
	{"TLS 1.2, ffdhe2048", "rsa", "NONE:+VERS-TLS1.2:+DHE-RSA:+AES-128-GCM:+AEAD:+SIGN-ALL:+GROUP-FFDHE2048"},
	{"TLS 1.2, ffdhe8192", "rsa", "NONE:+VERS-TLS1.2:+DHE-RSA:+AES-128-GCM:+AEAD:+SIGN-ALL:+GROUP-FFDHE8192"},
	{"TLS 1.2, safe renegotiation required", "rsa", "NORMAL:-VERS-ALL:+VERS-TLS1.2:%SAFE_RENEGOTIATION"},
	{"TLS 1.2, Ed448", "ed448", "NORMAL:-VERS-ALL:+VERS-TLS1.2"},
	{"TLS 1.2, DSA", "dsa", "NONE:+VERS-TLS1.2:+DHE-DSS:+AES-128-CBC:+AES-128-GCM:+SHA1:+AEAD:+SIGN-ALL:+SIGN-DSA-SHA1:+SIGN-DSA-SHA256:+GROUP-ALL"},
	{"TLS 1.2, GOST 2012-256", "gost12-256", "NONE:+VERS-TLS1.2:+VKO-GOST-12:+GOST28147-TC26Z-CNT:+GOST28147-TC26Z-IMIT:+SIGN-GOSTR341012-256:+GROUP-GC256B"},
	{"TLS 1.2, GOST 2012-512", "gost12-512", "NONE:+VERS-TLS1.2:+VKO-GOST-12:+GOST28147-TC26Z-CNT:+GOST28147-TC26Z-IMIT:+SIGN-GOSTR341012-512:+GROUP-GC512A"},
	{"TLS 1.2, anonymous suites alone", "rsa", "NONE:+VERS-TLS1.2:+ANON-ECDH:+ANON-DH:+AES-128-CBC:+SHA1:+SIGN-ALL:+GROUP-ALL"},
	{"TLS 1.3, X448", "rsa", "NONE:+VERS-TLS1.3:+AES-128-GCM:+AEAD:+SIGN-ALL:+GROUP-X448"},
	{"TLS 1.3, ffdhe2048", "rsa", "NONE:+VERS-TLS1.3:+AES-128-GCM:+AEAD:+SIGN-ALL:+GROUP-FFDHE2048"},
	{"TLS 1.3, ffdhe6144", "rsa", "NONE:+VERS-TLS1.3:+AES-256-GCM:+AEAD:+SIGN-ALL:+GROUP-FFDHE6144"},
	{"TLS 1.3, P-521", "rsa", "NONE:+VERS-TLS1.3:+AES-128-GCM:+AEAD:+SIGN-ALL:+GROUP-SECP521R1"},
	{"TLS 1.3, CCM", "rsa", "NONE:+VERS-TLS1.3:+AES-128-CCM:+AEAD:+SIGN-ALL:+GROUP-ALL"},
	{"TLS 1.3, CCM-8", "rsa", "NONE:+VERS-TLS1.3:+AES-128-CCM-8:+AEAD:+SIGN-ALL:+GROUP-ALL"},
	{"TLS 1.3, Ed448", "ed448", "NORMAL:-VERS-ALL:+VERS-TLS1.3"},
	{"TLS 1.3, Ed25519", "ed25519", "NORMAL:-VERS-ALL:+VERS-TLS1.3"},
	{"TLS 1.3, RSA-PSS key", "rsa-pss", "NORMAL:-VERS-ALL:+VERS-TLS1.3"},
	{"client certificate required, TLS 1.2", "rsa", "NORMAL:-VERS-ALL:+VERS-TLS1.2 --require-client-cert"},
	{"client certificate required, TLS 1.3", "rsa", "NORMAL:-VERS-ALL:+VERS-TLS1.3 --require-client-cert"},
	{"another server name is fatal", "rsa", "NORMAL --sni-hostname other.test --sni-hostname-fatal"},
	{"ALPN h2 or nothing", "rsa", "NORMAL --alpn h2 --alpn-fatal"},
	{"records of 512 bytes", "rsa", "NORMAL --recordsize 512"},
}

// reachGnuTLS has a gnutls-serv for each. It has no option for the address, so it
// listens on all for as long as a case takes; so does selfserv.
func reachGnuTLS(t *testing.T) (cases []reachCase) {
	h := newReachHome(t)
	template := h.write(t, "template", []byte("cn = reach.test\ndns_name = reach.test\nexpiration_days = 30\nsigning_key\nencryption_key\n"))
	for _, c := range gnutlsCases {
		file := c.key + ".pem"
		cases = append(cases, reachCase{name: c.name,
			start: func(t *testing.T) string {
				key := h.make(t, c.key+".key", "certtool", "--generate-privkey", "--key-type", c.key, "--outfile", c.key+".key")
				h.make(t, file, "certtool", "--generate-self-signed", "--load-privkey", key, "--template", template, "--outfile", file)
				priority, more, _ := strings.Cut(c.args, " ")
				return reachListen(t, h.dir, "gnutls-serv", func(port string) []string {
					args := []string{"--port", port, "--nodb", "--echo", "--quiet", "--x509certfile", file, "--x509keyfile", key, "--priority", priority}
					if !strings.Contains(more, "--require-client-cert") {
						args = append(args, "--disable-client-cert")
					}
					return append(args, strings.Fields(more)...)
				})
			},
			chainOf: func(t *testing.T) [][]byte { return readPEM(t, h.path(file)) },
		})
	}
	return cases
}

// nssCases are runs of selfserv: versions, and suites by their numbers.
var nssCases = []struct{ name, args string }{
	{"SSL 3.0", "-V ssl3:ssl3"},
	{"SSL 3.0, RC4 and MD5", "-V ssl3:ssl3 -c :0004"},
	{"SSL 3.0, RC4 and SHA-1", "-V ssl3:ssl3 -c :0005"},
	{"SSL 3.0, 3DES", "-V ssl3:ssl3 -c :000A"},
	{"SSL 3.0, DES", "-V ssl3:ssl3 -c :0009"},
	{"SSL 3.0, NULL and MD5", "-V ssl3:ssl3 -c :0001"},
	{"SSL 3.0, DHE and DES", "-V ssl3:ssl3 -H 1 -W 1 -c :0015"},
	{"SSL 3.0, client certificate required", "-V ssl3:ssl3 -r -r"},
	{"SSL 3.0 and TLS 1.0", "-V ssl3:tls1.0"},
	{"TLS 1.0, DES", "-V tls1.0:tls1.0 -c :0009"},
	{"TLS 1.0, DHE and DES", "-V tls1.0:tls1.0 -H 1 -W 1 -c :0015"},
	{"TLS 1.0, SEED", "-V tls1.0:tls1.0 -c :0096"},
	{"TLS 1.0, client certificate required", "-V tls1.0:tls1.0 -r -r"},
	{"TLS 1.2, DHE and AES-GCM", "-V tls1.2:tls1.2 -c :009E"},
	{"TLS 1.2, ffdhe3072 alone", "-V tls1.2:tls1.2 -H 2 -I FF3072 -c :009E"},
	{"TLS 1.3, ffdhe2048", "-V tls1.3:tls1.3 -I FF2048"},
	{"TLS 1.3, P-384", "-V tls1.3:tls1.3 -I P384"},
	{"TLS 1.3, client certificate required", "-V tls1.3:tls1.3 -r -r"},
}

func reachNSS(t *testing.T) (cases []reachCase) {
	h := newReachHome(t)
	_, _, chain := h.issue(t, "nss", dialertest.RSA2048)
	db := "sql:" + h.dir
	h.make(t, "cert9.db", "certutil", "-N", "-d", db, "--empty-password")
	h.make(t, "nss.p12", "openssl", "pkcs12", "-export", "-name", "reach", "-passout", "pass:", "-in", "nss-both.pem", "-out", "nss.p12")
	h.make(t, "imported", "pk12util", "-i", "nss.p12", "-d", db, "-W", "")
	for _, c := range nssCases {
		cases = append(cases, reachCase{name: c.name, chain: chain, start: func(t *testing.T) string {
			return reachListen(t, h.dir, "selfserv", func(port string) []string {
				return append([]string{"-d", db, "-n", "reach", "-p", port}, strings.Fields(c.args)...)
			})
		}})
	}
	return cases
}

// reachDaemon is a server whose one process serves all its cases, each on a
// port of its own.
type reachDaemon struct {
	server string
	names  []string // of the cases, in the order of their ports
	config string
	args   func(config string) []string
}

func (d reachDaemon) cases(t *testing.T) (cases []reachCase) {
	h := newReachHome(t)
	chainFile, keyFile, chain := h.issue(t, "server", dialertest.RSA2048)
	ports := freePorts(t, len(d.names))
	config := h.write(t, "config", reachPorts(d.config, ports, chainFile, keyFile))
	output := new(reachOutput)
	ended := reachStart(t, h.dir, output, d.server, d.args(config)...)
	for i, name := range d.names {
		reachWait(t, strconv.Itoa(ports[i]), output, ended)
		cases = append(cases, reachCase{name: name, chain: slices.Clone(chain), start: reachFixed(ports[i])})
	}
	return cases
}

func reachNginx(t *testing.T) []reachCase {
	return reachDaemon{
		server: "nginx",
		names: []string{"ordinary", "TLS 1.0 alone", "TLS 1.1 alone", "TLS 1.2 alone", "TLS 1.3 alone", "client certificate required, TLS 1.2",
			"client certificate required, TLS 1.3", "DHE-RSA-CAMELLIA256-SHA", "HTTP/2", "handshakes for unknown names rejected"},
		config: `daemon off;
master_process off;
pid {dir}/pid;
error_log stderr;
events { }
http {
  access_log off;
  client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
  ssl_certificate {chain};
  ssl_certificate_key {key};
  ssl_ciphers ALL:@SECLEVEL=0;
  ssl_protocols TLSv1.2 TLSv1.3;
  server { listen 127.0.0.1:{port0} ssl; }
  server { listen 127.0.0.1:{port1} ssl; ssl_protocols TLSv1; }
  server { listen 127.0.0.1:{port2} ssl; ssl_protocols TLSv1.1; }
  server { listen 127.0.0.1:{port3} ssl; ssl_protocols TLSv1.2; }
  server { listen 127.0.0.1:{port4} ssl; ssl_protocols TLSv1.3; }
  server { listen 127.0.0.1:{port5} ssl; ssl_protocols TLSv1.2; ssl_verify_client on; ssl_client_certificate {chain}; }
  server { listen 127.0.0.1:{port6} ssl; ssl_protocols TLSv1.3; ssl_verify_client on; ssl_client_certificate {chain}; }
  server { listen 127.0.0.1:{port7} ssl; ssl_protocols TLSv1.2; ssl_ciphers kRSA+CAMELLIA:@SECLEVEL=0; }
  server { listen 127.0.0.1:{port8} ssl http2; }
  server { listen 127.0.0.1:{port9} ssl default_server; ssl_reject_handshake on; }
  server { listen 127.0.0.1:{port9} ssl; server_name other.test; }
}
`,
		args: func(config string) []string { return []string{"-c", config} },
	}.cases(t)
}

func reachHAProxy(t *testing.T) []reachCase {
	return reachDaemon{
		server: "haproxy",
		names: []string{"http", "tcp", "TLS 1.0 alone", "TLS 1.1 alone", "TLS 1.2 alone", "TLS 1.3 alone", "client certificate required, TLS 1.2",
			"client certificate required, TLS 1.3", "strict SNI", "suite AES256-CCM8", "PROXY protocol required"},
		config: `global
  ssl-default-bind-ciphers ALL:@SECLEVEL=0
defaults
  timeout client 5s
  timeout server 5s
  timeout connect 5s
frontend http
  mode http
  bind 127.0.0.1:{port0} ssl crt {both} alpn h2,http/1.1
  http-request return status 200
listen tcp
  mode tcp
  bind 127.0.0.1:{port1} ssl crt {both}
  bind 127.0.0.1:{port2} ssl crt {both} ssl-min-ver TLSv1.0 ssl-max-ver TLSv1.0
  bind 127.0.0.1:{port3} ssl crt {both} ssl-min-ver TLSv1.1 ssl-max-ver TLSv1.1
  bind 127.0.0.1:{port4} ssl crt {both} ssl-min-ver TLSv1.2 ssl-max-ver TLSv1.2
  bind 127.0.0.1:{port5} ssl crt {both} ssl-min-ver TLSv1.3 ssl-max-ver TLSv1.3
  bind 127.0.0.1:{port6} ssl crt {both} ssl-max-ver TLSv1.2 verify required ca-file {chain}
  bind 127.0.0.1:{port7} ssl crt {both} ssl-min-ver TLSv1.3 verify required ca-file {chain}
  bind 127.0.0.1:{port8} ssl crt {both} strict-sni
  bind 127.0.0.1:{port9} ssl crt {both} ssl-max-ver TLSv1.2 ciphers AES256-CCM8
  bind 127.0.0.1:{port10} accept-proxy ssl crt {both}
`,
		args: func(config string) []string { return []string{"-db", "-f", config} },
	}.cases(t)
}

func reachStunnel(t *testing.T) []reachCase {
	return reachDaemon{
		server: "stunnel",
		names: []string{"ordinary", "TLS 1.0 alone", "TLS 1.1 alone", "TLS 1.2 alone", "TLS 1.3 alone", "client certificate required, TLS 1.2",
			"client certificate required, TLS 1.3", "suite DHE-RSA-AES256-CCM", "curve X448"},
		config: `foreground = yes
pid =
cert = {chain}
key = {key}
securityLevel = 0
[s0]
accept = 127.0.0.1:{port0}
connect = 127.0.0.1:9
[s1]
accept = 127.0.0.1:{port1}
connect = 127.0.0.1:9
sslVersionMin = TLSv1
sslVersionMax = TLSv1
ciphers = ALL
[s2]
accept = 127.0.0.1:{port2}
connect = 127.0.0.1:9
sslVersionMin = TLSv1.1
sslVersionMax = TLSv1.1
ciphers = ALL
[s3]
accept = 127.0.0.1:{port3}
connect = 127.0.0.1:9
sslVersion = TLSv1.2
[s4]
accept = 127.0.0.1:{port4}
connect = 127.0.0.1:9
sslVersion = TLSv1.3
[s5]
accept = 127.0.0.1:{port5}
connect = 127.0.0.1:9
sslVersion = TLSv1.2
CAfile = {chain}
verifyChain = yes
requireCert = yes
[s6]
accept = 127.0.0.1:{port6}
connect = 127.0.0.1:9
sslVersion = TLSv1.3
CAfile = {chain}
verifyChain = yes
requireCert = yes
[s7]
accept = 127.0.0.1:{port7}
connect = 127.0.0.1:9
sslVersion = TLSv1.2
ciphers = DHE-RSA-AES256-CCM
[s8]
accept = 127.0.0.1:{port8}
connect = 127.0.0.1:9
curves = X448
`,
		args: func(config string) []string { return []string{config} },
	}.cases(t)
}
