package results

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Visible shows a string from outside so that it is nothing but text on one
// line: control characters (C0, C1, DEL), line and paragraph separators, bidi
// overrides and all else that does not print become \x1b or \u202e, as do bytes
// that are no UTF-8. A second # in a row becomes \x23, since log viewers of CI
// servers take ##[error] and ##vso[…] for commands anywhere on a line.
func Visible(s string) string {
	if IsVisible(s) {
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

// IsVisible reports whether Visible changes nothing.
func IsVisible(s string) bool {
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
