package dialertest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"net"
	"slices"

	"golang.org/x/crypto/chacha20poly1305"
)

// Sealer protects records by hand, for what crypto/tls would not send. It is
// for one goroutine at a time.
type Sealer struct {
	// Version is tls.VersionTLS12 or tls.VersionTLS13.
	Version uint16
	// AEAD is AES-GCM under TLS 1.2, and any under TLS 1.3.
	AEAD cipher.AEAD
	// IV has 12 bytes under TLS 1.3 and, being the salt of RFC 5288 §3, 4 under
	// TLS 1.2.
	IV []byte
	// Sequence is the number of the next record.
	Sequence uint64

	suite  uint16 // of TLS 1.3
	secret []byte // of TLS 1.3; nil if it is not known
}

// Seal returns one protected record (RFC 8446 §5.2, RFC 5288 §3). The payload
// may be longer than a record may be, up to 64 KiB.
func (s *Sealer) Seal(kind uint8, payload []byte) []byte {
	sequence := binary.BigEndian.AppendUint64(nil, s.Sequence)
	s.Sequence++
	if s.Version == tls.VersionTLS13 {
		nonce := bytes.Clone(s.IV)
		for i, b := range sequence {
			nonce[len(nonce)-8+i] ^= b
		}
		inner := append(bytes.Clone(payload), kind)
		header := binary.BigEndian.AppendUint16([]byte{recordApplication, 3, 3}, uint16(len(inner)+s.AEAD.Overhead()))
		return s.AEAD.Seal(header, nonce, inner, header)
	}
	// The sequence number is the explicit part of the nonce.
	additional := binary.BigEndian.AppendUint16(append(bytes.Clone(sequence), kind, 3, 3), uint16(len(payload)))
	header := binary.BigEndian.AppendUint16([]byte{kind, 3, 3}, uint16(len(sequence)+len(payload)+s.AEAD.Overhead()))
	return s.AEAD.Seal(append(header, sequence...), slices.Concat(s.IV, sequence), payload, additional)
}

// Update goes on to the keys after a KeyUpdate (RFC 8446 §7.2). It is for the
// Sealers of [ServeSealed] under TLS 1.3.
func (s *Sealer) Update() {
	*s = *newSealer13(s.suite, expandLabel(s.secret, "traffic upd", sha256.Size))
}

// ServeSealed completes the handshake of one version, which is config's
// MinVersion, with AES-128-GCM or, under TLS 1.3, with ChaCha20-Poly1305, which
// machines without instructions for AES prefer, and then runs serve with a Sealer for what the
// server sends next. Before that it has sent nothing: there are no session
// tickets. It does nothing more if the handshake fails or the client takes neither.
func ServeSealed(c net.Conn, config *tls.Config, serve func(*Sealer)) {
	config = config.Clone()
	config.MaxVersion = config.MinVersion
	config.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	config.SessionTicketsDisabled = true
	var log bytes.Buffer
	config.KeyLogWriter = &log
	caught := &helloCatcher{Conn: c}
	t := tls.Server(caught, config)
	if t.Handshake() != nil {
		return
	}
	switch suite := t.ConnectionState().CipherSuite; {
	case suite == tls.TLS_AES_128_GCM_SHA256, suite == tls.TLS_CHACHA20_POLY1305_SHA256:
		_, secret := logged(log.Bytes(), "SERVER_TRAFFIC_SECRET_0")
		serve(newSealer13(suite, secret))
	case config.MinVersion == tls.VersionTLS12:
		client, secret := logged(log.Bytes(), "CLIENT_RANDOM")
		serve(newSealer12(secret, client, caught.random))
	}
}

// helloCatcher keeps the random of the ServerHello that passes through it.
type helloCatcher struct {
	net.Conn
	random []byte
}

func (c *helloCatcher) Write(p []byte) (int, error) {
	const random = 5 + 4 + 2 // after the headers and the version
	if c.random == nil && len(p) > random+32 {
		c.random = bytes.Clone(p[random : random+32])
	}
	return c.Conn.Write(p)
}

// logged finds a line in a key log (RFC 9850) and returns the client's random
// and the secret.
func logged(log []byte, label string) (random, secret []byte) {
	for line := range bytes.Lines(log) {
		if fields := bytes.Fields(line); len(fields) == 3 && string(fields[0]) == label {
			random, _ = hex.DecodeString(string(fields[1]))
			secret, _ = hex.DecodeString(string(fields[2]))
			return random, secret
		}
	}
	return nil, nil
}

// newSealer13 has the keys of RFC 8446 §7.3 for TLS_AES_128_GCM_SHA256 or
// TLS_CHACHA20_POLY1305_SHA256.
func newSealer13(suite uint16, secret []byte) *Sealer {
	s := &Sealer{Version: tls.VersionTLS13, IV: expandLabel(secret, "iv", 12), suite: suite, secret: secret}
	if suite == tls.TLS_CHACHA20_POLY1305_SHA256 {
		aead, err := chacha20poly1305.New(expandLabel(secret, "key", chacha20poly1305.KeySize))
		must(err)
		s.AEAD = aead
	} else {
		s.AEAD = gcm(expandLabel(secret, "key", 16))
	}
	return s
}

// newSealer12 has the server's keys of RFC 5246 §6.3 for AES-128-GCM, whose
// suites have no MAC keys. Its first record was Finished.
func newSealer12(master, client, server []byte) *Sealer {
	block := prf(master, slices.Concat([]byte("key expansion"), server, client), 2*16+2*4)
	return &Sealer{Version: tls.VersionTLS12, AEAD: gcm(block[16:32]), IV: block[36:40], Sequence: 1}
}

func gcm(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	must(err)
	aead, err := cipher.NewGCM(block)
	must(err)
	return aead
}

// expandLabel is HKDF-Expand-Label with an empty context (RFC 8446 §7.1).
func expandLabel(secret []byte, label string, length int) []byte {
	info := binary.BigEndian.AppendUint16(nil, uint16(length))
	info = append(info, byte(len("tls13 ")+len(label)))
	info = append(info, "tls13 "+label...)
	out, err := hkdf.Expand(sha256.New, secret, string(append(info, 0)), length)
	must(err)
	return out
}

// prf is P_SHA256 of RFC 5246 §5.
func prf(secret, seed []byte, length int) (out []byte) {
	mac := func(parts ...[]byte) []byte {
		h := hmac.New(sha256.New, secret)
		for _, part := range parts {
			h.Write(part)
		}
		return h.Sum(nil)
	}
	for a := mac(seed); len(out) < length; a = mac(a) {
		out = append(out, mac(a, seed)...)
	}
	return out[:length]
}
