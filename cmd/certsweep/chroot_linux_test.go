package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"certsweep/dialer/dialertest"
)

// TestMozillaFallback: in an image that has nothing but the binary, as from scratch,
// there are no trusted roots, no /proc and no /etc. Then Mozilla's are used, which is
// said once, and a chain to another root is not trusted.
func TestMozillaFallback(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("chroot is for root")
	}
	root := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(root, "certsweep"), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath -buildvcs=false") // as TestRelease, which compiles it too
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	farm, err := dialertest.Start("good", "expired")
	if err != nil {
		t.Fatal(err)
	}
	defer farm.Close()
	run := func(args ...string) (out, said string, status int) {
		cmd := exec.Command("/certsweep", args...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
		cmd.Env, cmd.Dir = []string{"PATH=/"}, "/"
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err := cmd.Run()
		return stdout.String(), stderr.String(), exitStatus(t, err)
	}
	const note = "certsweep: this system has no trusted roots: using Mozilla's, built in (as --trust mozilla does)\n"
	targets := []string{"-t", farm.Endpoint("good").Target(), "-t", farm.Endpoint("expired").Target()}
	out, said, status := run(append([]string{"-q"}, targets...)...)
	if status != 0 || said != note || strings.Count(out, `"trusted":false`) != 2 || strings.Count(out, "unknown authority") != 2 {
		t.Errorf("status %d, said %q\n%s", status, said, out)
	}
	if out, said, status := run(append([]string{"check", "-q"}, targets...)...); status != 1 || strings.Count(said, note) != 1 {
		t.Errorf("check: status %d, said %q\n%s", status, said, out)
	}
	if _, said, status := run("-q", "--trust", "mozilla", "-t", farm.Endpoint("good").Target()); status != 0 || said != "" {
		t.Errorf("--trust mozilla: status %d, said %q", status, said)
	}
	// What the environment names is not replaced.
	os.WriteFile(filepath.Join(root, "roots.pem"), farm.RootPEM(), 0o644)
	cmd := exec.Command("/certsweep", "-q", "-t", farm.Endpoint("good").Target())
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	cmd.Env, cmd.Dir = []string{"SSL_CERT_FILE=/roots.pem"}, "/"
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte(`"trusted":true`)) || bytes.Contains(out, []byte("Mozilla")) {
		t.Errorf("roots of the environment: %v\n%s", err, out)
	}
}
