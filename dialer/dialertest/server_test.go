package dialertest_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"certsweep/dialer/dialertest"
)

func newServer(t *testing.T) (*dialertest.Server, *tls.Config) {
	t.Helper()
	ca := dialertest.NewCA("Test Root", dialertest.P256)
	s := dialertest.NewTLS(&tls.Config{Certificates: []tls.Certificate{ca.Issue(dialertest.Leaf{DNSNames: []string{"a.test"}})}})
	t.Cleanup(s.Close)
	return s, &tls.Config{ServerName: "a.test", RootCAs: ca.Pool()}
}

func wait(t *testing.T, s *dialertest.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := s.Wait(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestResets(t *testing.T) {
	for _, test := range []struct {
		name  string
		leave func(*tls.Conn)
		want  int64
	}{
		{"goodbye", func(c *tls.Conn) {
			c.CloseWrite()
			io.Copy(io.Discard, c)
			c.NetConn().Close()
		}, 0},
		{"linger 0", func(c *tls.Conn) {
			c.NetConn().(*net.TCPConn).SetLinger(0)
			c.NetConn().Close()
		}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, config := newServer(t)
			const conns = 5
			for range conns {
				c, err := tls.Dial("tcp", s.Addr().String(), config)
				if err != nil {
					t.Fatal(err)
				}
				test.leave(c)
			}
			wait(t, s)
			if s.Accepted() != conns || s.Resets() != test.want*conns {
				t.Errorf("%d accepted, %d resets; want %d, %d", s.Accepted(), s.Resets(), conns, test.want*conns)
			}
		})
	}
}

func TestCloseCutsConnections(t *testing.T) {
	s, config := newServer(t)
	c, err := tls.Dial("tcp", s.Addr().String(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer c.NetConn().Close()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Wait(canceled); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait with an open connection: %v", err)
	}
	s.Close()
	s.Close()
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("read from a closed server")
	}
	wait(t, s)
	if c, err := net.Dial("tcp", s.Addr().String()); err == nil {
		c.Close()
		t.Error("dialed a closed server")
	}
}

func TestListen(t *testing.T) {
	for _, address := range []string{"127.0.0.2:0", "[::1]:0"} {
		s, err := dialertest.Listen(address, func(c net.Conn) { io.WriteString(c, "hello") })
		if err != nil {
			t.Logf("%s: %v", address, err) // a machine without IPv6
			continue
		}
		defer s.Close()
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if got, err := io.ReadAll(c); string(got) != "hello" || err != nil {
			t.Errorf("%s: %q, %v", address, got, err)
		}
	}
	if s, err := dialertest.Listen("192.0.2.1:0", nil); err == nil {
		s.Close()
		t.Error("listening on an address that is not ours")
	}
}

func TestSilent(t *testing.T) {
	s, err := dialertest.NewSilent("127.0.0.1:0", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range s.Addrs() {
		c, err := net.Dial("tcp", addr.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetReadDeadline(time.Now().Add(patience))
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%v: %v, want silence", addr, err)
		}
	}
	for s.Held() < 2 && t.Context().Err() == nil {
		runtime.Gosched() // the kernel connects before the server accepts
	}
	s.Close()
	if s, err := dialertest.NewSilent("127.0.0.1:0", "192.0.2.1:0"); err == nil {
		s.Close()
		t.Error("listening on an address that is not ours")
	}
}

func TestBulk(t *testing.T) {
	ca := dialertest.NewCA("Test Root", dialertest.P256)
	b, err := dialertest.NewBulk(ca.Intermediate("Test Intermediate", dialertest.P256), 3, 0, "127.0.0.1:0", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	shown := func(addr, name string) string {
		c, err := tls.Dial("tcp", addr, &tls.Config{ServerName: name, InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].DNSNames[0]
	}
	for _, addr := range b.Addrs() {
		for i := range 3 {
			name := b.Host(i)
			c, err := tls.Dial("tcp", addr.String(), &tls.Config{ServerName: name, RootCAs: ca.Pool()})
			if err != nil {
				t.Fatalf("%v %s: %v", addr, name, err)
			}
			c.Close()
		}
	}
	addr := b.Addrs()[0].String()
	var inTurn []string
	for _, name := range []string{"", "other.test", "000003.bulk.test", "-1.bulk.test"} {
		inTurn = append(inTurn, shown(addr, name))
	}
	if want := []string{b.Host(0), b.Host(1), b.Host(2), b.Host(0)}; !slices.Equal(inTurn, want) {
		t.Errorf("in turn: %q, want %q", inTurn, want)
	}
	if got := b.Servers()[1].Accepted(); got != 3 {
		t.Errorf("second server accepted %d, want 3", got)
	}
}

// TestKeyUpdateFlood reads without a goodbye, so that crypto/tls answers each
// update: many bytes of data show that the keys on both sides stay in step.
func TestKeyUpdateFlood(t *testing.T) {
	farm, err := dialertest.Start("key-update-flood")
	if err != nil {
		t.Fatal(err)
	}
	defer farm.Close()
	c, err := tls.Dial("tcp", farm.Endpoints[0].Addr.String(), widest())
	if err != nil {
		t.Fatal(err)
	}
	defer c.NetConn().Close()
	c.NetConn().SetDeadline(time.Now().Add(patience))
	n, err := io.Copy(io.Discard, c)
	if n < 16 || code(err) != "timeout" && code(err) != "protocol" {
		t.Errorf("read %d bytes: %v", n, err)
	}
}

func TestALPN(t *testing.T) {
	farm, err := dialertest.Start("alpn")
	if err != nil {
		t.Fatal(err)
	}
	defer farm.Close()
	config := widest()
	config.NextProtos = []string{"h2"}
	s := probe(t, farm.Endpoint("alpn"), config)
	if alertNumber(s.err) != alerts["no_application_protocol"] {
		t.Errorf("%v, want no_application_protocol", s.err)
	}
}

func TestPEM(t *testing.T) {
	ca := dialertest.NewCA("Test Root", dialertest.P256).Intermediate("Test Intermediate", dialertest.P384)
	for _, key := range []dialertest.Key{dialertest.P256, dialertest.P384, dialertest.P521, dialertest.Ed25519, dialertest.RSA2048, dialertest.RSA1024} {
		cert := ca.Issue(dialertest.Leaf{DNSNames: []string{"a.test"}, Key: key})
		read, err := tls.X509KeyPair(dialertest.PEM(cert))
		if err != nil {
			t.Errorf("key %d: %v", key, err)
			continue
		}
		if !slices.EqualFunc(read.Certificate, cert.Certificate, bytes.Equal) || len(read.Certificate) != 2 {
			t.Errorf("key %d: another chain came back", key)
		}
	}
}

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		farm, err := dialertest.Start()
		if err != nil {
			b.Fatal(err)
		}
		farm.Close()
	}
}

func BenchmarkIssueMany(b *testing.B) {
	ca := dialertest.NewCA("Test Root", dialertest.P256)
	for b.Loop() {
		ca.IssueMany(10_000, func(i int) string { return "a.test" })
	}
}
