package results

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Visible shows a string from outside so that it is nothing but text on one
// line: control characters (C0, C1, DEL), line and paragraph separators, bidi
// overrides and all else that does not print or takes no room become \x1b or
// \u202e, as do bytes that are no UTF-8, and marks piled up over one letter. A second # in a row becomes \x23, since log viewers of CI
// servers take ##[error] and ##vso[…] for commands anywhere on a line.
func Visible(s string) string {
	if IsVisible(s) {
		return s
	}
	var b strings.Builder
	last, piled := rune(0), 0
	for i, r := range s {
		if piled++; r < 0x80 || !unicode.In(r, unicode.Mn, unicode.Me) {
			piled = 0
		}
		switch {
		case r == utf8.RuneError && isBadByte(s[i:]):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '#' && last == '#':
			b.WriteString(`\x23`)
		case isShown(r) && piled <= maxPiled:
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
	last, piled := rune(0), 0
	for i, r := range s {
		if piled++; r < 0x80 || !unicode.In(r, unicode.Mn, unicode.Me) {
			piled = 0
		}
		if !isShown(r) || piled > maxPiled || r == '#' && last == '#' || r == utf8.RuneError && isBadByte(s[i:]) {
			return false
		}
		last = r
	}
	return true
}

// maxPiled is how many marks a letter may bear; scripts use up to three.
const maxPiled = 4

// isShown reports whether a character prints and takes room or marks another:
// variation selectors, fillers and the blank of braille do not.
func isShown(r rune) bool {
	if r < 0x80 {
		return ' ' <= r && r <= '~'
	}
	const brailleBlank = 0x2800
	return unicode.IsPrint(r) && r != brailleBlank && !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// isBadByte reports whether s begins with a byte that is no UTF-8, and not
// with a replacement character that somebody wrote.
func isBadByte(s string) bool {
	_, size := utf8.DecodeRuneInString(s)
	return size == 1
}
