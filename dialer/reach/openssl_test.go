//go:build unix

package reach

import (
	"os/exec"
	"strings"
	"testing"
)

// opensslKeys are the kinds of keys, as openssl genpkey makes them.
var opensslKeys = map[string]string{
	"RSA-512":     "-algorithm RSA -pkeyopt rsa_keygen_bits:512",
	"RSA-1024":    "-algorithm RSA -pkeyopt rsa_keygen_bits:1024",
	"RSA-2048":    "-algorithm RSA -pkeyopt rsa_keygen_bits:2048",
	"RSA-3072":    "-algorithm RSA -pkeyopt rsa_keygen_bits:3072",
	"RSA-2048-e3": "-algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3",
	"RSA-PSS":     "-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048",
	"RSA-PSS-384": "-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_pss_keygen_md:sha384 -pkeyopt rsa_pss_keygen_mgf1_md:sha384 -pkeyopt rsa_pss_keygen_saltlen:48",
	"DSA-1024":    "-paramfile DSA-1024.param",
	"DSA-2048":    "-paramfile DSA-2048.param",
	"Ed25519":     "-algorithm ED25519",
	"Ed448":       "-algorithm ED448",
	"P-256":       "-algorithm EC -pkeyopt ec_paramgen_curve:prime256v1",
	"explicit":    "-algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -pkeyopt ec_param_enc:explicit",
}

// opensslCurves are those that TLS has a number for (RFC 8422 §5.1.1, RFC 7027).
var opensslCurves = strings.Fields("secp160k1 secp160r1 secp160r2 secp192k1 prime192v1 secp224k1 secp224r1 secp256k1 prime256v1 secp384r1 secp521r1 " +
	"brainpoolP256r1 brainpoolP384r1 brainpoolP512r1 sect163k1 sect163r1 sect163r2 sect193r1 sect193r2 sect233k1 sect233r1 sect239k1 " +
	"sect283k1 sect283r1 sect409k1 sect409r1 sect571k1 sect571r1")

// opensslWeak lets a server do all it can.
const opensslWeak = ":@SECLEVEL=0"

// opensslCase is a run of openssl s_server: the certificate is a kind of key,
// and what else openssl req is told.
type opensslCase struct{ name, certificate, args string }

// reachOpenSSL has one s_server for every suite that shows a certificate under
// every version, and more for keys, signatures, groups and policies.
func reachOpenSSL(t *testing.T) []reachCase {
	h := newReachHome(t)
	table := opensslSuites(t)
	table = append(table, opensslKeyCases()...)
	table = append(table, opensslGroupCases()...)
	table = append(table, opensslPolicies(t, h)...)
	var cases []reachCase
	for _, c := range table {
		var file string
		cases = append(cases, reachCase{name: c.name,
			start: func(t *testing.T) string {
				var key string
				file, key = h.opensslCertificate(t, c.certificate)
				return h.opensslServer(t, file, key, c.args)
			},
			chainOf: func(t *testing.T) [][]byte { return opensslChain(t, h, file, c.args) },
		})
	}
	return cases
}

// opensslChain is the leaf and what -cert_chain adds to it.
func opensslChain(t *testing.T, h *reachHome, file, args string) [][]byte {
	chain := readPEM(t, file)
	if _, more, ok := strings.Cut(args, "-cert_chain "); ok {
		chain = append(chain, readPEM(t, h.path(strings.Fields(more)[0]))...)
	}
	return chain
}

// opensslCertificate makes a self-signed certificate.
func (h *reachHome) opensslCertificate(t *testing.T, kind string) (certificate, key string) {
	t.Helper()
	name, req, _ := strings.Cut(kind, " ")
	if bits, ok := strings.CutPrefix(name, "DSA-"); ok {
		h.make(t, name+".param", "openssl", "genpkey", "-genparam", "-algorithm", "DSA", "-pkeyopt", "dsa_paramgen_bits:"+bits, "-out", name+".param")
	}
	spec, ok := opensslKeys[name]
	if !ok {
		spec = "-algorithm EC -pkeyopt ec_paramgen_curve:" + name
	}
	key = h.make(t, name+".key", "openssl", append(strings.Fields("genpkey -out "+name+".key"), strings.Fields(spec)...)...)
	file := strings.ReplaceAll(kind, " ", "") + ".pem"
	args := "req -x509 -new -days 30 -subj /CN=reach.test -addext subjectAltName=DNS:reach.test -key " + name + ".key -out " + file + " " + req
	return h.make(t, file, "openssl", strings.Fields(args)...), key
}

// opensslServer starts s_server and returns its address.
func (h *reachHome) opensslServer(t *testing.T, certificate, key, args string) string {
	t.Helper()
	const accept = "ACCEPT 127.0.0.1:"
	output := &reachOutput{line: accept, found: make(chan struct{})}
	found := output.found
	ended := reachStart(t, h.dir, output, "openssl",
		append([]string{"s_server", "-accept", "127.0.0.1:0", "-cert", certificate, "-key", key}, strings.Fields(args)...)...)
	select {
	case <-found:
	case <-ended:
		t.Fatalf("openssl s_server %s: %s", args, output)
	}
	_, rest, _ := strings.Cut(output.String(), accept)
	port, _, _ := strings.Cut(rest, "\n")
	return "127.0.0.1:" + strings.TrimSpace(port)
}

// opensslSuites are all that openssl has and that come with a certificate.
func opensslSuites(t *testing.T) (table []opensslCase) {
	t.Helper()
	list, err := exec.Command("openssl", "ciphers", "-V", "ALL:COMPLEMENTOFALL"+opensslWeak).Output()
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{"Au=RSA": "RSA-2048", "Au=DSS": "DSA-1024", "Au=ECDSA": "P-256"}
	for line := range strings.Lines(string(list)) {
		f := strings.Fields(line) // number, dash, name, version, Kx, Au, …
		if len(f) < 6 {
			continue
		}
		name, since, exchange, key := f[2], f[3], f[4], keys[f[5]]
		if since == "TLSv1.3" {
			table = append(table, opensslCase{"TLS 1.3 " + name, "P-256", "-tls1_3 -ciphersuites " + name})
			continue
		}
		// SRP is only for clients that name a user (RFC 5054 §2.5.1).
		if key == "" || exchange == "Kx=SRP" {
			continue
		}
		args := " -cipher " + name + opensslWeak
		if exchange == "Kx=RSAPSK" {
			args += " -psk 1a2b3c4d"
		}
		table = append(table, opensslCase{"TLS 1.2 " + name, key, "-tls1_2" + args})
		if since != "TLSv1.2" {
			table = append(table, opensslCase{"TLS 1.1 " + name, key, "-tls1_1" + args}, opensslCase{"TLS 1.0 " + name, key, "-tls1" + args})
		}
	}
	return table
}

// opensslKeyCases are kinds of keys and of signatures under the newest version
// that has them and the one before.
func opensslKeyCases() (table []opensslCase) {
	all := " -cipher ALL" + opensslWeak
	for _, key := range strings.Fields("RSA-512 RSA-1024 RSA-3072 RSA-2048-e3 RSA-PSS RSA-PSS-384 Ed25519 Ed448") {
		table = append(table, opensslCase{"key " + key + " TLS 1.2", key, "-tls1_2" + all})
		if key != "RSA-512" { // too small for the PSS signatures of TLS 1.3
			table = append(table, opensslCase{"key " + key + " TLS 1.3", key, "-tls1_3" + all})
		}
	}
	for _, curve := range opensslCurves {
		table = append(table, opensslCase{"key " + curve + " TLS 1.2", curve, "-tls1_2 -cipher ALL" + opensslWeak + " -groups X25519:" + curve})
	}
	table = append(table,
		opensslCase{"key secp384r1 TLS 1.3", "secp384r1", "-tls1_3"},
		opensslCase{"key secp521r1 TLS 1.3", "secp521r1", "-tls1_3"},
		opensslCase{"key secp521r1 TLS 1.0", "secp521r1", "-tls1" + all},
		opensslCase{"key secp256k1 TLS 1.0", "secp256k1", "-tls1" + all},
		opensslCase{"key P-256 explicit TLS 1.2", "explicit", "-tls1_2" + all},
		opensslCase{"key DSA-2048 TLS 1.2", "DSA-2048", "-tls1_2" + all},
		opensslCase{"key DSA-2048 TLS 1.1", "DSA-2048", "-tls1_1" + all},
	)
	for _, digest := range strings.Fields("md5 sha1 sha224 sha384 sha512 sha512-256 sha3-256 sha3-512 ripemd160") {
		table = append(table, opensslCase{"signature RSA " + digest + " TLS 1.2", "RSA-2048 -" + digest, "-tls1_2" + all})
	}
	for _, digest := range strings.Fields("md5 sha1 sha224") {
		table = append(table, opensslCase{"signature RSA " + digest + " TLS 1.3", "RSA-2048 -" + digest, "-tls1_3" + all})
	}
	for _, digest := range strings.Fields("sha1 sha224 sha384 sha512 sha3-256") {
		table = append(table, opensslCase{"signature ECDSA " + digest + " TLS 1.2", "P-256 -" + digest, "-tls1_2" + all})
	}
	for _, digest := range strings.Fields("sha1 sha224 sha384") {
		table = append(table, opensslCase{"signature DSA " + digest + " TLS 1.2", "DSA-2048 -" + digest, "-tls1_2" + all})
	}
	return append(table, opensslCase{"signature RSA-PSS sha256 by an RSA key TLS 1.2", "RSA-2048 -sigopt rsa_padding_mode:pss", "-tls1_2" + all},
		opensslCase{"signature RSA-PSS sha512 by an RSA key TLS 1.3", "RSA-2048 -sha512 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:64", "-tls1_3" + all})
}

// opensslGroupCases are the groups in which keys are agreed.
func opensslGroupCases() (table []opensslCase) {
	for _, curve := range append(opensslCurves, "X25519", "X448") {
		table = append(table, opensslCase{"group " + curve + " TLS 1.2", "RSA-2048", "-tls1_2 -cipher ECDHE-RSA-AES128-SHA" + opensslWeak + " -groups " + curve})
	}
	for _, curve := range strings.Fields("secp224r1 secp384r1 secp521r1 secp256k1") {
		table = append(table, opensslCase{"group " + curve + " TLS 1.0", "RSA-2048", "-tls1 -cipher ECDHE-RSA-AES128-SHA" + opensslWeak + " -groups " + curve})
	}
	for _, group := range strings.Fields("X25519 X448 prime256v1 secp384r1 secp521r1 ffdhe2048 ffdhe3072 ffdhe4096 ffdhe6144 ffdhe8192") {
		table = append(table, opensslCase{"group " + group + " TLS 1.3", "RSA-2048", "-tls1_3 -groups " + group})
	}
	return table
}
