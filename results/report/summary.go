package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"certsweep/results"
	"certsweep/results/policy"
)

// WriteSummary writes what a scan came to, for people, in at most ten lines of
// the width in o. A scan of a few targets has less to tell.
func WriteSummary(w io.Writer, s *results.Summary, o Options) error {
	if o.Width == 0 {
		o.Width = defaultWidth
	}
	t := tally{width: min(max(o.Width, leastWidth), widestCard), style: style{o.Color, o.ASCII}}
	if s.Capture != nil {
		t.capture(s)
	} else {
		t.targets(s)
	}
	t.line("errors", "", counts(s.ByCode), 0)
	if s.WithFindings > 0 {
		findings := slices.DeleteFunc(counts(s.ByFinding), func(c counted) bool { return c.name == string(results.NotPostQuantum) })
		opening := ""
		if s.Targets >= fewCertificates {
			opening = fmt.Sprintf("%d (%s): ", s.WithFindings, percent(s.WithFindings, s.Targets))
		}
		t.line("findings", opening, findings, 0)
	}
	if certificates := s.ByExpiry.All(); certificates >= fewCertificates {
		handshakes := 0
		for _, n := range s.ByVersion {
			handshakes += n
		}
		opening := ""
		if s.KeyExchanges > 0 {
			opening = fmt.Sprintf("post-quantum %d (%s); ", s.PostQuantum, percent(s.PostQuantum, s.KeyExchanges))
		}
		if s.SupportsTLS13 > 0 {
			opening += fmt.Sprintf("1.3 too %d (%s); ", s.SupportsTLS13, percent(s.SupportsTLS13, handshakes))
		}
		t.line("versions", opening, counts(s.ByVersion), handshakes)
		t.line("issuers", "", counts(s.ByIssuer), certificates)
		t.expiry(&s.ByExpiry)
	}
	_, err := io.WriteString(w, t.b.String())
	return err
}

// fewCertificates is how many it takes to be worth statistics.
const fewCertificates = 10

// tally is a summary on its way to the screen.
type tally struct {
	b     strings.Builder
	width int
	style style
}

// targets says how many there were and what became of them.
func (t *tally) targets(s *results.Summary) {
	took := time.Duration(s.Seconds * float64(time.Second))
	switch {
	case took > time.Minute:
		took = took.Round(time.Second)
	case took > time.Second:
		took = took.Round(100 * time.Millisecond)
	default:
		took = took.Round(time.Millisecond)
	}
	failed := s.Errors - s.Unreachable - s.BadTargets
	var text string
	// Percentages go first where a line has no room, those of few targets first of
	// all.
	for percentages := 4; percentages >= 0; percentages-- {
		text = fmt.Sprintf("%s in %v", plural(s.Targets, "target"), took)
		if s.Seconds >= 1 {
			text += fmt.Sprintf(" (%.0f/s)", float64(s.Targets)/s.Seconds)
		}
		separator := ": "
		for i, part := range []counted{{"ok", s.OK}, {"unreachable", s.Unreachable}, {"failed", failed}, {"no target", s.BadTargets}} {
			if part.n == 0 && i > 0 {
				continue
			}
			text += fmt.Sprintf("%s%d %s", separator, part.n, part.name)
			if i < percentages && s.Targets >= fewCertificates {
				text += fmt.Sprintf(" (%s)", percent(part.n, s.Targets))
			}
			separator = ", "
		}
		if width(text) <= t.width {
			break
		}
	}
	for i, line := range folded(text, t.width) {
		if i == 0 {
			line = t.style.paint(bold, line)
		}
		t.b.WriteString(line + "\n")
	}
}

// counted is how often there was something.
type counted struct {
	name string
	n    int
}

// counts sorts them, the most frequent first.
func counts[K ~string](all map[K]int) []counted {
	var sorted []counted
	for _, name := range slices.SortedFunc(maps.Keys(all), func(x, y K) int { return cmp.Or(all[y]-all[x], cmp.Compare(x, y)) }) {
		sorted = append(sorted, counted{string(name), all[name]})
	}
	return sorted
}

// line writes what there was behind a title and an opening, as much as one line
// has room for, with a percentage of a number that is not 0.
func (t *tally) line(title, opening string, all []counted, of int) {
	if len(all) == 0 {
		return
	}
	room := t.width - titleWidth
	text := opening
	for i, c := range all {
		name := results.Visible(cmp.Or(c.name, "others"))
		part := fmt.Sprintf("%s %d", name, c.n)
		if of > 0 {
			part += fmt.Sprintf(" (%s)", percent(c.n, of))
		}
		more := ""
		if left := len(all) - i; left > 1 {
			more = fmt.Sprintf(" and %d more", left)
		}
		if i > 0 {
			part = ", " + part
		}
		if i > 0 && width(text)+width(part)+len(more) > room {
			text += more
			break
		}
		text += part
	}
	fmt.Fprintf(&t.b, "%s%s\n", t.style.paint(dim, fit(title, titleWidth)), cut(text, room))
}

// titleWidth is the column of titles.
const titleWidth = 10

// expiry writes when certificates expire, as bars.
func (t *tally) expiry(e *results.Expiry) {
	rows := []struct {
		name, color string
		n           int
	}{
		{"expired", colors[policy.Fail], e.Expired},
		{t.style.sign("≤ 7 days", "7 days"), colors[policy.Fail], e.Days7},
		{t.style.sign("≤ 30 days", "30 days"), colors[policy.Warn], e.Days30},
		{t.style.sign("≤ 90 days", "90 days"), colors[policy.OK], e.Days90},
		{"later", colors[policy.OK], e.Later},
	}
	most := 0
	for _, row := range rows {
		most = max(most, row.n)
	}
	const nameWidth, most7 = 10, 7
	numbers := min(most7, len(strconv.Itoa(most)))
	room := max(1, min(widestBar, t.width-titleWidth-nameWidth-numbers-2))
	title := "expires"
	for _, row := range rows {
		bar := row.n * room / max(1, most)
		if row.n > 0 {
			bar = max(1, bar)
		}
		line := fmt.Sprintf("%s%s%*d  %s", t.style.paint(dim, fit(title, titleWidth)), fit(row.name, nameWidth), numbers, row.n,
			t.style.paint(row.color, strings.Repeat(t.style.sign("█", "#"), bar)))
		t.b.WriteString(strings.TrimRight(line, " ") + "\n")
		title = ""
	}
}

// percent is a part of a whole. Only nothing is 0 and only all is 100.
func percent(n, of int) string {
	p := 0.0
	if of > 0 {
		p = 100 * float64(n) / float64(of)
	}
	rounded := math.Round(p*10) / 10
	if p >= 10 && p <= 90 {
		rounded = math.Round(p)
	}
	switch {
	case n > 0 && rounded == 0:
		return "< 0.1 %"
	case n < of && rounded == 100:
		return "> 99.9 %"
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64) + " %"
}

// plural is a number of things.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
