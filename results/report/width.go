package report

import (
	"strings"

	"github.com/rivo/uniseg"
)

// Terminals count columns, of which a letter of East Asia takes two and a mark
// none; uniseg knows (Unicode's annexes 11 and 29).

// width is the number of columns that a visible string takes.
func width(s string) int { return uniseg.StringWidth(s) }

// fit brings a visible string to a number of columns: it is cut, with an
// ellipsis at its end, or padded.
func fit(s string, columns int) string {
	s = cut(s, columns)
	return s + strings.Repeat(" ", max(0, columns-width(s)))
}

// cut shortens a visible string to at most a number of columns.
func cut(s string, columns int) string {
	if len(s) <= columns || width(s) <= columns {
		return s
	}
	return head(s, columns-1) + ellipsis(columns)
}

// cutMiddle is cut for names of hosts, of which both ends tell them apart.
func cutMiddle(s string, columns int) string {
	if len(s) <= columns || width(s) <= columns {
		return s
	}
	front := head(s, (columns-1)/2)
	return front + ellipsis(columns) + tail(s, columns-1-width(front))
}

// asciiEllipsis stands for an ellipsis if nothing but ASCII is to be drawn.
const asciiEllipsis = "~"

func ellipsis(columns int) string {
	if columns < 1 {
		return ""
	}
	return "…"
}

// head returns the longest beginning of s that takes at most a number of
// columns, in whole characters as people see them.
func head(s string, columns int) string {
	taken, rest, state := 0, s, -1
	for rest != "" {
		_, after, w, next := uniseg.FirstGraphemeClusterInString(rest, state)
		if taken += w; taken > columns {
			break
		}
		rest, state = after, next
	}
	return s[:len(s)-len(rest)]
}

// tail is head from the other end.
func tail(s string, columns int) string {
	var starts, widths []int
	rest, state := s, -1
	for rest != "" {
		_, after, w, next := uniseg.FirstGraphemeClusterInString(rest, state)
		starts, widths = append(starts, len(s)-len(rest)), append(widths, w)
		rest, state = after, next
	}
	from := len(s)
	for i := len(starts) - 1; i >= 0; i-- {
		if columns -= widths[i]; columns < 0 {
			break
		}
		from = starts[i]
	}
	return s[from:]
}
