package main

import (
	"net"
	"strings"
	"testing"
)

// TestSource: connections come from the address, or through the interface, that is
// asked for.
func TestSource(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	from := make(chan string, 16)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			host, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
			from <- host
			conn.Close()
		}
	}()
	for source, want := range map[string]string{"127.0.0.77": "127.0.0.77", "lo": "127.0.0.1"} {
		out, err := command("-q", "--trust", "none", "--no-rescue", "--source", source, l.Addr().String()).CombinedOutput()
		if source == "lo" && strings.Contains(string(out), "operation not permitted") {
			continue // a kernel before 5.7, and no privilege
		}
		if err != nil || !strings.Contains(string(out), `"phase":"handshake"`) {
			t.Fatalf("--source %s: %v\n%s", source, err, out)
		}
		if got := <-from; got != want {
			t.Errorf("--source %s: the server saw %s", source, got)
		}
	}
}
