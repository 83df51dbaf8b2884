package scanner

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"certsweep/dialer"
	"certsweep/results"
	"certsweep/scanner/list"
)

// Target is one line of a target list, or one address of a line that holds a
// prefix.
type Target struct {
	// Line is the number of the line, counted from 1.
	Line int
	// Text is the target without attributes and comment, as the line has it, or
	// in certsweep's own grammar if the line has it in another tool's form: it
	// can be read again as it is. It is the whole line, cut to a kilobyte, if
	// Err is set.
	Text string
	// Endpoint is what to probe. Its port is 0 if the line gives none. Its host
	// is empty, or its port 0, if several are still to come of it (see
	// [ReadLines]).
	Endpoint dialer.Endpoint
	Tag      string
	// Attributes are those that only a check gives a meaning to, the
	// @defaults of the lines above first.
	Attributes []Attribute
	// IsDefaults says that the line is @defaults and no target. Only
	// [ReadLines] yields it.
	IsDefaults bool
	// Note says what was taken for something else than it says.
	Note Note
	// Err says why the line makes no sense; it is a *[LineError].
	Err error
	// Done, if it is set, is called by Scan after emit has taken the target's
	// last record, on the same goroutine: the moment to acknowledge it to a
	// queue. It is not called for a target that is left without a record.
	Done func()

	// scheme is set where the line names a scheme, so that no default may
	// turn "https://host" into a STARTTLS endpoint.
	scheme bool
	block  *block // nil for one endpoint
	// named says that the server's name is one of [Names], for which the target is
	// asked among others.
	named bool
}

// Note is what a line says that cannot be asked for as it stands.
type Note string

// The notes; the zero Note is that there is none.
const (
	NoteWildcard Note = "wildcard" // *.name: the name itself is asked for
	NoteHTTP     Note = "http"     // http://name: it is asked for on port 443, not on 80
)

// Entry returns what the record of a target says of it, whatever comes of the
// probe.
func (t *Target) Entry() results.Entry {
	return results.Entry{
		Line:     t.Line,
		Input:    t.Text,
		Host:     t.Endpoint.Host,
		Port:     int(t.Endpoint.Port),
		SNI:      t.Endpoint.ServerName,
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

// line is a target line taken apart.
type line struct {
	target     Target
	attributes []Attribute // all of them, in order
	known      func(key string) error
}

// parseLine reads one line. ok is false for a line without a target: a blank
// one, or a comment.
func parseLine(from list.Line, known func(key string) error) (l line, ok bool) {
	l.target.Line, l.known = from.Number, known
	// User information is refused below, and its password is nobody's business.
	text := from.Text
	if strings.Contains(text, "@") {
		text = password.ReplaceAllString(text, "$1***@")
	}
	err := from.Err
	if err == nil {
		var fields []field
		if fields, err = splitFields(text); len(fields) == 0 && err == nil {
			return l, false
		}
		if err == nil {
			err = l.parse(fields)
		}
	}
	if err != nil {
		l.fail(text, err)
	}
	return l, true
}

// fail makes the line one without a target.
func (l *line) fail(text string, err error) {
	lineErr := &LineError{Line: l.target.Line, Code: results.CodeBadTarget, Err: err}
	if errors.Is(err, list.ErrTooLong) {
		lineErr.Code = results.CodeLineTooLong
	}
	var at *fieldError
	if errors.As(err, &at) {
		lineErr.Column, lineErr.Err = at.column, at.err
	}
	// Nothing of what was read before the mistake.
	l.target = Target{Line: l.target.Line, Text: cutText(strings.TrimSpace(text)), Err: lineErr}
}

// password is that of user information, in a URL (RFC 3986 §3.2.1) or before a
// host.
var password = regexp.MustCompile(`((?:^\s*|://)[^/?#@\s]*:)[^/?#@\s]+@`)

func (l *line) parse(fields []field) error {
	first := fields[0]
	if l.target.IsDefaults = first.text == "@defaults"; l.target.IsDefaults {
		fields = fields[1:]
	} else {
		text, n := l.joinFields(fields)
		l.target.Text = strings.Clone(text)
		if err := l.target.parse(text); err != nil {
			return &fieldError{first.column, err}
		}
		fields = fields[n:]
	}
	for _, f := range fields {
		key, value, _ := strings.Cut(f.text, "=")
		a := Attribute{Key: strings.Clone(key), Value: strings.Clone(value), Line: l.target.Line, Column: f.column}
		if err := l.check(a); err != nil {
			return &fieldError{f.column, err}
		}
		l.attributes = append(l.attributes, a)
	}
	return nil
}

// joinFields returns the target that a line begins with, and the number of its
// fields: lists have "host port", "address port name" and "address name", too.
func (l *line) joinFields(fields []field) (text string, n int) {
	text = fields[0].text
	if len(fields) == 1 || text == "" || text[0] == '-' || strings.ContainsAny(text, ",@") || strings.Contains(text, "://") {
		return text, 1
	}
	if _, ports, _, err := splitPorts(text); err != nil || ports != "" {
		return text, 1
	}
	addr, err := netip.ParseAddr(strings.Trim(text, "[]"))
	isAddr, port := err == nil, ""
	second := strings.TrimSuffix(fields[1].text, "/tcp")
	if second != "" && strings.Trim(second, "0123456789,-") == "" && strings.Trim(second[:1], ",-") != "" {
		port = second
		n = 2
	} else if isAddr && l.isName(fields[1].text) {
		return addr.String() + "," + fields[1].text, 2
	} else {
		return text, 1
	}
	if isAddr && len(fields) > 2 && l.isName(fields[2].text) && isDigits(port) {
		return addr.String() + "," + fields[2].text + "," + port, 3
	}
	if isAddr && addr.Is6() {
		text = "[" + addr.String() + "]"
	}
	return text + ":" + port, n
}

// isName reports whether a word behind an address is the name to ask it for, and
// neither an attribute nor a mistyped one.
func (l *line) isName(word string) bool {
	return strings.Contains(word, ".") && !strings.Contains(word, "=") && (l.known == nil || l.known(word) != nil)
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

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

// splitFields splits a line at white space, up to a "#", ";" or "//" that begins
// a word.
// Double quotes keep white space in an attribute's value together; within them
// a backslash takes the next character as it is. A word that ends in a comma
// takes the next one too ("192.0.2.1, example.com").
func splitFields(s string) ([]field, error) {
	var fields []field
	for i := 0; ; {
		for i < len(s) && isSpace(s[i]) {
			i++
		}
		if i == len(s) || isComment(s, i) {
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
			joined = joined && i < len(s) && !isComment(s, i)
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

// isComment reports whether a comment begins at s[i], where a word would.
func isComment(s string, i int) bool {
	return s[i] == '#' || s[i] == ';' || strings.HasPrefix(s[i:], "//")
}

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

// maxTag bounds a tag, which waits with its target.
const maxTag = 1 << 10

// maxText is how much of a line that makes no sense its record repeats.
const maxText = 1 << 10

func cutText(s string) string { return results.Shorten(s, maxText) }
