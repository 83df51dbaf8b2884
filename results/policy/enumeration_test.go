package policy_test

import (
	"strings"
	"testing"

	"certsweep/results"
	"certsweep/results/policy"
)

// TestEnumeration: what a server accepts is judged, and not only what it chose.
func TestEnumeration(t *testing.T) {
	good := recorded(t, "good")[0]
	judge := func(change func(*results.Record, *policy.Policy)) policy.Verdict {
		r, p := *good, policy.Default()
		r.Enumeration = &results.Enumeration{Complete: true, Versions: []results.EnumeratedVersion{{Version: "1.3"}, {Version: "1.0", Suites: []string{"TLS_RSA_WITH_RC4_128_MD5"}}}}
		change(&r, p)
		return p.Judge(&r, now)
	}
	for name, test := range map[string]struct {
		change func(*results.Record, *policy.Policy)
		level  policy.Level
		says   string
	}{
		"as it is": {func(*results.Record, *policy.Policy) {}, policy.OK, ""},
		"least":    {func(_ *results.Record, p *policy.Policy) { p.MinTLS = "1.2" }, policy.Fail, "TLS 1.0 is accepted, the minimum is 1.2"},
		"incomplete": {func(r *results.Record, _ *policy.Policy) {
			r.Enumeration.Complete, r.Enumeration.Error = false, "gave up"
		}, policy.Unchecked, "gave up"},
		"old":         {func(r *results.Record, _ *policy.Policy) { r.Findings = []results.Finding{results.OldProtocol} }, policy.Warn, "old protocol (TLS 1.0): enable TLS 1.2 and 1.3 alone"},
		"weak":        {func(r *results.Record, _ *policy.Policy) { r.Findings = []results.Finding{results.WeakCipher} }, policy.Warn, "weak cipher (TLS_RSA_WITH_RC4_128_MD5)"},
		"compression": {func(r *results.Record, _ *policy.Policy) { r.Findings = []results.Finding{results.Compression} }, policy.Warn, "CRIME"},
		"post-quantum": {func(r *results.Record, p *policy.Policy) {
			r.TLS.PostQuantum, p.RequirePQ = new(false), true
			r.Enumeration.Groups = []results.EnumeratedGroups{{Version: "1.3", Groups: []string{"X25519MLKEM768"}}}
		}, policy.OK, ""},
	} {
		v := judge(test.change)
		if v.Level != test.level {
			t.Errorf("%s: %v, %+v", name, v.Level, v.Problems)
		}
		if len(v.Problems) > 0 && !strings.Contains(v.Problems[0].Message, test.says) {
			t.Errorf("%s: %s", name, v.Problems[0].Message)
		}
	}
}
