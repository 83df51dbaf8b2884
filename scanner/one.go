package scanner

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"certsweep/dialer"
	"certsweep/results"
	"certsweep/scanner/list"
)

// One probes one target, in any form that a line of a list has, with the system's
// trust anchors and every default, and returns its record. It blocks until the
// target is done, [DefaultTimeout] at most and the time of its drain, or until ctx
// is, whose cause it returns then. What makes no sense as a target is an error, and
// so is what stands for several; a target that is down is a record.
func One(ctx context.Context, target string) (*results.Record, error) {
	d := new(dialer.Dialer)
	s := &Scanner{Probe: d.Probe, Workers: 1, Recorder: Recorder{Verifier: &results.Verifier{Public: true}}}
	return s.One(ctx, target)
}

// One probes one target with the scanner's own settings, see the function One.
func (s *Scanner) One(ctx context.Context, target string) (*results.Record, error) {
	t, err := parseOne(target)
	if err != nil {
		return nil, err
	}
	var record *results.Record
	err = s.Scan(ctx, single(t), func(r *results.Record) error {
		if record == nil {
			record = r
		}
		return nil
	})
	if record == nil && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	return record, nil
}

func single(t Target) iter.Seq2[Target, error] {
	return func(yield func(Target, error) bool) { yield(t, nil) }
}

func parseOne(target string) (t Target, err error) {
	for line, err := range ReadLines(list.NewReader(strings.NewReader(target), list.Text).All(), nil) {
		switch {
		case err != nil:
			return t, err
		case t.Line != 0 || line.IsDefaults || line.block != nil && line.count(nil) > 1:
			return t, fmt.Errorf("%q is not one target", cutText(target))
		case line.Err != nil:
			return t, line.Err
		}
		t = line
	}
	if t.Line == 0 {
		return t, fmt.Errorf("%q is not a target", cutText(target))
	}
	return t.at(0, nil), nil
}
