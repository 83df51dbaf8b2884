package dialertest

import (
	"crypto/tls"
	"net"
)

// limited returns the part of a well-behaved server with a good certificate
// and a limited configuration.
func limited(host string, key Key, config *tls.Config) func(*pki) func(net.Conn) {
	return func(p *pki) func(net.Conn) {
		config := config.Clone()
		config.Certificates = []tls.Certificate{p.inter.Issue(Leaf{DNSNames: []string{host}, Key: key})}
		return serveTLS(config)
	}
}

// only returns the configuration of a server of one version.
func only(version uint16, suites ...uint16) *tls.Config {
	return &tls.Config{MinVersion: version, MaxVersion: version, CipherSuites: suites}
}

// protocolCases are servers with good certificates that differ in what they
// negotiate.
func protocolCases() []Case {
	pq := only(tls.VersionTLS13)
	pq.CurvePreferences = []tls.CurveID{tls.X25519MLKEM768}
	classic := only(tls.VersionTLS13)
	classic.CurvePreferences = []tls.CurveID{tls.X25519}
	alpn := &tls.Config{NextProtos: []string{"acme-tls/1"}}
	mutual12, mutual13 := only(tls.VersionTLS12), only(tls.VersionTLS13)
	mutual12.ClientAuth, mutual13.ClientAuth = tls.RequireAnyClientCert, tls.RequireAnyClientCert
	wantMutual12 := Want{Status: "ok", Certificate: true, ClientCertRequired: true}
	wantMutual13 := Want{Status: "ok", Certificate: true, ClientCertRequired: true, Clean: true, Drain: "alert"}

	return []Case{
		newCase("post-quantum", "It agrees on keys with X25519MLKEM768 and nothing else.",
			ok(), limited("post-quantum.test", P256, pq)),
		newCase("not-post-quantum", "TLS 1.3 with X25519, without post-quantum key exchange.",
			ok("not_post_quantum"), limited("not-post-quantum.test", P256, classic)),
		newCase("tls12", "TLS 1.2 with ECDSA.",
			ok("not_post_quantum"), limited("tls12.test", P256, only(tls.VersionTLS12))),
		newCase("tls12-rsa", "TLS 1.2 with RSA.",
			ok("not_post_quantum"), limited("tls12-rsa.test", RSA2048, only(tls.VersionTLS12))),
		newCase("tls11", "TLS 1.1 and nothing newer.",
			ok("old_protocol"), limited("tls11.test", RSA2048, only(tls.VersionTLS11))),
		newCase("tls10", "TLS 1.0 and nothing newer.",
			ok("old_protocol"), limited("tls10.test", RSA2048, only(tls.VersionTLS10))),
		newCase("weak-cipher-3des", "TLS 1.2 with 3DES.",
			ok("weak_cipher"), limited("weak-cipher-3des.test", RSA2048, only(tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA))),
		newCase("weak-cipher-rc4", "TLS 1.2 with RC4.",
			ok("weak_cipher"), limited("weak-cipher-rc4.test", RSA2048, only(tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA))),
		newCase("weak-cipher-rsa", "TLS 1.2 with RSA key exchange, without forward secrecy.",
			ok("weak_cipher"), limited("weak-cipher-rsa.test", RSA2048, only(tls.VersionTLS12, tls.TLS_RSA_WITH_AES_128_GCM_SHA256))),
		newCase("alpn", "It refuses who offers application protocols, but not acme-tls/1 (RFC 8737).",
			ok(), limited("alpn.test", P256, alpn)),
		newCase("client-cert-tls12", "TLS 1.2; it requires a client certificate.",
			wantMutual12, limited("client-cert-tls12.test", P256, mutual12)),
		newCase("client-cert-eof", "TLS 1.2; it requires a client certificate, and closes without an alert, as mbedTLS does.",
			wantMutual12, wordless("client-cert-eof.test", mutual12, finish)),
		newCase("client-cert-reset", "TLS 1.2; it requires a client certificate, and resets the connection, as wolfSSL and BearSSL do.",
			wantMutual12, wordless("client-cert-reset.test", mutual12, abort)),
		newCase("client-cert-tls13", "TLS 1.3; it requires a client certificate, which shows only after the handshake.",
			wantMutual13, limited("client-cert-tls13.test", P256, mutual13)),
	}
}

// wordless returns a server that sends no alert, and does as end says when its
// handshake fails.
func wordless(host string, config *tls.Config, end func(net.Conn)) func(*pki) func(net.Conn) {
	return func(p *pki) func(net.Conn) {
		config := config.Clone()
		config.Certificates = []tls.Certificate{p.inter.Issue(Leaf{DNSNames: []string{host}})}
		return func(c net.Conn) {
			tls.Server(alertDropper{c}, config).Handshake()
			end(c)
		}
	}
}

// alertDropper keeps alerts to itself.
type alertDropper struct{ net.Conn }

func (c alertDropper) Write(p []byte) (int, error) {
	if len(p) > 0 && p[0] == recordAlert {
		return len(p), nil
	}
	return c.Conn.Write(p)
}
