package hello

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"
)

// newCertificate returns a self-signed certificate for signer.
func newCertificate(t testing.TB, signer crypto.Signer) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "hello.test"},
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: signer}
}

var ecdsaKey = sync.OnceValue(func() crypto.Signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
})

var rsaKey = sync.OnceValue(func() crypto.Signer {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// dial connects with a deadline that no test should reach.
func dial(t testing.TB, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	return conn
}

// fetchFrom runs Fetch against a crypto/tls server.
func fetchFrom(t *testing.T, c *Client, config *tls.Config) (Result, error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		tls.Server(conn, config).Handshake() // ends with the client's close
	})
	conn := dial(t, listener.Addr().String())
	result, err := c.Fetch(conn)
	conn.Close()
	listener.Close()
	served.Wait()
	return result, err
}

// stream is a connection to a peer that says what r holds and then closes.
type stream struct {
	net.Conn
	r    io.Reader
	sent bytes.Buffer
}

func (s *stream) Read(p []byte) (int, error)  { return s.r.Read(p) }
func (s *stream) Write(p []byte) (int, error) { return s.sent.Write(p) }

func fetchBytes(c *Client, peer []byte) (Result, error) {
	return c.Fetch(&stream{r: bytes.NewReader(peer)})
}

// message builds a handshake message.
func message(messageType uint8, body []byte) []byte {
	header := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	header[0] = messageType
	return append(header, body...)
}

// record builds a record in clear.
func record(contentType uint8, payload []byte) []byte {
	return plainRecord(contentType, versionTLS12, payload)
}

// cut spreads a stream of handshake messages over records of size bytes.
func cut(messages []byte, size int) (records []byte) {
	for len(messages) > 0 {
		n := min(size, len(messages))
		records = append(records, record(recordHandshake, messages[:n])...)
		messages = messages[n:]
	}
	return records
}

// plainServerHello is a ServerHello without extensions.
func plainServerHello(version, suite uint16) []byte {
	body := binary.BigEndian.AppendUint16(nil, version)
	body = append(body, make([]byte, 32+1)...)
	body = binary.BigEndian.AppendUint16(body, suite)
	return message(TypeServerHello, append(body, 0))
}

// certificateMessage is a Certificate message up to TLS 1.2.
func certificateMessage(chain ...[]byte) []byte {
	var list []byte
	for _, certificate := range chain {
		list = append(list, message(0, certificate)[1:]...)
	}
	return message(TypeCertificate, append(message(0, list)[1:4:4], list...))
}
