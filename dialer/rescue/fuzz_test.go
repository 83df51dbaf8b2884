package rescue

import (
	"bytes"
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
		record(recordHandshake, flight), cut(flight, 1), cut(flight, 7), cut(append(flight, message(typeServerKeyExchange, []byte{3, 0, 23})...), 50),
		slices.Concat(record(recordAlert, []byte{1, 112}), record(recordHandshake, nil), cut(flight, 40)),
		record(recordAlert, []byte{2, 40}),
		record(recordHandshake, serverHello13(helloRetryRandom, 0x1301, map[uint16][]byte{extensionKeyShare: {0, 24}})),
		record(recordHandshake, serverHello13([32]byte{}, 0x1301, map[uint16][]byte{extensionKeyShare: append([]byte{0, 29, 0, 32}, make([]byte, 32)...)})),
		[]byte("HTTP/1.1 400 Bad Request\r\n"),
	} {
		f.Add(false, seed)
	}
	f.Add(true, slices.Concat(message(typeEncryptedExtensions, []byte{0, 0}), message(typeCertificateRequest, []byte{0, 0, 0}), certificate13([]byte("leaf"), []byte("root"))))
	f.Add(true, slices.Concat(message(typeEncryptedExtensions, []byte{0, 9, 0, 16, 0, 5, 0, 3, 2, 'h', '2'}), message(typeFinished, nil)))

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
		for _, rung := range []Hello{Hello13, Hello10} {
			whole, err := fetchBytes(&Client{Hello: rung}, data)
			checkResult(t, whole, err, nil)
			pieces, pieceErr := (&Client{Hello: rung}).Fetch(&stream{r: iotest.OneByteReader(bytes.NewReader(data))})
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
		if hello, err := parseServerHello(body); err == nil && (hello.version < versionSSL30 || hello.version > versionTLS13) {
			t.Errorf("took version %#x", hello.version)
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
