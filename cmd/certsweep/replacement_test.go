//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// listing returns the names in a directory.
func listing(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := ""
	for _, e := range entries {
		names += e.Name() + " "
	}
	return names
}

func content(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestFileAppearsWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "certs.prom")
	for i, commit := range []bool{false, true, false, true} {
		f, err := replaceFile(name)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(f, "run %d", i)
		if matches, _ := filepath.Glob(filepath.Join(dir, "*.prom")); len(matches) > 1 {
			t.Errorf("a half-written file matches *.prom: %q", matches)
		}
		if commit {
			if err := f.Commit(); err != nil {
				t.Fatal(err)
			}
		}
		f.Abort()
		want := map[int]string{1: "run 1", 2: "run 1", 3: "run 3"}[i]
		if i == 0 {
			if got := listing(t, dir); got != "" {
				t.Errorf("an aborted file left %q", got)
			}
		} else if got := content(t, name); got != want || listing(t, dir) != "certs.prom " {
			t.Errorf("run %d: %q in %q", i, got, listing(t, dir))
		}
	}
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestFileThroughSymbolicLink(t *testing.T) {
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
	if err := os.WriteFile(real, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	f, err := replaceFile(link)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(f, "new")
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(link)
	if err != nil || info.Mode()&os.ModeSymlink == 0 || content(t, real) != "new" {
		t.Errorf("the link is %v, the file has %q", info.Mode(), content(t, real))
	}
	if info, err := os.Stat(real); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode became %v", info.Mode())
	}
}

// What is not a regular file is written to and stays what it is, as /dev/stdout
// has to. A pipe stands for all: a test that fails must not replace a device.
func TestFileOnPipe(t *testing.T) {
	name := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	// Open for both, so that neither end waits for the other.
	pipe, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	f, err := replaceFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(); err != nil {
		t.Error(err)
	}
	info, err := os.Lstat(name)
	if err != nil || info.Mode().Type() != os.ModeNamedPipe {
		t.Fatalf("the pipe became %v", info.Mode())
	}
	got := make([]byte, 1)
	if _, err := pipe.Read(got); err != nil || string(got) != "x" {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestFileInMissingDirectory(t *testing.T) {
	name := filepath.Join(t.TempDir(), "missing", "file")
	if _, err := replaceFile(name); err == nil || !strings.Contains(err.Error(), name+":") {
		t.Errorf("error %v does not name %s", err, name)
	}
}
