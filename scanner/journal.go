package scanner

import (
	"errors"
	"fmt"
	"iter"
	"math/bits"
	"net/netip"
	"slices"

	"certsweep/results"
)

// Journal knows which targets of a list have their record, so that a scan that
// was cut off can go on: Add what was written, Check that it is of this list,
// then scan the Rest. It keeps a bit for each target that is done, whatever
// order they were done in. The zero value is empty. A Journal is not safe for
// concurrent use while entries are added.
type Journal struct {
	// Ports are those of the [Defaults] that the list has, each once.
	Ports []uint16
	// Names are those that the list's targets are asked for, nil for none.
	Names *Names

	done  bitmap
	count int
	sum   uint64 // of the entries' hashes: no matter in which order they come
}

// ErrNotThisList says that a journal and a list do not belong together.
var ErrNotThisList = errors.New("not a journal of this list")

// Add notes that a target has its record. The error is an ErrNotThisList where
// the target cannot be, or has a record already.
func (j *Journal) Add(e results.Entry) error {
	p, ok := j.position(&e)
	if !ok {
		return fmt.Errorf("%w: %q on its line %d does not lead to %q", ErrNotThisList, cutText(e.Input), e.Line, e.Host)
	}
	if !j.done.add(p) {
		return fmt.Errorf("%w: a second record for %q on its line %d", ErrNotThisList, cutText(e.Input), e.Line)
	}
	j.count++
	j.sum += j.hash(&e)
	return nil
}

// Len returns the number of targets that are done.
func (j *Journal) Len() int { return j.count }

// Check compares the journal with its list and returns the number of the
// list's targets. The error is that of the sequence, or ErrNotThisList where a
// target that is done is another one now, or is gone.
//
// What it compares is line, text, host, port, STARTTLS protocol and tag, and the
// server's name if there are Names. It cannot see a change to a line that has no record yet, and need not.
func (j *Journal) Check(targets iter.Seq2[Target, error]) (total int, err error) {
	count, sum := 0, uint64(0)
	for t, err := range targets {
		if err != nil {
			return total, err
		}
		total++
		if e := t.Entry(); j.has(&e) {
			count++
			sum += j.hash(&e)
		}
	}
	if count != j.count || sum != j.sum {
		return total, ErrNotThisList
	}
	return total, nil
}

// Rest yields the targets that are not done.
func (j *Journal) Rest(targets iter.Seq2[Target, error]) iter.Seq2[Target, error] {
	return func(yield func(Target, error) bool) {
		for t, err := range targets {
			if e := t.Entry(); err == nil && j.has(&e) {
				continue
			}
			if !yield(t, err) {
				return
			}
		}
	}
}

func (j *Journal) has(e *results.Entry) bool {
	p, ok := j.position(e)
	return ok && j.done.has(p)
}

// position returns the place of a target. ok is false where the line cannot
// have it.
func (j *Journal) position(e *results.Entry) (p position, ok bool) {
	if e.Line < 1 {
		return p, false
	}
	ports, names := uint64(max(1, len(j.Ports))), uint64(max(1, j.Names.Len()))
	// A line is asked for all names, or has one of its own, which need not be among
	// them.
	name, _ := j.Names.index(e.SNI)
	// Where the port is none of these, the line names it and has no other.
	which := uint64(max(0, slices.Index(j.Ports, uint16(e.Port))))
	first := uint64(e.Line) * ports
	alone := position{index: (first+which)*names + uint64(name)}
	if e.Host == "" {
		return alone, true
	}
	b, own, err := blockOf(e.Input)
	if err != nil {
		return p, false
	}
	if b == nil {
		return alone, true
	}
	addr, _ := netip.ParseAddr(e.Host)
	hostIndex, ok := b.hostIndex(addr)
	if !ok {
		return p, false
	}
	switch {
	case b.ports != nil:
		ports = b.portCount()
		if which, ok = b.portIndex(uint16(e.Port)); !ok {
			return p, false
		}
	case own.Port != 0:
		ports, which = 1, 0
	}
	over, size := bits.Mul64(b.hosts()*ports, names)
	return position{line: e.Line, index: (hostIndex*ports+which)*names + uint64(name), size: size, whole: first * names}, over == 0
}

// hash is that of all that the journal compares.
func (j *Journal) hash(e *results.Entry) uint64 {
	h := newFingerprint().number(uint64(e.Line)).text(e.Input)
	h = h.text(e.Host).number(uint64(e.Port)).text(e.StartTLS).text(e.Tag)
	if j.Names.Len() > 0 {
		h = h.text(e.SNI)
	}
	return h.sum()
}
