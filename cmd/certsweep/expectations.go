package main

import (
	"context"
	"iter"

	"golang.org/x/term"

	"certsweep/cmd/internal/scan"
	"certsweep/results/policy"
	"certsweep/scanner"
)

// targetList is the targets of a check. It has been read once, for mistakes and
// expectations, when anything is dialed. The zero value is an empty list.
type targetList struct {
	in *scan.Input // nil for the empty list

	expectations policy.Expectations
	saved        *savedList // only with --from
}

// openList reads the list of a check. Every mistake in it is found before
// anything is dialed.
func (e *environment) openList(o *checkOptions) (*targetList, error) {
	l := new(targetList)
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
func (l *targetList) read(o *checkOptions) error {
	// A check reads its list twice.
	if err := l.in.Spool(); err != nil {
		return err
	}
	if len(o.from) > 0 {
		l.saved = &savedList{lines: make(map[string][]int), met: scanner.Journal{Ports: o.scan.Ports, Names: l.in.Names()}}
	}
	var wrong scan.Mistakes
	var defaults *policy.Expectation
	l.expectations.AddDefaults(0, nil)
	for t, err := range l.in.ReadLines() {
		switch {
		case err != nil:
			return usageError("reading targets: %w", err)
		case t.Err != nil:
			wrong.Misread(l.in, t)
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
	return wrong.Err("see certsweep check --help")
}

// expected returns what a line's own attributes ask for, nil for nothing.
func (l *targetList) expected(t scanner.Target, wrong *scan.Mistakes) *policy.Expectation {
	var own *policy.Expectation
	for _, a := range t.Attributes {
		if a.Line != t.Line {
			continue
		}
		if own == nil {
			own = new(policy.Expectation)
		}
		if err := own.Set(a.Key, a.Value); err != nil {
			wrong.Add(l.in, a.Line, a.Column, err)
		}
	}
	return own
}

// targets is the second reading; complete adds what the flags do.
func (l *targetList) targets(complete func(iter.Seq2[scanner.Target, error]) iter.Seq2[scanner.Target, error]) (iter.Seq2[scanner.Target, error], error) {
	again, err := l.in.Again()
	if err != nil {
		return nil, usageError("reading targets: %w", err)
	}
	return func(yield func(scanner.Target, error) bool) {
		defer again.Close()
		complete(again.Targets())(yield)
	}, nil
}

// count returns the number of targets.
func (l *targetList) count(complete func(iter.Seq2[scanner.Target, error]) iter.Seq2[scanner.Target, error]) (int, error) {
	targets, err := l.targets(complete)
	if err != nil {
		return 0, err
	}
	return count(targets)
}

// locate returns a line's file and its number there, or "" for a target of no
// file.
func (l *targetList) locate(line int) (file string, number int) {
	if l.in == nil {
		return "", 0
	}
	file, number = l.in.Locate(line)
	if file == "" || file == "-" {
		return "", 0
	}
	return file, number
}

func (l *targetList) Close() error {
	if l.in == nil {
		return nil
	}
	return l.in.Close()
}
