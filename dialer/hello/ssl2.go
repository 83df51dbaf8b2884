package hello

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"net"

	"golang.org/x/crypto/cryptobyte"
)

// SSL 2.0 has messages and records of its own: draft-hickman-netscape-ssl-00,
// whose ServerHello already has the certificate and what the server accepts of
// what it was offered.
const (
	versionSSL20 = 0x0002

	ssl2ClientHello = 1
	ssl2ServerHello = 4
	ssl2Error       = 0

	// ssl2MaxRecord is the longest record with a header of two bytes.
	ssl2MaxRecord = 1<<15 - 1
	// ssl2Certificate says that a certificate is of X.509, the only kind there is.
	ssl2Certificate = 1
)

// ssl2Kinds are the cipher kinds, the strong ones first; the draft's appendix C.4,
// and SSL_CK_NULL_WITH_MD5, SSL_CK_RC4_64_WITH_MD5 and the SHA ones of the
// implementations.
var ssl2Kinds = []struct {
	id   uint32
	name string
}{
	{0x0700C0, "SSL_CK_DES_192_EDE3_CBC_WITH_MD5"},
	{0x0701C0, "SSL_CK_DES_192_EDE3_CBC_WITH_SHA"},
	{0x050080, "SSL_CK_IDEA_128_CBC_WITH_MD5"},
	{0x030080, "SSL_CK_RC2_128_CBC_WITH_MD5"},
	{0x010080, "SSL_CK_RC4_128_WITH_MD5"},
	{0x060040, "SSL_CK_DES_64_CBC_WITH_MD5"},
	{0x060140, "SSL_CK_DES_64_CBC_WITH_SHA"},
	{0x080080, "SSL_CK_RC4_64_WITH_MD5"},
	{0x040080, "SSL_CK_RC2_128_CBC_EXPORT40_WITH_MD5"},
	{0x020080, "SSL_CK_RC4_128_EXPORT40_WITH_MD5"},
	{0x000000, "SSL_CK_NULL_WITH_MD5"},
}

// FetchSSL2 sends the ClientHello of SSL 2.0 on conn, and reads the ServerHello
// that answers it: its certificate is in the Result, and kinds has the names of
// the ciphers that the server accepts. Blocking, deadlines and errors are as in
// [Client.Fetch].
func FetchSSL2(conn net.Conn) (r Result, kinds []string, err error) {
	if _, err := conn.Write(marshalSSL2()); err != nil {
		return r, nil, fmt.Errorf("write: %w", err)
	}
	message, err := readSSL2(conn)
	if err != nil {
		return r, nil, err
	}
	return parseSSL2(message)
}

func marshalSSL2() []byte {
	const challengeSize = 16
	message := []byte{0, 0, ssl2ClientHello, 0, versionSSL20, 0, uint8(3 * len(ssl2Kinds)), 0, 0, 0, challengeSize}
	for _, kind := range ssl2Kinds {
		message = append(message, uint8(kind.id>>16), uint8(kind.id>>8), uint8(kind.id))
	}
	var challenge [challengeSize]byte
	rand.Read(challenge[:])
	message = append(message, challenge[:]...)
	binary.BigEndian.PutUint16(message, 1<<15|uint16(len(message)-2))
	return message
}

// readSSL2 reads one record in clear.
func readSSL2(conn net.Conn) ([]byte, error) {
	var header [recordHeaderSize]byte
	// An alert of TLS is not shorter than this; nor is any answer of SSL 2.0,
	// whose shortest is an error.
	if _, err := io.ReadFull(conn, header[:]); err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	length, skip := int(header[0]&0x3F)<<8|int(header[1]), 3
	if header[0]&0x80 != 0 {
		length, skip = int(binary.BigEndian.Uint16(header[:])&ssl2MaxRecord), 2
	}
	first := header[skip]
	switch {
	case isRecordHeader(header[:]) && header[0] == recordAlert:
		var alert [2]byte
		if _, err := io.ReadFull(conn, alert[:]); err != nil {
			return nil, fmt.Errorf("read: %w", err)
		}
		return nil, AlertError(alert[1])
	case first == ssl2Error && length == 3:
		return nil, protocolError("the peer sent SSL 2.0 error %x", header[skip+1:])
	case first != ssl2ServerHello || length < recordHeaderSize-skip:
		return nil, &NotTLSError{First: header[:]}
	}
	message := make([]byte, length)
	n := copy(message, header[skip:])
	if _, err := io.ReadFull(conn, message[n:]); err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	return message, nil
}

func parseSSL2(message []byte) (r Result, kinds []string, err error) {
	var sessionHit, certificateType uint8
	var version, certificateSize, kindsSize, idSize uint16
	var certificate, list []byte
	s := cryptobyte.String(message)
	if !s.Skip(1) || !s.ReadUint8(&sessionHit) || !s.ReadUint8(&certificateType) || !s.ReadUint16(&version) ||
		!s.ReadUint16(&certificateSize) || !s.ReadUint16(&kindsSize) || !s.ReadUint16(&idSize) ||
		!s.ReadBytes(&certificate, int(certificateSize)) || !s.ReadBytes(&list, int(kindsSize)) {
		return r, nil, protocolError("an SSL 2.0 ServerHello of %d bytes", len(message))
	}
	if version != versionSSL20 {
		return r, nil, protocolError("an SSL 2.0 ServerHello of version %#04x", version)
	}
	r.Version = version
	for ; len(list) >= 3; list = list[3:] {
		kinds = append(kinds, ssl2Name(uint32(list[0])<<16|uint32(list[1])<<8|uint32(list[2])))
	}
	if len(certificate) == 0 || certificateType != ssl2Certificate {
		return r, kinds, ErrNoCertificate
	}
	r.Certificates = [][]byte{certificate}
	return r, kinds, nil
}

// ssl2Name returns the name of a cipher kind, or "0xXXXXXX".
func ssl2Name(id uint32) string {
	for _, kind := range ssl2Kinds {
		if kind.id == id {
			return kind.name
		}
	}
	return fmt.Sprintf("0x%06X", id)
}
