package scanner

// pageBits is the number of positions that a page of a bitmap has.
const pageBits = 1 << 16

// position is the place of a target in a bitmap. Targets of all lines without
// a prefix share one space, that of line 0; a prefix has a space of its own.
type position struct {
	line  int
	index uint64
	// size is the number of positions of the line's space; 0 for that of line
	// 0, which has no end.
	size uint64
	// whole is the index, in the space of line 0, that stands for a prefix as
	// a whole.
	whole uint64
}

// bitmap is a set of targets: a bit each, and next to nothing for those that
// fill a page or a prefix. The zero value is empty.
type bitmap struct{ pages map[pageKey]*page }

type pageKey struct {
	line   int
	number uint64
}

// page has as many words as it needs. The shared page full stands for one with
// every bit set.
type page struct {
	words []uint64
	count uint64
}

var full = new(page)

func (m *bitmap) has(p position) bool {
	if p.line != 0 && m.has(position{index: p.whole}) {
		return true
	}
	found, ok := m.pages[pageKey{p.line, p.index / pageBits}]
	if !ok || found == full {
		return ok
	}
	word, bit := p.index%pageBits/64, p.index%64
	return word < uint64(len(found.words)) && found.words[word]>>bit&1 != 0
}

// add adds p and reports whether it was not there before.
func (m *bitmap) add(p position) bool {
	if m.has(p) {
		return false
	}
	if m.pages == nil {
		m.pages = make(map[pageKey]*page)
	}
	key := pageKey{p.line, p.index / pageBits}
	found := m.pages[key]
	if found == nil {
		found = new(page)
		m.pages[key] = found
	}
	word, bit := int(p.index%pageBits/64), p.index%64
	if missing := word + 1 - len(found.words); missing > 0 {
		found.words = append(found.words, make([]uint64, missing)...)
	}
	found.words[word] |= 1 << bit
	found.count++
	switch {
	case found.count == p.size:
		delete(m.pages, key)
		m.add(position{index: p.whole})
	case found.count == pageBits:
		m.pages[key] = full
	}
	return true
}
