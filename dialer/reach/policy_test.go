//go:build unix

package reach

import (
	"bytes"
	"encoding/pem"
	"strings"
	"testing"
)

// opensslDH are groups of finite-field Diffie-Hellman by openssl's names.
var opensslDH = map[string]string{
	"dsaparam 512":  "",
	"dsaparam 1024": "",
	"RFC 5114 1":    "dh_rfc5114:1",
	"RFC 5114 3":    "dh_rfc5114:3",
	"modp 1536":     "group:modp_1536",
	"modp 2048":     "group:modp_2048",
	"modp 4096":     "group:modp_4096",
	"ffdhe 3072":    "group:ffdhe3072",
}

// opensslPolicies are what else a server may be told: who may come in, how
// much it sends, and what it leaves out.
func opensslPolicies(t *testing.T, h *reachHome) (table []opensslCase) {
	for name, group := range opensslDH {
		file := strings.ReplaceAll(name, " ", "-") + ".dh"
		if group != "" {
			h.make(t, file, "openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", group, "-out", file)
		} else {
			h.make(t, file, "openssl", "dhparam", "-dsaparam", "-out", file, strings.Fields(name)[1])
		}
		table = append(table, opensslCase{"DH parameters " + name, "RSA-2048", "-tls1_2 -cipher DHE-RSA-AES128-SHA" + opensslWeak + " -dhparam " + file})
	}
	for _, version := range []struct{ name, flag string }{{"1.0", "-tls1"}, {"1.1", "-tls1_1"}, {"1.2", "-tls1_2"}, {"1.3", "-tls1_3"}} {
		weak := version.flag + " -cipher ALL" + opensslWeak
		table = append(table,
			opensslCase{"TLS " + version.name + " alone", "RSA-2048", weak},
			opensslCase{"TLS " + version.name + ", client certificate asked for", "RSA-2048", weak + " -verify 1"},
			opensslCase{"TLS " + version.name + ", client certificate required", "RSA-2048", weak + " -Verify 1 -verify_return_error"},
			opensslCase{"TLS " + version.name + ", records of 512 bytes", "RSA-2048", weak + " -max_send_frag 512"},
		)
	}
	const weakest = " -cipher ALL:COMPLEMENTOFALL" + opensslWeak
	table = append(table,
		opensslCase{"every suite, the server's preference", "RSA-2048", "-tls1_2 -serverpref" + weakest},
		opensslCase{"every suite, the client's preference", "RSA-2048", "-tls1_2" + weakest},
		opensslCase{"two certificates", "RSA-2048", "-dcert P-256.pem -dkey P-256.key"},
		opensslCase{"TLS 1.3 without middlebox compatibility", "P-256", "-tls1_3 -no_middlebox"},
		opensslCase{"TLS 1.3 with ten tickets", "P-256", "-tls1_3 -num_tickets 10"},
		opensslCase{"TLS 1.3 with early data", "P-256", "-tls1_3 -early_data"},
		opensslCase{"TLS 1.2 without tickets", "P-256", "-tls1_2 -no_ticket"},
		opensslCase{"TLS 1.2 without renegotiation", "P-256", "-tls1_2 -no_renegotiation"},
		opensslCase{"TLS 1.2 with unsafe legacy renegotiation", "P-256", "-tls1_2 -legacy_renegotiation"},
		opensslCase{"TLS 1.2 without encrypt-then-mac", "RSA-2048", "-tls1_2 -no_etm -cipher AES128-SHA"},
		opensslCase{"bug compatibility", "RSA-2048", "-bugs"},
		opensslCase{"ALPN h2 alone", "P-256", "-alpn h2"},
		opensslCase{"SNI of another server is fatal", "P-256", "-servername other.test -servername_fatal -cert2 P-256.pem -key2 P-256.key"},
		opensslCase{"SNI of another server is a warning, TLS 1.2", "P-256", "-tls1_2 -servername other.test -cert2 P-256.pem -key2 P-256.key"},
		opensslCase{"TLS 1.3 with brainpool alone in its groups", "P-256", "-tls1_3 -groups brainpoolP256r1:P-521"},
		opensslCase{"signature algorithm RSA+SHA1 alone", "RSA-2048", "-tls1_2 -cipher ECDHE" + opensslWeak + " -sigalgs RSA+SHA1"},
		opensslCase{"signature algorithm RSA+SHA224 alone", "RSA-2048", "-tls1_2 -cipher ECDHE" + opensslWeak + " -sigalgs RSA+SHA224"},
		opensslCase{"signature algorithm ECDSA+SHA224 alone", "P-256", "-tls1_2 -cipher ECDHE" + opensslWeak + " -sigalgs ECDSA+SHA224"},
		opensslCase{"signature algorithm RSA-PSS+SHA512 alone, TLS 1.3", "RSA-2048", "-tls1_3 -sigalgs RSA-PSS+SHA512"},
		opensslCase{"anonymous suites alone", "RSA-2048", "-tls1_2 -nocert -cipher aNULL" + opensslWeak},
		opensslCase{"pre-shared keys alone", "RSA-2048", "-tls1_2 -nocert -psk 1a2b3c4d -cipher kPSK:kECDHEPSK:kDHEPSK" + opensslWeak},
	)
	h.opensslCertificate(t, "P-256") // the second certificate
	for _, size := range []struct {
		name  string
		bytes int
	}{{"64 KiB", 64 << 10}, {"250 KiB", 250 << 10}, {"300 KiB", 300 << 10}, {"1 MiB", 1 << 20}} {
		file := strings.ReplaceAll(size.name, " ", "") + ".pem"
		h.write(t, file, opensslPadding(size.bytes))
		table = append(table,
			opensslCase{"chain of " + size.name + ", TLS 1.2", "P-256", "-tls1_2 -cert_chain " + file},
			opensslCase{"chain of " + size.name + ", TLS 1.3", "P-256", "-tls1_3 -cert_chain " + file})
	}
	return table
}

// opensslPadding is a PEM file of as many certificates as make up a size.
func opensslPadding(size int) []byte {
	padding := reachPadding(16 << 10)
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: padding})
	return bytes.Repeat(block, size/len(padding))
}
