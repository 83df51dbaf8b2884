package policy

import (
	"fmt"
)

// alternates judges the endpoint's other certificates as strictly as the one
// that the handshake showed: who connects may be shown any of them. What is
// asked of the target is asked of all.
func (j *judgement) alternates() {
	for _, a := range j.record.Alternates {
		record := *j.record
		record.Certificate, record.Chain, record.Verification, record.Revocation, record.Findings = a.Certificate, a.Chain, a.Verification, a.Revocation, a.Findings
		// The response that was stapled is about the other certificate.
		record.TLS = nil
		var found Verdict
		other := judgement{policy: j.policy, expectation: j.expectation, record: &record, now: j.now, verdict: &found}
		if !a.KeyProved {
			found.add(CodeUnchecked, j.uncheckedLevel(), "could not be checked: the server did not show that it holds its key: scan it again")
		}
		if a.Verification == nil && !j.policy.Unverified {
			found.add(CodeUnchecked, j.uncheckedLevel(), "could not be checked: the record does not say whether it is trusted: scan it again, without --trust none")
		}
		other.validity(a.Certificate)
		other.identity(a.Certificate)
		other.findings()
		for _, p := range found.Problems {
			j.verdict.add(p.Code, p.Level, fmt.Sprintf("its %s certificate: %s", a.Certificate.PublicKey.Algorithm, p.Message))
		}
	}
	if j.record.AlternatesError != "" {
		j.verdict.add(CodeUnchecked, j.uncheckedLevel(), "its other certificates could not be checked: "+j.record.AlternatesError)
	}
}
