package policy

import (
	"fmt"
	"time"

	"certsweep/results"
	"certsweep/results/certificate"
)

const day = 24 * time.Hour

// validity judges the certificate's dates by the clock of the judgement.
func (j *judgement) validity(c *certificate.Certificate) {
	if results.EndsInYear1(c) {
		j.report(Code(results.Expired), func() string { return "expired in the year 1, as if it had been issued without an end: reissue it" })
		return
	}
	// A start that can be read and is absent is the year 1.
	if c.NotAfter.IsZero() || c.NotBefore.IsZero() && c.ParseError != "" {
		j.report(Code(results.Malformed), func() string {
			if c.ParseError != "" {
				return describe(results.Malformed, j.record)
			}
			return "the certificate's dates cannot be read: reissue it"
		})
		return
	}
	left := c.NotAfter.Sub(j.now)
	j.verdict.DaysLeft = certificate.DaysOf(left.Hours() / 24)

	switch {
	case left < 0:
		j.report(Code(results.Expired), func() string {
			return fmt.Sprintf("expired %s ago (%s): renew", span(-left), date(c.NotAfter))
		})
		return
	case j.now.Before(c.NotBefore):
		j.report(Code(results.NotYetValid), func() string {
			return fmt.Sprintf("not valid for another %s (until %s): serve the previous certificate, or fix the issuer's clock",
				span(c.NotBefore.Sub(j.now)), date(c.NotBefore))
		})
	}

	lifetime := c.NotAfter.Sub(c.NotBefore)
	wanted := j.tooLittleLeft(left, lifetime)
	if wanted != "" && j.report(CodeMinDays, func() string {
		return fmt.Sprintf("expires in %s (%s), %s: renew", span(left), date(c.NotAfter), wanted)
	}) {
		return
	}
	if left < j.policy.warnBefore(lifetime) {
		j.report(Code(results.ExpiresSoon), func() string {
			return fmt.Sprintf("expires in %s (%s): renew", span(left), date(c.NotAfter))
		})
	}
}

// tooLittleLeft says what is wanted where too little of a certificate's life
// is left, and returns "" where there is enough. A target that sets either
// limit replaces both of the policy's.
func (j *judgement) tooLittleLeft(left, lifetime time.Duration) string {
	minDays, minPart := j.policy.MinDays, j.policy.MinLifetimeLeft
	if e := j.expectation; e.MinDays != nil || e.MinLifetimeLeft != nil {
		minDays, minPart = e.MinDays, e.MinLifetimeLeft
	}
	if minDays == nil && minPart == nil {
		least := min(DefaultMinDays, DefaultMinLifetimeLeft*days(lifetime))
		minDays = &least
	}
	if minDays != nil && days(left) < *minDays {
		return fmt.Sprintf("at least %.4g days are required", *minDays)
	}
	if minPart != nil && days(left) < *minPart*days(lifetime) {
		return fmt.Sprintf("at least %.4g%% of its %s are required", *minPart*100, span(lifetime))
	}
	return ""
}

// warnBefore is the time before its end at which a certificate expires soon.
func (p *Policy) warnBefore(lifetime time.Duration) time.Duration {
	if p.WarnDays != nil {
		return time.Duration(*p.WarnDays * float64(day))
	}
	return results.Soon(lifetime)
}

func days(d time.Duration) float64 { return float64(d) / float64(day) }

func date(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// span says a time that has passed or remains, in the largest unit of which
// there are two, rounded down: nobody has more time left than it says.
func span(d time.Duration) string {
	switch {
	case d >= 2*day:
		return fmt.Sprintf("%d days", d/day)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", d/time.Hour)
	default:
		return fmt.Sprintf("%d minutes", d/time.Minute)
	}
}
