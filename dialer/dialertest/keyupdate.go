package dialertest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"net"
)

// updatesPerByte stays below the 16 records without data in a row that
// crypto/tls bears with. Many updates for each byte of data make the client
// block on its answers long before a drain's byte cap ends its reading.
const updatesPerByte = 12

// keyUpdateFlood is a server that sends KeyUpdate(update_requested) without
// end, among single bytes of data, and never reads (RFC 8446 §4.6.3). The
// client owes an answer to each, and blocks when its send buffer is full. Only
// a client that has sent its close_notify before it reads is spared: crypto/tls
// cannot answer any more, fails to change its keys, and calls the next record's
// MAC bad.
//
// crypto/tls makes the handshake; its key log gives the secret with which the
// records after it are made by hand. There are no session tickets, so that the
// first of them is the first under that secret. With a client that does not
// take AES-128-GCM the server only never closes.
func keyUpdateFlood(p *pki) func(net.Conn) {
	base := only(tls.VersionTLS13)
	base.SessionTicketsDisabled = true
	base.Certificates = []tls.Certificate{p.inter.Issue(Leaf{DNSNames: []string{"key-update-flood.test"}})}
	return func(c net.Conn) {
		config := base.Clone()
		var log bytes.Buffer
		config.KeyLogWriter = &log
		t := tls.Server(c, config)
		if t.Handshake() != nil {
			return
		}
		secret := logged(log.Bytes(), "SERVER_TRAFFIC_SECRET_0")
		if t.ConnectionState().CipherSuite != tls.TLS_AES_128_GCM_SHA256 || secret == nil {
			discard(c)
			return
		}
		w := newSealer(secret)
		for {
			var batch []byte
			for range updatesPerByte {
				batch = append(batch, w.seal(recordHandshake, message(keyUpdate, []byte{1}))...)
				w = newSealer(expandLabel(w.secret, "traffic upd", sha256.Size))
			}
			if _, err := c.Write(append(batch, w.seal(recordApplication, []byte{0})...)); err != nil {
				return
			}
		}
	}
}

// logged finds a secret in a key log (RFC 9850).
func logged(log []byte, label string) []byte {
	for line := range bytes.Lines(log) {
		fields := bytes.Fields(line)
		if len(fields) == 3 && string(fields[0]) == label {
			secret, _ := hex.DecodeString(string(fields[2]))
			return secret
		}
	}
	return nil
}

// sealer protects records with TLS_AES_128_GCM_SHA256 under one traffic secret
// (RFC 8446 §5.2 and §7.3).
type sealer struct {
	secret   []byte
	aead     cipher.AEAD
	iv       []byte
	sequence uint64
}

func newSealer(secret []byte) *sealer {
	block, err := aes.NewCipher(expandLabel(secret, "key", 16))
	must(err)
	aead, err := cipher.NewGCM(block)
	must(err)
	return &sealer{secret: secret, aead: aead, iv: expandLabel(secret, "iv", aead.NonceSize())}
}

func (s *sealer) seal(kind byte, payload []byte) []byte {
	nonce := bytes.Clone(s.iv)
	last := nonce[len(nonce)-8:]
	binary.BigEndian.PutUint64(last, binary.BigEndian.Uint64(last)^s.sequence)
	s.sequence++
	inner := append(bytes.Clone(payload), kind)
	header := []byte{recordApplication, 3, 3}
	header = binary.BigEndian.AppendUint16(header, uint16(len(inner)+s.aead.Overhead()))
	return s.aead.Seal(header, nonce, inner, header)
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
