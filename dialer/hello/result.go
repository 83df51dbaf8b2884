package hello

import (
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/crypto/cryptobyte"
)

// Result is what a server showed. Who reads a server's messages without
// [Client.Fetch] has it filled by Add.
type Result struct {
	// Version is 0x0300 (SSL 3.0) to 0x0304 (TLS 1.3), 0 before a ServerHello.
	Version     uint16
	CipherSuite uint16

	// SupportsTLS13 says that the server chose a lower version and says in its
	// ServerHello's random that it knows TLS 1.3 (RFC 8446 §4.1.3). Only Fetch and a
	// [Query] can tell.
	SupportsTLS13 bool

	// Group is the key exchange group, or 0 if it is not known: below TLS
	// 1.3 it is told after the certificate, and not waited for.
	Group uint16

	// Extensions are the types of the ServerHello's, in their order.
	Extensions []uint16

	ALPN string // empty: none negotiated

	// OCSPStapled says that the server sends an OCSP response with its
	// certificate or, below TLS 1.3, promised to.
	OCSPStapled bool

	// SCTCount counts the signed certificate timestamps sent beside the
	// certificate; those in it are not looked at.
	SCTCount int

	// ClientCertRequested says that the server asked for a certificate. Like
	// Group, it is not waited for below TLS 1.3.
	ClientCertRequested bool

	// KeyProved says that the server signed its part of this handshake with the
	// key of its certificate. Only Fetch can tell, and not always: a key exchange
	// may have no signature, or an algorithm that Go does not have.
	KeyProved bool

	// Certificates holds the bytes as they were received, leaf first.
	Certificates [][]byte
}

// Add notes what the next message of the server's says, and passes over those
// that say nothing of these fields. ServerHello comes first, as the others depend
// on its version. Only a ServerHello and a Certificate message, compressed or not,
// can be wrong; the error is that of their parser. It keeps nothing of m.
func (r *Result) Add(m Message) error {
	switch m.Type {
	case TypeServerHello:
		server, err := ParseServerHello(m.Body())
		r.addServerHello(&server)
		return err
	case TypeEncryptedExtensions:
		r.addEncryptedExtensions(m.Body())
	case TypeServerKeyExchange:
		r.addServerKeyExchange(m.Body())
	case TypeCertificateRequest:
		r.ClientCertRequested = true
	case TypeCertificate:
		if r.Version == versionTLS13 {
			return r.readCertificates13(m.Body())
		}
		return r.readCertificates(m.Body())
	case TypeCompressedCertificate:
		plain, err := decompress(m)
		if err != nil {
			return err
		}
		return r.readCertificates13(plain.Body())
	}
	return nil
}

func (r *Result) addServerHello(server *ServerHello) {
	r.Version, r.CipherSuite = server.Version, server.CipherSuite
	r.Extensions = nil
	for _, e := range server.Extensions {
		r.Extensions = append(r.Extensions, e.Type)
	}
	r.ALPN, r.OCSPStapled, r.SCTCount = server.ALPN, server.OCSP, server.SCTs
	if server.Version == versionTLS13 {
		r.Group = server.Group
	}
}

func (r *Result) addEncryptedExtensions(body []byte) {
	s := cryptobyte.String(body)
	var extensions cryptobyte.String
	s.ReadUint16LengthPrefixed(&extensions)
	for extension, data := range eachExtension(extensions) {
		if extension == extensionALPN {
			r.ALPN = parseALPN(data)
		}
	}
}

// namedCurve is the type of ECDHE parameters that name their curve, RFC 8422
// §5.4.
const namedCurve = 3

// addServerKeyExchange takes the curve from the parameters of an ECDHE suite,
// RFC 8422 §5.4.
func (r *Result) addServerKeyExchange(body []byte) {
	ecdhe := strings.HasPrefix(SuiteName(r.CipherSuite), "TLS_ECDHE_")
	if ecdhe && len(body) > 3 && body[0] == namedCurve {
		r.Group = uint16(body[1])<<8 | uint16(body[2])
	}
}

// readCertificates reads the Certificate message of TLS 1.2 and below, RFC 5246
// §7.4.2.
func (r *Result) readCertificates(body []byte) error {
	return r.readCertificateList(cryptobyte.String(body), false)
}

// readCertificates13 reads the Certificate message of TLS 1.3, whose entries
// have extensions; RFC 8446 §4.4.2.
func (r *Result) readCertificates13(body []byte) error {
	s := cryptobyte.String(body)
	var context cryptobyte.String
	if !s.ReadUint8LengthPrefixed(&context) {
		return protocolError("a Certificate message of %d bytes", len(body))
	}
	return r.readCertificateList(s, true)
}

// readCertificateList keeps the certificates before the first malformed entry
// and drops what follows. A list that is longer than the message ends with it.
func (r *Result) readCertificateList(s cryptobyte.String, withExtensions bool) error {
	rest := s
	var list cryptobyte.String
	if !s.ReadUint24LengthPrefixed(&list) {
		if !rest.Skip(3) {
			return protocolError("a Certificate message without a list")
		}
		list = rest
	}
	if list.Empty() {
		return ErrNoCertificate
	}
	var certificate, extensions cryptobyte.String
	for list.ReadUint24LengthPrefixed(&certificate) {
		if len(r.Certificates) == maxCertificates {
			return fmt.Errorf("%w: a chain of more than %d certificates", ErrTooLarge, maxCertificates)
		}
		if len(certificate) > 0 {
			r.Certificates = append(r.Certificates, bytes.Clone(certificate))
		}
		if !withExtensions {
			continue
		}
		if !list.ReadUint16LengthPrefixed(&extensions) {
			break
		}
		if len(r.Certificates) == 1 {
			r.readLeafExtensions(extensions)
		}
	}
	if len(r.Certificates) == 0 {
		return protocolError("a Certificate message without one whole certificate")
	}
	return nil
}

func (r *Result) readLeafExtensions(extensions cryptobyte.String) {
	for extension, data := range eachExtension(extensions) {
		switch extension {
		case extensionStatusRequest:
			r.OCSPStapled = true
		case extensionSCT:
			r.SCTCount = countSCTs(data)
		}
	}
}
