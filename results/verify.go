package results

import (
	"crypto/x509"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"certsweep/results/certificate"
)

// ParseChain returns a parsed form of each certificate, nil for one that
// x509.ParseCertificate refuses. Above the leaf, one that it refuses only for a key
// on a curve that Go does not know is parsed without its key. parsed is used where
// it is there already.
func ParseChain(ders [][]byte, parsed []*x509.Certificate) []*x509.Certificate {
	if len(parsed) == len(ders) {
		return parsed
	}
	chain := make([]*x509.Certificate, len(ders))
	for i, der := range ders {
		// A refusal is reported by certificate.Read, where it is shown.
		if i > 0 {
			chain[i] = parsedAbove.parse(der)
		} else {
			chain[i], _ = x509.ParseCertificate(der)
		}
	}
	return chain
}

// Verifier checks certificate chains against trust anchors, and leaves against
// names. Its fields must not be changed once it was used; then it is safe for
// concurrent use.
//
// It remembers what it found above an intermediate, so that under the same one
// only the leaf's signature is new work. What it says of a chain does not
// depend on what it was asked before. What one chain costs is bounded (work.go).
type Verifier struct {
	// Roots are the trust anchors; nil means the system's.
	Roots *x509.CertPool
	// Constrained reports whether a trust anchor was added to Roots together
	// with a constraint function ([x509.CertPool.AddCertWithConstraint]),
	// which a pool does not tell: chains to such an anchor are checked as a
	// whole each time. Nil means that none was.
	Constrained func(anchor *x509.Certificate) bool
	// Public says that Roots are those of the public web's authorities, which
	// have rules for the lifetime of what they issue.
	Public bool

	memory memory
}

// path is a way from a leaf, or from what stands above it, to a trust anchor.
type path struct {
	// length counts the certificates.
	length int
	// notAfter is when the first of them expires, and first which that is.
	notAfter time.Time
	first    *x509.Certificate
	// aboveNotAfter is the same without the leaf.
	aboveNotAfter time.Time
	// above are the certificates over the leaf, its issuer first.
	above []*x509.Certificate
}

// bestPath returns what of a leaf's chains stands above it and lasts longest,
// and of several such the shortest.
func bestPath(chains [][]*x509.Certificate) path {
	var best path
	for i, chain := range chains {
		last := chain[len(chain)-1]
		p := path{length: len(chain) - 1, notAfter: last.NotAfter, first: last, above: chain[1:]}
		for _, c := range chain[1:] {
			if c.NotAfter.Before(p.notAfter) {
				p.notAfter, p.first = c.NotAfter, c
			}
		}
		p.aboveNotAfter = p.notAfter
		if d := p.notAfter.Compare(best.notAfter); i == 0 || d > 0 || d == 0 && p.length < best.length {
			best = p
		}
	}
	return best
}

// under returns the path of a leaf below p.
func (p path) under(leaf *x509.Certificate) path {
	p.length++
	if leaf.NotAfter.Before(p.notAfter) {
		p.notAfter, p.first = leaf.NotAfter, leaf
	}
	return p
}

// Verify checks the chain, leaf first, as it was received at the time now, and
// whether the leaf is for name, unless that is empty: then NameMatch is false, and
// nothing is found of it. An entry of chain that could not be parsed is
// nil; leaf describes the first. The findings say what the verification alone
// can tell: untrusted, self_signed, incomplete_chain, chain_expired,
// chain_expires_soon, name_mismatch, long_validity, and unsupported for a chain
// that Go cannot check. An expired leaf under a good
// chain is not untrusted, though not Trusted either.
//
// issuers are the certificates above the leaf of the chain that was verified, up
// to the trust anchor; nil if there is none, or only one that is out of date.
func (v *Verifier) Verify(chain []*x509.Certificate, leaf *certificate.Certificate, name string, now time.Time) (
	out *Verification, findings []Finding, issuers []*x509.Certificate) {
	out = new(Verification)
	if chain[0] == nil {
		out.Error = "the certificate is malformed"
		if isUnsupported(leaf.PublicKey) {
			out.Error = "could not be checked: the key is of a kind that Go does not know"
		}
	} else {
		found, err := v.chain(chain, now)
		if out.Trusted = err == nil; out.Trusted {
			issuers = found.above
		} else {
			out.Error = verificationError(err)
		}
		if found != nil {
			out.ChainLength, out.NotAfter = found.length, found.notAfter.UTC()
			out.FirstToExpire = certificate.ParseName(found.first.RawSubject).DN
			findings = append(findings, v.judgePath(found, leaf, now)...)
			if dated := now.After(chain[0].NotAfter) || now.Before(chain[0].NotBefore); err != nil && !dated && !slices.Contains(findings, Untrusted) {
				// Whatever it is, it is not the leaf's own dates.
				findings = append(findings, Untrusted)
			}
		} else if _, unsupported := errors.AsType[errUnsupported](err); unsupported {
			findings = append(findings, Unsupported)
		} else {
			findings = append(findings, v.untrusted(chain, leaf)...)
		}
	}
	if name == "" {
		return out, findings, issuers
	}
	if out.NameMatch = matchName(chain[0], leaf, name); !out.NameMatch {
		findings = append(findings, NameMismatch)
	}
	return out, findings, issuers
}

// judgePath returns what a good path shows, or one that only dates spoil.
func (v *Verifier) judgePath(found *path, leaf *certificate.Certificate, now time.Time) (findings []Finding) {
	switch {
	case now.After(found.aboveNotAfter):
		findings = append(findings, Untrusted, ChainExpired)
	case found.aboveNotAfter.Before(leaf.NotAfter) && found.aboveNotAfter.Sub(now) < Soon(shortLived):
		// Only if the leaf lasts longer: its renewal brings another chain.
		findings = append(findings, ChainExpiresSoon)
	}
	if v.Public && isLongValidity(leaf.NotBefore, leaf.NotAfter) {
		findings = append(findings, LongValidity)
	}
	return findings
}

// maxVerificationError bounds [Verification.Error], in bytes: crypto/x509 quotes
// names of the certificates in some of its messages.
const maxVerificationError = 300

func verificationError(err error) string {
	return Shorten(strings.TrimPrefix(err.Error(), "x509: "), maxVerificationError)
}

// chain returns the best path to a trust anchor, and why it is not good now. A
// path that only dates spoil is returned with the error.
func (v *Verifier) chain(chain []*x509.Certificate, now time.Time) (*path, error) {
	leaf := chain[0]
	above, refused := candidates(chain)
	if known := v.recall(leaf, above, now); known != nil {
		return known, nil
	}
	foreseen := work{anchors: v.anchors(), above: above}
	if !foreseen.affordable([]*x509.Certificate{leaf}) {
		return nil, errWork
	}
	found, err := v.build(leaf, above, now)
	if err == nil {
		return found, nil
	}
	// Expiry hides whatever else x509.Verify would have said. Ask again for the
	// times at which something that has expired was still good, as many as fit
	// into the time of one search.
	times := timesBefore(leaf, above, err, now)
	for _, then := range times[:min(len(times), int(maxWork/max(1, foreseen.spent)))] {
		var reason error
		if found, reason = v.build(leaf, above, then); found != nil {
			break
		}
		if isExpired(err) && !isExpired(reason) {
			err = reason // it was no good before either
		}
	}
	if found == nil && refused != nil {
		return nil, refused
	}
	if found == nil {
		if unsupported := v.unsupported(leaf, above); unsupported != nil {
			return nil, unsupported
		}
	}
	return found, err
}

// maxTimes is how often a chain is verified for another time than now.
const maxTimes = 4

func isExpired(err error) bool {
	invalid, ok := errors.AsType[x509.CertificateInvalidError](err)
	return ok && invalid.Reason == x509.Expired
}

// timesBefore returns the times at which to ask about a chain again that failed
// at the time now, the latest first: when the leaf was valid, and a certificate
// above it was for the last time. err, which x509.Verify gave, may name a trust
// anchor that has expired.
func timesBefore(leaf *x509.Certificate, above []*x509.Certificate, err error, now time.Time) []time.Time {
	latest := now
	var times []time.Time
	switch {
	case now.Before(leaf.NotBefore):
		latest = leaf.NotBefore
		times = append(times, latest)
	case now.After(leaf.NotAfter):
		latest = leaf.NotAfter
		times = append(times, latest)
	}
	ended := func(c *x509.Certificate) {
		if c.NotAfter.Before(latest) && !c.NotAfter.Before(leaf.NotBefore) {
			times = append(times, c.NotAfter)
		}
	}
	for _, c := range above {
		ended(c)
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		ended(invalid.Cert)
	}
	slices.SortFunc(times, func(a, b time.Time) int { return b.Compare(a) })
	times = slices.CompactFunc(times, time.Time.Equal)
	return times[:min(len(times), maxTimes)]
}

// build looks for the best path from a leaf to a trust anchor.
func (v *Verifier) build(leaf *x509.Certificate, above []*x509.Certificate, now time.Time) (*path, error) {
	if known := v.recall(leaf, above, now); known != nil {
		return known, nil
	}
	intermediates := x509.NewCertPool()
	for _, c := range above {
		intermediates.AddCert(c)
	}
	chains, err := leaf.Verify(x509.VerifyOptions{
		Roots:         v.Roots,
		Intermediates: intermediates,
		CurrentTime:   now,
	})
	if err != nil {
		return nil, err
	}
	v.remember(leaf, above, chains, now)
	return new(bestPath(chains).under(leaf)), nil
}

// untrusted says how a chain fails to reach an anchor.
func (v *Verifier) untrusted(chain []*x509.Certificate, leaf *certificate.Certificate) []Finding {
	findings := []Finding{Untrusted}
	if leaf.SelfSigned {
		return append(findings, SelfSigned)
	}
	// From the leaf up, as far as the issuers were sent.
	sent := make(map[string]*x509.Certificate)
	for _, c := range slices.Backward(chain) {
		if c != nil {
			sent[string(c.RawSubject)] = c // the first of each name
		}
	}
	last := chain[0]
	for range chain {
		issuer := sent[string(last.RawIssuer)]
		if issuer == nil || issuer == last {
			break
		}
		last = issuer
	}
	// Nobody sent the last one's issuer, and it says where that is to be had, as
	// those under a private root, which are sent alone by right, do not.
	if sent[string(last.RawIssuer)] == nil && v.anchors()[string(last.RawIssuer)] == 0 && len(last.IssuingCertificateURL) > 0 {
		findings = append(findings, IncompleteChain)
	}
	return findings
}

// matchName reports whether a certificate is for a DNS name or an address
// (RFC 9525). A malformed one is judged by the names that could be read.
func matchName(parsed *x509.Certificate, leaf *certificate.Certificate, name string) bool {
	if parsed == nil {
		parsed = &x509.Certificate{DNSNames: leaf.DNSNames}
		for _, s := range leaf.IPAddresses {
			if addr, err := netip.ParseAddr(s); err == nil {
				parsed.IPAddresses = append(parsed.IPAddresses, addr.AsSlice())
			}
		}
	}
	name, _, _ = strings.Cut(name, "%") // a zone is no part of the address
	return parsed.VerifyHostname(name) == nil
}
