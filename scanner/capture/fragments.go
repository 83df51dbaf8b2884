package capture

import (
	"github.com/gopacket/gopacket/layers"
)

// Limits of what is kept of packets that came in fragments.
const (
	maxFragmentBytes = 4 << 20 // of all
	maxFragments     = 128     // of one packet: 64 KiB in the least that IPv4 asks of a link, 576 bytes
	fragmentOverhead = 64      // of a piece
	maxDatagram      = 1 << 16
	// fragmentTime is how long the rest may take, in nanoseconds: RFC 8200 §4.5
	// has a minute, Linux half of it.
	fragmentTime = 30e9
)

type fragmentKey struct {
	src, dst     [16]byte
	vlan, tunnel uint32
	id           uint32
	protocol     layers.IPProtocol
	v6           bool
}

// datagram is a packet of which fragments came.
type datagram struct {
	pieces []piece
	bytes  int // of the pieces
	cost   int
	total  int // of the whole, 0 while its last piece is missing
	spoilt bool
	began  int64
}

type piece struct {
	offset int
	data   []byte
}

// fragments puts packets together. The oldest go if there are too many.
type fragments struct {
	datagrams map[fragmentKey]*datagram
	order     []fragmentKey // as they began; some may be gone
	bytes     int
}

// add keeps a fragment of the packet that d is at, and returns the payload of the
// whole if it is the last. As Linux does, it takes nothing of a packet whose pieces
// overlap: which of them the receiver took cannot be known.
func (f *fragments) add(d *decoder, k fragmentKey, offset int, more bool, data []byte) []byte {
	k.src, k.dst, k.vlan, k.tunnel = d.src, d.dst, d.vlans, d.tunnel
	whole := f.datagrams[k]
	if whole != nil && d.at-whole.began > fragmentTime {
		f.drop(k)
		whole = nil
	}
	if whole == nil {
		if f.datagrams == nil {
			f.datagrams = make(map[fragmentKey]*datagram)
		}
		whole = &datagram{began: d.at, cost: 4 * fragmentOverhead}
		f.datagrams[k] = whole
		f.order = append(f.order, k)
		f.bytes += whole.cost
	}
	f.take(whole, offset, more, data, d.missing > 0)
	f.evict()
	if whole.spoilt || whole.total == 0 || whole.bytes < whole.total {
		return nil
	}
	joined := make([]byte, whole.total)
	for _, p := range whole.pieces {
		copy(joined[p.offset:], p.data)
	}
	f.drop(k)
	return joined
}

// take adds a piece to a packet, or spoils it.
func (f *fragments) take(whole *datagram, offset int, more bool, data []byte, cut bool) {
	end := offset + len(data)
	for _, p := range whole.pieces {
		if p.offset == offset && string(p.data) == string(data) {
			return // once more
		}
		if offset < p.offset+len(p.data) && p.offset < end {
			whole.spoilt = true
		}
	}
	if !more {
		whole.spoilt = whole.spoilt || whole.total != 0 && whole.total != end
		whole.total = end
	}
	if cut || len(data) == 0 || end > maxDatagram || len(whole.pieces) == maxFragments || more && len(data)%8 != 0 {
		whole.spoilt = true
	}
	if whole.total != 0 && end > whole.total {
		whole.spoilt = true
	}
	if whole.spoilt {
		// What is left of it keeps later pieces from beginning another.
		f.bytes -= whole.cost - 4*fragmentOverhead
		whole.cost, whole.pieces, whole.bytes = 4*fragmentOverhead, nil, 0
		return
	}
	whole.pieces = append(whole.pieces, piece{offset, append([]byte(nil), data...)})
	whole.bytes += len(data)
	whole.cost += len(data) + fragmentOverhead
	f.bytes += len(data) + fragmentOverhead
}

func (f *fragments) drop(k fragmentKey) {
	if whole := f.datagrams[k]; whole != nil {
		f.bytes -= whole.cost
		delete(f.datagrams, k)
	}
}

// evict drops the oldest.
func (f *fragments) evict() {
	for f.bytes > maxFragmentBytes && len(f.order) > 1 {
		f.drop(f.order[0])
		f.order = f.order[1:]
	}
	// Those that became whole are still in the order.
	if len(f.order) > 2*len(f.datagrams)+maxFragments {
		kept := f.order[:0:0]
		for _, k := range f.order {
			if f.datagrams[k] != nil {
				kept = append(kept, k)
			}
		}
		f.order = kept
	}
}
