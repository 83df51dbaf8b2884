package report

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"certsweep/results"
	"certsweep/results/policy"
)

// visible shows a string from outside so that it is nothing but text on one
// line: control characters (C0, C1, DEL), line and paragraph separators, bidi
// overrides and all else that does not print become \x1b or \u202e, as do bytes
// that are no UTF-8. A second # in a row becomes \x23, since log viewers of CI
// servers take ##[error] and ##vso[…] for commands anywhere on a line.
func visible(s string) string {
	if isVisible(s) {
		return s
	}
	var b strings.Builder
	last := rune(0)
	for i, r := range s {
		switch {
		case r == utf8.RuneError && isBadByte(s[i:]):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '#' && last == '#':
			b.WriteString(`\x23`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		last = r
	}
	return b.String()
}

func isVisible(s string) bool {
	last := rune(0)
	for i, r := range s {
		if !unicode.IsPrint(r) || r == '#' && last == '#' || r == utf8.RuneError && isBadByte(s[i:]) {
			return false
		}
		last = r
	}
	return true
}

// isBadByte reports whether s begins with a byte that is no UTF-8, and not
// with a replacement character that somebody wrote.
func isBadByte(s string) bool {
	_, size := utf8.DecodeRuneInString(s)
	return size == 1
}

// shorten cuts a visible string to at most n runes.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	count := 0
	for i := range s {
		if count == n {
			return s[:i] + "…"
		}
		count++
	}
	return s
}

// endpoint names what a record is about: host:port, the STARTTLS protocol as
// its scheme, and the server name where it is another than the host. A line
// that made no sense is shown as it is.
func endpoint(r *results.Record) string {
	if r.Host == "" {
		return shorten(visible(r.Input), 100) + " (line " + strconv.Itoa(r.Line) + ")"
	}
	s := net.JoinHostPort(r.Host, strconv.Itoa(r.Port))
	if r.StartTLS != "" {
		s = r.StartTLS + "://" + s
	}
	if r.SNI != "" && r.SNI != r.Host {
		s += " (" + r.SNI + ")"
	}
	return shorten(visible(s), 300)
}

// reported yields the problems that a verdict is about: those of level OK were
// let pass.
func reported(v *policy.Verdict) []policy.Problem {
	for i, p := range v.Problems {
		if p.Level == policy.OK {
			// Problems are sorted, the worst first.
			return v.Problems[:i]
		}
	}
	return v.Problems
}

// messages joins what is wrong into one visible text.
func messages(v *policy.Verdict, separator string) string {
	var b strings.Builder
	for i, p := range reported(v) {
		if i > 0 {
			b.WriteString(separator)
		}
		b.WriteString(visible(p.Message))
	}
	return b.String()
}

// sentence says in one line how a run went.
func sentence(s *policy.Summary) string {
	if s.Endpoints == s.Gone {
		return "no endpoint was checked" + count(", ", s.Gone, "gone since the baseline")
	}
	text := fmt.Sprintf("%d endpoints:", s.Endpoints)
	if s.Endpoints == 1 {
		text = "1 endpoint:"
	}
	text += fmt.Sprintf(" %d fail, %d could not be checked, %d warn, %d ok", s.Fail, s.Unchecked, s.Warn, s.OK)
	return text + count("; ", s.Allowed, "unreachable and allowed to be") + count("; ", s.Gone, "gone since the baseline")
}

func count(before string, n int, what string) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%s%d %s", before, n, what)
}
