package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"certsweep/results/policy"
)

func TestBaseline(t *testing.T) {
	p := policy.Default()
	p.Baseline = new(policy.Baseline)
	for _, r := range recorded(t, "baseline-old") {
		p.Baseline.Add(r)
	}
	var got strings.Builder
	line := func(v policy.Verdict) {
		fmt.Fprintf(&got, "%s:%d %v gone=%v\n", v.Record.Host, v.Record.Port, v.Level, v.Gone)
		for _, problem := range v.Problems {
			fmt.Fprintf(&got, "\t%v %s %q\n", problem.Level, problem.Code, problem.Message)
		}
	}
	for _, r := range recorded(t, "baseline-new") {
		line(p.Judge(r, now))
	}
	for v := range p.Gone() {
		line(v)
	}
	golden(t, "baseline.golden", got.String())
}

func TestBaselineFailsOnlyWhenAsked(t *testing.T) {
	for _, test := range []struct {
		level policy.Level
		want  string
	}{{policy.OK, ""}, {policy.Warn, "changed=warn"}, {policy.Fail, "changed=fail"}} {
		p := policy.Default()
		p.Levels[policy.CodeChanged] = test.level
		p.Baseline = new(policy.Baseline)
		p.Baseline.Add(only(t, "baseline-old", "moved.example.com"))
		p.Baseline.Add(only(t, "baseline-old", "dropped.example.com"))
		if got := codesOf(p.Judge(only(t, "baseline-new", "moved.example.com"), now)); got != test.want {
			t.Errorf("at level %v: got %q, want %q", test.level, got, test.want)
		}
		gone := ""
		for v := range p.Gone() {
			gone += codesOf(v)
		}
		if gone != test.want {
			t.Errorf("gone at level %v: got %q, want %q", test.level, gone, test.want)
		}
	}
}

// An endpoint behind several addresses may show any certificate that one of
// them showed before.
func TestBaselineWithSeveralCertificates(t *testing.T) {
	p := policy.Default()
	p.Baseline = new(policy.Baseline)
	before, after := only(t, "baseline-old", "moved.example.com"), only(t, "baseline-new", "moved.example.com")
	p.Baseline.Add(before)
	p.Baseline.Add(after)
	if got := codesOf(p.Judge(before, now)) + codesOf(p.Judge(after, now)); got != "" {
		t.Errorf("got %q", got)
	}
}
