package main

import (
	"strings"
	"testing"
	"time"

	"github.com/rivo/uniseg"
)

// TestProgressLineFits: at any width the bar is one line, and what it leaves out
// for want of room is the least important.
func TestProgressLineFits(t *testing.T) {
	for _, numbers := range []struct{ done, total, unreachable, findings int64 }{
		{0, 0, 0, 0}, {0, 60, 0, 0}, {1, 60, 1, 1}, {59, 60, 3, 7}, {60, 60, 0, 0}, {61, 60, 0, 0}, {7_654_321, 20_000_000, 123_456, 1_234_567}, {12_345_678, 0, 5, 5},
	} {
		p := new(progress)
		p.done.Store(numbers.done)
		p.total.Store(numbers.total)
		p.unreachable.Store(numbers.unreachable)
		p.findings.Store(numbers.findings)
		for _, elapsed := range []time.Duration{time.Millisecond, 3 * time.Second, 100 * time.Hour} {
			for columns := range 220 {
				line := p.line(columns, elapsed)
				if n := uniseg.StringWidth(line); n > columns || strings.ContainsAny(line, "\r\n\x1b") {
					t.Errorf("%+v at %d columns: %d: %q", numbers, columns, n, line)
				}
			}
		}
	}
}

func TestProgressLineSays(t *testing.T) {
	p := new(progress)
	p.done.Store(120)
	p.total.Store(200)
	p.unreachable.Store(7)
	p.findings.Store(30)
	for columns, want := range map[int]string{
		100: "60% ████████████████████████░░░░░░░░░░░░░░░░ 120/200, 4s left, 7 unreachable, 30 findings, 20/s",
		79:  "60% ███████████████░░░░░░░░░░ 120/200, 4s left, 7 unreachable, 30 findings, 20/s",
		39:  "60% █████░░░ 120/200, 4s left",
	} {
		if got := p.line(columns, 6*time.Second); strings.Trim(strings.NewReplacer("█", "", "░", "").Replace(got), " ") != strings.NewReplacer("█", "", "░", "").Replace(want) {
			t.Errorf("at %d columns\ngot  %s\nwant %s", columns, got, want)
		}
	}
	// Before a second has passed, nobody knows the rate.
	if got := p.line(100, 500*time.Millisecond); strings.Contains(got, "/s") || strings.Contains(got, "left") {
		t.Errorf("a rate after half a second: %s", got)
	}
	p.ascii = true
	if got := p.line(100, 6*time.Second); !strings.Contains(got, "####") || strings.Contains(got, "█") {
		t.Errorf("not ASCII: %s", got)
	}
	// A list that cannot be counted has no bar, but numbers.
	p.total.Store(0)
	if got := p.line(100, 6*time.Second); got != "120, 7 unreachable, 30 findings, 20/s" {
		t.Errorf("without a total: %s", got)
	}
}
