package results

import "strings"

// Shorten returns s as valid UTF-8, cut to limit bytes with an ellipsis behind
// it if it is longer. What peers, lists and errors say is repeated in records
// and messages, and may be of any length.
func Shorten(s string, limit int) string {
	if len(s) <= limit {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	// What the limit divides is the last rune at most; what was broken before
	// shows as such.
	return strings.ToValidUTF8(strings.TrimRightFunc(s[:limit], func(r rune) bool { return r == '\uFFFD' }), "\uFFFD") + "…"
}
