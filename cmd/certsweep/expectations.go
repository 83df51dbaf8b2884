package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"golang.org/x/term"

	"certsweep/cmd/internal/scan"
	"certsweep/results/policy"
	"certsweep/scanner"
)

// maxSpool bounds a list that can be read only once, such as a pipe: a check
// reads its list twice. It is some three million lines.
const maxSpool = 64 << 20

// maxMistakes is how many mistakes of a list are shown.
const maxMistakes = 10

// list is the targets of a check. It has been read once, for mistakes and
// expectations, when anything is dialed. The zero value is an empty list.
type list struct {
	in    *scan.Input // nil for the empty list
	spool []byte      // of inputs that can be read only once

	expectations policy.Expectations
	saved        *savedList // only with --from
}

// openList reads the list of a check. Every mistake in it is found before
// anything is dialed.
func (e *environment) openList(o *checkOptions) (*list, error) {
	l := new(list)
	if len(o.from) > 0 && len(o.scan.Files) == 0 && len(o.scan.Targets) == 0 {
		return l, nil
	}
	in, err := o.scan.OpenInput(e.stop, e.stdin, term.IsTerminal(int(e.stdin.Fd())))
	if err != nil {
		return nil, err
	}
	l.in = in
	if err = l.read(o); err == nil {
		// A read that was interrupted ends like any other.
		err = context.Cause(e.stop)
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// read is the first reading.
func (l *list) read(o *checkOptions) error {
	first := io.Reader(l.in)
	if !l.in.Countable {
		data, err := io.ReadAll(io.LimitReader(l.in, maxSpool+1))
		if err != nil {
			return usageError("reading targets: %w", err)
		}
		if len(data) > maxSpool {
			return usageError("the list on standard input or a pipe is longer than %d MiB: write it to a file, and name that", maxSpool>>20)
		}
		l.spool = data
		first = bytes.NewReader(data)
	}
	if len(o.from) > 0 {
		l.saved = &savedList{lines: make(map[string][]int), met: scanner.Journal{Ports: o.scan.Ports}}
	}
	var wrong mistakes
	var defaults *policy.Expectation
	l.expectations.AddDefaults(0, nil)
	for t, err := range scanner.ReadLines(first, scan.KnownAttribute) {
		switch {
		case err != nil:
			return usageError("reading targets: %w", err)
		case t.Err != nil:
			l.misread(t, &wrong)
		case t.IsDefaults:
			defaults = l.expected(t, &wrong)
			l.expectations.AddDefaults(t.Line, defaults)
		default:
			if own := l.expected(t, &wrong); own != nil {
				l.expectations.Add(t.Line, t.Text, own.WithDefaults(defaults))
			}
			if l.saved != nil {
				l.saved.add(t)
			}
		}
	}
	return wrong.error()
}

// expected returns what a line's own attributes ask for, nil for nothing.
func (l *list) expected(t scanner.Target, wrong *mistakes) *policy.Expectation {
	var own *policy.Expectation
	for _, a := range t.Attributes {
		if a.Line != t.Line {
			continue
		}
		if own == nil {
			own = new(policy.Expectation)
		}
		if err := own.Set(a.Key, a.Value); err != nil {
			wrong.add(l.in, a.Line, a.Column, err)
		}
	}
	return own
}

func (l *list) misread(t scanner.Target, wrong *mistakes) {
	column, err := 1, t.Err
	if at, ok := errors.AsType[*scanner.LineError](t.Err); ok {
		column, err = max(1, at.Column), at.Err
	}
	wrong.add(l.in, t.Line, column, err)
}

// open returns a second reader of the list.
func (l *list) open() (io.ReadCloser, error) {
	if l.in.Countable {
		return l.in.Again()
	}
	return io.NopCloser(bytes.NewReader(l.spool)), nil
}

// targets is the second reading; complete adds what the flags do.
func (l *list) targets(complete func(iter.Seq2[scanner.Target, error]) iter.Seq2[scanner.Target, error]) (iter.Seq2[scanner.Target, error], error) {
	again, err := l.open()
	if err != nil {
		return nil, usageError("reading targets: %w", err)
	}
	return func(yield func(scanner.Target, error) bool) {
		defer again.Close()
		complete(scanner.ReadTargets(again, scan.KnownAttribute))(yield)
	}, nil
}

// count returns the number of targets.
func (l *list) count(complete func(iter.Seq2[scanner.Target, error]) iter.Seq2[scanner.Target, error]) (int, error) {
	targets, err := l.targets(complete)
	if err != nil {
		return 0, err
	}
	return count(targets)
}

// locate returns a line's file and its number there, or "" for a target of no
// file.
func (l *list) locate(line int) (file string, number int) {
	if l.in == nil {
		return "", 0
	}
	file, number = l.in.Locate(line)
	if file == "" || file == "-" {
		return "", 0
	}
	return file, number
}

func (l *list) Close() error {
	if l.in == nil {
		return nil
	}
	return l.in.Close()
}

// mistakes are those of a list, the first of them in words.
type mistakes struct {
	texts []string
	more  int
}

func (m *mistakes) add(in *scan.Input, line, column int, err error) {
	if len(m.texts) == maxMistakes {
		m.more++
		return
	}
	file, number := in.Locate(line)
	switch file {
	case "":
		file = "--target"
	case "-":
		file = "standard input"
	}
	m.texts = append(m.texts, fmt.Sprintf("%s:%d:%d: %v", file, number, column, err))
}

func (m *mistakes) error() error {
	if len(m.texts) == 0 {
		return nil
	}
	count := "1 mistake"
	if n := len(m.texts) + m.more; n > 1 {
		count = fmt.Sprintf("%d mistakes", n)
	}
	text := strings.Join(m.texts, "\n")
	if m.more > 0 {
		text += fmt.Sprintf("\nand %d more", m.more)
	}
	return usageError("the list has %s, and nothing was dialed:\n%s\nsee certsweep check --help", count, text)
}
