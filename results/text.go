package results

import (
	"strings"
	"unicode/utf8"
)

// Shorten returns s as valid UTF-8 of at most limit bytes, with an ellipsis
// behind it if something was cut off. What peers, lists and errors say is repeated
// in records and messages, and may be of any length.
func Shorten(s string, limit int) string {
	// What is invalid may grow when it is replaced, and a rune divided here lies
	// behind the limit.
	valid := strings.ToValidUTF8(s[:min(len(s), limit+utf8.UTFMax)], "\uFFFD")
	if len(s) <= limit && len(valid) <= limit {
		return valid
	}
	end := min(limit, len(valid))
	for end < len(valid) && !utf8.RuneStart(valid[end]) {
		end--
	}
	return valid[:end] + "…"
}
