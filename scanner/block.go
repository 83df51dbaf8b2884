package scanner

import (
	"errors"
	"fmt"
	"math/big"
	"math/bits"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"certsweep/dialer"
)

// block is what a line stands for that is more than one endpoint: each of its
// hosts at each of its ports, in an order that never changes.
type block struct {
	// first is the first of count addresses in a row. Without a count it is
	// the host of the endpoint, which is one.
	first netip.Addr
	count uint64
	// octets has the first and the last value of each octet, if there are
	// several addresses that are not in a row, such as 10.0.0-3.1. count is
	// their number.
	octets *[4][2]uint8
	ports  []portRange // none: one port, that of the endpoint
}

// portRange is a range of ports, the last included.
type portRange struct{ first, last uint16 }

// maxAddressBits bounds a block to 2^32 addresses, all of IPv4. A larger one
// would never end.
const maxAddressBits = 32

// hosts returns the number of hosts.
func (b *block) hosts() uint64 { return max(1, b.count) }

// portCount returns the number of ports, 0 if they are not the block's.
func (b *block) portCount() (n uint64) {
	for _, r := range b.ports {
		n += uint64(r.last-r.first) + 1
	}
	return n
}

// host returns the i-th address; ok is false if the host is that of the
// endpoint.
func (b *block) host(i uint64) (addr netip.Addr, ok bool) {
	switch {
	case b.count == 0:
		return addr, false
	case b.octets == nil:
		return offsetAddr(b.first, i), true
	}
	var a [4]byte
	for k := 3; k >= 0; k-- {
		width := uint64(b.octets[k][1]-b.octets[k][0]) + 1
		a[k] = b.octets[k][0] + uint8(i%width)
		i /= width
	}
	return netip.AddrFrom4(a), true
}

// hostIndex is the inverse of host.
func (b *block) hostIndex(addr netip.Addr) (i uint64, ok bool) {
	switch {
	case b.count == 0:
		return 0, true
	case addr.BitLen() != b.first.BitLen():
		return 0, false
	case b.octets == nil:
		i, ok = addrOffset(b.first, addr)
		return i, ok && i < b.count
	}
	for k, octet := range addr.As4() {
		low, high := b.octets[k][0], b.octets[k][1]
		if octet < low || octet > high {
			return 0, false
		}
		i = i*(uint64(high-low)+1) + uint64(octet-low)
	}
	return i, true
}

func (b *block) port(i uint64) uint16 {
	for _, r := range b.ports {
		if n := uint64(r.last-r.first) + 1; i < n {
			return r.first + uint16(i)
		} else {
			i -= n
		}
	}
	return 0
}

func (b *block) portIndex(port uint16) (i uint64, ok bool) {
	for _, r := range b.ports {
		if r.first <= port && port <= r.last {
			return i + uint64(port-r.first), true
		}
		i += uint64(r.last-r.first) + 1
	}
	return 0, false
}

// offsetAddr returns the n-th address after one, which the address family has.
func offsetAddr(first netip.Addr, n uint64) netip.Addr {
	if first.Is4() {
		a := first.As4()
		v := uint32(a[0])<<24 | uint32(a[1])<<16 | uint32(a[2])<<8 | uint32(a[3])
		v += uint32(n)
		return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
	}
	a := first.As16()
	carry := n
	for i := 15; i >= 0 && carry > 0; i-- {
		sum := uint64(a[i]) + carry&0xff
		a[i] = byte(sum)
		carry = carry>>8 + sum>>8
	}
	return netip.AddrFrom16(a).WithZone(first.Zone())
}

// addrOffset returns the number of addresses from one to another of the same
// family, if that is one of 64 bits.
func addrOffset(first, addr netip.Addr) (n uint64, ok bool) {
	if addr.Less(first) {
		return 0, false
	}
	from, to := first.As16(), addr.As16()
	low, borrow := bits.Sub64(bigEndian(to[8:]), bigEndian(from[8:]), 0)
	high, _ := bits.Sub64(bigEndian(to[:8]), bigEndian(from[:8]), borrow)
	return low, high == 0
}

func bigEndian(b []byte) (n uint64) {
	for _, x := range b {
		n = n<<8 | uint64(x)
	}
	return n
}

// parseBlock reads a prefix or a range of addresses, or a host with several
// ports: "192.0.2.0/24", "192.0.2.0/24:443,8443", "[2001:db8::/120]:8443",
// "192.0.2.1-192.0.2.9", "192.0.2.1-9", "10.0.0.*", "example.com:443,8443". It
// returns nil if the text is nothing of the kind; then it is one host or none.
// e has the host, if that is one, and the port, if that is one.
func parseBlock(text string) (b *block, e dialer.Endpoint, err error) {
	if len(text) > maxText {
		return nil, e, fmt.Errorf("%q is longer than %d bytes: write several ports as a range (443-450)", cutText(text), maxText)
	}
	hosts, ports, bracketed, err := splitPorts(text)
	if err != nil {
		return nil, e, err
	}
	b = new(block)
	if isHosts, err := b.parseHosts(hosts); err != nil {
		return nil, e, err
	} else if !isHosts {
		if !strings.ContainsAny(ports, ",-") {
			return nil, e, nil
		}
		if bracketed {
			hosts = "[" + hosts + "]"
		}
		if e, err = dialer.ParseEndpoint(hosts); err != nil {
			return nil, e, err
		}
	}
	if ports != "" {
		if b.ports, err = parsePorts(ports[1:]); err != nil {
			return nil, e, err
		}
		if b.portCount() == 1 {
			e.Port, b.ports = b.ports[0].first, nil
		}
	}
	if b.count == 0 && b.ports == nil {
		return nil, e, nil
	}
	return b, e, nil
}

// splitPorts splits what stands before the ports from them. ports begins with
// the colon, and is empty if there are none.
func splitPorts(text string) (hosts, ports string, bracketed bool, err error) {
	if rest, ok := strings.CutPrefix(text, "["); ok {
		if hosts, ports, ok = strings.Cut(rest, "]"); !ok {
			return "", "", false, fmt.Errorf("missing ] in %q", cutText(text))
		}
		if ports != "" && ports[0] != ':' {
			return "", "", false, fmt.Errorf("unexpected %q after ]", cutText(ports))
		}
		return hosts, ports, true, nil
	}
	// A bare IPv6 address, or a prefix or range of them, is full of colons and
	// has no ports, but a prefix, whose bits end it.
	from := 0
	if strings.Count(text, ":") > 1 {
		if from = strings.LastIndexByte(text, '/'); from < 0 {
			return text, "", false, nil
		}
	}
	if i := strings.IndexByte(text[from:], ':'); i >= 0 {
		return text[:from+i], text[from+i:], false, nil
	}
	return text, "", false, nil
}

// parseHosts reads the addresses; ok is false if the text has no signs of
// several.
func (b *block) parseHosts(text string) (ok bool, err error) {
	if strings.Contains(text, "/") {
		return true, b.parsePrefix(text)
	}
	if low, high, isRange := strings.Cut(text, "-"); isRange && !strings.Contains(high, "-") {
		if first, err := netip.ParseAddr(low); err == nil {
			if last, err := netip.ParseAddr(high); err == nil {
				return true, b.setRange(text, first.Unmap(), last.Unmap())
			} else if first.Is6() {
				return true, fmt.Errorf("%q is not a range of addresses: write both in full", cutText(text))
			}
		}
	}
	if strings.Trim(text, "0123456789.-*") == "" && strings.ContainsAny(text, "-*") {
		return true, b.parseOctets(text)
	}
	return false, nil
}

func (b *block) parsePrefix(text string) error {
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return fmt.Errorf("%q is neither a host nor a prefix; a URL begins with its scheme (https://)", cutText(text))
	}
	n := prefix.Addr().BitLen() - prefix.Bits()
	if n > maxAddressBits {
		return fmt.Errorf("%q has %v addresses; at most 2^%d are scanned", cutText(text), new(big.Int).Lsh(big.NewInt(1), uint(n)), maxAddressBits)
	}
	b.first, b.count = prefix.Masked().Addr().Unmap(), 1<<n
	return nil
}

func (b *block) setRange(text string, first, last netip.Addr) error {
	n, ok := addrOffset(first, last)
	switch {
	case first.BitLen() != last.BitLen():
		return fmt.Errorf("%q begins with one kind of address and ends with another", cutText(text))
	case last.Less(first):
		return fmt.Errorf("%q ends before it begins", cutText(text))
	case !ok || n >= 1<<maxAddressBits:
		return fmt.Errorf("%q has too many addresses; at most 2^%d are scanned", cutText(text), maxAddressBits)
	}
	b.first, b.count = first, n+1
	return nil
}

// parseOctets reads an IPv4 address some of whose octets are ranges or "*".
func (b *block) parseOctets(text string) error {
	wrong := fmt.Errorf("%q is not a range of addresses: write 192.0.2.1-192.0.2.9, 192.0.2.1-9 or 192.0.2.*", cutText(text))
	parts := strings.Split(text, ".")
	if len(parts) == 1 {
		return fmt.Errorf("%q is a range of numbers, not a host: write host:443-450 for ports, 192.0.2.1-9 for addresses", cutText(text))
	}
	if len(parts) != 4 {
		return wrong
	}
	b.octets, b.count = new([4][2]uint8), 1
	var first [4]byte
	for i, part := range parts {
		if part == "*" {
			part = "0-255"
		}
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		from, lowErr := strconv.ParseUint(low, 10, 8)
		to, highErr := strconv.ParseUint(high, 10, 8)
		if lowErr != nil || highErr != nil || from > to {
			return wrong
		}
		b.octets[i] = [2]uint8{uint8(from), uint8(to)}
		b.count *= to - from + 1
		first[i] = byte(from)
	}
	b.first = netip.AddrFrom4(first)
	return nil
}

var errNoPorts = errors.New("write a port, or several as 443,8443 or 443-450")

// parsePorts reads ports and ranges of them, separated by commas. What comes out
// is in order, and has each once.
func parsePorts(text string) ([]portRange, error) {
	var ranges []portRange
	for part := range strings.SplitSeq(text, ",") {
		low, high, isRange := strings.Cut(strings.TrimSpace(part), "-")
		first, err := dialer.ParsePort(low)
		last := first
		if err == nil && isRange {
			last, err = dialer.ParsePort(high)
		}
		switch {
		case err != nil && isRange:
			return nil, fmt.Errorf("%q is not a range of ports: %w", cutText(part), errNoPorts)
		case err != nil:
			return nil, err
		case last < first:
			return nil, fmt.Errorf("%q ends before it begins: %w", cutText(part), errNoPorts)
		}
		ranges = append(ranges, portRange{first, last})
	}
	slices.SortFunc(ranges, func(a, b portRange) int { return int(a.first) - int(b.first) })
	merged := ranges[:1]
	for _, r := range ranges[1:] {
		if end := &merged[len(merged)-1]; int(r.first) <= int(end.last)+1 {
			end.last = max(end.last, r.last)
		} else {
			merged = append(merged, r)
		}
	}
	return merged, nil
}

// ParsePorts reads a list of ports and ranges of ports, "443,8443-8450", and
// returns each port once, in rising order.
func ParsePorts(text string) ([]uint16, error) {
	ranges, err := parsePorts(text)
	var ports []uint16
	for _, r := range ranges {
		for port := int(r.first); port <= int(r.last); port++ {
			ports = append(ports, uint16(port))
		}
	}
	return ports, err
}
