//go:build unix

package reach

import (
	"encoding/binary"
	"io"
	"net"
	"slices"
	"testing"

	"certsweep/dialer/dialertest"

	"golang.org/x/crypto/cryptobyte"
)

// Scripted servers: they read a ClientHello, decide, and answer with a
// ServerHello and a Certificate in clear (RFC 5246 §7.4), which is all that it
// takes to show one.

// Handshake and record types, RFC 5246 §7.4 and §6.2.1.
const (
	reachTypeServerHello = 2
	reachTypeCertificate = 11
	reachTypeDone        = 14

	reachRecordAlert     = 21
	reachRecordHandshake = 22
)

// reachHello is what a server sees of a client.
type reachHello struct {
	size       int    // of the handshake message
	version    uint16 // of the message, not of the record
	suites     []uint16
	extensions map[uint16][]byte
}

func (h *reachHello) offers(suite uint16) bool { return slices.Contains(h.suites, suite) }

// readReachHello reads one record and returns nil where it is no ClientHello.
func readReachHello(r io.Reader) *reachHello {
	var header [5]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil
	}
	payload := make([]byte, binary.BigEndian.Uint16(header[3:]))
	if _, err := io.ReadFull(r, payload); err != nil {
		return nil
	}
	h := &reachHello{size: len(payload), extensions: map[uint16][]byte{}}
	s := cryptobyte.String(payload)
	var session, suites, compression, extensions cryptobyte.String
	if !s.Skip(4) || !s.ReadUint16(&h.version) || !s.Skip(32) || !s.ReadUint8LengthPrefixed(&session) ||
		!s.ReadUint16LengthPrefixed(&suites) || !s.ReadUint8LengthPrefixed(&compression) {
		return nil
	}
	var suite, kind uint16
	for suites.ReadUint16(&suite) {
		h.suites = append(h.suites, suite)
	}
	var body cryptobyte.String
	s.ReadUint16LengthPrefixed(&extensions)
	for extensions.ReadUint16(&kind) && extensions.ReadUint16LengthPrefixed(&body) {
		h.extensions[kind] = body
	}
	return h
}

func reachAlert(version uint16, description uint8) []byte {
	return dialertest.Record(reachRecordAlert, version, []byte{2, description})
}

// reachServerHello has the extensions as they are given, or none.
func reachServerHello(version, suite uint16, extensions ...byte) []byte {
	body := binary.BigEndian.AppendUint16(nil, version)
	body = append(body, make([]byte, 32+1)...) // random, no session
	body = binary.BigEndian.AppendUint16(body, suite)
	body = append(body, 0) // no compression
	if extensions != nil {
		body = binary.BigEndian.AppendUint16(body, uint16(len(extensions)))
		body = append(body, extensions...)
	}
	return dialertest.Message(reachTypeServerHello, body)
}

func reachCertificate(chain [][]byte) []byte {
	list := []byte{}
	for _, der := range chain {
		list = append(list, dialertest.Message(0, der)[1:]...)
	}
	return dialertest.Message(reachTypeCertificate, dialertest.Message(0, list)[1:])
}

// reachFlight is ServerHello, Certificate and ServerHelloDone.
func reachFlight(version, suite uint16, chain [][]byte) []byte {
	return dialertest.Record(reachRecordHandshake, version,
		slices.Concat(reachServerHello(version, suite), reachCertificate(chain), dialertest.Message(reachTypeDone, nil)))
}

// reachScript is a case of a server that answers each ClientHello with what
// reply returns, and then half-closes. A nil reply is a reset.
func reachScript(name string, chain [][]byte, reply func(h *reachHello) []byte) reachCase {
	return reachRaw(name, chain, func(c net.Conn) {
		h := readReachHello(c)
		if h == nil {
			return
		}
		answer := reply(h)
		if answer == nil {
			reachAbort(c)
			return
		}
		c.Write(answer)
		reachFinish(c)
	})
}

// reachRaw is a case of a server with a part of its own.
func reachRaw(name string, chain [][]byte, serve func(net.Conn)) reachCase {
	return reachCase{name: name, chain: chain, start: func(t *testing.T) string {
		server := dialertest.NewRaw(serve)
		t.Cleanup(server.Close)
		return server.Addr().String()
	}}
}

// reachFinish half-closes and waits for the client's end.
func reachFinish(c net.Conn) {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
	io.Copy(io.Discard, c)
}

func reachAbort(c net.Conn) {
	if tcp, ok := c.(interface{ SetLinger(int) error }); ok {
		tcp.SetLinger(0)
	}
	c.Close()
}

// reachLeaf is an ordinary chain of two.
func reachLeaf(key dialertest.Key) [][]byte {
	return dialertest.NewCA("Reach Root", dialertest.P256).Intermediate("Reach Intermediate", dialertest.P256).
		Issue(dialertest.Leaf{DNSNames: []string{reachName}, Key: key}).Certificate
}

// reachOldSuites are suites that no server at hand has any more.
var reachOldSuites = []struct {
	name    string
	suite   uint16
	version uint16
}{
	{"SSL 3.0 RSA_EXPORT_WITH_RC4_40_MD5", 0x0003, 0x0300},
	{"SSL 3.0 RSA_WITH_RC4_128_MD5", 0x0004, 0x0300},
	{"SSL 3.0 RSA_WITH_3DES_EDE_CBC_SHA", 0x000A, 0x0300},
	{"SSL 3.0 RSA_FIPS_WITH_DES_CBC_SHA", 0xFEFE, 0x0300},
	{"SSL 3.0 RSA_FIPS_WITH_3DES_EDE_CBC_SHA", 0xFEFF, 0x0300},
	{"SSL 3.0 FORTEZZA_KEA_WITH_NULL_SHA", 0x001C, 0x0300},
	{"RSA_EXPORT_WITH_RC4_40_MD5", 0x0003, 0x0301},
	{"RSA_EXPORT_WITH_RC2_CBC_40_MD5", 0x0006, 0x0301},
	{"RSA_EXPORT_WITH_DES40_CBC_SHA", 0x0008, 0x0301},
	{"DH_DSS_EXPORT_WITH_DES40_CBC_SHA", 0x000B, 0x0301},
	{"DH_RSA_EXPORT_WITH_DES40_CBC_SHA", 0x000E, 0x0301},
	{"DHE_DSS_EXPORT_WITH_DES40_CBC_SHA", 0x0011, 0x0301},
	{"DHE_RSA_EXPORT_WITH_DES40_CBC_SHA", 0x0014, 0x0301},
	{"RSA_EXPORT1024_WITH_DES_CBC_SHA", 0x0062, 0x0301},
	{"RSA_EXPORT1024_WITH_RC4_56_SHA", 0x0064, 0x0301},
	{"DHE_DSS_EXPORT1024_WITH_DES_CBC_SHA", 0x0063, 0x0301},
	{"DHE_DSS_EXPORT1024_WITH_RC4_56_SHA", 0x0065, 0x0301},
	{"DHE_DSS_WITH_RC4_128_SHA", 0x0066, 0x0301},
	{"RSA_WITH_IDEA_CBC_SHA", 0x0007, 0x0301},
	{"RSA_WITH_DES_CBC_SHA", 0x0009, 0x0301},
	{"DH_DSS_WITH_DES_CBC_SHA", 0x000C, 0x0301},
	{"DH_RSA_WITH_3DES_EDE_CBC_SHA", 0x0010, 0x0301},
	{"RSA_WITH_SEED_CBC_SHA", 0x0096, 0x0301},
	{"DHE_RSA_WITH_SEED_CBC_SHA", 0x009A, 0x0301},
	{"GOSTR341094_WITH_28147_CNT_IMIT", 0x0080, 0x0301},
	{"GOSTR341001_WITH_28147_CNT_IMIT", 0x0081, 0x0301},
	{"GOSTR341112_256_WITH_KUZNYECHIK_CTR_OMAC", 0xC100, 0x0303},
	{"GOSTR341112_256_WITH_MAGMA_CTR_OMAC", 0xC101, 0x0303},
	{"GOSTR341112_256_WITH_28147_CNT_IMIT", 0xC102, 0x0303},
	{"GOSTR341112_256_WITH_28147_CNT_IMIT, draft", 0xFF85, 0x0303},
	{"ECC_SM4_CBC_SM3", 0xE013, 0x0303},
	{"ECDHE_SM4_CBC_SM3", 0xE011, 0x0303},
	{"ECDH_ECDSA_WITH_AES_128_CBC_SHA", 0xC004, 0x0301},
	{"ECDH_RSA_WITH_RC4_128_SHA", 0xC00C, 0x0301},
	{"ECDH_ECDSA_WITH_AES_256_GCM_SHA384", 0xC02E, 0x0303},
	{"ECDH_RSA_WITH_AES_128_CBC_SHA256", 0xC029, 0x0303},
	{"DH_RSA_WITH_AES_128_CBC_SHA", 0x0031, 0x0301},
	{"DH_DSS_WITH_AES_256_GCM_SHA384", 0x00A5, 0x0303},
	{"DH_RSA_WITH_CAMELLIA_128_CBC_SHA256", 0x00BC, 0x0303},
	{"RSA_WITH_ARIA_128_CBC_SHA256", 0xC03C, 0x0303},
	{"ECDHE_RSA_WITH_ARIA_256_CBC_SHA384", 0xC04D, 0x0303},
	{"ECDHE_ECDSA_WITH_CAMELLIA_128_GCM_SHA256", 0xC086, 0x0303},
	{"ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, draft", 0xCC13, 0x0303},
	{"ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, draft", 0xCC14, 0x0303},
	{"RSA_PSK_WITH_CAMELLIA_256_GCM_SHA384", 0xC093, 0x0303},
	{"RSA_WITH_SALSA20_SHA1, draft", 0xE411, 0x0303},
	{"RSA_WITH_ESTREAM_SALSA20_SHA1, draft", 0xE410, 0x0303},
	{"SM4_GCM_SM3 under TLS 1.3", 0x00C6, 0x0303},
	{"GOSTR341112_256_WITH_KUZNYECHIK_MGM_L under TLS 1.3", 0xC103, 0x0303},
	{"KRB5_WITH_RC4_128_SHA", 0x0020, 0x0301},
	{"DH_anon_EXPORT_WITH_RC4_40_MD5", 0x0017, 0x0301},
	{"PSK_WITH_AES_128_CBC_SHA", 0x008C, 0x0301},
	{"SRP_SHA_RSA_WITH_AES_128_CBC_SHA", 0xC01E, 0x0301},
}

// reachScripted are servers with a suite that is out of use, and servers whose
// messages have another form than crypto/tls likes.
func reachScripted(*testing.T) (cases []reachCase) {
	chain := reachLeaf(dialertest.RSA2048)
	for _, s := range reachOldSuites {
		cases = append(cases, reachScript(s.name, chain, func(h *reachHello) []byte {
			if !h.offers(s.suite) {
				return reachAlert(s.version, 40) // handshake_failure
			}
			return reachFlight(s.version, s.suite, chain)
		}))
	}
	return append(cases, reachForms(chain)...)
}
