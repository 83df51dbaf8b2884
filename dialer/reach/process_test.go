//go:build unix

package reach

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"certsweep/dialer/dialertest"
)

// reachHome is a directory with the keys and certificates of real servers.
type reachHome struct {
	dir string
	mu  sync.Mutex
}

func newReachHome(t *testing.T) *reachHome { return &reachHome{dir: t.TempDir()} }

func (h *reachHome) path(name string) string { return filepath.Join(h.dir, name) }

func (h *reachHome) write(t *testing.T, name string, text []byte) string {
	t.Helper()
	if err := os.WriteFile(h.path(name), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return h.path(name)
}

// issue writes a chain of two and its key, and returns their files and the
// chain.
func (h *reachHome) issue(t *testing.T, name string, key dialertest.Key) (chainFile, keyFile string, chain [][]byte) {
	t.Helper()
	cert := dialertest.NewCA("Reach Root", key).Intermediate("Reach Intermediate", key).Issue(dialertest.Leaf{DNSNames: []string{reachName}, Key: key})
	certificates, private := dialertest.PEM(cert)
	h.write(t, name+"-both.pem", append(bytes.Clone(certificates), private...))
	return h.write(t, name+".pem", certificates), h.write(t, name+".key", private), cert.Certificate
}

// make runs a program that makes the named file, unless it is there.
func (h *reachHome) make(t *testing.T, name, program string, args ...string) string {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	file := h.path(name)
	if _, err := os.Stat(file); err == nil {
		return file
	}
	cmd := exec.Command(program, args...)
	cmd.Dir = h.dir
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, said)
	}
	return file
}

// readPEM returns the certificates of a file.
func readPEM(t *testing.T, file string) (chain [][]byte) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return chain
		}
		if block.Type == "CERTIFICATE" {
			chain = append(chain, block.Bytes)
		}
	}
}

// reachOutput is what a process has said; what is beyond its first lines is
// dropped. Its zero value is ready for use.
type reachOutput struct {
	mu    sync.Mutex
	text  bytes.Buffer
	line  string        // waited for
	found chan struct{} // closed when the line is there
}

func (o *reachOutput) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.text.Len() < 64<<10 {
		o.text.Write(p)
	}
	if o.found != nil && bytes.Contains(o.text.Bytes(), []byte(o.line)) && bytes.HasSuffix(p, []byte("\n")) {
		close(o.found)
		o.found = nil
	}
	return len(p), nil
}

func (o *reachOutput) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// reachStart runs a server until the test ends, with an open standard input.
// The channel is closed when the server has ended.
func reachStart(t *testing.T, dir string, output *reachOutput, program string, args ...string) <-chan struct{} {
	t.Helper()
	cmd := exec.Command(reachProgram(program), args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, output, output
	// A group of its own, for those that fork.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe() // s_server ends with its input
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		cmd.Wait()
	}()
	t.Cleanup(func() {
		stdin.Close()
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
		if t.Failed() {
			t.Logf("%s:\n%s", cmd, output)
		}
	})
	return ended
}

// reachListen runs a server that is told its port, and returns when it takes
// connections. args puts the port into the arguments.
func reachListen(t *testing.T, dir, program string, args func(port string) []string) string {
	t.Helper()
	port := strconv.Itoa(freePorts(t, 1)[0])
	output := new(reachOutput)
	ended := reachStart(t, dir, output, program, args(port)...)
	return reachWait(t, port, output, ended)
}

// reachWait returns the address when something takes connections there.
func reachWait(t *testing.T, port string, output *reachOutput, ended <-chan struct{}) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), reachPatience)
	defer cancel()
	addr := net.JoinHostPort("127.0.0.1", port)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
			return addr
		}
		select {
		case <-tick.C:
		case <-ended:
			t.Fatalf("the server ended before it listened:\n%s", output)
		case <-ctx.Done():
			t.Fatalf("nothing listens on %s: %v\n%s", addr, err, output)
		}
	}
}

// reachFixed is the start of a case whose server runs already.
func reachFixed(port int) func(*testing.T) string {
	return func(*testing.T) string { return fmt.Sprintf("127.0.0.1:%d", port) }
}

// reachPorts is for configurations with a port for each of several servers:
// {port0} and so on, {chain}, {key} and {both} are replaced.
func reachPorts(text string, ports []int, chain, key string) []byte {
	replace := []string{"{chain}", chain, "{key}", key, "{both}", strings.TrimSuffix(chain, ".pem") + "-both.pem", "{dir}", filepath.Dir(chain)}
	for i, port := range ports {
		replace = append(replace, fmt.Sprintf("{port%d}", i), strconv.Itoa(port))
	}
	return []byte(strings.NewReplacer(replace...).Replace(text))
}
