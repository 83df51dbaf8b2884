package reach

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
	"testing"

	"certsweep/dialer/dialertest"
)

// hostileSealer protects what crypto/tls would not send: records made by hand
// after a handshake of crypto/tls, with AES-128-GCM and the secrets of its key
// log (RFC 9850).
type hostileSealer struct {
	version  uint16
	aead     cipher.AEAD
	iv       []byte // 12 bytes under TLS 1.3, 4 under 1.2
	sequence uint64
}

// seal returns one protected record.
func (s *hostileSealer) seal(kind uint8, payload []byte) []byte {
	sequence := binary.BigEndian.AppendUint64(nil, s.sequence)
	s.sequence++
	if s.version == tls.VersionTLS13 { // RFC 8446 §5.2
		nonce := bytes.Clone(s.iv)
		for i, b := range sequence {
			nonce[4+i] ^= b
		}
		inner := append(bytes.Clone(payload), kind)
		header := binary.BigEndian.AppendUint16([]byte{23, 3, 3}, uint16(len(inner)+16))
		return s.aead.Seal(header, nonce, inner, header)
	}
	// RFC 5288 §3, with the sequence number for the explicit part of the nonce.
	additional := binary.BigEndian.AppendUint16(append(bytes.Clone(sequence), kind, 3, 3), uint16(len(payload)))
	header := binary.BigEndian.AppendUint16([]byte{kind, 3, 3}, uint16(8+len(payload)+16))
	return s.aead.Seal(append(header, sequence...), slices.Concat(s.iv, sequence), payload, additional)
}

func newHostileSealer(t *testing.T, version uint16, log []byte, serverRandom []byte) *hostileSealer {
	var key, iv []byte
	for line := range bytes.Lines(log) {
		fields := bytes.Fields(line)
		random, _ := hex.DecodeString(string(fields[1]))
		secret, _ := hex.DecodeString(string(fields[2]))
		switch string(fields[0]) {
		case "SERVER_TRAFFIC_SECRET_0": // RFC 8446 §7.3
			key, iv = hostileExpand(t, secret, "key", 16), hostileExpand(t, secret, "iv", 12)
		case "CLIENT_RANDOM": // RFC 5246 §6.3; no MAC keys with an AEAD
			block := hostilePRF(secret, slices.Concat([]byte("key expansion"), serverRandom, random), 2*16+2*4)
			key, iv = block[16:32], block[36:40]
		}
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Error(err)
		return nil
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Error(err)
		return nil
	}
	s := &hostileSealer{version: version, aead: aead, iv: iv}
	if version != tls.VersionTLS13 {
		s.sequence = 1 // Finished was the first
	}
	return s
}

// hostileExpand is HKDF-Expand-Label of RFC 8446 §7.1 with an empty context.
func hostileExpand(t *testing.T, secret []byte, label string, length int) []byte {
	info := append([]byte{0, byte(length), byte(6 + len(label))}, "tls13 "+label...)
	out, err := hkdf.Expand(sha256.New, secret, string(append(info, 0)), length)
	if err != nil {
		t.Error(err)
	}
	return out
}

// hostilePRF is P_SHA256 of RFC 5246 §5.
func hostilePRF(secret, seed []byte, length int) (out []byte) {
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

// helloCatcher keeps the random of the ServerHello that passes through it.
type helloCatcher struct {
	net.Conn
	random []byte
}

func (c *helloCatcher) Write(p []byte) (int, error) {
	if c.random == nil && len(p) > 5+4+2+32 {
		c.random = bytes.Clone(p[5+4+2 : 5+4+2+32])
	}
	return c.Conn.Write(p)
}

// hostileAfter is a server's part that completes a handshake of one version
// and then sends, without end and without reading, the records that next makes.
func hostileAfter(t *testing.T, version uint16, next func(*hostileSealer) []byte) func(net.Conn) {
	cert := dialertest.SelfSigned(dialertest.Leaf{DNSNames: []string{reachName}})
	return func(c net.Conn) {
		var log bytes.Buffer
		caught := &helloCatcher{Conn: c}
		conn := tls.Server(caught, &tls.Config{
			Certificates: []tls.Certificate{cert}, MinVersion: version, MaxVersion: version, KeyLogWriter: &log, SessionTicketsDisabled: true,
			CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
		})
		if err := conn.Handshake(); err != nil {
			return
		}
		if version == tls.VersionTLS13 && conn.ConnectionState().CipherSuite != tls.TLS_AES_128_GCM_SHA256 {
			t.Error("another suite than the one whose records are made here")
			return
		}
		sealer := newHostileSealer(t, version, log.Bytes(), caught.random)
		for sealer != nil {
			if _, err := c.Write(next(sealer)); err != nil {
				return
			}
		}
	}
}
