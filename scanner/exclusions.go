package scanner

import (
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"

	"certsweep/dialer"
	"certsweep/scanner/list"
)

// Exclusions are endpoints that are not to be dialed. The zero value excludes
// nothing. It is safe for concurrent use once it was read.
type Exclusions struct {
	ranges   []addressRange         // on all ports, in order, none touching another
	ported   map[netip.Addr][]ports // addresses on some ports
	others   []exclusion            // what is neither
	names    map[string][]ports
	suffixes map[string][]ports // names below these
	ports    ports              // on every host
}

// ports is a set of ports; empty means all.
type ports []portRange

func (p ports) has(port uint16) bool {
	return len(p) == 0 || slices.ContainsFunc(p, func(r portRange) bool { return r.first <= port && port <= r.last })
}

func anyHas(sets []ports, port uint16) bool {
	return slices.ContainsFunc(sets, func(p ports) bool { return p.has(port) })
}

type addressRange struct{ first, last netip.Addr }

// exclusion is a range, or what is addresses that are not in a row.
type exclusion struct {
	addressRange
	block *block
	ports ports
}

func (e *exclusion) has(addr netip.Addr) bool {
	if e.block != nil {
		_, in := e.block.hostIndex(addr)
		return in
	}
	return addr.BitLen() == e.first.BitLen() && !addr.Less(e.first) && !e.last.Less(addr)
}

// ReadExclusions reads what lists exclude: addresses, prefixes, ranges, names,
// "*.name", which is every name below it, each on all ports or those behind a
// colon, and ":25", which is a port of every host. A line that is none of these
// is an error: what it was to keep from being dialed nobody knows. Blocking and
// errors are those of the sequence.
func ReadExclusions(lines iter.Seq2[list.Line, error]) (*Exclusions, error) {
	x := &Exclusions{ported: make(map[netip.Addr][]ports), names: make(map[string][]ports), suffixes: make(map[string][]ports)}
	for line, err := range lines {
		if err == nil {
			err = line.Err
		} else {
			return nil, err
		}
		if err == nil {
			err = x.add(line.Text)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line.Number, err)
		}
	}
	x.merge()
	return x, nil
}

func (x *Exclusions) add(text string) error {
	fields, err := splitFields(text)
	if err != nil || len(fields) == 0 {
		return err
	}
	word := fields[0].text
	if len(fields) > 1 {
		return fmt.Errorf("%q and more: write one exclusion a line, and a comment behind #", cutText(word))
	}
	if every, ok := strings.CutPrefix(strings.TrimPrefix(word, "*"), ":"); ok && !strings.Contains(every, ":") {
		set, err := parsePorts(every)
		x.ports = append(x.ports, set...)
		return err
	}
	if prefix, set, ok, err := excludedPrefix(word); ok {
		x.addRange(prefix, set)
		return err
	}
	var t Target
	if err := t.parse(word); err != nil {
		return err
	}
	if t.Endpoint.ServerName != "" || t.Tag != "" {
		return fmt.Errorf("%q: exclude an address or a name, not one of the other", cutText(word))
	}
	var set ports
	if t.block != nil && t.block.ports != nil {
		set = t.block.ports
	} else if port := t.Endpoint.Port; port != 0 {
		set = ports{{port, port}}
	}
	if t.block != nil && t.block.count > 0 {
		x.addBlock(t.block, set)
		return nil
	}
	host := t.Endpoint.Host
	addr, err := netip.ParseAddr(host)
	switch {
	case t.Note == NoteWildcard:
		x.suffixes[host] = append(x.suffixes[host], set)
	case err != nil:
		x.names[host] = append(x.names[host], set)
	case set == nil:
		x.ranges = append(x.ranges, addressRange{addr.WithZone(""), addr.WithZone("")})
	default:
		x.ported[addr.WithZone("")] = append(x.ported[addr.WithZone("")], set)
	}
	return nil
}

func (x *Exclusions) addBlock(b *block, set ports) {
	if b.octets != nil {
		x.others = append(x.others, exclusion{block: b, ports: set})
		return
	}
	last, _ := b.host(b.count - 1)
	x.addRange(addressRange{b.first, last}, set)
}

func (x *Exclusions) addRange(r addressRange, set ports) {
	r.first, r.last = r.first.WithZone(""), r.last.WithZone("")
	if set != nil {
		x.others = append(x.others, exclusion{addressRange: r, ports: set})
		return
	}
	x.ranges = append(x.ranges, r)
}

// excludedPrefix reads a prefix of any size, with ports or without; ok is false
// if the text is none.
func excludedPrefix(text string) (r addressRange, set ports, ok bool, err error) {
	hosts, behind, _, err := splitPorts(text)
	prefix, parseErr := netip.ParsePrefix(hosts)
	if err != nil || parseErr != nil {
		return r, nil, false, nil
	}
	if behind != "" {
		if set, err = parsePorts(behind[1:]); err != nil {
			return r, nil, true, err
		}
	}
	first := prefix.Masked().Addr()
	last := first.AsSlice()
	for i := prefix.Bits(); i < first.BitLen(); i++ {
		last[i/8] |= 0x80 >> (i % 8)
	}
	end, _ := netip.AddrFromSlice(last)
	return addressRange{first.Unmap(), end.Unmap()}, set, true, nil
}

// merge puts the ranges in order, so that one look-up tells.
func (x *Exclusions) merge() {
	slices.SortFunc(x.ranges, func(a, b addressRange) int { return a.first.Compare(b.first) })
	merged := x.ranges[:0]
	for _, r := range x.ranges {
		if n := len(merged); n > 0 && r.first.Compare(merged[n-1].last) <= 0 {
			if merged[n-1].last.Less(r.last) {
				merged[n-1].last = r.last
			}
			continue
		}
		merged = append(merged, r)
	}
	x.ranges = merged
}

// Excludes reports whether an endpoint is excluded, by its address or name, the
// server name it is asked for, or its port.
func (x *Exclusions) Excludes(e dialer.Endpoint) bool {
	if addr, err := netip.ParseAddr(e.Host); err == nil {
		if x.ExcludesAddr(netip.AddrPortFrom(addr, e.Port)) {
			return true
		}
	} else if x.excludesName(e.Host, e.Port) {
		return true
	}
	return len(x.ports) > 0 && x.ports.has(e.Port) || e.ServerName != "" && x.excludesName(e.ServerName, e.Port)
}

func (x *Exclusions) excludesName(name string, port uint16) bool {
	if anyHas(x.names[name], port) {
		return true
	}
	for i := 0; i < len(name) && len(x.suffixes) > 0; i++ {
		if name[i] == '.' && anyHas(x.suffixes[name[i+1:]], port) {
			return true
		}
	}
	return false
}

// nat64 is the prefix under which a network leads to IPv4, whose address stands
// in the last four octets (RFC 6052 §2.1).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// ExcludesAddr reports whether an address is excluded, on all ports or on that
// one. It is what a [dialer.Dialer] asks after a look-up.
func (x *Exclusions) ExcludesAddr(a netip.AddrPort) bool {
	addr := a.Addr().Unmap().WithZone("")
	if nat64.Contains(addr) {
		octets := addr.As16()
		if x.ExcludesAddr(netip.AddrPortFrom(netip.AddrFrom4([4]byte(octets[12:])), a.Port())) {
			return true
		}
	}
	i, found := slices.BinarySearchFunc(x.ranges, addr, func(r addressRange, addr netip.Addr) int { return r.first.Compare(addr) })
	if found || i > 0 && addr.Compare(x.ranges[i-1].last) <= 0 && addr.BitLen() == x.ranges[i-1].last.BitLen() {
		return true
	}
	if anyHas(x.ported[addr], a.Port()) || len(x.ports) > 0 && x.ports.has(a.Port()) {
		return true
	}
	return slices.ContainsFunc(x.others, func(e exclusion) bool { return e.ports.has(a.Port()) && e.has(addr) })
}

// ErrAllExcluded ends a list of which nothing is left.
var ErrAllExcluded = errors.New("every target is excluded")

// Apply yields the targets that are not excluded, and calls excluded, if it is
// not nil, with each that is. If no target is left of several, the sequence ends with
// ErrAllExcluded. It comes after [Defaults.Apply], as ports count.
func (x *Exclusions) Apply(targets iter.Seq2[Target, error], excluded func(Target)) iter.Seq2[Target, error] {
	return func(yield func(Target, error) bool) {
		left, out := false, false
		for t, err := range targets {
			if err == nil && t.Err == nil && x.Excludes(t.Endpoint) {
				out = true
				if excluded != nil {
					excluded(t)
				}
				continue
			}
			left = left || err != nil || t.Err == nil
			if !yield(t, err) {
				return
			}
		}
		if out && !left {
			yield(Target{}, ErrAllExcluded)
		}
	}
}
