package policy

import "certsweep/results"

// Expectations joins expectations to records. The zero value is empty. Its
// memory grows with the lines that have expectations, not with the list. It is
// safe for use by several goroutines once it is filled.
type Expectations struct {
	byLine  map[int]expected
	byInput map[string]*Expectation
}

type expected struct {
	input       string
	expectation *Expectation
}

// Add notes what is asked of the target on a line. The input is the target's
// text as its record will have it, without the attributes.
func (x *Expectations) Add(line int, input string, e *Expectation) {
	if x.byLine == nil {
		x.byLine = make(map[int]expected)
		x.byInput = make(map[string]*Expectation)
	}
	x.byLine[line] = expected{input, e}
	x.byInput[input] = e
}

// For returns what is asked of a record, or nil: what its line asks where line
// and input agree, as they do after a scan of that very list, and else what the
// last line with its input asks, for records saved from another list.
func (x *Expectations) For(r *results.Record) *Expectation {
	if at, ok := x.byLine[r.Line]; ok && at.input == r.Input {
		return at.expectation
	}
	return x.byInput[r.Input]
}
