package dialer

import (
	"fmt"
	"net/netip"
)

// nat64 is the prefix under which a network translates to IPv4, whose address
// stands in the last four octets (RFC 6052 §2.1).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// globalUnicast6 is all that is assigned of IPv6 for hosts (RFC 4291 §2.4).
var globalUnicast6 = netip.MustParsePrefix("2000::/3")

// special are the prefixes inside the unicast space that are no public hosts:
// the IANA registries of special-purpose addresses (RFC 6890 and its updates).
var special = prefixes(
	"0.0.0.0/8",       // this network
	"10.0.0.0/8",      // private, RFC 1918
	"100.64.0.0/10",   // shared by carriers, RFC 6598
	"127.0.0.0/8",     // loopback
	"169.254.0.0/16",  // link-local, with the metadata services of clouds
	"172.16.0.0/12",   // private
	"192.0.0.0/24",    // IETF protocols
	"192.0.2.0/24",    // documentation, RFC 5737
	"192.31.196.0/24", // AS112
	"192.52.193.0/24", // AMT
	"192.88.99.0/24",  // relays of 6to4
	"192.168.0.0/16",  // private
	"192.175.48.0/24", // AS112
	"198.18.0.0/15",   // benchmarks, RFC 2544
	"198.51.100.0/24", // documentation
	"203.0.113.0/24",  // documentation
	"224.0.0.0/3",     // multicast, reserved, broadcast
	"2001::/23",       // IETF protocols, with Teredo, which embeds IPv4
	"2001:db8::/32",   // documentation, RFC 3849
	"2002::/16",       // 6to4, which embeds IPv4
	"2620:4f:8000::/48",
	"3fff::/20", // documentation, RFC 9637
)

func prefixes(list ...string) []netip.Prefix {
	var parsed []netip.Prefix
	for _, s := range list {
		parsed = append(parsed, netip.MustParsePrefix(s))
	}
	return parsed
}

// isPublic reports whether an address is one that anybody on the internet may
// mean: a global unicast address, in no form that leads to another kind.
func isPublic(addr netip.Addr) bool {
	if addr.Zone() != "" {
		return false
	}
	addr = addr.Unmap()
	if nat64.Contains(addr) {
		octets := addr.As16()
		addr = netip.AddrFrom4([4]byte(octets[12:]))
	}
	if addr.Is6() && !globalUnicast6.Contains(addr) {
		return false
	}
	for _, p := range special {
		if p.Contains(addr) {
			return false
		}
	}
	return addr.IsValid()
}

// dialable returns the addresses that may be dialed, or the error if none may.
func (d *Dialer) dialable(host string, port uint16, addrs []netip.Addr) ([]netip.Addr, *Error) {
	if !d.PublicOnly && d.Exclude == nil {
		return addrs, nil
	}
	var allowed []netip.Addr
	why := ""
	for _, addr := range addrs {
		switch {
		case d.PublicOnly && !isPublic(addr):
			why = "not a public address"
		case d.Exclude != nil && d.Exclude(netip.AddrPortFrom(addr, port)):
			why = "excluded"
		default:
			allowed = append(allowed, addr)
		}
	}
	if len(allowed) == 0 && len(addrs) > 0 {
		return nil, &Error{Phase: PhaseLocal, Code: CodeDeniedAddress, Err: fmt.Errorf("%s is at %v, which is %s", host, addrs[len(addrs)-1], why)}
	}
	return allowed, nil
}
