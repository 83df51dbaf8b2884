package dialer

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"testing"

	"certsweep/dialer/dialertest"
	"certsweep/dialer/hello"
)

// firstHello reads the record of a hello.
func firstHello(c net.Conn) []byte {
	header := make([]byte, 5)
	if _, err := io.ReadFull(c, header); err != nil {
		return nil
	}
	body := make([]byte, int(header[3])<<8|int(header[4]))
	if _, err := io.ReadFull(c, body); err != nil {
		return nil
	}
	return append(header, body...)
}

// replayed is a connection whose beginning was read.
type replayed struct {
	net.Conn
	first io.Reader
}

func (c *replayed) Read(p []byte) (int, error) {
	if n, _ := c.first.Read(p); n > 0 {
		return n, nil
	}
	return c.Conn.Read(p)
}

// refusing serves TLS, but for hellos that refuse says how to answer.
func refusing(config *tls.Config, refuse func(record []byte, h *hello.ClientHello) []byte) *dialertest.Server {
	return dialertest.NewRaw(func(c net.Conn) {
		record := firstHello(c)
		if record == nil {
			return
		}
		h, err := hello.ParseClientHello(record[9:])
		if err != nil {
			return
		}
		if answer := refuse(record, &h); answer != nil {
			c.Write(answer)
			return
		}
		conn := tls.Server(&replayed{c, bytes.NewReader(record)}, config)
		if conn.Handshake() == nil {
			conn.Read(make([]byte, 1))
		}
	})
}

// TestLadder: what each rung is for.
func TestLadder(t *testing.T) {
	alert := func(n byte) []byte { return []byte{21, 3, 3, 0, 2, 2, n} }
	has := func(h *hello.ClientHello, extension uint16) bool {
		for _, e := range h.Offer.Extensions {
			if e.Type == extension {
				return true
			}
		}
		return false
	}
	for name, test := range map[string]struct {
		version    uint16 // the server's only one, 0 for any
		refuse     func(record []byte, h *hello.ClientHello) []byte
		method     Method // empty: none
		status     Code   // empty: ok
		intolerant bool
		nameless   bool
	}{
		"two segments": {0, func(record []byte, _ *hello.ClientHello) []byte {
			if len(record) > 1200 {
				return alert(alertDecodeError)
			}
			return nil
		}, MethodHandshake, "", true, false},
		"more than 150 suites, status_request": {tls.VersionTLS12, func(record []byte, h *hello.ClientHello) []byte {
			if len(h.Offer.CipherSuites) > 150 || has(h, 5) || has(h, 43) {
				return alert(alertDecodeError)
			}
			return nil
		}, MethodHello12, CodeAlert, false, false},
		"more than 150 suites, status_request, TLS 1.3 alone": {tls.VersionTLS13, func(record []byte, h *hello.ClientHello) []byte {
			if len(h.Offer.CipherSuites) > 150 || has(h, 5) {
				return alert(alertDecodeError)
			}
			return nil
		}, MethodHello13, CodeAlert, false, false},
		"255 bytes": {tls.VersionTLS12, func(record []byte, h *hello.ClientHello) []byte {
			if len(record) > 5+255 {
				return alert(alertDecodeError)
			}
			return nil
		}, MethodHello12, CodeAlert, false, false},
		"any name, by handshake_failure": {0, func(_ []byte, h *hello.ClientHello) []byte {
			if h.ServerName != "" {
				return alert(alertHandshakeFailure)
			}
			return nil
		}, MethodHandshake, "", false, true},
		"any name, by access_denied": {0, func(_ []byte, h *hello.ClientHello) []byte {
			if h.ServerName != "" {
				return alert(alertAccessDenied)
			}
			return nil
		}, MethodHandshake, "", false, true},
		"any name, silently": {0, func(_ []byte, h *hello.ClientHello) []byte {
			if h.ServerName != "" {
				return []byte{}
			}
			return nil
		}, MethodHandshake, "", false, true},
		"everything": {0, func([]byte, *hello.ClientHello) []byte { return alert(alertHandshakeFailure) }, "", CodeAlert, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			config := testConfig(test.version)
			s := refusing(config, test.refuse)
			defer s.Close()
			d := &Dialer{DrainTimeout: patience, minDrain: patience}
			h, err := probe(d, within(t, patience), endpointAt(s.Addr(), "a.test"))
			code := Code("")
			if err != nil {
				code = classify(PhaseHandshake, err).Code
			}
			if h.Method != test.method || code != test.status || h.HelloIntolerant != test.intolerant || (h.ServerName == "") != test.nameless {
				t.Errorf("method %q, %v, intolerant %v, name %q", h.Method, err, h.HelloIntolerant, h.ServerName)
			}
			if want := config.Certificates[0].Certificate[0]; test.method != "" && (len(h.Certificates) == 0 || !bytes.Equal(h.Certificates[0], want)) {
				t.Error("not the server's certificate")
			}
		})
	}
}

// TestSSL2: a server of SSL 2.0 alone answers TLS with an error of its own, and
// that hello with its certificate.
func TestSSL2(t *testing.T) {
	der := testConfig(0).Certificates[0].Certificate[0]
	s := dialertest.NewRaw(func(c net.Conn) {
		first := make([]byte, 2048)
		n, _ := c.Read(first)
		if n < 3 || first[0]&0x80 == 0 {
			c.Write([]byte{0x80, 3, 0, 0, 1})
			return
		}
		body := append([]byte{4, 0, 1, 0, 2, byte(len(der) >> 8), byte(len(der)), 0, 6, 0, 16}, der...)
		body = append(body, 1, 0, 0x80, 7, 0, 0xC0)
		body = append(body, make([]byte, 16)...)
		c.Write(append([]byte{0x80 | byte(len(body)>>8), byte(len(body))}, body...))
	})
	defer s.Close()
	h, err := probe(new(Dialer), within(t, patience), endpointAt(s.Addr(), "a.test"))
	checkFailure(t, err, PhaseHandshake, CodeBadRecord)
	if h.Method != MethodSSL2 || h.Version != 2 || h.CipherName != "SSL_CK_RC4_128_WITH_MD5" || len(h.Certificates) != 1 || !bytes.Equal(h.Certificates[0], der) {
		t.Errorf("%+v", h)
	}
	h, _ = probe(&Dialer{Config: limited(tls.VersionTLS12, 0)}, within(t, patience), endpointAt(s.Addr(), "a.test"))
	if h.Method != "" {
		t.Errorf("from TLS 1.2: %q", h.Method)
	}
}
