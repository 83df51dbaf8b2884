package report_test

import (
	"bytes"
	"strings"
	"testing"

	"certsweep/results"
	"certsweep/results/report"
)

func summaryText(t *testing.T, s *results.Summary, o report.Options) string {
	t.Helper()
	var out bytes.Buffer
	if err := report.WriteSummary(&out, s, o); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestSummaryOfFewTargets(t *testing.T) {
	var s results.Summary
	for _, r := range recorded(t, "errors")[:3] {
		s.Add(r)
	}
	s.Add(recorded(t, "findings")[0])
	s.Seconds = 2
	const want = "4 targets in 2s (2/s): 1 ok, 3 unreachable\nerrors    dns_failure 1, dns_not_found 1, dns_timeout 1\nfindings  expired 1\n"
	if got := summaryText(t, &s, report.Options{}); got != want {
		t.Errorf("got\n%s", got)
	}
	s = results.Summary{Seconds: 0.0123}
	s.Add(recorded(t, "good")[0])
	if got, want := summaryText(t, &s, report.Options{}), "1 target in 12ms: 1 ok\n"; got != want {
		t.Errorf("got\n%s", got)
	}
}

// TestSummaryFits: ten lines at the most, each within the width, whatever issuers
// call themselves.
func TestSummaryFits(t *testing.T) {
	var s results.Summary
	records := recorded(t, "good", "findings", "errors", "client-cert", "hostile")
	for _, name := range []string{"証明書発行局株式会社", "\x1b[31mred", strings.Repeat("a", 300), "e\u0301e\u0301e\u0301"} {
		r := *records[0]
		c := *r.Certificate
		c.Issuer.Organization = []string{name}
		r.Certificate = &c
		for range 20 {
			records = append(records, &r)
		}
	}
	for _, r := range records {
		s.Add(r)
	}
	s.Seconds = 61
	for _, width := range []int{40, 80, 200} {
		got := summaryText(t, &s, report.Options{Width: width})
		accept(t, report.Text, got)
		lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
		if len(lines) > 10 && width >= 80 || len(lines) > 12 {
			t.Errorf("%d lines at %d columns:\n%s", len(lines), width, got)
		}
		for _, line := range lines {
			if n := displayWidth(line); n > width {
				t.Errorf("%d columns of %d: %s", n, width, line)
			}
		}
		for _, want := range []string{"errors ", "findings ", "versions ", "issuers ", "expires   expired ", "≤ 7 days", "later"} {
			if !strings.Contains(got, want) {
				t.Errorf("at %d columns no %q:\n%s", width, want, got)
			}
		}
	}
	if got := summaryText(t, &s, report.Options{ASCII: true}); strings.Contains(got, "█") || strings.Contains(got, "≤") || !strings.Contains(got, "####") {
		t.Errorf("not ASCII:\n%s", got)
	}
}
