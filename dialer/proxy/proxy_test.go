package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		"socks5://127.0.0.1": "socks5://127.0.0.1:1080", "socks5h://u:p@proxy.test:9/": "socks5://u:p@proxy.test:9",
		"http://proxy.test:3128": "http://proxy.test:3128", "https://[::1]": "https://[::1]:443",
	} {
		if u, err := Parse(in); err != nil || strings.TrimSuffix(u.String(), "/") != want {
			t.Errorf("%s: %v, %v", in, u, err)
		}
	}
	for in, want := range map[string]string{
		"": "not a proxy", "proxy.test:3128": "not a proxy", "socks4://a": "not supported", "http://a/path": "no path", "http://:80": "no host", "http://a:99999": "not a port",
		"http://user:secret@a b": "not a proxy",
	} {
		if _, err := Parse(in); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", in, err)
		}
	}
}

// serve answers each connection, and returns the address.
func serve(t *testing.T, answer func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				answer(conn)
			}()
		}
	}()
	return l.Addr().String()
}

// says reads a request of n bytes for each answer, and gives it.
func says(answers ...string) func(net.Conn) {
	return func(conn net.Conn) {
		b := make([]byte, 512)
		for _, answer := range answers {
			if _, err := conn.Read(b); err != nil {
				return
			}
			if _, err := io.WriteString(conn, answer); err != nil {
				return
			}
		}
		_, _ = io.Copy(io.Discard, conn)
	}
}

// TestAnswers of a proxy: what each says, in one piece and byte by byte, to whom.
func TestAnswers(t *testing.T) {
	const ok = -1
	long := "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxHeader) + "\r\n\r\n"
	for _, test := range []struct {
		scheme  string
		answers []string
		want    int
	}{
		{"socks5", []string{"\x05\x00", "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"}, ok},
		{"socks5", []string{"\x05\x00", "\x05\x00\x00\x03\x04name\x00\x00"}, ok},
		{"socks5", []string{"\x05\xff"}, int(Auth)},
		{"socks5", []string{"\x05\x02", "\x01\x01"}, int(Auth)},
		{"socks5", []string{"\x05\x02", "\x01\x00", "\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00"}, int(TargetRefused)},
		{"socks5", []string{"\x05\x00", "\x05\x01\x00\x01\x00\x00\x00\x00\x00\x00"}, int(Failed)},
		{"socks5", []string{"\x05\x00", "\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00"}, int(Refused)},
		{"socks5", []string{"\x05\x00", "\x05\x03\x00\x01\x00\x00\x00\x00\x00\x00"}, int(TargetUnreachable)},
		{"socks5", []string{"\x05\x00", "\x05\x04\x00\x01\x00\x00\x00\x00\x00\x00"}, int(TargetUnreachable)},
		{"socks5", []string{"\x05\x00", "\x05\x09\x00\x01\x00\x00\x00\x00\x00\x00"}, int(Failed)},
		{"socks5", []string{"\x05\x00", "\x04"}, int(Unreachable)},
		{"socks5", []string{"HTTP/1.1 400 Bad Request\r\n\r\n"}, int(Unreachable)},
		{"socks5", nil, int(Failed)},
		{"http", []string{"HTTP/1.1 200 Connection established\r\n\r\n"}, ok},
		{"http", []string{"HTTP/1.0 200 OK\nVia: x\n\n"}, ok},
		{"http", []string{"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 5\r\n\r\nhello"}, int(Auth)},
		{"http", []string{"HTTP/1.1 403 Forbidden\r\n\r\n"}, int(Refused)},
		{"http", []string{"HTTP/1.1 503 Service Unavailable\r\n\r\n"}, int(Failed)},
		{"http", []string{"SSH-2.0-x\r\n\r\n"}, int(Unreachable)},
		{"http", []string{long}, int(Unreachable)},
		{"http", nil, int(Failed)},
	} {
		for _, piecemeal := range []bool{false, true} {
			answers := test.answers
			if piecemeal && len(answers) == 1 && len(answers[0]) < 100 {
				answers = nil
			}
			addr := serve(t, func(conn net.Conn) {
				if answers == nil && test.answers != nil {
					b := make([]byte, 512)
					conn.Read(b)
					for i := range len(test.answers[0]) {
						io.WriteString(conn, test.answers[0][i:i+1])
					}
					io.Copy(io.Discard, conn)
					return
				}
				says(answers...)(conn)
			})
			u, err := Parse(test.scheme + "://user:password@" + addr)
			if err != nil {
				t.Fatal(err)
			}
			limit := 10 * time.Second
			if test.answers == nil || test.scheme == "socks5" && len(test.answers[len(test.answers)-1]) == 1 {
				limit = 100 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(context.Background(), limit)
			conn, err := (&Dialer{URL: u}).DialContext(ctx, "tcp", "target.test:443")
			cancel()
			got := ok
			if err == nil {
				conn.Close()
			} else if e, is := errors.AsType[*Error](err); is {
				got = int(e.Kind)
			} else {
				t.Errorf("%s %q: %T %v", test.scheme, test.answers, err, err)
			}
			if test.scheme == "socks5" && len(test.answers) == 2 && len(test.answers[1]) == 1 {
				// It never says the rest: it is slow, or gone.
				if got != int(Failed) && got != int(Unreachable) {
					t.Errorf("cut off: %d, %v", got, err)
				}
				continue
			}
			if got != test.want {
				t.Errorf("%s %q: kind %d, want %d: %v", test.scheme, test.answers, got, test.want, err)
			}
		}
	}
}

// TestTunnel: bytes that a server sends at once are behind the proxy's header, and
// nothing of them is lost; over a proxy with TLS too. The proxy gets the name.
func TestTunnel(t *testing.T) {
	asked := make(chan string, 2)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.Host + " " + r.Header.Get("Proxy-Authorization")
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		rw.WriteString("HTTP/1.1 200 OK\r\n\r\n220 at once\r\n")
		rw.Flush()
		io.Copy(io.Discard, conn)
	})
	plain, secure := httptest.NewServer(handler), httptest.NewTLSServer(handler)
	defer plain.Close()
	defer secure.Close()
	for _, server := range []*httptest.Server{plain, secure} {
		u, err := Parse(strings.Replace(server.URL, "://", "://user:pass%20word@", 1))
		if err != nil {
			t.Fatal(err)
		}
		pool := (&tls.Config{}).Clone()
		if server.Certificate() != nil {
			pool = server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
			pool.ServerName = "example.com"
		}
		conn, err := (&Dialer{URL: u, TLS: pool}).DialContext(t.Context(), "tcp", "target.test:443")
		if err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || line != "220 at once\r\n" {
			t.Errorf("read %q, %v", line, err)
		}
		conn.Close()
		if got := <-asked; got != "CONNECT target.test:443 Basic dXNlcjpwYXNzIHdvcmQ=" {
			t.Errorf("the proxy was asked %q", got)
		}
	}
	// A proxy whose certificate nobody knows is none.
	u, _ := Parse(secure.URL)
	_, err := (&Dialer{URL: u}).DialContext(t.Context(), "tcp", "target.test:443")
	if e, ok := errors.AsType[*Error](err); !ok || e.Kind != Unreachable {
		t.Errorf("%v", err)
	}
}

// TestNoProxy: what is not there, and what is given up.
func TestNoProxy(t *testing.T) {
	u, _ := Parse("socks5://127.0.0.1:1")
	_, err := (&Dialer{URL: u}).DialContext(t.Context(), "tcp", "target.test:443")
	if e, ok := errors.AsType[*Error](err); !ok || e.Kind != Unreachable {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	u, _ = Parse("socks5://" + serve(t, func(conn net.Conn) { cancel(); io.Copy(io.Discard, conn) }))
	if _, err := (&Dialer{URL: u}).DialContext(ctx, "tcp", "target.test:443"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestSilentTLSProxy: a proxy that says nothing in its handshake is given up when
// the time is up, by many at once.
func TestSilentTLSProxy(t *testing.T) {
	u, err := Parse("https://" + serve(t, func(conn net.Conn) { io.Copy(io.Discard, conn) }))
	if err != nil {
		t.Fatal(err)
	}
	var dials sync.WaitGroup
	for range 200 {
		dials.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			conn, err := (&Dialer{URL: u}).DialContext(ctx, "tcp", "target.test:443")
			if e, ok := errors.AsType[*Error](err); !ok || e.Kind != Unreachable || conn != nil {
				t.Errorf("got %v, %v", conn, err)
			}
		})
	}
	dials.Wait()
}
