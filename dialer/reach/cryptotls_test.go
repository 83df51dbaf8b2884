//go:build unix

package reach

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"testing"

	"certsweep/dialer/dialertest"
)

// reachTLS is a case of a crypto/tls server.
func reachTLS(name string, cert tls.Certificate, config *tls.Config) reachCase {
	config = config.Clone()
	config.Certificates = []tls.Certificate{cert}
	return reachCase{name: name, chain: cert.Certificate, start: func(t *testing.T) string {
		server := dialertest.NewTLS(config)
		t.Cleanup(server.Close)
		return server.Addr().String()
	}}
}

// reachOnly returns the configuration of a server of one version.
func reachOnly(version uint16) *tls.Config {
	return &tls.Config{MinVersion: version, MaxVersion: version}
}

// reachCryptoTLS are servers of Go's.
func reachCryptoTLS(*testing.T) (cases []reachCase) {
	leaf := func(key dialertest.Key) tls.Certificate {
		return dialertest.SelfSigned(dialertest.Leaf{DNSNames: []string{reachName}, Key: key})
	}
	keys := map[string]dialertest.Key{"P-256": dialertest.P256, "P-384": dialertest.P384, "P-521": dialertest.P521, "Ed25519": dialertest.Ed25519,
		"RSA-2048": dialertest.RSA2048, "RSA-1024": dialertest.RSA1024}
	for name, key := range keys {
		for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13} {
			if key == dialertest.Ed25519 && version < tls.VersionTLS12 {
				continue // RFC 8422 §5.10
			}
			cases = append(cases, reachTLS(fmt.Sprintf("%s, %s", tls.VersionName(version), name), leaf(key), reachOnly(version)))
		}
	}
	for _, group := range []tls.CurveID{tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024, tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521} {
		config := reachOnly(tls.VersionTLS13)
		config.CurvePreferences = []tls.CurveID{group}
		cases = append(cases, reachTLS("TLS 1.3, group "+group.String(), leaf(dialertest.P256), config))
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		mutual := reachOnly(version)
		mutual.ClientAuth = tls.RequireAnyClientCert
		cases = append(cases, reachTLS(tls.VersionName(version)+", client certificate required", leaf(dialertest.P256), mutual))

		name := tls.VersionName(version)
		for _, size := range []int{64 << 10, 250 << 10, 300 << 10, 512 << 10, 1 << 20, 1920 << 10} {
			cert := leaf(dialertest.P256)
			for have := 0; have < size; have += 16 << 10 {
				cert.Certificate = append(cert.Certificate, reachPadding(16<<10))
			}
			cases = append(cases, reachTLS(fmt.Sprintf("%s, chain of %d KiB", name, size>>10), cert, reachOnly(version)))
		}
		for _, size := range []int{60 << 10, 300 << 10, 1 << 20} {
			cert := leaf(dialertest.P256)
			cert.Certificate = [][]byte{reachPadding(size)}
			cases = append(cases, reachTLS(fmt.Sprintf("%s, one certificate of %d KiB", name, size>>10), cert, reachOnly(version)))
		}
		cert := leaf(dialertest.P256)
		cert.Certificate = slices.Repeat(cert.Certificate, 500)
		cases = append(cases, reachTLS(name+", chain of 500 certificates", cert, reachOnly(version)))
	}
	return append(cases, reachNameCases(leaf(dialertest.P256))...)
}

// reachNameCases are servers with an opinion about the name they are asked for,
// or about the protocol above.
func reachNameCases(cert tls.Certificate) []reachCase {
	nameless := reachTLS("internal_error where a name is sent", cert, &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if hello.ServerName != "" {
			return nil, errors.New("no names here")
		}
		return nil, nil
	}})
	named := reachTLS("internal_error where no name is sent", cert, &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if hello.ServerName == "" {
			return nil, errors.New("a name, please")
		}
		return nil, nil
	}})
	return []reachCase{nameless, named,
		reachTLS("ALPN of another kind", cert, &tls.Config{NextProtos: []string{"acme-tls/1"}}),
		reachTLS("no tickets", cert, &tls.Config{SessionTicketsDisabled: true}),
		reachTLS("OCSP and SCTs", tls.Certificate{Certificate: cert.Certificate, PrivateKey: cert.PrivateKey,
			OCSPStaple: []byte("not checked"), SignedCertificateTimestamps: [][]byte{[]byte("one"), []byte("two")}}, new(tls.Config)),
	}
}
