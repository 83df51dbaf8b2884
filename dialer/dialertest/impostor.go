package dialertest

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
)

// certificateRequest12 is a CertificateRequest message of TLS 1.2 (RFC 5246
// §7.4.4): RSA or ECDSA, with SHA-256, of any authority.
func certificateRequest12() []byte {
	return record(recordHandshake, Message(certificateRequest, []byte{2, 1, 64, 0, 4, 4, 1, 4, 3, 0, 0}))
}

// impostorCases have somebody's certificate and not its key. What they send
// looks as if they only wanted a client certificate.
func impostorCases() []Case {
	refusal := alert(40) // handshake_failure
	impostor12 := func(host string, suite uint16, key Key, end func(net.Conn), rest ...[]byte) func(*pki) func(net.Conn) {
		return func(p *pki) func(net.Conn) {
			cert := p.inter.Issue(Leaf{DNSNames: []string{host}, Key: key})
			flight := append([][]byte{hello12(suite), certificate12(cert), certificateRequest12()}, rest...)
			return script(end, flight...)
		}
	}
	done := record(recordHandshake, Message(serverHelloDone, nil))
	const rsaSuite = tls.TLS_RSA_WITH_AES_128_GCM_SHA256
	return []Case{
		startTLSCase("impostor-smtp", "A mail server that has not its certificate's key, and asks for one after STARTTLS.",
			"smtp", StartTLSImpostor, alerted("certificate_required").withCertificate()),
		newCase("impostor-tls13", "TLS 1.3; it has not the certificate's key, and sends certificate_required where its signature should stand.",
			alerted("certificate_required").withCertificate(), impostor13("impostor-tls13.test")),
		newCase("impostor-tls12", "TLS 1.2; it has not the certificate's key: it asks for a client certificate and refuses, without a key exchange.",
			alerted("handshake_failure").withCertificate(), impostor12("impostor-tls12.test", ecdsaSuite, P256, finish, refusal)),
		newCase("impostor-tls12-eof", "TLS 1.2; the same, with the end of the stream in place of the alert.",
			failed("eof").withCertificate(), impostor12("impostor-tls12-eof.test", ecdsaSuite, P256, finish)),
		newCase("impostor-rsa", "TLS 1.2; it has not the certificate's key, which RSA key exchange need not show before the server refuses.",
			alerted("handshake_failure").withCertificate(), impostor12("impostor-rsa.test", rsaSuite, RSA2048, finish, done, refusal)),
	}
}

func impostor13(host string) func(*pki) func(net.Conn) {
	return func(p *pki) func(net.Conn) {
		cert := p.inter.Issue(Leaf{DNSNames: []string{host}})
		return func(c net.Conn) {
			pretend(c, cert)
			finish(c)
		}
	}
}

// pretend is a server of TLS 1.3 that shows a certificate as if it had not its
// key, and in place of a CertificateVerify message the alert certificate_required.
// With a client that takes neither AES-128-GCM nor ChaCha20-Poly1305 the alert is
// internal_error.
func pretend(c net.Conn, cert tls.Certificate) {
	cert.PrivateKey = keyless{cert.PrivateKey.(crypto.Signer).Public()}
	var log bytes.Buffer
	config := only(tls.VersionTLS13)
	config.Certificates, config.KeyLogWriter = []tls.Certificate{cert}, &log
	tls.Server(&alertSwapper{Conn: c, log: &log}, config).Handshake()
}

// keyless is the signer of a certificate that is not its own.
type keyless struct{ public crypto.PublicKey }

func (k keyless) Public() crypto.PublicKey { return k.public }

func (keyless) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("the key is somebody else's")
}

// alertSwapper makes certificate_required of the alert with which crypto/tls
// ends a flight that it cannot sign.
type alertSwapper struct {
	net.Conn
	log   *bytes.Buffer
	suite uint16 // of the last ServerHello
}

func (c *alertSwapper) Write(p []byte) (int, error) {
	last, sealed := -1, uint64(0)
	for at := 0; at+recordHeader <= len(p); at += recordHeader + (int(p[at+3])<<8 | int(p[at+4])) {
		switch p[at] {
		case recordHandshake:
			c.suite = helloSuite(p[at+recordHeader:])
		case recordApplication:
			last = at
			sealed++
		}
	}
	_, secret := logged(c.log.Bytes(), "SERVER_HANDSHAKE_TRAFFIC_SECRET")
	if last < 0 || len(secret) != 32 {
		return c.Conn.Write(p)
	}
	s := newSealer13(c.suite, secret)
	s.Sequence = sealed - 1
	if _, err := c.Conn.Write(append(bytes.Clone(p[:last]), s.Seal(recordAlert, []byte{2, 116})...)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// helloSuite returns the suite of a ServerHello, which has a session ID of at most 32
// bytes before it, and 0 for any other message.
func helloSuite(message []byte) uint16 {
	const session = 4 + 2 + 32 // behind the header, the version and the random
	if len(message) <= session || message[0] != serverHello || len(message) < session+1+int(message[session])+2 {
		return 0
	}
	return binary.BigEndian.Uint16(message[session+1+int(message[session]):])
}
