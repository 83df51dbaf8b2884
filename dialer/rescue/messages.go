package rescue

import (
	"bytes"
	"fmt"

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

// serverHello is a ServerHello of any version, or a HelloRetryRequest.
type serverHello struct {
	version uint16
	suite   uint16
	retry   bool
	group   uint16 // of the key share given or, by a retry, asked for
	share   []byte
	cookie  []byte
	alpn    string
	ocsp    bool // a CertificateStatus message is promised (RFC 6066 §8)
	scts    int
}

// parseServerHello reads a ServerHello (RFC 8446 §4.1.3; RFC 6101 §5.6.1.3 has
// no extensions). What is wrong with the extensions is passed over: below TLS
// 1.3 the certificate does not depend on them.
func parseServerHello(body []byte) (serverHello, error) {
	var h serverHello
	var random [32]byte
	var sessionID cryptobyte.String
	var compression uint8
	s := cryptobyte.String(bytes.Clone(body))
	if !s.ReadUint16(&h.version) || !s.CopyBytes(random[:]) || !s.ReadUint8LengthPrefixed(&sessionID) ||
		!s.ReadUint16(&h.suite) || !s.ReadUint8(&compression) {
		return h, protocolError("a ServerHello of %d bytes", len(body))
	}
	h.retry = random == helloRetryRandom
	var extensions cryptobyte.String
	if s.ReadUint16LengthPrefixed(&extensions) {
		for extension, data := range eachExtension(extensions) {
			h.read(extension, data)
		}
	}
	if h.version < versionSSL30 || h.version > versionTLS13 {
		return h, protocolError("a ServerHello of version %s", VersionName(h.version))
	}
	return h, nil
}

func (h *serverHello) read(extension uint16, data cryptobyte.String) {
	switch extension {
	case extensionSupportedVersions:
		data.ReadUint16(&h.version)
	case extensionKeyShare:
		if data.ReadUint16(&h.group) {
			data.ReadUint16LengthPrefixed((*cryptobyte.String)(&h.share))
		}
	case extensionCookie:
		data.ReadUint16LengthPrefixed((*cryptobyte.String)(&h.cookie))
	case extensionALPN:
		h.alpn = parseALPN(data)
	case extensionStatusRequest:
		h.ocsp = true
	case extensionSCT:
		h.scts = countSCTs(data)
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
