package html

import (
	"html/template"
	"strconv"
	"time"

	"certsweep/results/policy"
)

// view is what the body's template shows.
type view struct {
	Title    string
	Notes    []string // what the headline numbers do not say
	Outcome  policy.Level
	Time     string
	Tiles    []Tile
	Soon     []Deadline
	Next     Next
	NextDate string
	Timeline Timeline
	Charts   []Chart
	Worst    []Line
	Omitted  string // how many endpoints have no row
	Any      bool   // there are endpoints
	Script   template.JS
}

// Tile is a headline number.
type Tile struct {
	Level policy.Level
	Count string
	What  string
	Zero  bool
}

// deadlines are the days within which certificates that expire are counted.
var deadlines = [...]int{7, 30, 90}

// Deadline is how many certificates expire within some days.
type Deadline struct {
	Days  int
	Count string
}

func (p *Page) view(worst []Line) view {
	s := &p.summary
	v := view{
		Title: title(s), Notes: notes(s), Time: p.now.UTC().Format("2 January 2006, 15:04 UTC"), Worst: worst, Any: s.Endpoints > 0, Next: p.next,
		NextDate: p.next.NotAfter.Format(time.DateOnly), Timeline: p.timeline.picture(), Charts: p.facets.charts(), Script: template.JS(script),
	}
	if p.Note != "" {
		v.Notes = append(v.Notes, p.Note)
	}
	for _, t := range []struct {
		level policy.Level
		count int
		what  string
	}{{policy.Fail, s.Fail, "fail"}, {policy.Unchecked, s.Unchecked, "could not be checked"}, {policy.Warn, s.Warn, "warn"}, {policy.OK, s.OK, "ok"}} {
		v.Tiles = append(v.Tiles, Tile{t.level, number(t.count), t.what, t.count == 0})
		if t.count > 0 && v.Outcome == policy.OK {
			v.Outcome = t.level
		}
	}
	for i, days := range deadlines {
		v.Soon = append(v.Soon, Deadline{days, number(p.soon[i])})
	}
	if p.omitted > 0 {
		v.Omitted = number(p.omitted)
	}
	return v
}

// title says how the run went.
func title(s *policy.Summary) string {
	all := number(s.Endpoints) + " endpoints"
	switch {
	case s.Endpoints == s.Gone:
		return "No endpoint was checked"
	case s.Fail > 0:
		return of(s.Fail, s.Endpoints) + verb(s.Fail, " fails", " fail")
	case s.Unchecked > 0:
		return of(s.Unchecked, s.Endpoints) + " could not be checked"
	case s.Endpoints == 1:
		all = "The endpoint passes"
	default:
		all = "All " + all + " pass"
	}
	if s.Warn > 0 {
		all += ", " + number(s.Warn) + verb(s.Warn, " with a warning", " with warnings")
	}
	return all
}

func of(n, all int) string {
	return number(n) + " of " + number(all) + verb(all, " endpoint", " endpoints")
}

func verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func notes(s *policy.Summary) []string {
	var out []string
	if s.Allowed > 0 {
		out = append(out, number(s.Allowed)+verb(s.Allowed, " is", " are")+" unreachable and allowed to be")
	}
	if s.Gone > 0 {
		out = append(out, number(s.Gone)+verb(s.Gone, " is", " are")+" gone since the baseline")
	}
	return out
}

// number writes a count with its thousands apart.
func number(n int) string {
	s := strconv.Itoa(n)
	for at := len(s) - 3; at > 0; at -= 3 {
		s = s[:at] + "," + s[at:]
	}
	return s
}
