package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"time"

	"certsweep/cmd/internal/process"
	"certsweep/results"
	"certsweep/scanner"
)

// savedRecords yields the records of a file, "-" for standard input, until the
// process is to stop. An error names the file; it comes last.
func (e *environment) savedRecords(name string) iter.Seq2[*results.Record, error] {
	return func(yield func(*results.Record, error) bool) {
		file := e.stdin
		if name == "-" {
			name = "standard input"
		} else {
			var err error
			if file, err = process.Await(e.stop, func() (*os.File, error) { return os.Open(name) }); err != nil {
				yield(nil, err)
				return
			}
			defer file.Close()
		}
		var records io.Reader = file
		if info, err := file.Stat(); err == nil && !info.Mode().IsRegular() {
			records = process.Interruptible(e.stop, file)
		}
		for r, err := range results.Decode(records) {
			if context.Cause(e.stop) != nil {
				return
			}
			if err != nil {
				err = fmt.Errorf("%s: %w", name, err)
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// readSaved judges the records of --from, and what the list has besides.
func (c *check) readSaved() error {
	for _, name := range c.options.from {
		for r, err := range c.savedRecords(name) {
			if err != nil {
				return process.StoppedOr(c.stop, usageError("--from: %w", err))
			}
			c.list.saved.join(r)
			if err := c.judge(r); err != nil {
				return err
			}
		}
	}
	if context.Cause(c.stop) != nil {
		return nil
	}
	// What the baseline has of them is no change: nothing is known.
	apart := *c.policy
	apart.Baseline = nil
	if c.list.saved == nil {
		return nil
	}
	targets, err := c.list.targets(c.options.scan.Complete())
	if err != nil {
		return err
	}
	for r, err := range c.list.saved.missing(targets) {
		if err != nil {
			return usageError("reading targets: %w", err)
		}
		if context.Cause(c.stop) != nil {
			return nil
		}
		v := apart.Judge(r, time.Now())
		if err := c.add(&v); err != nil {
			return err
		}
	}
	return nil
}

// savedList is the list that saved records are joined to: its lines by their
// text, as the records may be from this list or another, and which targets have
// a record. Its memory grows with the lines of the list, by a bit for each
// address of a prefix. A nil savedList is that of no list.
type savedList struct {
	lines map[string][]int // their numbers
	met   scanner.Journal
}

func (s *savedList) add(t scanner.Target) { s.lines[t.Text] = append(s.lines[t.Text], t.Line) }

// join gives a record the line of the list that it is about: its own if the
// text agrees, else the last with its text, 0 if there is none.
func (s *savedList) join(r *results.Record) {
	if s == nil {
		return
	}
	lines := s.lines[r.Input]
	if slices.Contains(lines, r.Line) {
		lines = []int{r.Line}
	}
	r.Line = 0
	// Which of several it is about, nobody knows.
	for _, line := range lines {
		r.Line = line
		// A second record of a target, or one of another, is no news.
		_ = s.met.Add(results.Entry{Line: line, Input: r.Input, Host: r.Host, Port: r.Port, SNI: r.SNI})
	}
}

// missing yields, in the order of the list, a record for each target that no
// record is about: each address of a prefix, and each port of --port.
func (s *savedList) missing(targets iter.Seq2[scanner.Target, error]) iter.Seq2[*results.Record, error] {
	return func(yield func(*results.Record, error) bool) {
		for t, err := range s.met.Rest(targets) {
			if err != nil {
				yield(nil, err)
				return
			}
			r := t.Entry().Record()
			r.Error = &results.Error{Phase: results.PhaseInput, Code: results.CodeNoRecord}
			if !yield(r, nil) {
				return
			}
		}
	}
}
