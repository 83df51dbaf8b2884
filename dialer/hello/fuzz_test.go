package hello

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/iotest"
)

// FuzzFetch lets a peer say anything: in clear, or encrypted under TLS 1.3. How
// the bytes are cut into reads must not change what is learnt.
func FuzzFetch(f *testing.F) {
	hello, certificate := plainServerHello(versionTLS12, 0xC02F), certificateMessage([]byte("leaf"), []byte("root"))
	flight := append(bytes.Clone(hello), certificate...)
	for _, seed := range [][]byte{
		record(recordHandshake, flight), cut(flight, 1), cut(flight, 7), cut(append(flight, message(TypeServerKeyExchange, []byte{3, 0, 23})...), 50),
		slices.Concat(record(recordAlert, []byte{1, 112}), record(recordHandshake, nil), cut(flight, 40)),
		record(recordAlert, []byte{2, 40}),
		record(recordHandshake, serverHello13(helloRetryRandom, 0x1301, map[uint16][]byte{extensionKeyShare: {0, 24}})),
		record(recordHandshake, serverHello13([32]byte{}, 0x1301, map[uint16][]byte{extensionKeyShare: append([]byte{0, 29, 0, 32}, make([]byte, 32)...)})),
		[]byte("HTTP/1.1 400 Bad Request\r\n"),
	} {
		f.Add(false, seed)
	}
	f.Add(true, slices.Concat(message(TypeEncryptedExtensions, []byte{0, 0}), message(TypeCertificateRequest, []byte{0, 0, 0}), certificate13([]byte("leaf"), []byte("root"))))
	f.Add(true, slices.Concat(message(TypeEncryptedExtensions, []byte{0, 9, 0, 16, 0, 5, 0, 3, 2, 'h', '2'}), message(TypeFinished, nil)))

	f.Fuzz(func(t *testing.T, encrypted bool, data []byte) {
		if encrypted {
			got, err := (&Client{}).Fetch(&server13{script: func(s *server13, hello []byte) {
				s.accept(0x1301, hello)
				for part := range slices.Chunk(data, maxPlaintext) {
					s.sealHandshake(part)
				}
			}})
			checkResult(t, got, err, data)
			return
		}
		for _, rung := range []Offer{Hello13(), Hello10()} {
			whole, err := fetchBytes(&Client{Offer: rung}, data)
			checkResult(t, whole, err, nil)
			pieces, pieceErr := (&Client{Offer: rung}).Fetch(&stream{r: iotest.OneByteReader(bytes.NewReader(data))})
			if whole.Version != pieces.Version || whole.CipherSuite != pieces.CipherSuite || (err == nil) != (pieceErr == nil) ||
				!slices.EqualFunc(whole.Certificates, pieces.Certificates, bytes.Equal) {
				t.Errorf("whole: %+v, %v; in pieces: %+v, %v", whole, err, pieces, pieceErr)
			}
		}
	})
}

func checkResult(t *testing.T, got Result, err error, data []byte) {
	t.Helper()
	if err == nil && (len(got.Certificates) == 0 || got.Version == 0) {
		t.Errorf("no error and %+v", got)
	}
	for _, certificate := range got.Certificates {
		if len(certificate) == 0 || data != nil && !bytes.Contains(data, certificate) {
			t.Errorf("certificate %x was not received", certificate)
		}
	}
}

// FuzzParse reads messages without the records around them.
func FuzzParse(f *testing.F) {
	f.Add(plainServerHello(versionSSL30, 0x000A)[handshakeHeaderSize:])
	f.Add(unhex(f, rfc8448ServerHello)[handshakeHeaderSize:])
	f.Add(certificateMessage([]byte("leaf"), []byte("root"))[handshakeHeaderSize:])
	f.Add(certificate13([]byte("leaf"), []byte("root"))[handshakeHeaderSize:])
	f.Add([]byte{0, 0, 0, 9, 0, 0, 1, 'c', 0, 4, 0, 18, 0, 0})
	f.Fuzz(func(t *testing.T, body []byte) {
		if hello, err := ParseServerHello(body); err == nil && (hello.Version < versionSSL30 || hello.Version > versionTLS13) {
			t.Errorf("took version %#x", hello.Version)
		}
		for _, read := range []func(*Result, []byte) error{(*Result).readCertificates, (*Result).readCertificates13} {
			result := Result{Version: versionTLS12}
			err := read(&result, body)
			checkResult(t, result, err, body)
			total := 0
			for _, certificate := range result.Certificates {
				total += len(certificate)
			}
			if total > len(body) {
				t.Errorf("%d bytes of certificates in a message of %d", total, len(body))
			}
		}
	})
}

// FuzzReader: however its bytes are cut, a reader gives the same messages, and
// the same error in the end; also of records that it decrypts.
func FuzzReader(f *testing.F) {
	flight := append(record(recordHandshake, plainServerHello(versionTLS12, 0xC02F)), record(recordHandshake, certificateMessage([]byte("leaf")))...)
	f.Add(flight, uint16(3), false)
	f.Add(append(bytes.Clone(flight), record(recordAlert, []byte{2, 40})...), uint16(9), false)
	f.Add([]byte("HTTP/1.1 400"), uint16(1), false)
	f.Add([]byte{recordHandshake, 3, 3, 0xFF, 0xFF, 0}, uint16(2), false)
	f.Add(slices.Concat(message(TypeEncryptedExtensions, []byte{0, 0}), certificate13([]byte("leaf")), message(TypeFinished, nil)), uint16(6), true)
	f.Fuzz(func(t *testing.T, data []byte, step uint16, encrypted bool) {
		var secret []byte
		if encrypted {
			secret = make([]byte, 32)
			data = sealed(t, secret, data, int(step)%100+1)
		}
		whole, wholeErr := readAll(t, secret, data, len(data))
		pieces, pieceErr := readAll(t, secret, data, int(step)+1)
		if !slices.EqualFunc(whole, pieces, bytes.Equal) {
			t.Errorf("whole %x, in pieces %x", whole, pieces)
		}
		// What is no TLS is refused at its fifth byte, and shown as far as it is
		// at hand.
		_, notTLS := errors.AsType[*NotTLSError](wholeErr)
		_, pieceNotTLS := errors.AsType[*NotTLSError](pieceErr)
		if notTLS != pieceNotTLS || !notTLS && fmt.Sprint(wholeErr) != fmt.Sprint(pieceErr) {
			t.Errorf("whole %v, in pieces %v", wholeErr, pieceErr)
		}
	})
}

// sealed encrypts data in records of some bytes each.
func sealed(t *testing.T, secret, data []byte, size int) []byte {
	t.Helper()
	var s server13
	var err error
	if s.opener, err = suites13[0x1301].newRecordOpener(secret); err != nil {
		t.Fatal(err)
	}
	for part := range slices.Chunk(data, size) {
		s.sealHandshake(part)
	}
	return s.out.Bytes()
}

// readAll feeds data in steps and returns all messages before the first error that asks for more than bytes.
func readAll(t *testing.T, secret, data []byte, step int) (messages [][]byte, err error) {
	t.Helper()
	var r Reader
	if secret != nil {
		if err := r.Decrypt(0x1301, secret); err != nil {
			t.Fatal(err)
		}
	}
	for {
		n := min(step, len(data))
		fed := r.Feed(data[:n])
		data = data[n:]
		for err = nil; err == nil; {
			var m Message
			if m, err = r.Next(); err == nil {
				messages = append(messages, bytes.Clone(m.Raw))
			}
		}
		if err != ErrMore {
			return messages, err
		}
		if fed != nil || len(data) == 0 {
			return messages, cmp.Or(fed, err)
		}
	}
}
