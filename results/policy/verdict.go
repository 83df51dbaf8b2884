package policy

import (
	"cmp"
	"slices"

	"certsweep/results"
	"certsweep/results/certificate"
)

// Problem is one thing that is wrong with an endpoint.
type Problem struct {
	Code  Code  `json:"code"`
	Level Level `json:"level"`
	// Message says what is wrong and what to do about it. It quotes the
	// certificate and the peer as they are, control characters included:
	// whoever shows it escapes it for the place where it is shown.
	Message string `json:"message"`
}

// Verdict is what a policy says of one record.
type Verdict struct {
	Record *results.Record
	// Level is the worst level among Problems, OK when there are none.
	Level Level
	// Problems are sorted, the worst first.
	Problems []Problem
	// Checked: the server showed a certificate and proved its key. A record that
	// is not checked may have a certificate all the same, which was judged.
	Checked bool
	// Gone: the baseline has this endpoint and no judged record was about it.
	Gone bool
	// Changes are the kinds of what is not as the baseline has it, each once: "new
	// on the list", "gone from the list", "no longer reachable", "certificate
	// replaced", "key changed", "issuer changed" and "newly " with a finding. But
	// for the first, CodeChanged among Problems says the same in full.
	Changes []string
	// DaysLeft counts from the time of the judgement to the certificate's end;
	// unknown where there is no certificate or its dates cannot be read.
	DaysLeft certificate.Days
}

// maxMessage bounds a problem's message in bytes: what a peer says of itself
// can be long, and every report repeats it.
const maxMessage = 600

// Allowed reports whether the endpoint could not be checked, and was allowed to.
func (v *Verdict) Allowed() bool {
	return slices.ContainsFunc(v.Problems, func(p Problem) bool { return p.Code == CodeUnchecked && p.Level == OK })
}

// add appends a problem. A message that is too long is cut.
func (v *Verdict) add(code Code, level Level, message string) {
	v.Problems = append(v.Problems, Problem{Code: code, Level: level, Message: results.Shorten(message, maxMessage)})
	v.Level = max(v.Level, level)
}

// has reports whether the verdict already has a problem with this code.
func (v *Verdict) has(code Code) bool {
	return slices.ContainsFunc(v.Problems, func(p Problem) bool { return p.Code == code })
}

func (v *Verdict) sort() {
	slices.SortStableFunc(v.Problems, func(a, b Problem) int {
		return cmp.Or(-cmp.Compare(a.Level, b.Level), cmp.Compare(a.Code.Rank(), b.Code.Rank()))
	})
}
