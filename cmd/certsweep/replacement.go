package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"

	"certsweep/cmd/internal/files"
)

// replacement is a file that appears under its name whole or not at all, as readers
// that look at any time need it: node_exporter reads what it finds. It is an
// [io.Writer]; end it with Commit or Abort. It is not safe for use by several
// goroutines.
type replacement struct {
	file   *os.File
	target string // where Commit renames it to; "" for what is not a regular file
}

// Write writes to the file that is not there yet.
func (f *replacement) Write(p []byte) (int, error) { return f.file.Write(p) }

// replaceFile begins a file with a temporary one in the same directory, whose
// name begins with a dot and ends in .tmp, so that no pattern like *.prom
// matches it. Where the name is a symbolic link, the file that it leads to is
// replaced. A name that exists and is not a regular file, such as /dev/stdout or a
// pipe, is written to directly.
func replaceFile(name string) (*replacement, error) {
	if resolved, err := filepath.EvalSymlinks(name); err == nil {
		name = resolved
	}
	var mode fs.FileMode // of what is replaced
	switch info, err := os.Stat(name); {
	case err == nil && !info.Mode().IsRegular():
		file, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return nil, err
		}
		return &replacement{file: file}, nil
	case err == nil:
		mode = info.Mode().Perm()
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	file, err := createTemporary(name)
	if err != nil {
		return nil, err
	}
	if mode != 0 {
		if err := file.Chmod(mode); err != nil {
			file.Close()
			os.Remove(file.Name())
			return nil, err
		}
	}
	return &replacement{file: file, target: name}, nil
}

// createTemporary creates a file beside name with the permissions that the umask
// leaves, which os.CreateTemp does not: readers such as node_exporter are other
// users.
func createTemporary(name string) (*os.File, error) {
	for {
		temporary := filepath.Join(filepath.Dir(name), fmt.Sprintf(".%s.%08x.tmp", filepath.Base(name), rand.Uint32()))
		file, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if failed, ok := errors.AsType[*fs.PathError](err); ok {
			failed.Path = name // nobody asked for the temporary one
		}
		return file, err
	}
}

// Commit makes the file appear under its name, on the disk before it does so. On
// an error what was there before stays.
func (f *replacement) Commit() error {
	if f.target == "" {
		return f.file.Close()
	}
	err := f.file.Sync()
	if closed := f.file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = files.Replace(f.file.Name(), f.target)
	}
	if err != nil {
		os.Remove(f.file.Name())
	}
	return err
}

// Abort gives the file up; what was there before stays. After Commit it does
// nothing, so that it can be deferred.
func (f *replacement) Abort() {
	f.file.Close()
	if f.target != "" {
		os.Remove(f.file.Name())
	}
}
