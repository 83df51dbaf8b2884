package scan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"strings"

	"certsweep/cmd/internal/process"
	"certsweep/scanner"
	"certsweep/scanner/list"
)

// Input is everything that targets are read from, in order: as one list, so
// that a line number means one line.
type Input struct {
	format list.Format
	parts  []*part
	// Countable says that it can be read twice, so that its targets may be
	// counted for a progress bar.
	Countable bool
	// Ordered says that the order of the targets must be the same each time, also
	// if they come from a pipe.
	Ordered bool
	// Remarks are what there is to say of the lists once they were read.
	Remarks Remarks

	shuffle *scanner.Shuffle // nil for the order of the lists
	names   *scanner.Names   // that each target is asked for; nil for none
}

// part is one of the lists of an input.
type part struct {
	name   string // "" for --target, "-" for standard input
	format list.Format
	file   io.ReadCloser // for the first reading
	// open opens it for another reading; nil if there can be none.
	open  func() (io.ReadCloser, error)
	lines *list.Reader // of the reading that is going on, or was the last
}

// OpenInput opens all files before anything is dialed. A read that waits for
// a pipe ends with stop.
func (o *Options) OpenInput(stop context.Context, stdin *os.File, stdinIsTerminal bool) (*Input, error) {
	in := &Input{format: list.Format(o.InputFormat), Countable: true}
	if _, err := process.Await(stop, func() (struct{}, error) { return struct{}{}, o.readExclusions() }); err != nil {
		return nil, err
	}
	var err error
	if in.names, err = process.Await(stop, func() (*scanner.Names, error) { return o.readNames(stdin) }); err != nil {
		return nil, err
	}
	o.names = in.names
	if o.Shuffle {
		in.shuffle = &scanner.Shuffle{Seed: o.Seed, Ports: o.Ports, Names: in.names}
	}
	names := o.Files
	if len(names) == 0 && o.ReadsStdin(stdinIsTerminal) {
		names = []string{"-"}
	}
	if len(names) == 0 && len(o.Targets) == 0 {
		return nil, process.Usage("no targets: name a host or a FILE, or pipe a list into standard input\nsee --help")
	}
	if len(o.Targets) > 0 {
		in.addText("", list.Text, []byte(strings.Join(o.Targets, "\n")+"\n"))
	}
	for _, name := range names {
		if err := in.openFile(stop, name, stdin); err != nil {
			in.Close()
			return nil, process.StoppedOr(stop, process.Fail(process.StatusUsage, err))
		}
	}
	return in, nil
}

func (in *Input) openFile(stop context.Context, name string, stdin *os.File) (err error) {
	file, open := stdin, (func() (io.ReadCloser, error))(nil)
	if name != "-" {
		open = func() (io.ReadCloser, error) { return os.Open(name) }
		if file, err = process.Await(stop, func() (*os.File, error) { return os.Open(name) }); err != nil {
			return err
		}
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = &fs.PathError{Op: "read", Path: name, Err: errors.New("is a directory")}
	}
	if err != nil {
		file.Close()
		return err
	}
	p := &part{name: name, format: in.format, file: file, open: open}
	if !info.Mode().IsRegular() || name == "-" {
		in.Countable, p.open = false, nil
		p.file = readCloser{process.Interruptible(stop, file), file}
	}
	in.parts = append(in.parts, p)
	return nil
}

type readCloser struct {
	io.Reader
	io.Closer
}

// addText adds a list that is in memory.
func (in *Input) addText(name string, format list.Format, text []byte) {
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }
	file, _ := open()
	in.parts = append(in.parts, &part{name: name, format: format, file: file, open: open})
}

// lines yields the lines of all lists, numbered as those of one.
func (in *Input) lines() iter.Seq2[list.Line, error] {
	return func(yield func(list.Line, error) bool) {
		before := 0
		for _, p := range in.parts {
			p.lines = list.NewReader(p.file, p.format)
			for line, err := range p.lines.All() {
				line.Number += before
				if err != nil {
					err = fmt.Errorf("%s: %w", p.title(), err)
				}
				if !yield(line, err) {
					return
				}
			}
			before += p.lines.Lines()
		}
	}
}

// Targets yields the targets of the lists, as [Input.ReadLines] reads them.
func (in *Input) Targets() iter.Seq2[scanner.Target, error] {
	if in.shuffle != nil {
		return in.shuffle.Apply(in.ReadLines())
	}
	return in.names.Apply(scanner.Expand(in.ReadLines()), !in.Countable && !in.Ordered)
}

// Names returns the names that each target is asked for, nil for none.
func (in *Input) Names() *scanner.Names { return in.names }

// ReadLines reads the lines, and remarks upon what they say.
func (in *Input) ReadLines() iter.Seq2[scanner.Target, error] {
	return in.Remarks.of(scanner.ReadLines(in.lines(), KnownAttribute), in.Locate)
}

// Locate returns the name of the file that a line is in, "" for --target and
// "-" for standard input, and the line's number there. The line must have been
// read.
func (in *Input) Locate(line int) (name string, number int) {
	for _, p := range in.parts {
		if p.lines == nil {
			break
		}
		if line <= p.lines.Lines() {
			return p.name, line
		}
		line -= p.lines.Lines()
	}
	return "", 0
}

// title is what messages call the list.
func (p *part) title() string {
	switch p.name {
	case "":
		return "--target"
	case "-":
		return "standard input"
	}
	return p.name
}

// Again returns the same lists for another reading.
func (in *Input) Again() (*Input, error) {
	second := &Input{format: in.format, Countable: in.Countable, Ordered: in.Ordered, shuffle: in.shuffle, names: in.names}
	for _, p := range in.parts {
		file, err := p.open()
		if err != nil {
			second.Close()
			return nil, err
		}
		second.parts = append(second.parts, &part{name: p.name, format: p.format, file: file, open: p.open})
	}
	return second, nil
}

// MaxSpool bounds lists that can be read only once, such as a pipe, if they have
// to be read twice. It is some three million lines.
const MaxSpool = 64 << 20

// Spool reads into memory what could not be read twice otherwise.
func (in *Input) Spool() error {
	room := int64(MaxSpool)
	for _, p := range in.parts {
		if p.open != nil {
			continue
		}
		data, err := io.ReadAll(io.LimitReader(p.file, room+1))
		if err != nil {
			return process.Usage("reading targets: %s: %w", p.title(), err)
		}
		if room -= int64(len(data)); room < 0 {
			return process.Usage("the list on standard input or a pipe is longer than %d MiB: write it to a file, and name that", MaxSpool>>20)
		}
		p.open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
		p.file, _ = p.open()
	}
	in.Countable = true
	return nil
}

// Close closes the files.
func (in *Input) Close() error {
	for _, p := range in.parts {
		p.file.Close()
	}
	return nil
}
