package scanner

import "slices"

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

// page has the bits of few positions as a list in order, and those of many as
// words, as many as it needs. The shared page full stands for one with every bit
// set.
type page struct {
	few   []uint16
	words []uint64
	count uint64
}

// maxFew is how many positions a list has at most: a page's words take as much.
const maxFew = pageBits / 16

func (p *page) has(bit uint64) bool {
	if p.words == nil {
		_, found := slices.BinarySearch(p.few, uint16(bit))
		return found
	}
	word := bit / 64
	return word < uint64(len(p.words)) && p.words[word]>>(bit%64)&1 != 0
}

// set sets a bit that is not set.
func (p *page) set(bit uint64) {
	p.count++
	if p.words == nil && len(p.few) < maxFew {
		i, _ := slices.BinarySearch(p.few, uint16(bit))
		p.few = slices.Insert(p.few, i, uint16(bit))
		return
	}
	for _, b := range p.few {
		p.setWord(uint64(b))
	}
	p.few = nil
	p.setWord(bit)
}

func (p *page) setWord(bit uint64) {
	word := int(bit / 64)
	if missing := word + 1 - len(p.words); missing > 0 {
		p.words = append(p.words, make([]uint64, missing)...)
	}
	p.words[word] |= 1 << (bit % 64)
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
	return found.has(p.index % pageBits)
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
	found.set(p.index % pageBits)
	switch {
	case found.count == p.size:
		delete(m.pages, key)
		m.add(position{index: p.whole})
	case found.count == pageBits:
		m.pages[key] = full
	}
	return true
}
