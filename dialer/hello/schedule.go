package hello

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"hash"

	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/crypto/cryptobyte"
)

// suite13 is what a cipher suite of TLS 1.3 stands for, RFC 8446 §B.4.
type suite13 struct {
	hash    func() hash.Hash
	keySize int
	aead    func(key []byte) (opener, error)
}

// opener is the half of cipher.AEAD that a reader needs.
type opener interface {
	Open(dst, nonce, ciphertext, additional []byte) ([]byte, error)
}

var suites13 = map[uint16]suite13{
	0x1301: {sha256.New, 16, newGCM},
	0x1302: {sha512.New384, 32, newGCM},
	0x1303: {sha256.New, 32, newChaCha20Poly1305},
	0x1304: {sha256.New, 16, newCCM(16)},
	0x1305: {sha256.New, 16, newCCM(8)},
}

func newGCM(key []byte) (opener, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func newChaCha20Poly1305(key []byte) (opener, error) { return chacha20poly1305.New(key) }

func newCCM(tag int) func(key []byte) (opener, error) {
	return func(key []byte) (opener, error) {
		block, err := aes.NewCipher(key)
		return &ccm{block: block, tag: tag}, err
	}
}

// serverHandshakeSecret is server_handshake_traffic_secret of RFC 8446 §7.1,
// without a pre-shared key: shared is what the key shares agreed on, transcript
// the hash of everything from ClientHello to ServerHello.
func (s suite13) serverHandshakeSecret(shared, transcript []byte) ([]byte, error) {
	handshake, err := s.handshakeSecret(shared)
	if err != nil {
		return nil, err
	}
	return s.serverTraffic(handshake, transcript)
}

// handshakeSecret is Handshake Secret of RFC 8446 §7.1.
func (s suite13) handshakeSecret(shared []byte) ([]byte, error) {
	zeros := make([]byte, s.hash().Size())
	early, err := hkdf.Extract(s.hash, zeros, nil)
	if err != nil {
		return nil, err
	}
	derived, err := s.expandLabel(early, "derived", s.hash().Sum(nil), len(zeros))
	if err != nil {
		return nil, err
	}
	return hkdf.Extract(s.hash, shared, derived)
}

// serverTraffic and clientTraffic are the traffic secrets of the handshake, RFC
// 8446 §7.1.
func (s suite13) serverTraffic(handshake, transcript []byte) ([]byte, error) {
	return s.expandLabel(handshake, "s hs traffic", transcript, len(transcript))
}

func (s suite13) clientTraffic(handshake, transcript []byte) ([]byte, error) {
	return s.expandLabel(handshake, "c hs traffic", transcript, len(transcript))
}

// expandLabel is HKDF-Expand-Label of RFC 8446 §7.1.
func (s suite13) expandLabel(secret []byte, label string, context []byte, length int) ([]byte, error) {
	var info cryptobyte.Builder
	info.AddUint16(uint16(length))
	info.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte("tls13 " + label)) })
	info.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(context) })
	return hkdf.Expand(s.hash, secret, string(info.BytesOrPanic()), length)
}

// recordOpener decrypts the records of one traffic secret.
type recordOpener struct {
	aead     opener
	iv       []byte
	sequence uint64
}

// newRecordOpener makes the traffic keys of RFC 8446 §7.3.
func (s suite13) newRecordOpener(secret []byte) (*recordOpener, error) {
	const ivSize = 12 // of every suite
	key, err := s.expandLabel(secret, "key", nil, s.keySize)
	if err != nil {
		return nil, err
	}
	iv, err := s.expandLabel(secret, "iv", nil, ivSize)
	if err != nil {
		return nil, err
	}
	aead, err := s.aead(key)
	return &recordOpener{aead: aead, iv: iv}, err
}

// sealAlert returns the record of an alert that is the first thing said under a
// traffic secret, RFC 8446 §5.2; nil if the suite is one that only reads.
func (s suite13) sealAlert(secret []byte, level, description uint8) ([]byte, error) {
	keys, err := s.newRecordOpener(secret)
	if err != nil {
		return nil, err
	}
	aead, ok := keys.aead.(cipher.AEAD)
	if !ok {
		return nil, nil
	}
	inner := []byte{level, description, recordAlert}
	record := []byte{recordApplicationData, 3, 3, 0, uint8(len(inner) + aead.Overhead())}
	return aead.Seal(record, keys.iv, inner, record), nil
}

// open decrypts a record with its header, in place (RFC 8446 §5.2). Alerts and
// change_cipher_spec may come in clear: from a peer that got no keys, and for
// the sake of middleboxes (§D.4).
func (o *recordOpener) open(record []byte) (contentType uint8, content []byte, err error) {
	header, payload := record[:recordHeaderSize], record[recordHeaderSize:]
	switch header[0] {
	case recordAlert, recordChangeCipherSpec:
		return header[0], payload, nil
	case recordHandshake:
		return 0, nil, protocolError("a handshake record in clear after ServerHello")
	}
	var nonce [12]byte // RFC 8446 §5.3
	binary.BigEndian.PutUint64(nonce[4:], o.sequence)
	for i, b := range o.iv {
		nonce[i] ^= b
	}
	o.sequence++
	inner, err := o.aead.Open(payload[:0], nonce[:], payload, header)
	if err != nil {
		return 0, nil, ErrDecrypt
	}
	for i := len(inner) - 1; i >= 0; i-- { // RFC 8446 §5.4: padding is zeros
		if inner[i] != 0 {
			return inner[i], inner[:i], nil
		}
	}
	return 0, nil, protocolError("an encrypted record that is all padding")
}
