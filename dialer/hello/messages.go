package hello

import (
	"bytes"

	"golang.org/x/crypto/cryptobyte"
)

// maxCertificates bounds a chain by number: each costs an allocation, and a
// flood of one-byte certificates would cost many times its own bytes.
const maxCertificates = 4096

// helloRetryRandom is the random of a ServerHello that is a HelloRetryRequest,
// the SHA-256 of that word; RFC 8446 §4.1.3.
var helloRetryRandom = [32]byte{
	0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91,
	0xC2, 0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
}

// ServerHello is a ServerHello of any version, or a HelloRetryRequest.
type ServerHello struct {
	// Version is that of supported_versions if it is there.
	Version     uint16
	CipherSuite uint16
	// Compression is the method chosen, 0 for none.
	Compression uint8
	Random      [32]byte
	// Retry says that it is a HelloRetryRequest (RFC 8446 §4.1.4).
	Retry bool
	// Group is that of the key share given or, by a retry, asked for; KeyShare
	// is empty in a retry. Both are zero below TLS 1.3.
	Group    uint16
	KeyShare []byte
	Cookie   []byte
	ALPN     string // empty if it names none
	// OCSP says that a CertificateStatus message is promised (RFC 6066 §8).
	OCSP bool
	SCTs int
	// Extensions are in the order in which they stand.
	Extensions []Extension
}

// Extension is one of a hello's (RFC 8446 §4.2).
type Extension struct {
	Type uint16
	Data []byte
}

// ParseServerHello reads the body of a ServerHello (RFC 8446 §4.1.3; RFC 6101
// §5.6.1.3 has no extensions). What is wrong with the extensions is passed over:
// below TLS 1.3 the certificate does not depend on them. It keeps nothing of
// body. An error is a [*ProtocolError].
func ParseServerHello(body []byte) (ServerHello, error) {
	var h ServerHello
	var sessionID cryptobyte.String
	s := cryptobyte.String(bytes.Clone(body))
	if !s.ReadUint16(&h.Version) || !s.CopyBytes(h.Random[:]) || !s.ReadUint8LengthPrefixed(&sessionID) ||
		!s.ReadUint16(&h.CipherSuite) || !s.ReadUint8(&h.Compression) {
		return h, protocolError("a ServerHello of %d bytes", len(body))
	}
	h.Retry = h.Random == helloRetryRandom
	var extensions cryptobyte.String
	if s.ReadUint16LengthPrefixed(&extensions) {
		for extension, data := range eachExtension(extensions) {
			h.Extensions = append(h.Extensions, Extension{extension, data})
			h.read(extension, data)
		}
	}
	if h.Version < versionSSL30 || h.Version > versionTLS13 {
		return h, protocolError("a ServerHello of version %s", VersionName(h.Version))
	}
	return h, nil
}

// The ends of the random of a server that knows a version above the one it chose,
// RFC 8446 §4.1.3.
var (
	downgraded13 = []byte("DOWNGRD\x01") // it chose TLS 1.2, and knows 1.3
	downgraded12 = []byte("DOWNGRD\x00") // it chose TLS 1.1 or below, and knows 1.2 or 1.3
)

// downgraded reports whether the random says that the server knows TLS 1.3. If the
// client offered TLS 1.2, whoever passes that over for less and knows more than TLS
// 1.1 has TLS 1.3 alone above that.
func (h *ServerHello) downgraded(offer *Offer) bool {
	end := h.Random[len(h.Random)-len(downgraded13):]
	return h.Version == versionTLS12 && bytes.Equal(end, downgraded13) ||
		h.Version < versionTLS12 && offer.takes(versionTLS12) && offer.Version == versionTLS12 && bytes.Equal(end, downgraded12)
}

func (h *ServerHello) read(extension uint16, data cryptobyte.String) {
	switch extension {
	case extensionSupportedVersions:
		data.ReadUint16(&h.Version)
	case extensionKeyShare:
		if data.ReadUint16(&h.Group) {
			data.ReadUint16LengthPrefixed((*cryptobyte.String)(&h.KeyShare))
		}
	case extensionCookie:
		data.ReadUint16LengthPrefixed((*cryptobyte.String)(&h.Cookie))
	case extensionALPN:
		h.ALPN = parseALPN(data)
	case extensionStatusRequest:
		h.OCSP = true
	case extensionSCT:
		h.SCTs = countSCTs(data)
	}
}

// eachExtension yields types and contents up to the first that is malformed.
func eachExtension(s cryptobyte.String) func(yield func(uint16, cryptobyte.String) bool) {
	return func(yield func(uint16, cryptobyte.String) bool) {
		var extension uint16
		var data cryptobyte.String
		for s.ReadUint16(&extension) && s.ReadUint16LengthPrefixed(&data) && yield(extension, data) {
		}
	}
}

// parseALPN reads the one name that a server answers with, RFC 7301 §3.1.
func parseALPN(data cryptobyte.String) string {
	var list, name cryptobyte.String
	if !data.ReadUint16LengthPrefixed(&list) || !list.ReadUint8LengthPrefixed(&name) {
		return ""
	}
	return string(name)
}

// countSCTs counts a SignedCertificateTimestampList, RFC 6962 §3.3.
func countSCTs(data cryptobyte.String) (n int) {
	var list, sct cryptobyte.String
	data.ReadUint16LengthPrefixed(&list)
	for list.ReadUint16LengthPrefixed(&sct) {
		n++
	}
	return n
}

// ParseCertificates reads the body of a Certificate message of a TLS version:
// its certificates as they were received, the leaf first, up to the first that
// is malformed. The error is a [*ProtocolError] or wraps [ErrNoCertificate] or
// [ErrTooLarge].
func ParseCertificates(version uint16, body []byte) ([][]byte, error) {
	var r Result
	read := r.readCertificates
	if version == versionTLS13 {
		read = r.readCertificates13
	}
	err := read(body)
	return r.Certificates, err
}
