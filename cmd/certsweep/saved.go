package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"slices"
	"time"

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
			if file, err = os.Open(name); err != nil {
				yield(nil, err)
				return
			}
			defer file.Close()
		}
		var records io.Reader = file
		if info, err := file.Stat(); err == nil && !info.Mode().IsRegular() {
			records = interruptible(e.stop, file)
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
				return usageError("--from: %w", err)
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
	for r := range c.list.saved.missing() {
		v := apart.Judge(r, time.Now())
		if err := c.add(&v); err != nil {
			return err
		}
	}
	return nil
}

// savedLines has the lines of a list by their text, to join records to them
// that were saved from this list or another. Its memory grows with the list.
// A nil savedLines is that of no list.
type savedLines map[string][]savedLine

type savedLine struct {
	target scanner.Target
	met    bool // by a record
}

func (s savedLines) add(t scanner.Target) {
	t.Attributes = nil
	s[t.Text] = append(s[t.Text], savedLine{target: t})
}

// join gives a record the line of the list that it is about: its own where the
// text agrees, else the last with its text, 0 where there is none.
func (s savedLines) join(r *results.Record) {
	if s == nil {
		return
	}
	lines := s[r.Input]
	if len(lines) == 0 {
		r.Line = 0
		return
	}
	for i := range lines {
		if lines[i].target.Line == r.Line {
			lines[i].met = true
			return
		}
	}
	// Which of them it is about, nobody knows.
	for i := range lines {
		lines[i].met = true
	}
	r.Line = lines[len(lines)-1].target.Line
}

// missing yields, in the order of the list, a record for each line that no
// record is about.
func (s savedLines) missing() iter.Seq[*results.Record] {
	return func(yield func(*results.Record) bool) {
		var targets []scanner.Target
		for lines := range maps.Values(s) {
			for _, line := range lines {
				if !line.met {
					targets = append(targets, line.target)
				}
			}
		}
		slices.SortFunc(targets, func(a, b scanner.Target) int { return cmp.Compare(a.Line, b.Line) })
		for _, t := range targets {
			t.Endpoint = t.Endpoint.WithDefaultPort(443)
			r := t.Entry().Record()
			r.SNI, r.Error = t.Endpoint.ServerName, &results.Error{Phase: results.PhaseInput, Code: results.CodeNoRecord}
			if !yield(r) {
				return
			}
		}
	}
}
