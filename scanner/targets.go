package scanner

import (
	"io"
	"iter"

	"certsweep/scanner/list"
)

// ReadTargets reads a target list as it is asked for, in any of the forms that
// package list reads: in certsweep's own, one target a line, that is a host or
// address with or without a port, a URL, a prefix or range, "ip,name",
// "ip,name,port" or "rank,name", each followed by attributes. A prefix, a range
// and a list of ports become a target for each address and port. Blank lines and
// comments are skipped; a line @defaults gives its attributes to the lines below
// it.
//
// known is asked for each attribute that is not the reader's own, such as the
// expectations of a check; its error makes the line one that makes no sense.
// Nil knows none.
//
// A line that makes no sense, or is too long, is a target whose Err is set. The
// error of the sequence is that of r; it comes last.
func ReadTargets(r io.Reader, known func(key string) error) iter.Seq2[Target, error] {
	return Expand(ReadLines(list.NewReader(r, list.Auto).All(), known))
}

// ReadLines reads the lines of a target list, for those who want to know what it
// says and not whom to dial: a prefix, a range or a host with several ports is
// one target, and a line @defaults is yielded too. [Expand] makes of them what
// ReadTargets yields.
func ReadLines(lines iter.Seq2[list.Line, error], known func(key string) error) iter.Seq2[Target, error] {
	return func(yield func(Target, error) bool) {
		var defaults []Attribute
		for from, err := range lines {
			if err != nil {
				yield(Target{}, err)
				return
			}
			l, ok := parseLine(from, known)
			if !ok {
				continue
			}
			switch t := &l.target; {
			case t.Err != nil:
			case t.IsDefaults:
				defaults = l.attributes
				l.apply(nil)
			default:
				l.apply(defaults)
			}
			if !yield(l.target, nil) {
				return
			}
		}
	}
}

// Expand yields the targets of lines that [ReadLines] has read.
func Expand(lines iter.Seq2[Target, error]) iter.Seq2[Target, error] {
	return func(yield func(Target, error) bool) {
		for t, err := range lines {
			if t.IsDefaults {
				continue
			}
			if err != nil || t.block == nil {
				if !yield(t, err) {
					return
				}
				continue
			}
			for i := range t.count(nil) {
				if !yield(t.at(i, nil), nil) {
					return
				}
			}
		}
	}
}

// count returns the number of endpoints that a line stands for, if ports are
// those of a line that gives none.
func (t *Target) count(ports []uint16) uint64 {
	n := uint64(1)
	if t.block != nil {
		n = t.block.hosts()
		if own := t.block.portCount(); own > 0 {
			return n * own
		}
	}
	if t.Endpoint.Port == 0 && len(ports) > 0 && t.Err == nil {
		n *= uint64(len(ports))
	}
	return n
}

// at returns the i-th of them.
func (t *Target) at(i uint64, ports []uint16) Target {
	one := *t
	one.block = nil
	if t.Err != nil {
		return one
	}
	host := i
	if t.block != nil && t.block.ports != nil {
		n := t.block.portCount()
		host, one.Endpoint.Port = i/n, t.block.port(i%n)
	} else if t.Endpoint.Port == 0 && len(ports) > 0 {
		n := uint64(len(ports))
		host, one.Endpoint.Port = i/n, ports[i%n]
	}
	if t.block != nil {
		if addr, ok := t.block.host(host); ok {
			one.Endpoint.Host = addr.String()
		}
	}
	return one
}
