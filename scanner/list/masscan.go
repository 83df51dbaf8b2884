package list

import (
	"errors"
	"net/netip"
	"strings"
)

// masscanLine reads a line of masscan's -oL: "open tcp 443 192.0.2.1 1795691711".
// Banners and closed ports have no target. is is false if it is no such line.
func masscanLine(text string) (line Line, is, ok bool) {
	fields := strings.Fields(text)
	if len(fields) < 4 {
		return line, false, false
	}
	switch fields[0] {
	case "open", "closed", "banner":
	default:
		return line, false, false
	}
	switch fields[1] {
	case "tcp", "udp", "sctp", "icmp", "arp", "oproto":
	default:
		return line, false, false
	}
	if fields[0] != "open" || fields[1] != "tcp" {
		return line, true, false
	}
	if _, err := netip.ParseAddr(fields[3]); err != nil || !isNumber(fields[2]) {
		return Line{Err: errors.New("not a line of masscan's -oL: open tcp 443 192.0.2.1 1795691711")}, true, true
	}
	line, ok = entry{host: fields[3], ports: fields[2:3]}.line()
	return line, true, ok
}
