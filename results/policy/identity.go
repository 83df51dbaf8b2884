package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"certsweep/results"
	"certsweep/results/certificate"
)

// identity checks the certificate against what its target asks for: issuer,
// names, key.
func (j *judgement) identity(c *certificate.Certificate) {
	e := j.expectation
	if len(e.Issuers) > 0 && !slices.ContainsFunc(e.Issuers, func(want string) bool { return isIssuer(c.Issuer, want) }) {
		j.report(CodeIssuer, func() string {
			return fmt.Sprintf("issued by %s, not by %s: find out who had it issued", name(c.Issuer), strings.Join(e.Issuers, " or "))
		})
	}
	for _, want := range e.Names {
		if !covers(c, want) {
			j.report(CodeName, func() string {
				return fmt.Sprintf("certificate is for %s, %s is missing: reissue it with that name", names(c), want)
			})
			break
		}
	}
	if len(e.Pins) > 0 && !slices.Contains(e.Pins, c.SPKISHA256) {
		j.report(CodePin, func() string {
			return fmt.Sprintf("the key is not a pinned one (it is pin=sha256/%s): find out who changed it", c.SPKISHA256)
		})
	}
}

// isIssuer reports whether want is part of the issuer's common name, of one of
// its organizations or of its whole name, in any case of letters.
func isIssuer(issuer certificate.Name, want string) bool {
	want = strings.ToLower(want)
	part := func(s string) bool { return strings.Contains(strings.ToLower(s), want) }
	return part(issuer.CommonName) || slices.ContainsFunc(issuer.Organization, part) || part(issuer.DN)
}

// covers reports whether the certificate is good for a name: it has that name,
// or a wildcard that stands for its first label (RFC 9525 §6.3). A wildcard
// that is asked for has to be there as it is.
func covers(c *certificate.Certificate, want string) bool {
	if ip, err := netip.ParseAddr(want); err == nil {
		return slices.ContainsFunc(c.IPAddresses, func(s string) bool {
			have, err := netip.ParseAddr(s)
			return err == nil && have.Unmap() == ip.Unmap()
		})
	}
	_, parent, _ := strings.Cut(want, ".")
	return slices.ContainsFunc(c.DNSNames, func(have string) bool {
		if rest, ok := strings.CutPrefix(have, "*."); ok && parent != "" && strings.EqualFold(rest, parent) {
			return true
		}
		return strings.EqualFold(have, want)
	})
}

// expected reports what was expected to be wrong and is not.
func (j *judgement) expected() {
	for _, code := range j.expectation.Expect {
		if j.found(results.Finding(code)) {
			continue
		}
		switch {
		case j.record.Certificate == nil:
			// Nothing was seen that could have it: unchecked has said so.
		case j.record.Verification == nil && needsVerification(results.Finding(code)):
			j.verdict.add(CodeExpect, Unchecked, fmt.Sprintf("%s was expected, but the chain was not verified: scan without --trust none", code))
		default:
			j.report(CodeExpect, func() string {
				return fmt.Sprintf("%s was expected and is no longer the case: remove expect=%s", code, code)
			})
		}
	}
}

// found reports whether the record has a finding, by the judgement's clock.
func (j *judgement) found(f results.Finding) bool {
	c := j.record.Certificate
	if c == nil || c.NotAfter.IsZero() || c.NotBefore.IsZero() {
		return slices.Contains(j.record.Findings, f)
	}
	left := c.NotAfter.Sub(j.now)
	switch f {
	case results.Expired:
		return left < 0
	case results.NotYetValid:
		return j.now.Before(c.NotBefore)
	case results.ExpiresSoon:
		return left >= 0 && left < j.policy.warnBefore(c.NotAfter.Sub(c.NotBefore))
	}
	return slices.Contains(j.record.Findings, f) ||
		f == results.Untrusted && slices.ContainsFunc(j.record.Findings, isReason)
}

// needsVerification: a record without verification lacks these findings
// whatever the certificate is.
func needsVerification(f results.Finding) bool {
	switch f {
	case results.Untrusted, results.SelfSigned, results.IncompleteChain, results.ChainExpired, results.ChainExpiresSoon, results.NameMismatch, results.LongValidity:
		return true
	}
	return false
}
