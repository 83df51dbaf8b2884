package scan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"certsweep/cmd/internal/process"
)

// Input is everything that targets are read from, in order: as one list, so
// that a line number means one line.
type Input struct {
	io.Reader
	files []*os.File
	parts []*wholeLines // of the Reader, in order
	// Countable says that it can be read twice, so that its targets may be
	// counted for a progress bar.
	Countable bool
	names     []string
	targets   []string
}

// OpenInput opens all files before anything is dialed. A read that waits for
// a pipe ends with stop.
func (o *Options) OpenInput(stop context.Context, stdin *os.File, stdinIsTerminal bool) (*Input, error) {
	in := &Input{targets: o.Targets, Countable: true}
	names := o.Files
	if len(names) == 0 && o.ReadsStdin(stdinIsTerminal) {
		names = []string{"-"}
	}
	if len(names) == 0 && len(o.Targets) == 0 {
		return nil, process.Usage("no targets: name a FILE, pipe a list into standard input, or use --target\nsee --help")
	}
	in.add("", in.targetLines())
	for _, name := range names {
		file := stdin
		if name != "-" {
			var err error
			if file, err = process.Await(stop, func() (*os.File, error) { return os.Open(name) }); err != nil {
				in.Close()
				return nil, process.StoppedOr(stop, process.Fail(process.StatusUsage, err))
			}
			in.files = append(in.files, file)
		}
		info, err := file.Stat()
		if err == nil && info.IsDir() {
			err = &fs.PathError{Op: "read", Path: name, Err: errors.New("is a directory")}
		}
		if err != nil {
			in.Close()
			return nil, process.Fail(process.StatusUsage, err)
		}
		var r io.Reader = file
		if !info.Mode().IsRegular() || name == "-" {
			in.Countable = false
			r = process.Interruptible(stop, file)
		}
		in.add(name, r)
	}
	in.names = names
	in.join()
	return in, nil
}

func (in *Input) add(name string, r io.Reader) {
	in.parts = append(in.parts, &wholeLines{name: name, r: r})
}

func (in *Input) join() {
	var readers []io.Reader
	for _, part := range in.parts {
		readers = append(readers, part)
	}
	in.Reader = io.MultiReader(readers...)
}

// Locate returns the name of the file that a line is in, "" for --target and
// "-" for standard input, and the line's number there. The line must have been
// read.
func (in *Input) Locate(line int) (name string, number int) {
	for _, part := range in.parts {
		if line <= part.lines {
			return part.name, line
		}
		line -= part.lines
	}
	return "", 0
}

func (in *Input) targetLines() io.Reader {
	if len(in.targets) == 0 {
		return strings.NewReader("")
	}
	return strings.NewReader(strings.Join(in.targets, "\n") + "\n")
}

// Again returns a second reader of the same list.
func (in *Input) Again() (io.ReadCloser, error) {
	second := &Input{}
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

// Close closes the files.
func (in *Input) Close() error {
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
