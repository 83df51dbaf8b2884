package report

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"certsweep/results"
	"certsweep/results/policy"
)

// shorten cuts a visible string to at most n runes.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	count := 0
	for i := range s {
		if count == n {
			return s[:i] + "…"
		}
		count++
	}
	return s
}

// endpoint names what a record is about: host:port, the STARTTLS protocol as
// its scheme, and the server name where it is another than the host. A line
// that made no sense is shown as it is.
func endpoint(r *results.Record) string {
	if r.Host == "" {
		return shorten(results.Visible(r.Input), 100) + " (line " + strconv.Itoa(r.Line) + ")"
	}
	s := net.JoinHostPort(r.Host, strconv.Itoa(r.Port))
	if r.StartTLS != "" {
		s = r.StartTLS + "://" + s
	}
	if r.SNI != "" && r.SNI != r.Host {
		s += " (" + r.SNI + ")"
	}
	return shorten(results.Visible(s), 300)
}

// reported yields the problems that a verdict is about: those of level OK were
// let pass.
func reported(v *policy.Verdict) []policy.Problem {
	for i, p := range v.Problems {
		if p.Level == policy.OK {
			// Problems are sorted, the worst first.
			return v.Problems[:i]
		}
	}
	return v.Problems
}

// messages joins what is wrong into one visible text.
func messages(v *policy.Verdict, separator string) string {
	var b strings.Builder
	for i, p := range reported(v) {
		if i > 0 {
			b.WriteString(separator)
		}
		b.WriteString(results.Visible(p.Message))
	}
	return b.String()
}

// sentence says in one line how a run went.
func sentence(s *policy.Summary) string {
	if s.Endpoints == s.Gone {
		return "no endpoint was checked" + count(", ", s.Gone, "gone since the baseline")
	}
	text := fmt.Sprintf("%d endpoints:", s.Endpoints)
	if s.Endpoints == 1 {
		text = "1 endpoint:"
	}
	text += fmt.Sprintf(" %d fail, %d could not be checked, %d warn, %d ok", s.Fail, s.Unchecked, s.Warn, s.OK)
	return text + count("; ", s.Allowed, "unreachable and allowed to be") + count("; ", s.Gone, "gone since the baseline")
}

func count(before string, n int, what string) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%s%d %s", before, n, what)
}
