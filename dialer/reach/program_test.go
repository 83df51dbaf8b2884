//go:build unix

package reach

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"certsweep/dialer/dialertest"
)

// A program from Debian's packages, run as a server on loopback.

// requireProgram returns the path of a program and skips the test where it is
// not installed.
func requireProgram(t *testing.T, name string) string {
	t.Helper()
	// Servers are not in everybody's PATH.
	for _, name := range []string{name, filepath.Join("/usr/sbin", name)} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skipf("%s is not installed", name)
	return ""
}

// startServer runs a program that listens on the port its arguments name and
// returns when it does. The port was free a moment before; a program that finds
// it taken is started again on another. The test's end stops it.
func startServer(t *testing.T, path string, args func(addr netip.AddrPort) []string) netip.AddrPort {
	t.Helper()
	var output *lockedBuffer
	for range 3 {
		addr := freePort(t)
		var exited <-chan struct{}
		if output, exited = startProcess(t, path, args(addr)...); waitListening(t, addr, exited) {
			return addr
		}
	}
	t.Fatalf("%s does not listen: %s", path, output)
	return netip.AddrPort{}
}

// freePort returns a loopback address that nothing listens on.
func freePort(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// startProcess runs a program until the test ends. The channel is closed when
// the program has exited.
func startProcess(t *testing.T, path string, args ...string) (*lockedBuffer, <-chan struct{}) {
	t.Helper()
	output := new(lockedBuffer)
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		cmd.Wait()
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-exited
		if t.Failed() {
			t.Logf("%s:\n%s", path, output)
		}
	})
	return output, exited
}

// waitListening reports true when a connection to addr succeeds, and false
// when the program has exited before.
func waitListening(t *testing.T, addr netip.AddrPort, exited <-chan struct{}) bool {
	t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	deadline := time.After(patience)
	for {
		if c, err := net.Dial("tcp", addr.String()); err == nil {
			c.Close()
			return true
		}
		select {
		case <-exited:
			return false
		case <-deadline:
			t.Errorf("nothing listens on %v after %v", addr, patience)
			return false
		case <-again.C:
		}
	}
}

// lockedBuffer holds what a program writes while the test reads it.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// writePEM writes a certificate with its chain, its key, and both in one file,
// and returns the paths.
func writePEM(t *testing.T, cert tls.Certificate) (chain, key, both string) {
	t.Helper()
	chainPEM, keyPEM := dialertest.PEM(cert)
	dir := t.TempDir()
	return writeFile(t, dir, "chain.pem", chainPEM), writeFile(t, dir, "key.pem", keyPEM),
		writeFile(t, dir, "both.pem", append(chainPEM, keyPEM...))
}

func writeFile(t *testing.T, dir, name string, text []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// relay passes connections on to a server that nobody here wrote. It stands on
// the server's side of the client's connection and reads it to its end, so its
// Resets are the resets that the client sent.
func relay(t *testing.T, to netip.AddrPort) *dialertest.Server {
	t.Helper()
	s := dialertest.NewRaw(func(client net.Conn) {
		server, err := net.Dial("tcp", to.String())
		if err != nil {
			t.Error(err)
			return
		}
		defer server.Close()
		var up sync.WaitGroup
		up.Go(func() { pass(server, client) })
		pass(client, server)
		up.Wait()
	})
	t.Cleanup(s.Close)
	return s
}

// pass copies one direction of a connection, its end included.
func pass(to, from net.Conn) {
	// The structs hide ReadFrom and WriteTo, which would pass by the
	// connection's Read and Write.
	io.Copy(struct{ io.Writer }{to}, struct{ io.Reader }{from})
	to.(interface{ CloseWrite() error }).CloseWrite()
	// A connection that cannot be written to is still read to its end.
	io.Copy(io.Discard, struct{ io.Reader }{from})
}
