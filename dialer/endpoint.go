package dialer

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Endpoint names one TLS server. It is a comparable value. The zero Endpoint
// is invalid.
type Endpoint struct {
	// Host is an IP address or a DNS name in its ASCII form, lower case,
	// without a trailing dot.
	Host string
	// Port 0 stands for "not given": see [Endpoint.WithDefaultPort].
	Port uint16
	// ServerName is the name to send as SNI and to expect in the certificate.
	// Empty means Host.
	ServerName string
	// StartTLS is the protocol to speak before TLS. Empty means TLS from the
	// first byte.
	StartTLS Protocol
}

// ParseEndpoint reads one endpoint: a host or address with or without a port
// ("example.com", "192.0.2.1:8443", "2001:db8::1", "[2001:db8::1]:443"), a URL
// ("https://example.com/path", "smtp://mx.example.com"), or an address with a
// port, a name or both behind commas ("192.0.2.1,8443", "192.0.2.1,example.com",
// "192.0.2.1,example.com,8443"). The attributes sni=NAME and starttls=PROTOCOL may follow after white space.
//
// A scheme of a protocol that starts in the clear chooses StartTLS, and every
// scheme chooses its default port. Names in other scripts are converted to
// their ASCII form (IDNA 2008, with the mapping of UTS 46). ParseEndpoint does
// no look-up of any kind.
func ParseEndpoint(s string) (Endpoint, error) {
	fields := strings.Fields(s)
	if len(fields) == 0 {
		return Endpoint{}, errors.New("empty target")
	}
	e, err := parseAddress(fields[0])
	if err != nil {
		return Endpoint{}, err
	}
	for _, f := range fields[1:] {
		key, value, _ := strings.Cut(f, "=")
		switch key {
		case "sni":
			e.ServerName, err = ParseHost(value)
		case "starttls":
			e, err = e.withStartTLS(value)
		default:
			err = fmt.Errorf("unexpected %q after the endpoint", f)
		}
		if err != nil {
			return Endpoint{}, err
		}
	}
	return e, nil
}

// withStartTLS sets the protocol by name.
func (e Endpoint) withStartTLS(name string) (Endpoint, error) {
	p, err := ParseProtocol(name)
	e.StartTLS = p
	return e, err
}

// String returns the form that [ParseEndpoint] reads back as the same value.
func (e Endpoint) String() string {
	var b strings.Builder
	b.WriteString(e.Address())
	if e.StartTLS != "" {
		b.WriteString(" starttls=" + string(e.StartTLS))
	}
	if e.ServerName != "" {
		b.WriteString(" sni=" + e.ServerName)
	}
	return b.String()
}

// Address returns host:port, with brackets around an IPv6 address. The port is
// left out where the endpoint has none.
func (e Endpoint) Address() string {
	host := e.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if e.Port == 0 {
		return host
	}
	return host + ":" + strconv.Itoa(int(e.Port))
}

// Name returns the name that the certificate is expected to be for.
func (e Endpoint) Name() string {
	if e.ServerName != "" {
		return e.ServerName
	}
	return e.Host
}

// WithDefaultPort returns e with its port, or, where it has none, the default
// port of its STARTTLS protocol, or else the given one.
func (e Endpoint) WithDefaultPort(port uint16) Endpoint {
	if e.Port != 0 {
		return e
	}
	if p := e.StartTLS.DefaultPort(); p != 0 {
		port = p
	}
	e.Port = port
	return e
}

// parseAddress reads everything but attributes.
func parseAddress(s string) (Endpoint, error) {
	if scheme, rest, ok := strings.Cut(s, "://"); ok {
		return parseURL(strings.ToLower(scheme), rest)
	}
	if strings.Contains(s, ",") {
		return parsePair(s)
	}
	return parseHostPort(s)
}

// parseURL reads what follows a scheme. Only the authority counts; of that,
// user information is refused, because it is a secret that should not stand in
// a target list and would end up in the results.
func parseURL(scheme, rest string) (Endpoint, error) {
	known, ok := schemes[scheme]
	if !ok {
		if scheme == "http" {
			return Endpoint{}, errors.New(`scheme "http" has no TLS: write https://`)
		}
		return Endpoint{}, fmt.Errorf("unknown scheme %q", cut(scheme))
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	if strings.Contains(rest, "@") {
		return Endpoint{}, errors.New("user information in a URL is not accepted")
	}
	e, err := parseHostPort(rest)
	if err != nil {
		return Endpoint{}, err
	}
	if e.Port == 0 {
		e.Port = known.port
	}
	e.StartTLS = known.starttls
	return e, nil
}

// parsePair reads "ip,port", "ip,name" and "ip,name,port".
func parsePair(s string) (Endpoint, error) {
	parts := strings.Split(s, ",")
	addr, err := parseIP(strings.TrimSuffix(strings.TrimPrefix(parts[0], "["), "]"))
	if err != nil || len(parts) > 3 {
		return Endpoint{}, fmt.Errorf("%q is not address,name or address,name,port", cut(s))
	}
	e := Endpoint{Host: addr.Unmap().String()}
	if len(parts) == 2 && strings.Trim(parts[1], "0123456789") == "" {
		e.Port, err = ParsePort(parts[1])
		return e, err
	}
	if e.ServerName, err = ParseHost(parts[1]); err != nil {
		return Endpoint{}, err
	}
	if len(parts) == 3 {
		e.Port, err = ParsePort(parts[2])
	}
	return e, err
}

func parseHostPort(s string) (Endpoint, error) {
	// The most frequent form of all, and the cheapest to tell.
	if pair, err := netip.ParseAddrPort(s); err == nil && pair.Addr().Is4() && pair.Port() != 0 {
		return Endpoint{Host: pair.Addr().String(), Port: pair.Port()}, nil
	}
	// A bare IPv6 address is full of colons and has no port.
	if addr, err := parseIP(s); err == nil {
		return Endpoint{Host: addr.Unmap().String()}, nil
	}
	host, port, bracketed := s, "", false
	if strings.HasPrefix(s, "[") {
		i := strings.IndexByte(s, ']')
		if i < 0 {
			return Endpoint{}, fmt.Errorf("missing ] in %q", cut(s))
		}
		host, port, bracketed = s[1:i], s[i+1:], true
		if port != "" && port[0] != ':' {
			return Endpoint{}, fmt.Errorf("unexpected %q after ]", cut(port))
		}
	} else if i := strings.IndexByte(s, ':'); i >= 0 {
		host, port = s[:i], s[i:]
		if strings.Count(port, ":") > 1 {
			return Endpoint{}, fmt.Errorf("%q is not an IPv6 address; with a port it is written [address]:port", cut(s))
		}
	}
	var e Endpoint
	var err error
	if bracketed {
		addr, err := parseIP(host)
		if err != nil || !addr.Is6() {
			return Endpoint{}, fmt.Errorf("%q is not an IPv6 address", cut(host))
		}
		e.Host = addr.Unmap().String()
	} else if e.Host, err = ParseHost(host); err != nil {
		return Endpoint{}, err
	}
	if port != "" {
		e.Port, err = ParsePort(port[1:])
	}
	return e, err
}

// parseIP is netip.ParseAddr for addresses whose zone, if any, could be the
// name of an interface. netip takes every zone, also one with the signs of this
// grammar in it.
func parseIP(s string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(s)
	for i := 0; i < len(addr.Zone()); i++ {
		c := addr.Zone()[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.@", c) >= 0) {
			return netip.Addr{}, fmt.Errorf("character %q in a zone", c)
		}
	}
	return addr, err
}

// ParsePort reads a port number from 1 to 65535.
func ParsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is not a port (1 to 65535)", cut(s))
	}
	return uint16(n), nil
}

// The lengths of a name and of a label, RFC 1035 §2.3.4.
const (
	maxName  = 253
	maxLabel = 63
)

// idnaProfile maps as browsers do (UTS 46, non-transitional). The rules for
// ASCII are checkName's, which lets the underscore pass as the DNS does.
var idnaProfile = sync.OnceValue(func() *idna.Profile {
	return idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false))
})

// ParseHost returns an IP address in its canonical form, or a DNS name in
// lower-case ASCII without a trailing dot. It does no look-up.
func ParseHost(s string) (string, error) {
	if addr, err := parseIP(s); err == nil {
		return addr.Unmap().String(), nil
	}
	name := s
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			var err error
			// The limit keeps a 64 KiB label from the quadratic part of punycode.
			if len(s) > 4*maxName {
				return "", fmt.Errorf("name %q is too long", cut(s))
			}
			if !utf8.ValidString(s) {
				return "", fmt.Errorf("%q is not a name: it is not UTF-8", cut(s))
			}
			if name, err = idnaProfile().ToASCII(s); err != nil {
				return "", fmt.Errorf("%q is not a name: %v", cut(s), err)
			}
			break
		}
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if err := checkName(name); err != nil {
		return "", fmt.Errorf("%q is not a host name: %w", cut(s), err)
	}
	return name, nil
}

// checkName applies RFC 1123 §2.1 to a lower-case name and lets underscores
// pass, which the DNS has and certificates show.
func checkName(name string) error {
	if name == "" {
		return errors.New("it is empty")
	}
	if len(name) > maxName {
		return fmt.Errorf("it is longer than %d octets", maxName)
	}
	last := name
	for label := range strings.SplitSeq(name, ".") {
		if label == "" {
			return errors.New("a label is empty")
		}
		if len(label) > maxLabel {
			return fmt.Errorf("a label is longer than %d octets", maxLabel)
		}
		if label[0] == '-' || label[len(label)-1] == '-' {
			return errors.New("a label begins or ends with a hyphen")
		}
		for i := 0; i < len(label); i++ {
			c := label[i]
			if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
				return fmt.Errorf("character %q", c)
			}
		}
		last = label
	}
	// A name whose last label is a number is an address with a slip in it
	// (RFC 1123 §2.1: the last label is at least alphabetic in part).
	if strings.Trim(last, "0123456789") == "" {
		return errors.New("it ends in a number but is no IP address")
	}
	// Nor is a range of ports or addresses to be looked up, nor a number in
	// hexadecimal, which some take for an address.
	if strings.Trim(last, "0123456789-") == "" {
		return errors.New("it ends in a range of numbers, which is written 192.0.2.1-9 for addresses and host:443-450 for ports")
	}
	if digits, ok := strings.CutPrefix(last, "0x"); ok && strings.Trim(digits, "0123456789abcdef") == "" {
		return errors.New("it ends in a number but is no IP address")
	}
	return nil
}

// cut keeps what is quoted from an input line in a message short.
func cut(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
