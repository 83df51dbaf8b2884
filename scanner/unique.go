package scanner

import (
	"crypto/sha256"
	"encoding/binary"
	"iter"
	"net/netip"

	"certsweep/dialer"
)

// Unique yields each endpoint once, the first target that has it; lines that
// make no sense all pass. It comes after [Defaults.Apply], as ports count.
//
// It is exact: addresses of IPv4 are kept as bits, some 3 bytes each where they
// are far apart and a bit where they are not, all others as the first 128 bits of a
// SHA-256, some 40 bytes each. Nothing else bounds its memory.
//
// names are those that the targets are asked for, nil for none. They cost nothing
// for each target: which line an endpoint was first on, in 50 bytes, is enough.
func Unique(targets iter.Seq2[Target, error], names *Names) iter.Seq2[Target, error] {
	return func(yield func(Target, error) bool) {
		met := endpoints{names: names}
		for t, err := range targets {
			if err == nil && t.Err == nil && !met.add(&t) {
				continue
			}
			if !yield(t, err) {
				return
			}
		}
	}
}

// Limit yields the first n targets, and reads no further.
func Limit(targets iter.Seq2[Target, error], n int) iter.Seq2[Target, error] {
	return func(yield func(Target, error) bool) {
		left := n
		for t, err := range targets {
			if left == 0 && err == nil {
				return
			}
			if !yield(t, err) {
				return
			}
			if left--; left == 0 {
				return
			}
		}
	}
}

// endpoints is a set of endpoints. The zero value is empty.
type endpoints struct {
	names  *Names
	plain  bitmap // IPv4 addresses that are asked for no name, by port
	others map[[16]byte]struct{}
	// named has the line that an endpoint was first on that is asked for all
	// names, whichever of them came first.
	named map[[16]byte]int
}

// add adds the endpoint of t and reports whether it was not there before.
func (s *endpoints) add(t *Target) bool {
	e := t.Endpoint
	if t.named {
		return s.addNamed(t)
	}
	if e.StartTLS == "" && (e.ServerName == "" || e.ServerName == e.Host) {
		if addr, err := netip.ParseAddr(e.Host); err == nil && addr.Is4() {
			octets := addr.As4()
			return s.plain.add(position{line: int(e.Port) + 1, index: uint64(binary.BigEndian.Uint32(octets[:]))})
		}
	}
	key := endpointKey(&e)
	_, met := s.others[key]
	if _, among := s.names.index(e.ServerName); among && !met {
		// A line without a name may have it, or be going to.
		e.ServerName = ""
		_, met = s.named[endpointKey(&e)]
	}
	if met {
		return false
	}
	if s.others == nil {
		s.others = make(map[[16]byte]struct{})
	}
	s.others[key] = struct{}{}
	return true
}

// addNamed is add for one of the names that the endpoint of a line is asked for.
func (s *endpoints) addNamed(t *Target) bool {
	e := t.Endpoint
	if _, met := s.others[endpointKey(&e)]; met {
		return false
	}
	e.ServerName = ""
	key := endpointKey(&e)
	line, met := s.named[key]
	if met {
		return line == t.Line
	}
	if s.named == nil {
		s.named = make(map[[16]byte]int)
	}
	s.named[key] = t.Line
	return true
}

func endpointKey(e *dialer.Endpoint) [16]byte {
	hash := sha256.Sum256([]byte(e.Host + "\x00" + e.Name() + "\x00" + string(e.StartTLS) + "\x00" + string([]byte{byte(e.Port >> 8), byte(e.Port)})))
	return [16]byte(hash[:16])
}
