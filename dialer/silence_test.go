package dialer

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"certsweep/dialer/dialertest"
)

// stallingConn passes on what a server of TLS 1.2 sends, up to its Certificate
// message.
type stallingConn struct {
	net.Conn
	silent bool
}

func (c *stallingConn) Write(p []byte) (int, error) {
	for rest := p; len(rest) >= 6 && !c.silent; {
		record := rest[:5+int(binary.BigEndian.Uint16(rest[3:]))]
		rest = rest[len(record):]
		if _, err := c.Conn.Write(record); err != nil {
			return 0, err
		}
		c.silent = record[0] == 22 && record[5] == 11
	}
	return len(p), nil
}

// TestSilenceIsRescued has servers that leave a handshake of crypto/tls without an
// answer that it shows, and answer a smaller hello, or send their certificate at
// least. The failure stays the handshake's, but for a handshake that is complete
// without the post-quantum share, and the probe ends within its time.
func TestSilenceIsRescued(t *testing.T) {
	config, only13 := testConfig(tls.VersionTLS12), testConfig(tls.VersionTLS13)
	only13.Certificates = config.Certificates
	hang := func(c net.Conn) { io.Copy(io.Discard, struct{ io.Reader }{c}) }
	dropsTwoSegments := func(config *tls.Config) func(net.Conn) {
		return func(c net.Conn) {
			hello := make([]byte, 4096)
			n, _ := c.Read(hello)
			if n > 1200 {
				hang(c)
				return
			}
			tls.Server(replayConn{c, io.MultiReader(bytes.NewReader(hello[:n]), c)}, config).Handshake()
		}
	}
	for name, serve := range map[string]func(net.Conn){
		"nothing after its certificate": func(c net.Conn) {
			tls.Server(&stallingConn{Conn: c}, config).Handshake()
			hang(c)
		},
		"a hello of two segments is dropped":               dropsTwoSegments(config),
		"a hello of two segments is dropped, TLS 1.3 only": dropsTwoSegments(only13),
	} {
		t.Run(name, func(t *testing.T) {
			s := dialertest.NewRaw(serve)
			t.Cleanup(s.Close)
			const limit = 3 * time.Second
			started := time.Now()
			h, err := probe(new(Dialer), within(t, limit), endpointAt(s.Addr(), "a.test"))
			method := MethodHello12
			if h.HelloIntolerant {
				// It completes a smaller handshake.
				method = MethodHandshake
				if err != nil {
					t.Errorf("%v", err)
				}
			} else {
				checkFailure(t, err, PhaseHandshake, CodeTimeout)
			}
			if h.HelloIntolerant != strings.Contains(name, "two segments") {
				t.Errorf("intolerant of large hellos: %v", h.HelloIntolerant)
			}
			if h.Method != method || len(h.Certificates) != 1 || !bytes.Equal(h.Certificates[0], config.Certificates[0].Certificate[0]) {
				t.Errorf("method %q, %d certificates", h.Method, len(h.Certificates))
			}
			if took := time.Since(started); took > limit+limit/2 {
				t.Errorf("it took %v", took)
			}
			_, err = probe(&Dialer{NoRescue: true}, within(t, impatience), endpointAt(s.Addr(), "a.test"))
			checkFailure(t, err, PhaseHandshake, CodeTimeout)
		})
	}
}

// TestSilenceIsRescuedOnce: who never says anything is asked once more, briefly.
func TestSilenceIsRescuedOnce(t *testing.T) {
	var hellos, last atomic.Int32
	s := dialertest.NewRaw(func(c net.Conn) {
		record := firstHello(c)
		hellos.Add(1)
		last.Store(int32(len(record)))
		io.Copy(io.Discard, struct{ io.Reader }{c})
	})
	t.Cleanup(s.Close)
	d := new(Dialer)
	_, err := probe(d, within(t, impatience), endpointAt(s.Addr(), "a.test"))
	checkFailure(t, err, PhaseHandshake, CodeTimeout)
	if hellos.Load() != 2 || last.Load() > 5+255 || d.Rescues() != 1 {
		t.Errorf("%d hellos, the last of %d bytes, %d rescues", hellos.Load(), last.Load(), d.Rescues())
	}
}

// replayConn reads from elsewhere.
type replayConn struct {
	net.Conn
	in io.Reader
}

func (c replayConn) Read(p []byte) (int, error) { return c.in.Read(p) }

// TestSlowAfterItsCertificate has a server that sends its certificate, and the
// rest only when a handshake that may be rescued had no time left: it still
// completes.
func TestSlowAfterItsCertificate(t *testing.T) {
	const limit = 3 * time.Second
	config := testConfig(tls.VersionTLS13)
	s := dialertest.NewRaw(func(c net.Conn) {
		tls.Server(&lateConn{Conn: c, late: limit * 5 / 6}, config).Handshake()
		io.Copy(io.Discard, c)
	})
	t.Cleanup(s.Close)
	h, err := probe(new(Dialer), within(t, limit), endpointAt(s.Addr(), "a.test"))
	if err != nil || h.Method != MethodHandshake {
		t.Errorf("method %q, %v", h.Method, err)
	}
}

// lateConn sends the last byte of what is written late, which is within the
// server's Finished message.
type lateConn struct {
	net.Conn
	late   time.Duration
	waited bool
}

func (c *lateConn) Write(p []byte) (int, error) {
	if c.waited {
		return c.Conn.Write(p)
	}
	c.waited = true
	if n, err := c.Conn.Write(p[:len(p)-1]); err != nil {
		return n, err
	}
	time.Sleep(c.late)
	_, err := c.Conn.Write(p[len(p)-1:])
	return len(p), err
}
