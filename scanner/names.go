package scanner

import (
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"net/netip"

	"certsweep/scanner/list"
)

// Names are names that every target of a list is asked for, each once. It holds
// them in memory, in some 10 bytes and its own length for each. The zero value has
// none and asks for nothing else than the list does. Names is safe for concurrent
// use once it was read.
type Names struct {
	// pages have the names, each behind a byte with its length; none begins on one
	// page and ends on another. What was read is never copied, however many there
	// are.
	pages [][]byte
	// places has where each name begins, in as many pages.
	places [][]uint32
	count  int
	// slots is a hash table with the numbers of the names, from 1; a power of two
	// of them.
	slots []uint32
	seed  maphash.Seed
}

const (
	namesPage = 1 << 16 // bytes
	placePage = 1 << 14 // names
	// maxNames bounds the text of all names, in bytes, so that their places fit 32
	// bits and a wrong file does not fill the memory.
	maxNames = 1 << 30
)

// ErrTooManyNames says that names take too much memory.
var ErrTooManyNames = fmt.Errorf("more than %d MiB of names", maxNames>>20)

// ReadNames reads names, one a line, in any of the forms that package list reads:
// of a URL, of "host:port" and of "address,name" the name counts, and of "*.name"
// what is behind the star. A line that has none is given to wrong, and the others are
// read on. limit bounds the memory that the names may take, in bytes; 0 means no
// limit but the 1 GiB of text that a Names can have. Blocking and errors are those
// of the sequence, or ErrTooManyNames.
func ReadNames(lines iter.Seq2[list.Line, error], limit int64, wrong func(line int, err error)) (*Names, error) {
	n := &Names{seed: maphash.MakeSeed()}
	for line, err := range lines {
		if err != nil {
			return nil, err
		}
		name, ok, err := parseName(line)
		switch {
		case err != nil:
			wrong(line.Number, err)
		case ok && (len(n.pages)*namesPage > maxNames || limit > 0 && n.Size() > limit):
			return nil, ErrTooManyNames
		case ok:
			n.add(name)
		}
	}
	return n, nil
}

// parseName returns the name that a line has; ok is false for a blank one or a
// comment.
func parseName(from list.Line) (name string, ok bool, err error) {
	l, ok := parseLine(from, nil)
	if !ok {
		return "", false, nil
	}
	l.apply(nil)
	t := &l.target
	name = t.Endpoint.Name()
	_, notName := netip.ParseAddr(name)
	switch {
	case t.Err != nil:
		return "", false, t.Err
	case t.IsDefaults:
		return "", false, errors.New("@defaults is not a name")
	case name == "":
		return "", false, fmt.Errorf("%q is several addresses, not a name", cutText(t.Text))
	case notName == nil:
		return "", false, fmt.Errorf("%q is an address, and SNI has only names (RFC 6066 §3)", cutText(name))
	}
	return name, true, nil
}

// Len returns the number of names.
func (n *Names) Len() int {
	if n == nil {
		return 0
	}
	return n.count
}

// Size returns how much memory the names take, in bytes.
func (n *Names) Size() int64 {
	return int64(len(n.pages)*namesPage + 4*len(n.places)*placePage + 4*len(n.slots))
}

// at returns the i-th name.
func (n *Names) at(i int) string { return string(n.bytes(i)) }

func (n *Names) bytes(i int) []byte {
	place := n.places[i/placePage][i%placePage]
	name := n.pages[place/namesPage][place%namesPage:]
	return name[1 : 1+int(name[0])]
}

// index returns the number of a name, 0 if it is not there.
func (n *Names) index(name string) (i int, ok bool) {
	if n.Len() == 0 {
		return 0, false
	}
	number := int(n.slots[n.slot(name)])
	return max(0, number-1), number > 0
}

// slot returns the place of a name in the table, or the one that it would have.
func (n *Names) slot(name string) uint64 {
	mask := uint64(len(n.slots) - 1)
	slot := maphash.String(n.seed, name) & mask
	for n.slots[slot] != 0 && string(n.bytes(int(n.slots[slot])-1)) != name {
		slot = (slot + 1) & mask
	}
	return slot
}

// add adds a name, which has at most 253 bytes, unless it is there.
func (n *Names) add(name string) {
	if 4*n.count >= 3*len(n.slots) {
		n.slots = make([]uint32, max(64, 2*len(n.slots)))
		for i := range n.count {
			n.slots[n.slot(n.at(i))] = uint32(i + 1)
		}
	}
	slot := n.slot(name)
	if n.slots[slot] != 0 {
		return
	}
	if last := len(n.pages) - 1; last < 0 || len(n.pages[last])+1+len(name) > namesPage {
		n.pages = append(n.pages, make([]byte, 0, namesPage))
	}
	if n.count%placePage == 0 {
		n.places = append(n.places, make([]uint32, 0, placePage))
	}
	page, places := &n.pages[len(n.pages)-1], &n.places[len(n.places)-1]
	*places = append(*places, uint32((len(n.pages)-1)*namesPage+len(*page)))
	*page = append(append(*page, byte(len(name))), name...)
	n.count++
	n.slots[slot] = uint32(n.count)
}

// takes reports whether a target is asked for the names: one that has its own is
// asked for that alone.
func (n *Names) takes(t *Target) bool {
	return n.Len() > 0 && t.Err == nil && !t.IsDefaults && t.Endpoint.ServerName == ""
}

// times returns how many targets the names make of one.
func (n *Names) times(t *Target) uint64 {
	if !n.takes(t) {
		return 1
	}
	return uint64(n.Len())
}

// ask returns the i-th of them.
func (n *Names) ask(t Target, i int) Target {
	if n.takes(&t) {
		t.Endpoint.ServerName, t.named = n.at(i), true
	}
	return t
}
