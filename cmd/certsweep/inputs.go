package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// input is everything that targets are read from, in order: as one list, so
// that a line number means one line.
type input struct {
	io.Reader
	files []*os.File
	parts []*wholeLines // of the Reader, in order
	// countable says that it can be read twice, so that its targets may be
	// counted for a progress bar.
	countable bool
	names     []string
	targets   []string
}

// openInput opens all files before anything is dialed. A read that waits for
// a pipe ends with stop.
func openInput(stop context.Context, o *options, stdin *os.File, stdinIsTerminal bool) (*input, error) {
	in := &input{targets: o.targets, countable: true}
	names := o.files
	if len(names) == 0 && o.readsStdin(stdinIsTerminal) {
		names = []string{"-"}
	}
	if len(names) == 0 && len(o.targets) == 0 {
		return nil, usageError("no targets: name a FILE, pipe a list into standard input, or use --target\nsee certsweep --help")
	}
	in.add("", in.targetLines())
	for _, name := range names {
		file := stdin
		if name != "-" {
			var err error
			if file, err = await(stop, func() (*os.File, error) { return os.Open(name) }); err != nil {
				in.Close()
				return nil, stoppedOr(stop, &exitError{exitUsage, err})
			}
			in.files = append(in.files, file)
		}
		info, err := file.Stat()
		if err == nil && info.IsDir() {
			err = &fs.PathError{Op: "read", Path: name, Err: errors.New("is a directory")}
		}
		if err != nil {
			in.Close()
			return nil, &exitError{exitUsage, err}
		}
		var r io.Reader = file
		if !info.Mode().IsRegular() || name == "-" {
			in.countable = false
			r = interruptible(stop, file)
		}
		in.add(name, r)
	}
	in.names = names
	in.join()
	return in, nil
}

func (in *input) add(name string, r io.Reader) {
	in.parts = append(in.parts, &wholeLines{name: name, r: r})
}

func (in *input) join() {
	var readers []io.Reader
	for _, part := range in.parts {
		readers = append(readers, part)
	}
	in.Reader = io.MultiReader(readers...)
}

// locate returns the name of the file that a line is in, "" for --target and
// "-" for standard input, and the line's number there. The line must have been
// read.
func (in *input) locate(line int) (name string, number int) {
	for _, part := range in.parts {
		if line <= part.lines {
			return part.name, line
		}
		line -= part.lines
	}
	return "", 0
}

func (in *input) targetLines() io.Reader {
	if len(in.targets) == 0 {
		return strings.NewReader("")
	}
	return strings.NewReader(strings.Join(in.targets, "\n") + "\n")
}

// again returns a second reader of the same list.
func (in *input) again() (io.ReadCloser, error) {
	second := &input{}
	second.add("", in.targetLines())
	for _, name := range in.names {
		file, err := os.Open(name)
		if err != nil {
			second.Close()
			return nil, err
		}
		second.files = append(second.files, file)
		second.add(name, file)
	}
	second.join()
	return second, nil
}

func (in *input) Close() error {
	for _, f := range in.files {
		f.Close()
	}
	return nil
}

// wholeLines ends a last line that has no end of its own, so that it does not
// run on into the next file.
type wholeLines struct {
	name  string
	r     io.Reader
	lines int  // that were read
	open  bool // the last byte read was not a line's end
	begun bool
}

// foreign says what a file is that begins like this and is no list as it stands.
func foreign(first []byte) string {
	for _, known := range []struct{ magic, what string }{
		{"\x1f\x8b", "compressed with gzip: decompress it (zcat)"},
		{"\x28\xb5\x2f\xfd", "compressed with zstd: decompress it (zstdcat)"},
		{"BZh", "compressed with bzip2: decompress it (bzcat)"},
		{"\xfd7zXZ", "compressed with xz: decompress it (xzcat)"},
		{"PK\x03\x04", "a zip archive: take the list out of it (unzip -p)"},
		{"\xff\xfe", "UTF-16: convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)"},
		{"\xfe\xff", "UTF-16: convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)"},
	} {
		if strings.HasPrefix(string(first), known.magic) {
			return known.what
		}
	}
	return ""
}

func (w *wholeLines) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if n > 0 && !w.begun {
		w.begun = true
		if what := foreign(p[:n]); what != "" {
			return 0, fmt.Errorf("%s is %s", w.name, what)
		}
	}
	if n > 0 {
		w.open = p[n-1] != '\n'
		w.lines += bytes.Count(p[:n], []byte{'\n'})
	}
	if n == 0 && err == io.EOF && w.open && len(p) > 0 {
		w.open = false
		w.lines++
		p[0] = '\n'
		return 1, nil
	}
	if n > 0 && err == io.EOF {
		// The end comes again with the next read.
		err = nil
	}
	return n, err
}

// interruptible returns a reader of r that ends when ctx is done, even while r
// blocks. The goroutine that is left in r's Read ends with the process.
func interruptible(ctx context.Context, r io.Reader) io.Reader {
	pr, pw := io.Pipe()
	context.AfterFunc(ctx, func() { pw.Close() })
	go func() {
		_, err := io.Copy(pw, r)
		pw.CloseWithError(err)
	}()
	return pr
}

// await calls open, which may block, as on a pipe that nobody opens at the other
// end, until ctx is done. What is left of the call then ends with the process.
func await[T any](ctx context.Context, open func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := open()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

// stoppedOr returns why ctx is done, or err if it is not.
func stoppedOr(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}
