package report

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strings"

	"certsweep/results/policy"
)

// nagios is the output of a monitoring plugin: a status line with performance
// data, then a line for each of the worst endpoints.
type nagios struct {
	w        io.Writer
	rows     worst
	summary  policy.Summary
	daysLeft float64
	any      bool // some certificate has an end
}

// Nagios reads 8 KiB of a plugin's output, of which the status line with its
// performance data is the first KiB at most.
const (
	maxNagiosRows  = 50
	maxNagiosBytes = 7 << 10
)

func (n *nagios) Add(v *policy.Verdict) error {
	n.summary.Add(v)
	n.rows.add(v)
	if v.DaysLeft.Known {
		if !n.any || v.DaysLeft.Number < n.daysLeft {
			n.daysLeft = v.DaysLeft.Number
		}
		n.any = true
	}
	return nil
}

func (n *nagios) Close() error {
	s := &n.summary
	status := [...]string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}[s.NagiosStatus()]
	rows := n.rows.sorted()
	line := sentence(s)
	if len(rows) > 0 {
		line += fmt.Sprintf("; worst: %s %s", rows[0].endpoint, rows[0].text)
	}

	out := bufio.NewWriter(n.w)
	// Label=value;warn;crit;min;max, where a range that is left unset is empty
	// and "0" alerts above zero (Monitoring Plugins' guidelines).
	fmt.Fprintf(out, "CERTSWEEP %s - %s | 'endpoints'=%d;;;0 'fails'=%d;;0;0 'unchecked'=%d;;;0 'warnings'=%d;0;;0",
		status, plain(line, 600), s.Endpoints, s.Fail, s.Unchecked, s.Warn)
	if n.any {
		fmt.Fprintf(out, " 'min_days_left'=%.1f", math.Round(n.daysLeft*10)/10)
	}
	fmt.Fprintln(out)

	written, shown := 0, 0
	for i := range rows {
		line := plain(fmt.Sprintf("%v: %s %s", rows[i].level, rows[i].endpoint, rows[i].text), 600)
		if written += len(line) + 1; written > maxNagiosBytes {
			break
		}
		fmt.Fprintln(out, line)
		shown++
	}
	if more := n.rows.more + len(rows) - shown; more > 0 {
		fmt.Fprintf(out, "and %d more\n", more)
	}
	return out.Flush()
}

// plain keeps the bar out of text, behind which performance data begins.
func plain(s string, limit int) string {
	return shorten(strings.ReplaceAll(s, "|", "¦"), limit)
}
