package html

import (
	"time"

	"certsweep/results/policy"
)

const (
	// minWeeks are shown at least: a quarter is what people plan.
	minWeeks = 13
	// maxWeeks is as many as a wide screen has room for at 24 pixels each, the least
	// that WCAG 2.2 has people aim at, and more than the 200 days for which public
	// CAs issue. What ends after them is one column.
	maxWeeks = 50

	week = 7 * 24 * time.Hour
)

// The weeks that have no date.
const (
	weekPast  = "expired"
	weekLater = "later"
)

// timeline counts certificates by the week in which they expire. Weeks begin on
// Monday, UTC, as ISO 8601 has it.
type timeline struct {
	now    time.Time
	monday time.Time // of this week
	past   levels
	weeks  [maxWeeks]levels
	later  levels
}

func newTimeline(now time.Time) timeline {
	now = now.UTC()
	day := now.Truncate(24 * time.Hour)
	return timeline{now: now, monday: day.AddDate(0, 0, -(int(day.Weekday())+6)%7)}
}

// week names the week of an end: expired, its Monday's date, or later; "" for a
// certificate whose end cannot be read.
func (t *timeline) week(end time.Time) string {
	switch {
	case end.IsZero():
		return ""
	case end.Before(t.now):
		return weekPast
	}
	n := int(end.Sub(t.monday) / week)
	if n >= maxWeeks {
		return weekLater
	}
	return t.start(n)
}

func (t *timeline) start(n int) string { return t.monday.AddDate(0, 0, 7*n).Format(time.DateOnly) }

func (t *timeline) add(name string, level policy.Level) {
	switch name {
	case "":
	case weekPast:
		t.past[level]++
	case weekLater:
		t.later[level]++
	default:
		if monday, err := time.Parse(time.DateOnly, name); err == nil {
			t.weeks[int(monday.Sub(t.monday)/week)][level]++
		}
	}
}

// Column is a week of the timeline, or all before or all after.
type Column struct {
	Value string // of the filter
	Label string // for those who do not see it
	Mark  string // under the column: a month's name, or what the column is
	Apart string // expired and later stand apart: their value, else ""
	Count string // "" for none
	// Height is in percent of the highest column, Segments in percent of this one.
	Height   float64
	Segments []Segment
}

// Timeline is the picture.
type Timeline struct {
	Columns []Column
	// Dense says that there is no room for numbers.
	Dense bool
	Any   bool
}

// denseWeeks is how many columns have room for numbers on a wide screen.
const denseWeeks = 30

// picture lays the columns out.
func (t *timeline) picture() Timeline {
	last := minWeeks
	highest := max(t.past.total(), t.later.total())
	for i := range t.weeks {
		if n := t.weeks[i].total(); n > 0 {
			last, highest = max(last, i+1), max(highest, n)
		}
	}
	p := Timeline{Dense: last > denseWeeks, Any: highest > 0}
	add := func(c Column, n *levels, label string) {
		c.Label = number(n.total()) + " " + label
		if bad := n.bad(); bad != "" {
			c.Label += " (" + bad + ")"
		}
		if n.total() > 0 {
			c.Count, c.Height, c.Segments = number(n.total()), percent(n.total(), highest), n.segments(n.total())
		}
		p.Columns = append(p.Columns, c)
	}
	add(Column{Value: weekPast, Mark: weekPast, Apart: weekPast}, &t.past, "already expired")
	for i := range last {
		monday := t.monday.AddDate(0, 0, 7*i)
		c := Column{Value: t.start(i)}
		// The week that has the month's first Monday. The first one says where we
		// are, if there is room.
		if monday.Day() <= 7 || i == 0 && monday.AddDate(0, 0, 14).Day() > 14 {
			c.Mark = monday.Format("Jan")
		}
		add(c, &t.weeks[i], "expire in the week of "+monday.Format("2 January 2006"))
	}
	add(Column{Value: weekLater, Mark: weekLater, Apart: weekLater}, &t.later, "expire later")
	return p
}
