package scanner

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/netip"
	"strings"
)

// maxLine is the longest line of a target list, in bytes.
const maxLine = 64 << 10

const byteOrderMark = "\uFEFF"

// ReadTargets reads a target list, one target a line, as it is asked for: a
// host or address with or without a port, a URL, a prefix, which becomes a
// target for each of its addresses, "ip,name", "ip,name,port" or "rank,name",
// each followed by attributes. Blank lines and what follows a # are skipped; a
// line @defaults gives its attributes to the lines below it.
//
// known is asked for each attribute that is not the reader's own, such as the
// expectations of a check; its error makes the line one that makes no sense.
// Nil knows none.
//
// A line that makes no sense, or is longer than 64 KiB, is a target whose Err
// is set. The error of the sequence is that of r; it comes last.
func ReadTargets(r io.Reader, known func(key string) error) iter.Seq2[Target, error] {
	return readLines(r, known, yieldTargets)
}

// ReadLines reads a target list as ReadTargets does, for those who want to know
// what it says and not whom to dial: a prefix is one target, whose Endpoint has
// no host, and a line @defaults is yielded too.
func ReadLines(r io.Reader, known func(key string) error) iter.Seq2[Target, error] {
	return readLines(r, known, yieldWhole)
}

// readLines hands the lines to yieldLine, which returns false to end it.
func readLines(r io.Reader, known func(key string) error, yieldLine func(l line, defaults []Attribute, yield func(Target, error) bool) bool) iter.Seq2[Target, error] {
	return func(yield func(Target, error) bool) {
		lines := bufio.NewReaderSize(r, maxLine+2) // with CR and LF
		var defaults []Attribute
		for number := 1; ; number++ {
			text, long, err := readLine(lines)
			if err != nil && !errors.Is(err, io.EOF) {
				yield(Target{}, fmt.Errorf("line %d: %w", number, err))
				return
			}
			l, ok := parseLine(number, text, long, known)
			if ok && !yieldLine(l, defaults, yield) || err != nil {
				return
			}
			if l.defaults && l.target.Err == nil {
				defaults = l.attributes
			}
		}
	}
}

// yieldTargets yields the targets of one line.
func yieldTargets(l line, defaults []Attribute, yield func(Target, error) bool) bool {
	switch {
	case l.target.Err != nil:
		return yield(l.target, nil)
	case l.defaults:
		return true
	}
	l.apply(defaults)
	if !l.prefix.IsValid() {
		return yield(l.target, nil)
	}
	for addr := range addresses(l.prefix) {
		l.target.Endpoint.Host = addr.Unmap().String()
		if !yield(l.target, nil) {
			return false
		}
	}
	return true
}

// yieldWhole yields one line as one target.
func yieldWhole(l line, defaults []Attribute, yield func(Target, error) bool) bool {
	if l.target.Err == nil {
		if l.target.IsDefaults = l.defaults; l.defaults {
			defaults = nil
		}
		l.apply(defaults)
	}
	return yield(l.target, nil)
}

// readLine returns a line without its end, or the beginning of one that is
// too long. With io.EOF comes what stood behind the last line end.
func readLine(r *bufio.Reader) (text string, long bool, err error) {
	b, err := r.ReadSlice('\n')
	// A record shows a kilobyte of it, the rest need not be copied.
	long = errors.Is(err, bufio.ErrBufferFull)
	if long {
		text = string(b[:2*maxText])
	} else {
		text = strings.TrimRight(string(b), "\r\n")
		long = len(text) > maxLine
	}
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = r.ReadSlice('\n')
	}
	return strings.TrimPrefix(text, byteOrderMark), long, err
}

// addresses yields every address of a prefix, the first and the last too: what
// they mean is up to the network behind it.
func addresses(p netip.Prefix) iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		for addr := p.Addr(); addr.IsValid() && p.Contains(addr); addr = addr.Next() {
			if !yield(addr) {
				return
			}
		}
	}
}
