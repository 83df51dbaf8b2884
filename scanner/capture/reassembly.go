package capture

const (
	// sameConnection is how far from where a side is a hello or a SYN may be and
	// still belong to the connection: what a handshake may take, twice.
	sameConnection = 2 << 20
	// maxAhead is how far ahead of its side a segment may be. Nobody has windows
	// above 1 GiB, and handshakes need nothing of the kind.
	maxAhead = 16 << 20
	// maxSearched is how many bytes of a connection are searched for a hello.
	maxSearched = 1 << 20
	// maxSearchHeld bounds what is held of a side that showed no hello, in bytes of
	// cost.
	maxSearchHeld = 64 << 10
)

// isAnother reports whether a segment belongs to another connection than the flow
// of its endpoints: of a pair of ports that is used again.
func (f *flow) isAnother(s *segment, found found) bool {
	side := &f.sides[s.from]
	if s.syn {
		if side.synSeen {
			return s.seq != side.isn
		}
		if side.synced {
			ahead := int32(side.next - (s.seq + 1))
			return ahead < 0 || ahead > sameConnection
		}
		return f.state == done
	}
	if found.what != nothing && side.synced {
		ahead := int32(s.seq - side.next)
		return ahead < -sameConnection || ahead > sameConnection
	}
	return false
}

// segment takes a TCP segment to its flow.
func (r *Reader) segment(s *segment) {
	t := &r.table
	f := t.flows[s.key]
	var at found
	if f == nil || f.state != reading || !f.sides[s.from].reading {
		at = findHello(s.payload)
	}
	if f == nil {
		if len(s.payload) == 0 && !s.syn {
			return // the end of what was not seen
		}
		f = t.add(s.key)
	} else if f.isAnother(s, at) {
		t.restart(f)
	}
	t.touch(f)
	if f.state == done {
		return
	}
	side := &f.sides[s.from]
	seq := s.seq
	if s.syn {
		r.syn(f, s)
		seq++ // RFC 9293 §3.4: it takes a number
	}
	if len(s.payload) > 0 && f.state != done {
		r.data(f, s, seq, at)
	}
	if f.state != done && (s.fin || s.rst) {
		if s.fin {
			side.fin, side.finSeq = true, seq+uint32(len(s.payload)+s.missing)
		} else {
			f.reset, f.resetBy = true, s.from
		}
		t.close(f)
	}
	if f.state != done {
		t.account(f)
	}
	if f.state != done && int64(f.cost) > t.maxFlow {
		t.counts.ConnectionCap++
		t.conclude(f, endFlowCap)
	}
}

// syn notes where a side begins, and where the other one does.
func (r *Reader) syn(f *flow, s *segment) {
	side, other := &f.sides[s.from], &f.sides[1-s.from]
	if !side.synSeen {
		side.synSeen, side.isn = true, s.seq
		if !side.synced {
			side.sync(s.seq + 1)
			r.drain(f, s.from)
		}
	}
	if s.hasAck && !other.synced && f.state != done {
		other.sync(s.ack)
		r.drain(f, 1-s.from)
	}
}

// data takes the bytes of a segment to their place.
func (r *Reader) data(f *flow, s *segment, seq uint32, at found) {
	side := &f.sides[s.from]
	p := s.payload
	if !side.synced {
		if at.what == nothing {
			r.keep(f, s, seq, p)
			return
		}
		side.sync(seq)
	}
	ahead := int64(int32(seq - side.next)) // the least int32 has no positive
	if ahead > 0 && !side.reading && at.what != nothing && ahead < sameConnection {
		// Whatever came before it was not TLS.
		side.sync(seq)
		ahead = 0
	}
	switch {
	case ahead > 0:
		f.outOfOrder++
		if ahead < maxAhead {
			r.keep(f, s, seq, p)
		}
		return
	case ahead < 0 && -ahead >= int64(len(p)):
		if -ahead < maxAhead {
			r.table.counts.Retransmissions++
		}
		return
	case ahead < 0:
		r.table.counts.Retransmissions++
		p = p[-ahead:]
	}
	r.deliver(f, s.from, s, p)
	if f.state == done {
		return
	}
	if s.missing > 0 {
		side.cut = true
		if side.reading {
			// Whoever cut this packet cut its like.
			r.table.conclude(f, endHandshake)
			return
		}
	}
	r.drain(f, s.from)
}

// keep holds bytes that came before those in front of them.
func (r *Reader) keep(f *flow, s *segment, seq uint32, p []byte) {
	side := &f.sides[s.from]
	side.cut = side.cut || s.missing > 0
	if !side.synced && len(side.held) > 0 {
		if apart := int64(int32(seq - side.held[0].seq)); max(apart, -apart) > maxAhead {
			side.forget() // runs are in order only if they are near each other
		}
	}
	if side.hold(seq, p, side.reading) && (side.reading || side.heldFor <= maxSearchHeld) {
		return
	}
	if side.reading {
		r.table.counts.ConnectionCap++
		r.table.conclude(f, endFlowCap)
		return
	}
	// Of what may never be TLS, the oldest is given up.
	r.table.counts.Gaps++
	if side.synced {
		side.next = side.held[0].seq
		r.drain(f, s.from)
		return
	}
	side.heldFor -= int32(side.held[0].cost())
	copy(side.held, side.held[1:])
	side.held[len(side.held)-1] = run{}
	side.held = side.held[:len(side.held)-1]
}

// drain delivers what is held and has come to be next.
func (r *Reader) drain(f *flow, from uint8) {
	side := &f.sides[from]
	for f.state != done {
		p, ok := side.take()
		if !ok {
			return
		}
		r.deliver(f, from, nil, p)
	}
}

// deliver takes the next bytes of a side to the handshake, or looks for one in
// them. They are a segment as it was sent, or its end. s is the segment that they
// came with, nil if they were held.
func (r *Reader) deliver(f *flow, from uint8, s *segment, p []byte) {
	side := &f.sides[from]
	side.next += uint32(len(p))
	if side.reading {
		r.feed(f, from, p)
		return
	}
	f.searched += uint32(len(p))
	if len(side.prefix) > 0 {
		p = append(side.prefix, p...)
		side.prefix = nil
	}
	at := findHello(p)
	if f.handshake != nil && at.what == nothing && !at.mayBe {
		at = findAnswer(p, f.preamble, f.handshake.unwraps != nil)
	}
	switch {
	case at.what != nothing:
		r.begin(f, from, s, p, at)
	case at.mayBe:
		side.prefix = append([]byte(nil), p...)
	default:
		f.preamble.hear(p)
		if f.searched > maxSearched && f.handshake == nil {
			r.table.conclude(f, endCapture)
		}
	}
}
