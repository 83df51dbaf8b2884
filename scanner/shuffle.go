package scanner

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/bits"
	"os"
	"sort"

	"certsweep/dialer"
)

// Shuffle yields the targets of a list in an order that depends on nothing but
// the list, the seed and the ports: a permutation of all of them, in which the
// addresses of a prefix, and the lines of a list that is in order, are far apart, so
// that no network gets many connections at once.
//
// The list is read to its end before the first target comes. What is longer than
// some megabytes waits in a temporary file, which has no name any more, and takes
// about as much as the list does; in memory there are 16 bytes for every 64 lines.
type Shuffle struct {
	Seed uint64
	// Ports are those of the [Defaults] that come after it.
	Ports []uint16
	// Names are those that each target is asked for, nil for none.
	Names *Names
	// Dir is where the temporary file is made; empty means the system's place.
	Dir string
}

const (
	// checkpointLines is how many lines are read at most to find one.
	checkpointLines = 64
	// maxSpilled is how much of a list stays in memory.
	maxSpilled = 8 << 20
)

// Apply takes lines as [ReadLines] yields them, and does what [Expand] and then
// [Names.Apply] do.
func (s Shuffle) Apply(lines iter.Seq2[Target, error]) iter.Seq2[Target, error] {
	return func(yield func(Target, error) bool) {
		store := &shuffled{ports: s.Ports, names: s.Names}
		defer store.close()
		failure := store.fill(lines, s.Dir)
		// What came before an error is scanned, as it is without a shuffle.
		order := newPermutation(s.Seed, store.total)
		for i := range store.total {
			t, err := store.target(order.at(i))
			if !yield(t, err) || err != nil {
				return
			}
		}
		if failure != nil {
			yield(Target{}, failure)
		}
	}
}

// shuffled is a list that any target can be read of.
type shuffled struct {
	ports       []uint16
	names       *Names
	total       uint64 // of targets
	size        int64
	lines       int
	checkpoints []checkpoint
	spill       spill
	reader      bufio.Reader
}

// checkpoint is where a line begins, and the number of targets before it.
type checkpoint struct {
	offset int64
	before uint64
}

// errTooMany ends a list whose targets cannot be counted.
var errTooMany = errors.New("too many targets to be shuffled")

// fill writes the lines to the store.
func (s *shuffled) fill(lines iter.Seq2[Target, error], dir string) error {
	s.spill.dir = dir
	w := bufio.NewWriterSize(&s.spill, 64<<10)
	var buffer []byte
	for t, err := range lines {
		if err != nil {
			return errors.Join(err, w.Flush())
		}
		if t.IsDefaults {
			continue
		}
		if s.lines%checkpointLines == 0 {
			s.checkpoints = append(s.checkpoints, checkpoint{s.size, s.total})
		}
		s.lines++
		over, n := bits.Mul64(t.count(s.ports), s.names.times(&t))
		buffer = appendLine(buffer[:0], &t, n)
		if _, err := w.Write(buffer); err != nil {
			return fmt.Errorf("shuffling: %w", err)
		}
		s.size += int64(len(buffer))
		sum, carry := bits.Add64(s.total, n, 0)
		if s.total = sum; over != 0 || carry != 0 || sum > 1<<62 {
			return errTooMany
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("shuffling: %w", err)
	}
	return nil
}

// target returns the i-th target of the list.
func (s *shuffled) target(i uint64) (Target, error) {
	k := sort.Search(len(s.checkpoints), func(k int) bool { return s.checkpoints[k].before > i }) - 1
	from, to := s.checkpoints[k], s.size
	if k+1 < len(s.checkpoints) {
		to = s.checkpoints[k+1].offset
	}
	s.reader.Reset(io.NewSectionReader(&s.spill, from.offset, to-from.offset))
	for before := from.before; ; {
		n, err := binary.ReadUvarint(&s.reader)
		if err != nil {
			return Target{}, fmt.Errorf("shuffling: %w", err)
		}
		size, err := binary.ReadUvarint(&s.reader)
		if err == nil && i >= before+n {
			before += n
			_, err = s.reader.Discard(int(size))
		} else if err == nil {
			line := make([]byte, size)
			if _, err = io.ReadFull(&s.reader, line); err == nil {
				t := parseStored(line)
				names := s.names.times(&t)
				one, name := (i-before)/names, (i-before)%names
				return s.names.ask(t.at(one, s.ports), int(name)), nil
			}
		}
		if err != nil {
			return Target{}, fmt.Errorf("shuffling: %w", err)
		}
	}
}

func (s *shuffled) close() { s.spill.close() }

// appendLine appends the number of a line's targets, and the line behind its
// length.
func appendLine(b []byte, t *Target, targets uint64) []byte {
	line := binary.AppendUvarint(nil, uint64(t.Line))
	code, column, message := "", 0, ""
	if at, ok := errors.AsType[*LineError](t.Err); ok {
		code, column, message = at.Code, at.Column, at.Err.Error()
	}
	line = binary.AppendUvarint(line, uint64(column))
	for _, s := range []string{t.Text, t.Tag, t.Endpoint.ServerName, string(t.Endpoint.StartTLS), code, message} {
		line = binary.AppendUvarint(line, uint64(len(s)))
		line = append(line, s...)
	}
	b = binary.AppendUvarint(b, targets)
	return append(binary.AppendUvarint(b, uint64(len(line))), line...)
}

// parseStored reads a line that appendLine wrote.
func parseStored(line []byte) Target {
	number := func() int {
		n, width := binary.Uvarint(line)
		line = line[width:]
		return int(n)
	}
	t := Target{Line: number()}
	column := number()
	var texts [6]string
	for i := range texts {
		n := number()
		texts[i], line = string(line[:n]), line[n:]
	}
	text, code := texts[0], texts[4]
	if code != "" {
		t.Text, t.Err = text, &LineError{Line: t.Line, Column: column, Code: code, Err: errors.New(texts[5])}
		return t
	}
	// It was parsed before.
	_ = t.parse(text)
	t.Text, t.Tag = text, texts[1]
	t.Endpoint.ServerName, t.Endpoint.StartTLS = texts[2], dialer.Protocol(texts[3])
	return t
}

// spill is a file that begins in memory.
type spill struct {
	dir    string
	memory []byte
	file   *os.File
	err    error
}

func (s *spill) Write(p []byte) (int, error) {
	if s.file == nil && len(s.memory)+len(p) > maxSpilled {
		if s.file, s.err = os.CreateTemp(s.dir, "certsweep-shuffle-"); s.err != nil {
			return 0, s.err
		}
		// Nothing is left of it, however the process ends.
		_ = os.Remove(s.file.Name())
		if _, err := s.file.Write(s.memory); err != nil {
			return 0, err
		}
		s.memory = nil
	}
	if s.file != nil {
		return s.file.Write(p)
	}
	s.memory = append(s.memory, p...)
	return len(p), nil
}

func (s *spill) ReadAt(p []byte, offset int64) (int, error) {
	if s.file != nil {
		return s.file.ReadAt(p, offset)
	}
	if offset >= int64(len(s.memory)) {
		return 0, io.EOF
	}
	n := copy(p, s.memory[offset:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (s *spill) close() {
	if s.file != nil {
		s.file.Close()
	}
}

// permutation is one of the numbers below n: a Feistel network over the next even
// number of bits, walked until it comes back below n (Black and Rogaway, Ciphers
// with Arbitrary Finite Domains, 2002). It holds nothing but its keys.
type permutation struct {
	n    uint64
	half uint // bits
	keys [6]uint64
}

func newPermutation(seed, n uint64) permutation {
	p := permutation{n: n, half: uint(max(1, (bits.Len64(max(n, 1)-1)+1)/2))}
	for i := range p.keys {
		p.keys[i] = newFingerprint().number(seed).number(uint64(i)).sum()
	}
	return p
}

// at returns the i-th number; i must be below n.
func (p *permutation) at(i uint64) uint64 {
	mask := uint64(1)<<p.half - 1
	for {
		left, right := i>>p.half, i&mask
		for _, key := range p.keys {
			left, right = right, left^fingerprint(right^key).sum()&mask
		}
		if i = left<<p.half | right; i < p.n {
			return i
		}
	}
}
