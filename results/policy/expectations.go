package policy

import (
	"cmp"
	"slices"

	"certsweep/results"
)

// Expectations joins expectations to records. The zero value is empty. Its
// memory grows with the lines that have expectations, not with the list. It is
// safe for use by several goroutines once it is filled.
type Expectations struct {
	byLine   map[int]expected
	byInput  map[string]*Expectation
	defaults []defaults // by line
}

// defaults is asked of the targets below a line.
type defaults struct {
	line        int
	expectation *Expectation
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

// AddDefaults notes what is asked of the targets below a line, up to the next
// call, which is for a later line. A nil expectation asks nothing. It does not
// change what Add notes, which has to have the defaults in it. From the first
// call on, the lines of all records are taken to be those of the list.
func (x *Expectations) AddDefaults(line int, e *Expectation) {
	x.defaults = append(x.defaults, defaults{line, e})
}

// For returns what is asked of a record, or nil: what its line asks where line
// and input agree, as they do after a scan of that very list. Else it is what
// the defaults above its line ask, and without any defaults, for records saved
// from another list, what the last line with its input asks.
func (x *Expectations) For(r *results.Record) *Expectation {
	if at, ok := x.byLine[r.Line]; ok && at.input == r.Input {
		return at.expectation
	}
	if x.defaults == nil {
		return x.byInput[r.Input]
	}
	below, _ := slices.BinarySearchFunc(x.defaults, r.Line, func(d defaults, line int) int { return cmp.Compare(d.line, line) })
	if below == 0 {
		return nil
	}
	return x.defaults[below-1].expectation
}
