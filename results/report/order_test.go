package report_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"certsweep/results"
	"certsweep/results/policy"
	"certsweep/results/report"
)

// verdicts renders what comes in some order.
func verdicts(t *testing.T, format report.Format, o report.Options, records []*results.Record) string {
	t.Helper()
	var out bytes.Buffer
	o.Now = now
	renderer := report.New(format, &out, o)
	p := policy.Default()
	for _, r := range records {
		v := p.Judge(r, now)
		if err := renderer.Add(&v); err != nil {
			t.Fatal(err)
		}
	}
	if err := renderer.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestOrderIsTheLists: in whatever order the results come, a report is the same,
// addresses of one prefix and ports of one line included.
func TestOrderIsTheLists(t *testing.T) {
	records := recorded(t, "good", "findings", "errors", "client-cert")
	for _, host := range []string{"192.0.2.9", "192.0.2.10", "192.0.2.200", "b.example", "a.example"} {
		for _, port := range []int{443, 8443} {
			r := *records[5]
			r.Line, r.Host, r.SNI, r.Port = 1000, host, "", port
			records = append(records, &r)
		}
	}
	for _, format := range []report.Format{report.JSON, report.JUnit, report.Prometheus, report.Markdown, report.Text, report.Nagios} {
		for _, all := range []bool{false, true} {
			o := report.Options{All: all}
			want := verdicts(t, format, o, records)
			for range 2 {
				shuffled := append([]*results.Record(nil), records...)
				rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
				if got := verdicts(t, format, o, shuffled); got != want {
					t.Fatalf("%s, all %v: another order gives another report:\n%s\nwant\n%s", format, all, got, want)
				}
			}
			if format == report.JSON || format == report.JUnit {
				if nine, ten := strings.Index(want, "192.0.2.9"), strings.Index(want, "192.0.2.10"); nine < 0 || nine > ten {
					t.Errorf("%s: 192.0.2.10 stands before 192.0.2.9", format)
				}
			}
		}
	}
}

// TestOrderIsBounded: of a list of any length, no more than some are held.
func TestOrderIsBounded(t *testing.T) {
	var out bytes.Buffer
	renderer := report.New(report.JSON, &out, report.Options{Now: now})
	p := policy.Default()
	bad := recorded(t, "findings")[0]
	for i := range 25_000 {
		r := *bad
		r.Line = i ^ 7 // nearly in order
		v := p.Judge(&r, now)
		if err := renderer.Add(&v); err != nil {
			t.Fatal(err)
		}
	}
	if written := strings.Count(out.String(), "\n"); written < 4000 {
		t.Errorf("%d lines were written while 25,000 verdicts came", written)
	}
	if err := renderer.Close(); err != nil {
		t.Fatal(err)
	}
	last := -1
	for line := range strings.Lines(out.String()) {
		var n int
		if k, _ := fmt.Sscanf(line, `{"line":%d,`, &n); k == 1 {
			if n != last+1 {
				t.Fatalf("line %d after %d", n, last)
			}
			last = n
		}
	}
	if last != 24_999 {
		t.Errorf("the last is %d", last)
	}
}

func TestAll(t *testing.T) {
	records := recorded(t, "good", "findings")
	for format, want := range map[report.Format]string{
		report.Text:     "OK    www.example.com:443         59 days left, issued by R11, Let's Encrypt\n",
		report.JSON:     `"level":"ok","checked":true,"gone":false,"subject":"CN=www.example.com","issuer":"CN=R11,O=Let's Encrypt,C=US","fingerprint_sha256":"`,
		report.Markdown: "| ✅ ok | www&#46;example.com:443 | 59 days left, issued by R11, Let's Encrypt |\n",
	} {
		if got := verdicts(t, format, report.Options{All: true}, records); !strings.Contains(got, want) {
			t.Errorf("%s: no %q in\n%s", format, want, got)
		}
		if got := verdicts(t, format, report.Options{}, records); strings.Contains(got, want) {
			t.Errorf("%s shows what passes unasked", format)
		}
	}
}

// TestGitHubCapsAnnotations: GitHub drops the eleventh of a kind, so it is a line
// of the log.
func TestGitHubCapsAnnotations(t *testing.T) {
	got := many(t, report.GitHub, 25)
	if n := strings.Count(got, "::warning "); n != 10 {
		t.Errorf("%d warnings", n)
	}
	if n := strings.Count(got, "\nwarning: host"); n != 14 {
		t.Errorf("%d plain lines", n)
	}
	if !strings.Contains(got, "::error title=certsweep%3A host24.example.com") || !strings.HasSuffix(got, "; GitHub shows 10 of each kind as annotations, the log has 14 more\n") {
		t.Errorf("got\n%s", got)
	}
	// None of these lines is a command.
	var out bytes.Buffer
	renderer := report.New(report.GitHub, &out, report.Options{Now: now})
	for range 12 {
		for _, r := range recorded(t, "hostile") {
			v := policy.Default().Judge(r, now)
			if err := renderer.Add(&v); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := renderer.Close(); err != nil {
		t.Fatal(err)
	}
	plain := ""
	for line := range strings.Lines(out.String()) {
		if !strings.HasPrefix(line, "::") {
			plain += line
		}
	}
	if strings.Count(plain, "\n") < 20 {
		t.Errorf("plain lines:\n%s", plain)
	}
	accept(t, report.Text, plain)
}
