package scanner

import (
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"unicode/utf8"

	"certsweep/dialer"
)

// Shard is one of Count parts of a list; Index counts from 1. The zero value
// is the whole list.
//
// Which part a target is in depends on its endpoint alone, so processes that
// know nothing of each other agree on it, and a line that is added or removed
// moves no other. It never changes between versions.
type Shard struct{ Index, Count int }

// ParseShard reads "I/N", where I is from 1 to N.
func ParseShard(s string) (Shard, error) {
	index, count, ok := strings.Cut(s, "/")
	i, indexErr := strconv.ParseUint(index, 10, 31)
	n, countErr := strconv.ParseUint(count, 10, 31)
	if !ok || indexErr != nil || countErr != nil {
		return Shard{}, errors.New("not a shard: write I/N, such as 1/4")
	}
	if i < 1 || i > n {
		return Shard{}, fmt.Errorf("there is no shard %d of %d: they count from 1", i, n)
	}
	return Shard{int(i), int(n)}, nil
}

// String returns the form that [ParseShard] reads, or "" for the zero value.
func (s Shard) String() string {
	if s == (Shard{}) {
		return ""
	}
	return strconv.Itoa(s.Index) + "/" + strconv.Itoa(s.Count)
}

// Apply yields the targets of the shard. Their endpoints must have their ports
// already: it comes after [Defaults.Apply].
func (s Shard) Apply(targets iter.Seq2[Target, error]) iter.Seq2[Target, error] {
	if s.Count <= 1 {
		return targets
	}
	return func(yield func(Target, error) bool) {
		for t, err := range targets {
			if err == nil && !s.holds(t) {
				continue
			}
			if !yield(t, err) {
				return
			}
		}
	}
}

func (s Shard) holds(t Target) bool {
	return t.hash()%uint64(s.Count) == uint64(s.Index-1)
}

// hash is that of the endpoint; of the text where the line makes no sense.
func (t Target) hash() uint64 {
	h := newFingerprint()
	if t.Err != nil {
		return h.text(t.Text).sum()
	}
	return h.endpoint(t.Endpoint).sum()
}

// fingerprint is a 64-bit FNV-1a hash of fields, each of which ends with a byte
// that UTF-8 does not have.
type fingerprint uint64

func newFingerprint() fingerprint { return 0xcbf29ce484222325 }

func (h fingerprint) byte(b byte) fingerprint { return (h ^ fingerprint(b)) * 0x100000001b3 }

// text adds a string as JSON keeps it: with U+FFFD for each byte that is not
// UTF-8.
func (h fingerprint) text(s string) fingerprint {
	if !utf8.ValidString(s) {
		s = string([]rune(s))
	}
	for i := range len(s) {
		h = h.byte(s[i])
	}
	return h.byte(0xff)
}

func (h fingerprint) endpoint(e dialer.Endpoint) fingerprint {
	return h.text(e.Host).number(uint64(e.Port)).text(e.ServerName).text(string(e.StartTLS))
}

func (h fingerprint) number(n uint64) fingerprint {
	for range 8 {
		h, n = h.byte(byte(n)), n>>8
	}
	return h
}

// sum mixes all bits into all others, which FNV does not do for the last bytes
// (the finalizer of MurmurHash3).
func (h fingerprint) sum() uint64 {
	x := uint64(h)
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
