package capture

import "sort"

// maxRuns bounds the gaps in front of what is held of one side: a handshake is some
// ten packets, and it keeps the work for each packet small.
const maxRuns = 256

// run is a part of a stream that came before what precedes it.
type run struct {
	seq  uint32
	data []byte
}

func (r *run) end() uint32 { return r.seq + uint32(len(r.data)) }

// runCost is what a run takes besides its bytes: its place in a slice that grows
// twofold, and what an allocation is rounded up by.
const runCost = 80

func (r *run) cost() int { return runCost + cap(r.data) }

// stream is one side of a connection: which byte is next, and what came of those
// after it. Sequence numbers wrap, so they are compared by their distance.
type stream struct {
	next    uint32 // if synced
	isn     uint32 // if synSeen
	finSeq  uint32 // if fin
	synced  bool
	synSeen bool
	fin     bool
	cut     bool // bytes of it were not captured, as the packet was cut short
	reading bool // the bytes are those of a TLS handshake
	heldFor int32
	held    []run
	prefix  []byte // less than the header of a record, while searching
}

// sync says which byte is next. What is held of those before it is dropped.
func (s *stream) sync(seq uint32) {
	s.next, s.synced = seq, true
	kept := s.held[:0]
	for _, r := range s.held {
		switch behind := int32(s.next - r.seq); {
		case behind <= 0:
			kept = append(kept, r)
		case behind < int32(len(r.data)):
			s.heldFor -= int32(r.cost())
			r.seq, r.data = s.next, r.data[behind:]
			s.heldFor += int32(r.cost())
			kept = append(kept, r)
		default:
			s.heldFor -= int32(r.cost())
		}
	}
	clear(s.held[len(kept):])
	s.held = kept
}

// hold keeps the bytes at seq that are not held yet: the first copy of a byte wins.
// With join, runs that touch become one; without, each is a segment as it was sent.
// It reports whether there was room.
func (s *stream) hold(seq uint32, p []byte, join bool) bool {
	i := sort.Search(len(s.held), func(i int) bool { return int32(s.held[i].seq-seq) > 0 })
	if i > 0 {
		if over := int32(s.held[i-1].end() - seq); over > 0 {
			if int(over) >= len(p) {
				return true
			}
			p, seq = p[over:], seq+uint32(over)
		}
	}
	for len(p) > 0 {
		n := len(p)
		if i < len(s.held) {
			n = min(n, int(int32(s.held[i].seq-seq)))
		}
		if n > 0 && !s.insert(&i, seq, p[:n], join) {
			return false
		}
		if n == len(p) {
			return true
		}
		covered := n + len(s.held[i].data)
		if covered >= len(p) {
			return true
		}
		p, seq = p[covered:], seq+uint32(covered)
		i++
	}
	return true
}

// insert puts bytes in front of the run *i, which then is the same run still.
func (s *stream) insert(i *int, seq uint32, p []byte, join bool) bool {
	if *i > 0 && join && s.held[*i-1].end() == seq {
		before := &s.held[*i-1]
		s.heldFor -= int32(before.cost())
		before.data = append(before.data, p...)
		s.heldFor += int32(before.cost())
		return true
	}
	if len(s.held) >= maxRuns {
		return false
	}
	added := run{seq, append([]byte(nil), p...)}
	s.held = append(s.held, run{})
	copy(s.held[*i+1:], s.held[*i:])
	s.held[*i] = added
	s.heldFor += int32(added.cost())
	*i++
	return true
}

// take returns the held run that is next, without what came before.
func (s *stream) take() (p []byte, ok bool) {
	for len(s.held) > 0 {
		r := s.held[0]
		behind := int32(s.next - r.seq)
		if behind < 0 {
			return nil, false
		}
		s.heldFor -= int32(r.cost())
		copy(s.held, s.held[1:])
		s.held[len(s.held)-1] = run{}
		s.held = s.held[:len(s.held)-1]
		if int(behind) < len(r.data) {
			return r.data[behind:], true
		}
	}
	return nil, false
}

// forget drops what is held.
func (s *stream) forget() { s.held, s.prefix, s.heldFor = nil, nil, 0 }

// hasGap reports whether bytes are missing in front of others, or of the end.
func (s *stream) hasGap() bool {
	return len(s.held) > 0 || s.synced && s.fin && int32(s.finSeq-s.next) > 0
}

// ended reports whether the side has said all.
func (s *stream) ended() bool {
	return s.synced && s.fin && int32(s.finSeq-s.next) <= 0
}
