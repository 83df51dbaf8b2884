package scanner

import (
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"certsweep/dialer"
	"certsweep/results"
)

// Target is one line of a target list, or one address of a line that holds a
// prefix.
type Target struct {
	// Line is the number of the line, counted from 1.
	Line int
	// Text is the target as the line has it, without attributes and comment;
	// the whole line, cut to a kilobyte, where Err is set.
	Text string
	// Endpoint is what to probe. Its port is 0 where the line gives none.
	Endpoint dialer.Endpoint
	Tag      string
	// Attributes are those that only a check gives a meaning to, the
	// @defaults of the lines above first.
	Attributes []Attribute
	// IsDefaults says that the line is @defaults and no target. Only
	// [ReadLines] yields it.
	IsDefaults bool
	// Err says why the line makes no sense; it is a *[LineError].
	Err error
	// Done, if it is set, is called by Scan after emit has taken the target's
	// last record, on the same goroutine: the moment to acknowledge it to a
	// queue. It is not called for a target that is left without a record.
	Done func()

	// scheme is set where the line names a scheme, so that no default may
	// turn "https://host" into a STARTTLS endpoint.
	scheme bool
}

// Entry returns what the record of a target says of it, whatever comes of the
// probe.
func (t *Target) Entry() results.Entry {
	return results.Entry{
		Line:     t.Line,
		Input:    t.Text,
		Host:     t.Endpoint.Host,
		Port:     int(t.Endpoint.Port),
		StartTLS: string(t.Endpoint.StartTLS),
		Tag:      t.Tag,
	}
}

// Attribute is a key=value of a target line. A key without "=" has the value
// "".
type Attribute struct {
	Key, Value string
	// Line and Column say where the key stands, both from 1, the column in
	// bytes. The line is that of @defaults for what comes from there.
	Line, Column int
}

// LineError says what is wrong with a line of a target list.
type LineError struct {
	Line   int
	Column int    // in bytes from 1; 0 for the line as a whole
	Code   string // results.CodeBadTarget or results.CodeLineTooLong
	Err    error
}

func (e *LineError) Error() string {
	if e.Column == 0 {
		return e.Err.Error()
	}
	return fmt.Sprintf("column %d: %v", e.Column, e.Err)
}

func (e *LineError) Unwrap() error { return e.Err }

// maxPrefixBits bounds a prefix to 2^32 addresses, all of IPv4. A larger one
// would never end.
const maxPrefixBits = 32

// line is a target line taken apart.
type line struct {
	target     Target
	prefix     netip.Prefix // valid where the line holds a prefix
	defaults   bool         // the line is @defaults
	attributes []Attribute  // all of them, in order
	known      func(key string) error
}

// parseLine reads one line. ok is false for a line without a target: a blank
// one, or a comment. long says that text is only its beginning.
func parseLine(number int, text string, long bool, known func(key string) error) (l line, ok bool) {
	l.target.Line, l.known = number, known
	if long {
		l.target.Text = cutText(text)
		l.target.Err = &LineError{
			Line: number, Code: results.CodeLineTooLong, Err: fmt.Errorf("the line is longer than %d bytes", maxLine),
		}
		return l, true
	}
	// User information is refused below, and its password is nobody's business.
	text = password.ReplaceAllString(text, "$1***@")
	fields, err := splitFields(text)
	if len(fields) == 0 && err == nil {
		return l, false
	}
	if err == nil {
		err = l.parse(fields)
	}
	if err != nil {
		l.target.Text = cutText(strings.TrimSpace(text))
		l.target.Endpoint = dialer.Endpoint{} // what was read before the mistake
		lineErr := &LineError{Line: number, Code: results.CodeBadTarget, Err: err}
		var at *fieldError
		if errors.As(err, &at) {
			lineErr.Column, lineErr.Err = at.column, at.err
		}
		l.target.Err = lineErr
	}
	return l, true
}

// password is that of a URL's user information (RFC 3986 §3.2.1).
var password = regexp.MustCompile(`(://[^/?#@\s]*:)[^/?#@\s]+@`)

func (l *line) parse(fields []field) error {
	first := fields[0]
	l.defaults = first.text == "@defaults"
	if !l.defaults {
		l.target.Text = strings.Clone(first.text)
		if err := l.parseEndpoint(first.text); err != nil {
			return &fieldError{first.column, err}
		}
	}
	for _, f := range fields[1:] {
		key, value, _ := strings.Cut(f.text, "=")
		a := Attribute{Key: strings.Clone(key), Value: strings.Clone(value), Line: l.target.Line, Column: f.column}
		if err := l.check(a); err != nil {
			return &fieldError{f.column, err}
		}
		l.attributes = append(l.attributes, a)
	}
	return nil
}

// ownAttributes are those that apply gives a meaning to.
var ownAttributes = []string{"sni", "starttls", "tag"}

// check refuses an attribute that apply could not use, and nobody else knows.
func (l *line) check(a Attribute) error {
	var err error
	switch a.Key {
	case "sni":
		_, err = dialer.ParseHost(a.Value)
	case "starttls":
		_, err = dialer.ParseProtocol(a.Value)
	case "tag":
		if len(a.Value) > maxTag {
			err = fmt.Errorf("the tag is longer than %d bytes", maxTag)
		}
	default:
		if l.known != nil {
			return l.known(a.Key)
		}
		err = fmt.Errorf("unknown attribute %q (known: %s)", cutText(a.Key), strings.Join(ownAttributes, " "))
	}
	return err
}

// apply gives the target its attributes, those of @defaults first so that its
// own win.
func (l *line) apply(defaults []Attribute) {
	for _, a := range slices.Concat(defaults, l.attributes) {
		switch a.Key {
		case "sni":
			l.target.Endpoint.ServerName, _ = dialer.ParseHost(a.Value)
		case "starttls":
			l.target.Endpoint.StartTLS, _ = dialer.ParseProtocol(a.Value)
		case "tag":
			l.target.Tag = a.Value
		default:
			l.target.Attributes = append(l.target.Attributes, a)
		}
	}
}

func (l *line) parseEndpoint(text string) error {
	l.target.scheme = strings.Contains(text, "://")
	if !l.target.scheme && strings.Contains(text, "/") {
		return l.parsePrefix(text)
	}
	// Top lists have a rank before each name.
	if rank, name, ok := strings.Cut(text, ","); ok && rank != "" && strings.Trim(rank, "0123456789") == "" {
		text = name
	}
	e, err := dialer.ParseEndpoint(text)
	l.target.Endpoint = e
	return err
}

// parsePrefix reads "192.0.2.0/24", "192.0.2.0/24:8443", "2001:db8::/120" and
// "[2001:db8::/120]:8443".
func (l *line) parsePrefix(text string) error {
	cidr, port, hasPort := text, "", false
	if rest, ok := strings.CutPrefix(text, "["); ok {
		cidr, port, ok = strings.Cut(rest, "]")
		if !ok {
			return fmt.Errorf("missing ] in %q", cutText(text))
		}
		if port != "" {
			port, hasPort = strings.CutPrefix(port, ":")
			if !hasPort {
				return fmt.Errorf("unexpected %q after ]", cutText(port))
			}
		}
	} else if i := strings.LastIndexByte(text, '/'); strings.Contains(text[i:], ":") {
		var bits string
		bits, port, hasPort = strings.Cut(text[i:], ":")
		cidr = text[:i] + bits
	}
	prefix, err := netip.ParsePrefix(cidr)
	if err != nil {
		return fmt.Errorf("%q is neither a host nor a prefix; a URL begins with its scheme (https://)", cutText(text))
	}
	if bits := prefix.Addr().BitLen() - prefix.Bits(); bits > maxPrefixBits {
		return fmt.Errorf("%q has %v addresses; at most 2^%d are scanned", cutText(text), new(big.Int).Lsh(big.NewInt(1), uint(bits)), maxPrefixBits)
	}
	if hasPort {
		if l.target.Endpoint.Port, err = dialer.ParsePort(port); err != nil {
			return err
		}
	}
	l.prefix = prefix.Masked()
	return nil
}

// field is a word of a line and where it stands.
type field struct {
	text   string
	column int
}

type fieldError struct {
	column int
	err    error
}

func (e *fieldError) Error() string { return e.err.Error() }

// splitFields splits a line at white space, up to a "#" that begins a word.
// Double quotes keep white space in an attribute's value together; within them
// a backslash takes the next character as it is. A word that ends in a comma
// takes the next one too ("192.0.2.1, example.com").
func splitFields(s string) ([]field, error) {
	var fields []field
	for i := 0; ; {
		for i < len(s) && isSpace(s[i]) {
			i++
		}
		if i == len(s) || s[i] == '#' {
			return fields, nil
		}
		start, word, joined := i, strings.Builder{}, true
		for joined {
			var err error
			if i, err = readWord(s, i, &word); err != nil {
				return nil, err
			}
			joined = len(fields) == 0 && strings.HasSuffix(word.String(), ",")
			for joined && i < len(s) && isSpace(s[i]) {
				i++
			}
			joined = joined && i < len(s) && s[i] != '#'
		}
		fields = append(fields, field{word.String(), start + 1})
	}
}

// readWord appends the word that begins at s[i] and returns where it ends.
func readWord(s string, i int, word *strings.Builder) (int, error) {
	start, quoted := i, false
	for ; i < len(s) && (quoted || !isSpace(s[i])); i++ {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case quoted && s[i] == '\\' && i+1 < len(s):
			i++
			word.WriteByte(s[i])
		default:
			word.WriteByte(s[i])
		}
	}
	if quoted {
		return i, &fieldError{start + 1, errors.New("missing closing quote")}
	}
	return i, nil
}

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

// maxTag bounds a tag, which waits with its target.
const maxTag = 1 << 10

// maxText is how much of a line that makes no sense its record repeats.
const maxText = 1 << 10

func cutText(s string) string { return results.Shorten(s, maxText) }
