package html

import (
	"cmp"
	"slices"
	"strings"

	"certsweep/results/policy"
)

// facet is one thing that endpoints have in common, and that the page can be
// filtered by.
type facet struct{ key, value string }

// facetRow describes a chart.
type facetRow struct{ key, title, empty string }

// facetRows has the charts in the order in which they are shown.
var facetRows = []facetRow{
	{"finding", "What is wrong", "Nothing is wrong."},
	{"change", "Changed since the baseline", ""},
	{"issuer", "Issuer", "No certificate was seen."},
	{"key", "Key", "No certificate was seen."},
	{"version", "TLS version", "No handshake was seen."},
	{"group", "Key exchange", "No key exchange was seen."},
	{"tag", "Tag", ""},
}

// facets yields what a row has of each chart. A value that is empty is none.
func (r *row) facets() []facet {
	var out []facet
	for _, p := range r.problems {
		if p.Level != policy.OK {
			out = append(out, facet{"finding", string(p.Code)})
		}
	}
	for _, change := range r.changes {
		out = append(out, facet{"change", change})
	}
	// A certificate may have two problems of one code: its other certificates.
	out = append(out, facet{"issuer", r.issuer}, facet{"key", r.key}, facet{"version", r.version}, facet{"group", r.group}, facet{"tag", r.tag})
	seen := out[:0]
	for _, f := range out {
		if f.value != "" && !slices.Contains(seen, f) {
			seen = append(seen, f)
		}
	}
	return seen
}

// maxDistinct bounds the values of one chart that are counted apart, maxBars
// those that are shown. The rest is one bar.
const (
	maxDistinct = 10_000
	maxBars     = 8
)

// levels counts endpoints by their level.
type levels [policy.Fail + 1]int

func (l *levels) total() int {
	return l[policy.OK] + l[policy.Warn] + l[policy.Unchecked] + l[policy.Fail]
}

func (l *levels) addAll(other *levels) {
	for i, n := range other {
		l[i] += n
	}
}

// facets counts endpoints for the charts. The zero value is ready.
type facets struct {
	counts map[string]map[string]*levels
	beyond map[string]*levels // of values past maxDistinct
}

func (f *facets) add(key, value string, level policy.Level) {
	if f.counts == nil {
		f.counts, f.beyond = make(map[string]map[string]*levels), make(map[string]*levels)
	}
	values := f.counts[key]
	if values == nil {
		values = make(map[string]*levels)
		f.counts[key], f.beyond[key] = values, new(levels)
	}
	n := values[value]
	if n == nil {
		if len(values) == maxDistinct {
			f.beyond[key][level]++
			return
		}
		n = new(levels)
		values[value] = n
	}
	n[level]++
}

// Bar is one bar of a chart.
type Bar struct {
	Key, Value string // of the filter; the value is empty for the rest
	Label      string
	CountText  string
	Segments   []Segment
	// Bad says in words what the colours say, "" if nothing. If all is of one
	// level, Only is that level, for a sign, and Bad is empty.
	Bad  string
	Only string
}

// Segment is a part of a bar or column, of one level, in percent of the widest bar
// or of the column.
type Segment struct {
	Level        policy.Level
	Start, Width float64
}

// Chart is the bars of one facet, the longest first.
type Chart struct {
	Key, Title, Empty string
	Bars              []Bar
}

// charts returns all that have something to show or to say.
func (f *facets) charts() []Chart {
	var charts []Chart
	for _, r := range facetRows {
		c := Chart{Key: r.key, Title: r.title, Empty: r.empty, Bars: f.bars(r.key)}
		if len(c.Bars) > 0 || c.Empty != "" {
			charts = append(charts, c)
		}
	}
	return charts
}

func (f *facets) bars(key string) []Bar {
	type entry struct {
		value string
		*levels
	}
	var entries []entry
	for value, n := range f.counts[key] {
		entries = append(entries, entry{value, n})
	}
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(-cmp.Compare(a.total(), b.total()), strings.Compare(a.value, b.value))
	})
	var bars []Bar
	rest := new(levels)
	if beyond := f.beyond[key]; beyond != nil {
		rest.addAll(beyond)
	}
	shown := entries
	// One that is left over is no rest.
	if len(entries) > maxBars+1 || rest.total() > 0 {
		shown = entries[:min(maxBars, len(entries))]
		for _, e := range entries[len(shown):] {
			rest.addAll(e.levels)
		}
	}
	widest := rest.total()
	for _, e := range shown {
		widest = max(widest, e.total())
	}
	for _, e := range shown {
		bars = append(bars, newBar(facet{key, e.value}, label(key, e.value), e.levels, widest))
	}
	if rest.total() > 0 {
		bars = append(bars, newBar(facet{key, ""}, "others", rest, widest))
	}
	return bars
}

// label is a value as it is shown: codes are words with spaces.
func label(key, value string) string {
	if key == "finding" || key == "change" {
		return strings.ReplaceAll(value, "_", " ")
	}
	return value
}

func newBar(f facet, label string, n *levels, widest int) Bar {
	b := Bar{Key: f.key, Value: f.value, Label: label, CountText: number(n.total()), Segments: n.segments(widest), Bad: n.bad()}
	if len(b.Segments) == 1 && b.Bad != "" {
		b.Only, b.Bad = b.Segments[0].Level.String(), ""
	}
	return b
}

func percent(n, of int) float64 { return 100 * float64(n) / float64(of) }

// segments returns the parts of a bar, the worst first.
func (l *levels) segments(widest int) []Segment {
	var out []Segment
	at := 0
	for _, level := range []policy.Level{policy.Fail, policy.Unchecked, policy.Warn, policy.OK} {
		if n := l[level]; n > 0 {
			out = append(out, Segment{level, percent(at, widest), percent(n, widest)})
			at += n
		}
	}
	return out
}

// bad counts in words what is not fine.
func (l *levels) bad() string {
	var parts []string
	for _, p := range []struct {
		level policy.Level
		what  string
	}{{policy.Fail, "fail"}, {policy.Unchecked, "unchecked"}, {policy.Warn, "warn"}} {
		if n := l[p.level]; n > 0 {
			parts = append(parts, number(n)+" "+p.what)
		}
	}
	return strings.Join(parts, ", ")
}
