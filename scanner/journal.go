package scanner

import (
	"errors"
	"fmt"
	"iter"
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

	done  bitmap
	count int
	sum   uint64 // of the entries' hashes: no matter in which order they come
}

// ErrNotThisList says that a journal and a list do not belong together.
var ErrNotThisList = errors.New("not a journal of this list")

// Add notes that a target has its record. The error is an ErrNotThisList where
// the target cannot be, or has a record already.
func (j *Journal) Add(e results.Entry) error {
	p, ok := j.position(e.Line, e.Input, e.Host, e.Port)
	if !ok {
		return fmt.Errorf("%w: %q on its line %d does not lead to %q", ErrNotThisList, cutText(e.Input), e.Line, e.Host)
	}
	if !j.done.add(p) {
		return fmt.Errorf("%w: a second record for %q on its line %d", ErrNotThisList, cutText(e.Input), e.Line)
	}
	j.count++
	j.sum += entryHash(e)
	return nil
}

// Len returns the number of targets that are done.
func (j *Journal) Len() int { return j.count }

// Check compares the journal with its list and returns the number of the
// list's targets. The error is that of the sequence, or ErrNotThisList where a
// target that is done is another one now, or is gone.
//
// What it compares is line, text, host, port, STARTTLS protocol and tag. It
// cannot see a change to a line that has no record yet, and need not.
func (j *Journal) Check(targets iter.Seq2[Target, error]) (total int, err error) {
	count, sum := 0, uint64(0)
	for t, err := range targets {
		if err != nil {
			return total, err
		}
		total++
		if j.has(t) {
			count++
			sum += entryHash(t.Entry())
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
			if err == nil && j.has(t) {
				continue
			}
			if !yield(t, err) {
				return
			}
		}
	}
}

func (j *Journal) has(t Target) bool {
	p, ok := j.position(t.Line, t.Text, t.Endpoint.Host, int(t.Endpoint.Port))
	return ok && j.done.has(p)
}

// position returns the place of a target. ok is false where the line cannot
// have it.
func (j *Journal) position(number int, text, host string, port int) (p position, ok bool) {
	if number < 1 {
		return p, false
	}
	ports := uint64(max(1, len(j.Ports)))
	// Where the port is none of these, the line names it and has no other.
	which := uint64(max(0, slices.Index(j.Ports, uint16(port))))
	first := uint64(number) * ports
	if host == "" {
		return position{index: first + which}, true
	}
	b, e, err := blockOf(text)
	if err != nil {
		return p, false
	}
	if b == nil {
		return position{index: first + which}, true
	}
	addr, _ := netip.ParseAddr(host)
	hostIndex, ok := b.hostIndex(addr)
	if !ok {
		return p, false
	}
	switch {
	case b.ports != nil:
		ports = b.portCount()
		if which, ok = b.portIndex(uint16(port)); !ok {
			return p, false
		}
	case e.Port != 0:
		ports, which = 1, 0
	}
	return position{line: number, index: hostIndex*ports + which, size: b.hosts() * ports, whole: first}, true
}

func entryHash(e results.Entry) uint64 {
	h := newFingerprint().number(uint64(e.Line)).text(e.Input)
	return h.text(e.Host).number(uint64(e.Port)).text(e.StartTLS).text(e.Tag).sum()
}
