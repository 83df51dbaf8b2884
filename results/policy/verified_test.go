package policy_test

import (
	"testing"
	"time"

	"certsweep/results"
	"certsweep/results/policy"
)

// TestJudgeVerification: a record that does not say that its certificate is trusted
// does not pass, whatever its findings leave out.
func TestJudgeVerification(t *testing.T) {
	good := only(t, "good", "www.example.com")
	change := func(f func(*results.Record, *results.Verification)) *results.Record {
		r, v := *good, *good.Verification
		r.Verification, r.Findings = &v, []results.Finding{}
		f(&r, &v)
		return &r
	}
	end := good.Certificate.NotAfter
	for name, test := range map[string]struct {
		record     *results.Record
		at         time.Time
		unverified bool
		want       string
	}{
		"as it is":                  {change(func(*results.Record, *results.Verification) {}), now, false, ""},
		"no verification":           {change(func(r *results.Record, _ *results.Verification) { r.Verification = nil }), now, false, "unchecked=unchecked"},
		"no verification, asked so": {change(func(r *results.Record, _ *results.Verification) { r.Verification = nil }), now, true, ""},
		"not trusted":               {change(func(_ *results.Record, v *results.Verification) { v.Trusted = false }), now, false, "untrusted=fail"},
		"another name":              {change(func(_ *results.Record, v *results.Verification) { v.NameMatch = false }), now, false, "name_mismatch=fail"},
		"chain lasts longer":        {change(func(_ *results.Record, v *results.Verification) { v.NotAfter = end }), now, false, ""},
		"chain ends before":         {change(func(_ *results.Record, v *results.Verification) { v.NotAfter = end.Add(-time.Hour) }), now, false, ""},
		"chain ends soon":           {change(func(_ *results.Record, v *results.Verification) { v.NotAfter = now.Add(20 * 24 * time.Hour) }), now, false, "chain_expires_soon=warn"},
		"chain has ended since": {change(func(r *results.Record, v *results.Verification) {
			v.NotAfter, r.Findings = now.Add(5*24*time.Hour), []results.Finding{results.ChainExpiresSoon}
		}), now.Add(6 * 24 * time.Hour), false, "chain_expired=fail"},
	} {
		p := policy.Default()
		p.Unverified = test.unverified
		if got := codesOf(p.Judge(test.record, test.at)); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
		// The same of another certificate of the endpoint.
		r := *good
		r.Alternates = []*results.Alternate{{
			Method: "hello13", KeyProved: true, Certificate: test.record.Certificate, Verification: test.record.Verification, Findings: test.record.Findings,
		}}
		if got := codesOf(p.Judge(&r, test.at)); got != test.want {
			t.Errorf("%s, as an alternate: got %q, want %q", name, got, test.want)
		}
	}
}
