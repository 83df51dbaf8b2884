//go:build unix

package reach

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"certsweep/dialer"
	"certsweep/dialer/dialertest"
)

// realName is the name that the servers' certificates are for.
const realName = "starttls.test"

// realServer is a server of Debian's that the test starts for itself.
type realServer struct {
	name     string
	programs []string // all must exist
	users    []string // all must exist
	version  []string // a command that says which version it is
	// protocols each get a port, in their order.
	protocols []dialer.Protocol
	// start writes the configuration and returns the command that serves in
	// the foreground.
	start func(t *testing.T, h *home) *exec.Cmd
}

// home is what a server gets: a directory that every user may enter, with a
// certificate of its own, and ports of 127.0.0.1.
type home struct {
	dir   string
	ports []int
	leaf  []byte
	plain bool // the server has no TLS
}

func (h *home) path(name string) string { return filepath.Join(h.dir, name) }

// port returns the i-th port as text.
func (h *home) port(i int) string { return strconv.Itoa(h.ports[i]) }

// url returns the address of the first port.
func (h *home) url(scheme string) string { return scheme + "://127.0.0.1:" + h.port(0) }

// config writes a file; {dir}, {name} and {port0}, {port1}, … stand for what
// the home has. A line that begins with {tls} is for a server with TLS only.
func (h *home) config(t *testing.T, name, text string) string {
	t.Helper()
	replace := []string{"{dir}", h.dir, "{name}", realName}
	for i, p := range h.ports {
		replace = append(replace, fmt.Sprintf("{port%d}", i), strconv.Itoa(p))
	}
	var kept strings.Builder
	for line := range strings.Lines(text) {
		rest, onlyTLS := strings.CutPrefix(line, "{tls}")
		if !onlyTLS || !h.plain {
			kept.WriteString(rest)
		}
	}
	h.write(t, name, []byte(strings.NewReplacer(replace...).Replace(kept.String())), 0o644)
	return h.path(name)
}

func (h *home) write(t *testing.T, name string, content []byte, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(h.path(name), content, mode); err != nil {
		t.Fatal(err)
	}
}

func (h *home) mkdir(t *testing.T, name, owner string) string {
	t.Helper()
	if err := os.Mkdir(h.path(name), 0o755); err != nil {
		t.Fatal(err)
	}
	h.give(t, name, owner)
	return h.path(name)
}

// give makes a file a user's own.
func (h *home) give(t *testing.T, name, owner string) {
	t.Helper()
	c := credential(t, owner)
	if err := os.Chown(h.path(name), int(c.Uid), int(c.Gid)); err != nil {
		t.Fatal(err)
	}
}

func newHome(t *testing.T, ports int) *home {
	t.Helper()
	// Not t.TempDir, which other users may not enter.
	dir, err := os.MkdirTemp("", "starttls")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	h := &home{dir: dir, ports: freePorts(t, ports)}
	// A chain of two proves that a server's certificate is not one that its
	// package brought along.
	cert := dialertest.NewCA("Real Servers", dialertest.RSA2048).Issue(dialertest.Leaf{DNSNames: []string{realName}, Key: dialertest.RSA2048})
	h.leaf = cert.Certificate[0]
	chain, key := dialertest.PEM(cert)
	h.write(t, "cert.pem", chain, 0o644)
	h.write(t, "key.pem", key, 0o600)
	return h
}

// freePorts returns different ports that were free a moment ago. They are below
// those that Linux gives to outgoing connections, which could take one before
// the server does.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for range 1000 {
		if len(ports) == n {
			return ports
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(12000)))
		if err != nil {
			continue
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	t.Fatal("no free ports")
	return nil
}

func credential(t *testing.T, name string) *syscall.Credential {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32)
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// startDaemon starts a server in a process group of its own and ends the
// group when the test does. The channel is closed when the server ends.
func startDaemon(t *testing.T, h *home, cmd *exec.Cmd) <-chan struct{} {
	t.Helper()
	log, err := os.OpenFile(h.path("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, h.dir
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	cmd.SysProcAttr.Setpgid = true
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		cmd.Wait()
	}()
	t.Cleanup(func() {
		if t.Failed() {
			said, _ := os.ReadFile(h.path("log"))
			t.Logf("the server's log:\n%s", said)
		}
		syscall.Kill(cmd.Process.Pid, syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(3 * time.Second):
		}
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
	})
	return ended
}

// waitForPort returns when something takes connections on the port.
func waitForPort(ctx context.Context, t *testing.T, port int, ended <-chan struct{}) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			conn.Close()
			return
		}
		select {
		case <-tick.C:
		case <-ended:
			t.Fatal("the server ended before it listened")
		case <-ctx.Done():
			t.Fatalf("nothing listens on port %d: %v", port, err)
		}
	}
}

// skipWithout skips the test where the server is not installed.
func (s *realServer) skipWithout(t *testing.T) {
	t.Helper()
	for _, program := range s.programs {
		if found, _ := filepath.Glob(program); len(found) == 0 {
			t.Skipf("%s is not installed: no %s", s.name, program)
		}
	}
	for _, name := range s.users {
		if _, err := user.Lookup(name); err != nil {
			t.Skipf("%s is not installed: %v", s.name, err)
		}
	}
	if os.Geteuid() != 0 {
		t.Skipf("%s: only root may start it as its own user", s.name)
	}
}

// TestRealStartTLS probes servers of every protocol that Debian has one for,
// once with TLS and once without.
func TestRealStartTLS(t *testing.T) {
	if testing.Short() {
		t.Skip("starts twenty servers")
	}
	for _, s := range startTLSServers {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.skipWithout(t)
			version, _ := exec.Command(s.version[0], s.version[1:]...).CombinedOutput()
			t.Log(firstLine(version))
			t.Run("tls", func(t *testing.T) { s.probe(t, false) })
			t.Run("plain", func(t *testing.T) { s.probe(t, true) })
		})
	}
}

func (s *realServer) probe(t *testing.T, plain bool) {
	h := newHome(t, len(s.protocols))
	h.plain = plain
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ended := startDaemon(t, h, s.start(t, h))
	for i, p := range s.protocols {
		waitForPort(ctx, t, h.ports[i], ended)
		e := dialer.Endpoint{Host: "127.0.0.1", Port: uint16(h.ports[i]), ServerName: realName, StartTLS: p}
		got, err := probe(new(dialer.Dialer), ctx, e)
		var failure *dialer.Error
		switch {
		case plain:
			if !errors.As(err, &failure) || failure.Code != dialer.CodeStartTLSRefused {
				t.Errorf("%s: got %v, want a refusal", p, err)
			}
			t.Logf("%s: %v", p, err)
		case err != nil:
			t.Errorf("%s: %v", p, err)
		case len(got.Certificates) == 0 || !bytes.Equal(got.Certificates[0], h.leaf):
			t.Errorf("%s: another certificate than the one configured", p)
		default:
			t.Logf("%s: %s, drained %d bytes to %s", p, tls.VersionName(got.Version), got.Drain.Bytes, got.Drain.End)
		}
	}
}

func firstLine(b []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	return line
}
