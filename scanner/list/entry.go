package list

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// entry is what a line of another tool says.
type entry struct {
	host     string // whom to dial: a name, an address, or a URL
	name     string // whom to ask for
	ports    []string
	starttls string
	tag      string
}

// line returns the entry in certsweep's own grammar.
func (e entry) line() (Line, bool) {
	host, url := strings.TrimSpace(e.host), false
	if host == "" {
		return Line{Err: errors.New("there is neither a host nor an address in it")}, true
	}
	if url = strings.Contains(host, "://"); !url && !isPlain(host) {
		return Line{Err: fmt.Errorf("%q is not a host name", cut(host))}, true
	}
	var b strings.Builder
	_, err := netip.ParseAddr(host)
	isAddr := err == nil
	switch {
	case url:
		// It says what the columns beside it say, too.
		b.WriteString(quoted(host))
	case isAddr && e.name != "" && e.name != host && len(e.ports) <= 1 && isPlain(e.name):
		b.WriteString(strings.Join(append([]string{host, e.name}, e.ports...), ","))
		e.name = ""
	case isAddr && strings.Contains(host, ":") && len(e.ports) > 0:
		b.WriteString("[" + host + "]:" + strings.Join(e.ports, ","))
	case len(e.ports) > 0:
		b.WriteString(host + ":" + strings.Join(e.ports, ","))
	default:
		b.WriteString(host)
	}
	for _, attribute := range []struct{ key, value string }{{"sni", e.name}, {"starttls", e.starttls}, {"tag", e.tag}} {
		if attribute.value != "" && attribute.value != host {
			b.WriteString(" " + attribute.key + "=" + quoted(attribute.value))
		}
	}
	return Line{Text: b.String()}, true
}

// isPlain reports whether a word means nothing but itself to the grammar, but
// for the signs of prefixes and ranges.
func isPlain(s string) bool {
	return s != "" && s[0] != '@' && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || strings.ContainsRune(`"\#;,=`, r) })
}

// quoted returns a word as the grammar reads it back, whatever is in it.
func quoted(s string) string {
	if isPlain(s) {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// addPort adds a port once.
func (e *entry) addPort(port string) {
	if !slices.Contains(e.ports, port) {
		e.ports = append(e.ports, port)
	}
}

// tcpPort reads a port as a cell has it: 443 or 443/tcp. ok is false for a port
// of another protocol.
func tcpPort(s string) (port string, ok bool) {
	port, protocol, _ := strings.Cut(strings.TrimSpace(s), "/")
	return port, protocol == "" || strings.EqualFold(protocol, "tcp")
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 64)
	return err == nil
}

// cut keeps what is quoted from a line in a message short.
func cut(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
