package hello

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"testing"
)

// ssl2Hello is a ServerHello of SSL 2.0 in its record.
func ssl2Hello(padded bool, certificate []byte, kinds ...uint32) []byte {
	body := []byte{ssl2ServerHello, 0, ssl2Certificate, 0, 2}
	body = binary.BigEndian.AppendUint16(body, uint16(len(certificate)))
	body = binary.BigEndian.AppendUint16(body, uint16(3*len(kinds)))
	body = binary.BigEndian.AppendUint16(body, 16)
	body = append(body, certificate...)
	for _, kind := range kinds {
		body = append(body, byte(kind>>16), byte(kind>>8), byte(kind))
	}
	body = append(body, make([]byte, 16)...) // connection ID
	if padded {
		return append([]byte{byte(len(body) >> 8), byte(len(body)), 0}, body...)
	}
	return append([]byte{0x80 | byte(len(body)>>8), byte(len(body))}, body...)
}

func fetchSSL2(t testing.TB, answer []byte) (Result, []string, error) {
	client, server := net.Pipe()
	go func() {
		defer server.Close()
		hello := make([]byte, 1024)
		n, err := server.Read(hello)
		if err != nil || n < 11 || int(binary.BigEndian.Uint16(hello)&0x7fff) != n-2 || hello[2] != ssl2ClientHello {
			t.Errorf("the hello is %x, %v", hello[:n], err)
		}
		server.Write(answer)
	}()
	defer client.Close()
	return FetchSSL2(client)
}

func TestFetchSSL2(t *testing.T) {
	certificate := bytes.Repeat([]byte{0x30}, 700)
	for _, padded := range []bool{false, true} {
		r, kinds, err := fetchSSL2(t, ssl2Hello(padded, certificate, 0x010080, 0x0700C0, 0x123456))
		if err != nil || r.Version != versionSSL20 || len(r.Certificates) != 1 || !bytes.Equal(r.Certificates[0], certificate) {
			t.Errorf("%+v, %v", r, err)
		}
		if want := []string{"SSL_CK_RC4_128_WITH_MD5", "SSL_CK_DES_192_EDE3_CBC_WITH_MD5", "0x123456"}; !slices.Equal(kinds, want) {
			t.Errorf("%v", kinds)
		}
	}
	if _, kinds, err := fetchSSL2(t, ssl2Hello(false, nil, 0x010080)); !errors.Is(err, ErrNoCertificate) || len(kinds) != 1 {
		t.Errorf("without a certificate: %v, %v", kinds, err)
	}
	var alert AlertError
	if _, _, err := fetchSSL2(t, []byte{21, 3, 1, 0, 2, 2, 70}); !errors.As(err, &alert) || alert != 70 {
		t.Errorf("alert: %v", err)
	}
	var broken *ProtocolError
	if _, _, err := fetchSSL2(t, []byte{0x80, 3, 0, 0, 1}); !errors.As(err, &broken) {
		t.Errorf("SSL 2.0 error: %v", err)
	}
	var notTLS *NotTLSError
	if _, _, err := fetchSSL2(t, []byte("HTTP/1.1 400 Bad Request\r\n\r\n")); !errors.As(err, &notTLS) {
		t.Errorf("HTTP: %v", err)
	}
}

func FuzzSSL2(f *testing.F) {
	f.Add(ssl2Hello(false, []byte{0x30, 0}, 0x010080))
	f.Add(ssl2Hello(true, nil))
	f.Add([]byte{21, 3, 1, 0, 2, 2, 70})
	f.Add([]byte{0x80, 3, 0, 0, 1})
	f.Fuzz(func(t *testing.T, answer []byte) {
		r, kinds, err := fetchSSL2(t, answer)
		if err == nil && (r.Version != versionSSL20 || len(r.Certificates) != 1) {
			t.Errorf("%+v %v", r, kinds)
		}
	})
}
