package hello

import (
	"bytes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"testing"

	"golang.org/x/crypto/cryptobyte"
)

// server13 is a connection to a TLS 1.3 server that answers each ClientHello
// with what its script says.
type server13 struct {
	net.Conn
	script     func(s *server13, hello []byte)
	hellos     int
	out        bytes.Buffer
	transcript []byte
	opener     *recordOpener
}

func (s *server13) Read(p []byte) (int, error) { return s.out.Read(p) }

func (s *server13) Write(p []byte) (int, error) {
	if p[0] == recordHandshake {
		s.hellos++
		s.script(s, p[recordHeaderSize:])
	}
	return len(p), nil
}

// helloExtension returns an extension of a ClientHello, or nil.
func helloExtension(hello []byte, want uint16) []byte {
	s := cryptobyte.String(hello)
	var sessionID, suites, compression, extensions cryptobyte.String
	s.Skip(handshakeHeaderSize + 2 + 32)
	s.ReadUint8LengthPrefixed(&sessionID)
	s.ReadUint16LengthPrefixed(&suites)
	s.ReadUint8LengthPrefixed(&compression)
	s.ReadUint16LengthPrefixed(&extensions)
	for extension, data := range eachExtension(extensions) {
		if extension == want {
			return data
		}
	}
	return nil
}

// serverHello13 builds a ServerHello of TLS 1.3, or a HelloRetryRequest.
func serverHello13(random [32]byte, suite uint16, extensions map[uint16][]byte) []byte {
	var b cryptobyte.Builder
	b.AddUint16(versionTLS12)
	b.AddBytes(random[:])
	b.AddUint8(0)
	b.AddUint16(suite)
	b.AddUint8(0)
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		addExtension(b, extensionSupportedVersions, func(b *cryptobyte.Builder) { b.AddUint16(versionTLS13) })
		for extension, data := range extensions {
			addExtension(b, extension, func(b *cryptobyte.Builder) { b.AddBytes(data) })
		}
	})
	return message(TypeServerHello, b.BytesOrPanic())
}

func uint16Bytes(v uint16) []byte { return binary.BigEndian.AppendUint16(nil, v) }

// retry asks for another hello.
func (s *server13) retry(suite uint16, hello []byte, extensions map[uint16][]byte) {
	request := serverHello13(helloRetryRandom, suite, extensions)
	transcript := suites13[suite].hash()
	transcript.Write(hello)
	s.transcript = append(message(254, transcript.Sum(nil)), request...)
	s.out.Write(record(recordHandshake, request))
}

// accept answers with a ServerHello in X25519 and derives the keys.
func (s *server13) accept(suite uint16, hello []byte) {
	shares := cryptobyte.String(helloExtension(hello, extensionKeyShare))
	var list, share cryptobyte.String
	var group uint16
	shares.ReadUint16LengthPrefixed(&list)
	for list.ReadUint16(&group) && list.ReadUint16LengthPrefixed(&share) && group != groupX25519 {
	}
	ours, err := newKeyShare(groupX25519)
	if err != nil {
		panic(err)
	}
	answer := serverHello13([32]byte{}, suite, map[uint16][]byte{
		extensionKeyShare: slices.Concat(uint16Bytes(groupX25519), uint16Bytes(uint16(len(ours.public))), ours.public),
	})
	s.out.Write(record(recordHandshake, answer))
	shared, err := ours.agree(share)
	if err != nil {
		panic(err)
	}
	transcript := suites13[suite].hash()
	transcript.Write(slices.Concat(s.transcript, hello, answer))
	secret, err := suites13[suite].serverHandshakeSecret(shared, transcript.Sum(nil))
	if err != nil {
		panic(err)
	}
	if s.opener, err = suites13[suite].newRecordOpener(secret); err != nil {
		panic(err)
	}
}

// seal sends an encrypted record, whose content ends in its type and padding.
func (s *server13) seal(inner ...byte) {
	aead := s.opener.aead.(cipher.AEAD)
	header := append([]byte{recordApplicationData, 3, 3}, uint16Bytes(uint16(len(inner)+aead.Overhead()))...)
	nonce := bytes.Clone(s.opener.iv)
	for i, b := range binary.BigEndian.AppendUint64(nil, s.opener.sequence) {
		nonce[4+i] ^= b
	}
	s.opener.sequence++
	s.out.Write(aead.Seal(header, nonce, inner, header))
}

func (s *server13) sealHandshake(messages ...[]byte) {
	s.seal(append(slices.Concat(messages...), recordHandshake)...)
}

// certificate13 is a Certificate message of TLS 1.3 without extensions.
func certificate13(chain ...[]byte) []byte {
	var list []byte
	for _, certificate := range chain {
		list = append(append(list, message(0, certificate)[1:]...), 0, 0)
	}
	return message(TypeCertificate, append([]byte{0}, message(0, list)[1:]...))
}

func TestFetchScripted13(t *testing.T) {
	t.Parallel()
	leaf := []byte("leaf")
	flight := slices.Concat(message(TypeEncryptedExtensions, []byte{0, 0}), certificate13(leaf))
	good := func(t *testing.T, err error) { t.Error(err) }
	protocol := func(t *testing.T, err error) { wantProtocolError(t, err) }
	is := func(target error) func(*testing.T, error) {
		return func(t *testing.T, err error) {
			if !errors.Is(err, target) {
				t.Errorf("got %v, want %v", err, target)
			}
		}
	}
	for name, test := range map[string]struct {
		script func(s *server13, hello []byte)
		want   func(*testing.T, error) // good: the leaf is there
	}{
		"one-byte records": {func(s *server13, hello []byte) {
			s.accept(0x1301, hello)
			for _, b := range flight {
				s.seal(b, recordHandshake)
			}
		}, good},
		"padding": {func(s *server13, hello []byte) {
			s.accept(0x1303, hello)
			s.seal(append(append(bytes.Clone(flight), recordHandshake), make([]byte, 1000)...)...)
		}, good},
		"change_cipher_spec in between": {func(s *server13, hello []byte) {
			s.accept(0x1302, hello)
			s.out.Write(record(recordChangeCipherSpec, []byte{1}))
			s.sealHandshake(flight)
		}, good},
		"cookie, then another hello": {func(s *server13, hello []byte) {
			if s.hellos == 1 {
				s.retry(0x1302, hello, map[uint16][]byte{extensionCookie: append([]byte{0, 3}, "abc"...)})
			} else if cookie := helloExtension(hello, extensionCookie); string(cookie) == "\x00\x03abc" {
				s.accept(0x1302, hello)
				s.sealHandshake(flight)
			}
		}, good},
		"retry for ever": {func(s *server13, hello []byte) {
			groups := []uint16{groupP384, groupP521, groupX448}
			s.retry(0x1301, hello, map[uint16][]byte{extensionKeyShare: uint16Bytes(groups[s.hellos%3])})
		}, protocol},
		"retry for a share that was sent": {func(s *server13, hello []byte) {
			s.retry(0x1301, hello, map[uint16][]byte{extensionKeyShare: uint16Bytes(groupX25519)})
		}, protocol},
		"retry for nothing": {func(s *server13, hello []byte) { s.retry(0x1301, hello, nil) }, protocol},
		"retry for what was not offered": {func(s *server13, hello []byte) {
			s.retry(0x1301, hello, map[uint16][]byte{extensionKeyShare: uint16Bytes(31)})
		}, protocol},
		"retry, then another suite": {func(s *server13, hello []byte) {
			if s.hellos == 1 {
				s.retry(0x1301, hello, map[uint16][]byte{extensionCookie: {0, 1, 'a'}})
			} else {
				s.accept(0x1303, hello)
			}
		}, protocol},
		"suite that was not offered": {func(s *server13, hello []byte) {
			s.out.Write(record(recordHandshake, serverHello13([32]byte{}, 0x00C6, nil)))
		}, protocol},
		"no key share": {func(s *server13, hello []byte) {
			s.out.Write(record(recordHandshake, serverHello13([32]byte{}, 0x1301, nil)))
		}, protocol},
		"share of low order": {func(s *server13, hello []byte) {
			share := append(append(uint16Bytes(groupX25519), 0, 32), make([]byte, 32)...)
			s.out.Write(record(recordHandshake, serverHello13([32]byte{}, 0x1301, map[uint16][]byte{extensionKeyShare: share})))
		}, protocol},
		"forged record": {func(s *server13, hello []byte) {
			s.accept(0x1301, hello)
			s.sealHandshake(flight)
			s.out.Bytes()[s.out.Len()-1] ^= 1
		}, protocol},
		"flight in clear": {func(s *server13, hello []byte) {
			s.accept(0x1301, hello)
			s.out.Write(record(recordHandshake, flight))
		}, protocol},
		"flight in clear in ServerHello's record": {func(s *server13, hello []byte) {
			s.accept(0x1301, hello)
			answer := bytes.Clone(s.out.Bytes()[recordHeaderSize:])
			s.out.Reset()
			s.out.Write(record(recordHandshake, append(answer, flight...)))
		}, protocol},
		"nothing but padding": {func(s *server13, hello []byte) {
			s.accept(0x1301, hello)
			s.seal(make([]byte, 100)...)
		}, protocol},
		"application data": {func(s *server13, hello []byte) {
			s.accept(0x1301, hello)
			s.seal('x', recordApplicationData)
		}, protocol},
		"alert": {func(s *server13, hello []byte) {
			s.accept(0x1301, hello)
			s.seal(alertLevelWarning, 80, recordAlert)
		}, is(AlertError(80))},
		"alert in clear": {func(s *server13, hello []byte) {
			s.accept(0x1301, hello)
			s.out.Write(record(recordAlert, []byte{2, 40}))
		}, is(AlertError(40))},
		"empty records": {func(s *server13, hello []byte) {
			s.accept(0x1301, hello)
			for range maxUselessRecords + 1 {
				s.seal(recordHandshake)
			}
			s.sealHandshake(flight)
		}, is(ErrTooLarge)},
		"no certificate": {func(s *server13, hello []byte) {
			s.accept(0x1301, hello)
			s.sealHandshake(message(TypeEncryptedExtensions, []byte{0, 0}), message(TypeFinished, make([]byte, 32)))
		}, is(ErrNoCertificate)},
		"empty list": {func(s *server13, hello []byte) {
			s.accept(0x1301, hello)
			s.sealHandshake(certificate13())
		}, is(ErrNoCertificate)},
		"end after ServerHello": {func(s *server13, hello []byte) { s.accept(0x1301, hello) }, is(io.EOF)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := (&Client{}).Fetch(&server13{script: test.script})
			if err != nil {
				test.want(t, err)
			}
			if ok := len(got.Certificates) == 1 && bytes.Equal(got.Certificates[0], leaf); ok != (err == nil) {
				t.Errorf("got certificates %q, error %v", got.Certificates, err)
			}
			if got.Version != versionTLS13 {
				t.Errorf("version %#x is not noted", got.Version)
			}
		})
	}
}

func wantProtocolError(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[*ProtocolError](err); !ok {
		t.Errorf("got %v (%T), want a *ProtocolError", err, err)
	}
}
