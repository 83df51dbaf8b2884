package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"certsweep/results/policy"
)

// text is a table for people.
type text struct {
	w       io.Writer
	color   bool
	columns int // to break lines at; 0 for never
	rows    worst
	summary policy.Summary
}

// maxColumn bounds the column of endpoints: one with a longer name sticks out
// and the others stay readable.
const maxColumn = 48

// minFolded is how much of a line must be left beside an endpoint for a text to
// be broken there.
const minFolded = 24

// foldAt is the width at which Text breaks lines, 0 for never.
func foldAt(o Options) int {
	if !o.Fold {
		return 0
	}
	return o.Width
}

func (t *text) Add(v *policy.Verdict) error {
	t.summary.Add(v)
	t.rows.add(v)
	return nil
}

func (t *text) Close() error {
	out := bufio.NewWriter(t.w)
	rows := t.rows.sorted()
	level, name := 0, 0
	for i := range rows {
		level = max(level, len(rows[i].level.String()))
		name = max(name, min(maxColumn, utf8.RuneCountInString(rows[i].endpoint)))
	}
	for i := range rows {
		r := &rows[i]
		fmt.Fprintf(out, "%s%s  %s%s  %s\n",
			t.paint(r.level, strings.ToUpper(r.level.String())), pad(r.level.String(), level), r.endpoint, pad(r.endpoint, name), t.folded(r.text, level+name+4))
	}
	if t.rows.more > 0 {
		fmt.Fprintf(out, "… and %d more that are no worse\n", t.rows.more)
	}
	fmt.Fprintln(out, t.paint(outcome(&t.summary), sentence(&t.summary)))
	return out.Flush()
}

// folded breaks what is said beside a column.
func (t *text) folded(s string, column int) string {
	if room := t.columns - column; room >= minFolded {
		return strings.Join(folded(s, room), "\n"+strings.Repeat(" ", column))
	}
	return s
}

// outcome is the level of a whole run.
func outcome(s *policy.Summary) policy.Level {
	switch s.NagiosStatus() {
	case 0:
		return policy.OK
	case 1:
		return policy.Warn
	case 2:
		return policy.Fail
	}
	return policy.Unchecked
}

func (t *text) paint(level policy.Level, s string) string {
	if !t.color {
		return s
	}
	return colors[level] + s + "\x1b[0m"
}

// pad returns the blanks that bring s to a width.
func pad(s string, width int) string {
	return strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}
