package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"certsweep/cmd/internal/files"
	"certsweep/cmd/internal/process"
	"certsweep/results"
)

// output is where records go.
type output struct {
	*os.File
	// regular says that it is a file of --output, which is locked, may be cut,
	// and has size bytes of whole lines.
	regular bool
	size    int64
	stdout  bool
	created bool // by this run
	// resumed is how many records were there before.
	resumed int
}

// openOutput opens where records go. A file that exists is refused without
// --resume: it may hold the results of hours.
func openOutput(o *options, stdout *os.File) (*output, error) {
	name := o.output
	if name == "" || name == "-" {
		return &output{File: stdout, stdout: true}, nil
	}
	var file *os.File
	var err error
	if o.resume {
		file, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE|files.Append, 0o666)
	} else {
		file, err = createOutput(name)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil, usageError("%s exists already: resume it (--resume), remove it, or choose another name", name)
	}
	if err != nil {
		return nil, process.Fail(process.StatusUsage, err)
	}
	info, err := file.Stat()
	if err != nil {
		return nil, process.Fail(process.StatusUsage, err)
	}
	out := &output{File: file, regular: info.Mode().IsRegular()}
	out.created = out.regular && !o.resume
	if o.resume && !out.regular {
		return nil, usageError("--resume: %s is not a regular file", name)
	}
	if out.regular && errors.Is(files.Lock(file), files.ErrLocked) {
		return nil, usageError("%s is being written by another certsweep", name)
	}
	return out, nil
}

func createOutput(name string) (*os.File, error) {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|files.Append, 0o666)
	if errors.Is(err, fs.ErrExist) {
		// A pipe or a device has nothing to lose.
		if info, statErr := os.Stat(name); statErr == nil && !info.Mode().IsRegular() {
			return os.OpenFile(name, os.O_WRONLY, 0)
		}
	}
	return file, err
}

// Write leaves whole lines in a file also where it fails half-way, as on a
// full disk.
func (o *output) Write(p []byte) (int, error) {
	n, err := o.File.Write(p)
	if err == nil || !o.regular {
		o.size += int64(n)
		return n, err
	}
	// If even that fails, --resume cuts it.
	o.cut(o.size + int64(bytes.LastIndexByte(p[:n], '\n')+1))
	return n, err
}

// cut leaves size bytes of a regular file, behind which the next record is written.
func (o *output) cut(size int64) error {
	o.size = size
	if err := o.Truncate(size); err != nil {
		return err
	}
	_, err := o.Seek(size, io.SeekStart)
	return err
}

// Close makes sure that what was written to a file is there. Standard output
// stays open.
func (o *output) Close() error {
	if o.stdout {
		return nil
	}
	err := o.intact()
	if err == nil {
		err = o.Sync()
	}
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		// Pipes, devices and some file systems cannot sync.
		err = nil
	}
	if o.created && o.size == 0 {
		// Nothing but a name that the next run would be refused for. Windows removes
		// no file that is open; elsewhere nobody else is to get it in between.
		if os.Remove(o.Name()) != nil {
			return errors.Join(err, o.File.Close(), os.Remove(o.Name()))
		}
	}
	return errors.Join(err, o.File.Close())
}

// intact reports whether what was written is still under its name: a file may be
// removed, replaced or truncated underneath.
func (o *output) intact() error {
	if !o.regular {
		return nil
	}
	info, err := o.Stat()
	if err != nil {
		return err
	}
	named, err := os.Stat(o.Name())
	if err != nil || !os.SameFile(info, named) {
		return fmt.Errorf("%s was removed or replaced while it was written", o.Name())
	}
	if info.Size() < o.size {
		return fmt.Errorf("%s was truncated while it was written: it has %d bytes instead of %d", o.Name(), info.Size(), o.size)
	}
	return nil
}

// writeFailure marks an error as one of writing records.
func writeFailure(err error) error {
	if err == nil {
		return nil
	}
	return process.Fail(process.StatusIncomplete, fmt.Errorf("writing records: %w", err))
}

// openSummary opens the file of --summary before anything is dialed; nil where
// there is none. It takes the place of an older one only when it is complete.
func openSummary(o *options) (*replacement, error) {
	if o.summary == "" {
		return nil, nil
	}
	if o.summary == "-" {
		return nil, usageError("--summary needs a file: standard output is for records")
	}
	file, err := replaceFile(o.summary)
	if err != nil {
		return nil, usageError("--summary: %w", err)
	}
	return file, nil
}

func writeSummary(file *replacement, s *results.Summary) error {
	if file == nil {
		return nil
	}
	if err := s.WriteJSON(file); err != nil {
		file.Abort()
		return err
	}
	return file.Commit()
}
