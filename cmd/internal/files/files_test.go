package files

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestLock: a file that is open twice has one lock, which ends with who took it,
// and binds neither reader nor writer.
func TestLock(t *testing.T) {
	name := filepath.Join(t.TempDir(), "records.jsonl")
	open := func() *os.File {
		file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|Append, 0o666)
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	first, second := open(), open()
	defer second.Close()
	if err := Lock(first); err != nil {
		t.Fatal(err)
	}
	if err := Lock(second); !errors.Is(err, ErrLocked) {
		t.Errorf("the second lock: %v", err)
	}
	for _, file := range []*os.File{first, second} {
		if _, err := file.Seek(0, 2); err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteString("{}\n"); err != nil {
			t.Errorf("writing beside a lock: %v", err)
		}
	}
	if text, err := os.ReadFile(name); err != nil || string(text) != "{}\n{}\n" {
		t.Errorf("reading beside a lock: %q, %v", text, err)
	}
	if err := first.Truncate(3); err != nil {
		t.Errorf("truncating a locked file: %v", err)
	}
	first.Close()
	if err := Lock(second); err != nil {
		t.Errorf("after the first was closed: %v", err)
	}
}

// TestReplace: the new file takes the place of the old one.
func TestReplace(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "new"), filepath.Join(dir, "old")
	for _, name := range []string{from, to} {
		if err := os.WriteFile(name, []byte(filepath.Base(name)), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := Replace(from, to); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(to); err != nil || string(text) != "new" {
		t.Errorf("the old name has %q, %v", text, err)
	}
	if err := Replace(from, to); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is gone: %v", err)
	}
}
