package scanner

import (
	"fmt"
	"net/netip"
	"strings"

	"certsweep/dialer"
)

// parse reads the text of a target, which is all that stands before its
// attributes.
func (t *Target) parse(text string) (err error) {
	if strings.HasPrefix(text, "-") {
		return fmt.Errorf("%q is an option of a command, not a target", cutText(text))
	}
	if strings.Contains(text, "://") {
		return t.parseURL(text)
	}
	text = withoutUser(text)
	if isPair(text) {
		return t.parsePair(text)
	}
	if name, ok := strings.CutPrefix(text, "*."); ok && !strings.HasPrefix(name, "*") {
		text, t.Note = name, NoteWildcard
	}
	if t.block, t.Endpoint, err = parseBlock(text); err != nil || t.block != nil || t.Endpoint.Host != "" {
		return err
	}
	t.Endpoint, err = dialer.ParseEndpoint(text)
	return err
}

// blockOf returns the block that the text of a target stands for, or nil and its
// endpoint if it has one.
func blockOf(text string) (*block, dialer.Endpoint, error) {
	if !strings.ContainsAny(text, "/-*,") || strings.Contains(text, "://") {
		return nil, dialer.Endpoint{}, nil
	}
	if text = withoutUser(text); isPair(text) {
		return nil, dialer.Endpoint{}, nil
	}
	return parseBlock(strings.TrimPrefix(text, "*."))
}

// parseURL reads a URL, and one with a rank behind it, as lists of origins have
// it. A list of sites that speak HTTP is asked for what they speak TLS on.
func (t *Target) parseURL(text string) (err error) {
	t.scheme = true
	if url, rank, ok := strings.Cut(text, ","); ok && isDigits(rank) {
		text = url
	}
	scheme, rest, _ := strings.Cut(text, "://")
	authority, path := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	user, host, hasUser := strings.Cut(authority, "@")
	if hasUser && !strings.ContainsAny(user, ":") {
		authority = host
	}
	if strings.EqualFold(scheme, "http") {
		t.Note, scheme = NoteHTTP, "https"
		authority = strings.TrimSuffix(authority, ":80")
	}
	t.Endpoint, err = dialer.ParseEndpoint(scheme + "://" + authority + path)
	return err
}

// withoutUser cuts off the "user@" that a host may have before it, as for ssh.
// The zone of an address may have the sign, too.
func withoutUser(text string) string {
	user, host, ok := strings.Cut(text, "@")
	if !ok || strings.ContainsAny(user, ":%,/") {
		return text
	}
	return host
}

// isPair reports whether a text is a row of a table, and not a host with several
// ports.
func isPair(text string) bool {
	if !strings.Contains(text, ",") {
		return false
	}
	hosts, ports, _, err := splitPorts(text)
	return err != nil || ports == "" || strings.Contains(hosts, ",")
}

// parsePair reads "rank,name", "host,port", "address,name", "address,name,port",
// "address,port,name", and what zgrab2 reads: "address,name,tag,port", where all but one of address
// and name may be empty.
func (t *Target) parsePair(text string) (err error) {
	cells := strings.Split(text, ",")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	if isDigits(cells[0]) && len(cells) == 2 {
		t.Endpoint, err = dialer.ParseEndpoint(cells[1])
		return err
	}
	// The last is a port, or a tag.
	port := ""
	if n := len(cells); n == 3 && isDigits(cells[1]) {
		cells, port = []string{cells[0], cells[2]}, cells[1]
	} else if n == 4 || n > 1 && isDigits(cells[n-1]) {
		cells, port = cells[:n-1], cells[n-1]
	}
	if len(cells) == 3 {
		cells, t.Tag = cells[:2], cells[2]
	}
	cells = append(cells, "")
	host, name := strings.TrimSuffix(strings.TrimPrefix(cells[0], "["), "]"), cells[1]
	if host == "" {
		host, name = name, ""
	}
	if _, err := netip.ParseAddr(host); len(cells) > 3 || err != nil && name != "" {
		return errPair(text)
	}
	if len(t.Tag) > maxTag {
		return fmt.Errorf("the tag is longer than %d bytes", maxTag)
	}
	if t.Endpoint.Host, err = dialer.ParseHost(host); err == nil && name != "" {
		t.Endpoint.ServerName, err = dialer.ParseHost(name)
	}
	if err == nil && port != "" {
		t.Endpoint.Port, err = dialer.ParsePort(port)
	}
	return err
}

func errPair(text string) error {
	return fmt.Errorf("%q has no address or no port where one belongs: write host,port, address,name or address,name,port", cutText(text))
}
