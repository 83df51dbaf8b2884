package hello

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"net"
	"slices"
	"testing"
)

// tampered passes on what a server sends but for one octet, of the first
// message of a type and counted from its end, which it changes.
func tampered(t *testing.T, version uint16, flight []byte, messageType uint8, fromEnd int) []byte {
	t.Helper()
	out := bytes.Clone(flight)
	for at := 0; at+recordHeaderSize <= len(out); {
		length := int(out[at+3])<<8 | int(out[at+4])
		payload := out[at+recordHeaderSize : at+recordHeaderSize+length]
		for len(payload) >= handshakeHeaderSize && out[at] == recordHandshake {
			n := handshakeHeaderSize + (int(payload[1])<<16 | int(payload[2])<<8 | int(payload[3]))
			if payload[0] == messageType {
				payload[n-fromEnd] ^= 1
				return out
			}
			payload = payload[n:]
		}
		at += recordHeaderSize + length
	}
	t.Fatalf("version %#x: no message %d in the flight", version, messageType)
	return nil
}

func anotherKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// relay is a connection that hands what is written to a server's, and lets
// change what the server answers first.
type relay struct {
	net.Conn
	change func([]byte) []byte
	buf    []byte
}

func (r *relay) Read(p []byte) (int, error) {
	if r.buf == nil {
		flight := make([]byte, 1<<16)
		n, err := r.Conn.Read(flight)
		if err != nil {
			return 0, err
		}
		r.buf = r.change(flight[:n])
	}
	n := copy(p, r.buf)
	if r.buf = r.buf[n:]; n == 0 {
		return r.Conn.Read(p)
	}
	return n, nil
}

// TestKeyProved12: a signature over other parameters, other randoms or by
// another key proves nothing.
func TestKeyProved12(t *testing.T) {
	t.Parallel()
	mine, theirs := newCertificate(t, ecdsaKey()), newCertificate(t, anotherKey(t))
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS12} {
		for name, test := range map[string]struct {
			certificate tls.Certificate
			messageType uint8
			fromEnd     int
			want        bool
		}{
			"as it should be": {mine, 0, 0, true},
			"signature":       {mine, TypeServerKeyExchange, 1, false},
			"server's random": {mine, TypeServerHello, 0, false},
			"somebody else's": {tls.Certificate{Certificate: theirs.Certificate, PrivateKey: mine.PrivateKey}, 0, 0, false},
		} {
			config := &tls.Config{Certificates: []tls.Certificate{test.certificate}, MinVersion: version, MaxVersion: version}
			client, server := net.Pipe()
			go func() {
				defer server.Close()
				tls.Server(server, config).Handshake()
			}()
			got, err := (&Client{}).Fetch(&relay{Conn: client, change: func(flight []byte) []byte {
				switch {
				case test.messageType == TypeServerHello:
					out := bytes.Clone(flight)
					out[recordHeaderSize+handshakeHeaderSize+2] ^= 1
					return out
				case test.messageType != 0:
					return tampered(t, version, flight, test.messageType, test.fromEnd)
				}
				return flight
			}})
			client.Close()
			if err != nil || len(got.Certificates) != 1 || got.KeyProved != test.want {
				t.Errorf("%s, %s: %d certificates, key proved %t, want %t (%v)", VersionName(version), name, len(got.Certificates), got.KeyProved, test.want, err)
			}
		}
	}
}

// TestKeyProved13: nor does a CertificateVerify of TLS 1.3 by another key, over
// another transcript, or with an algorithm that is for certificates alone.
func TestKeyProved13(t *testing.T) {
	t.Parallel()
	mine, theirs := newCertificate(t, ecdsaKey()), newCertificate(t, anotherKey(t))
	sign := func(certificate tls.Certificate, context, transcript []byte) []byte {
		sum := sha256.Sum256(slices.Concat(context, transcript))
		signature, err := ecdsa.SignASN1(rand.Reader, certificate.PrivateKey.(*ecdsa.PrivateKey), sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return slices.Concat([]byte{4, 3, 0, byte(len(signature))}, signature)
	}
	leaf, transcript := mine.Certificate[0], bytes.Repeat([]byte{7}, sha256.Size)
	client := bytes.Replace(serverContext, []byte("server"), []byte("client"), 1)
	good := sign(mine, serverContext, transcript)
	for name, test := range map[string]struct {
		body []byte
		want bool
	}{
		"as it should be":    {good, true},
		"another key":        {sign(theirs, serverContext, transcript), false},
		"another transcript": {sign(mine, serverContext, transcript[1:]), false},
		"a client's":         {sign(mine, client, transcript), false},
		"trailing data":      {append(bytes.Clone(good), 0), false},
		"cut off":            {good[:len(good)-1], false},
		"SHA-1's number":     {append([]byte{2, 3}, good[2:]...), false},
		"empty":              {nil, false},
	} {
		if got := proves13(leaf, test.body, transcript); got != test.want {
			t.Errorf("%s: %t, want %t", name, got, test.want)
		}
	}
}

// FuzzProof reads what a server signs, and the key, from anywhere.
func FuzzProof(f *testing.F) {
	certificate := newCertificate(f, ecdsaKey())
	f.Add(certificate.Certificate[0], []byte{4, 3, 0, 1, 0})
	f.Add([]byte("leaf"), []byte{3, 0, 29, 1, 0, 4, 3, 0, 1, 0})
	f.Fuzz(func(t *testing.T, leaf, body []byte) {
		if proves13(leaf, body, make([]byte, crypto.SHA256.Size())) {
			t.Error("CertificateVerify is taken")
		}
		for _, suite := range []uint16{0xC02B, 0xC02F, 0x009E, 0x00A3, 0x002F} {
			for _, version := range []uint16{versionSSL30, versionTLS12} {
				if proves12(version, suite, leaf, body, make([]byte, 64)) {
					t.Error("ServerKeyExchange is taken")
				}
			}
		}
	})
}
