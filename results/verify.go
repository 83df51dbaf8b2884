package results

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"time"

	"certsweep/results/certificate"
)

// ParseChain returns a parsed form of each certificate, nil for one that
// x509.ParseCertificate refuses. parsed is used where it is there already.
func ParseChain(ders [][]byte, parsed []*x509.Certificate) []*x509.Certificate {
	if len(parsed) == len(ders) {
		return parsed
	}
	chain := make([]*x509.Certificate, len(ders))
	for i, der := range ders {
		// A refusal is reported by certificate.Read, where it is shown.
		chain[i], _ = x509.ParseCertificate(der)
	}
	return chain
}

// Verifier checks certificate chains against trust anchors, and leaves against
// names. It is safe for concurrent use; Roots must not be changed once it was
// used.
//
// It remembers issuers whose own chain was found good, so that under an
// intermediate only the leaf's signature is new work.
type Verifier struct {
	// Roots are the trust anchors; nil means the system's.
	Roots *x509.CertPool

	mu      sync.RWMutex
	issuers map[[sha256.Size]byte]*issuer
}

// issuer is an intermediate with a good chain of its own to a trust anchor.
type issuer struct {
	pool *x509.CertPool // holds it alone
	// length counts the certificates from it to the anchor, both included.
	length int
	// The time in which all of the certificates above it are valid.
	notBefore, notAfter time.Time
}

// maxIssuers bounds the memory of a Verifier. The public web has some 2,000
// intermediates in use.
const maxIssuers = 4096

// Verify checks the chain, leaf first, as it was received at the time now, and
// whether the leaf is for name. An entry of chain that could not be parsed is
// nil; leaf describes the first. The findings say what the verification alone
// can tell: untrusted, self_signed, incomplete_chain, name_mismatch. An expired
// leaf under a good chain is not untrusted, though not Trusted either.
func (v *Verifier) Verify(chain []*x509.Certificate, leaf *certificate.Certificate, name string, now time.Time) (*Verification, []Finding) {
	out := new(Verification)
	var findings []Finding
	if chain[0] == nil {
		out.Error = "the certificate is malformed"
	} else {
		length, err := v.chain(chain, now)
		out.Trusted, out.ChainLength = err == nil, length
		if err != nil {
			out.Error = strings.TrimPrefix(err.Error(), "x509: ")
		}
		if length == 0 {
			findings = append(findings, untrusted(chain, leaf)...)
		}
	}
	if out.NameMatch = matchName(chain[0], leaf, name); !out.NameMatch {
		findings = append(findings, NameMismatch)
	}
	return out, findings
}

// chain returns the length of a chain to a trust anchor, and why it is not
// good now. A chain that only the leaf's own dates spoil has a length.
func (v *Verifier) chain(chain []*x509.Certificate, now time.Time) (int, error) {
	leaf := chain[0]
	if length := v.remembered(chain, now); length > 0 {
		return length, nil
	}
	length, err := v.build(chain, now)
	if err == nil {
		return length, nil
	}
	// Expiry hides whatever else x509.Verify would have said. Ask again at a
	// time at which the leaf was valid.
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		then := now
		if now.After(leaf.NotAfter) {
			then = leaf.NotAfter
		} else if now.Before(leaf.NotBefore) {
			then = leaf.NotBefore
		}
		if !then.Equal(now) {
			if length := v.remembered(chain, then); length > 0 {
				return length, err
			}
			length, _ = v.build(chain, then)
		}
	}
	return length, err
}

// build looks for a chain with every signature checked, and remembers its
// issuer.
func (v *Verifier) build(chain []*x509.Certificate, now time.Time) (int, error) {
	intermediates := x509.NewCertPool()
	for _, c := range chain[1:] {
		if c != nil {
			intermediates.AddCert(c)
		}
	}
	chains, err := chain[0].Verify(x509.VerifyOptions{
		Roots:         v.Roots,
		Intermediates: intermediates,
		CurrentTime:   now,
	})
	if err != nil {
		return 0, err
	}
	best := chains[0]
	for _, c := range chains[1:] {
		if len(c) < len(best) {
			best = c
		}
	}
	v.remember(best)
	return len(best), nil
}

// remembered returns the length of a chain whose issuer is known to be good,
// or 0.
func (v *Verifier) remembered(chain []*x509.Certificate, now time.Time) int {
	for _, c := range chain[1:] {
		if c == nil || string(c.RawSubject) != string(chain[0].RawIssuer) {
			continue
		}
		v.mu.RLock()
		known := v.issuers[sha256.Sum256(c.Raw)]
		v.mu.RUnlock()
		if known == nil || now.Before(known.notBefore) || now.After(known.notAfter) {
			continue
		}
		// The issuer stands as the anchor: one signature, and all other
		// checks of a leaf.
		if _, err := chain[0].Verify(x509.VerifyOptions{Roots: known.pool, CurrentTime: now}); err == nil {
			return 1 + known.length
		}
	}
	return 0
}

// remember keeps the leaf's issuer. Where a certificate above the leaf has
// name constraints, what is good for one leaf is not for another, and the
// anchor's own issuer needs no shortcut.
func (v *Verifier) remember(chain []*x509.Certificate) {
	if len(chain) < 3 {
		return
	}
	above := chain[1:]
	known := &issuer{pool: x509.NewCertPool(), length: len(above), notBefore: above[0].NotBefore, notAfter: above[0].NotAfter}
	for _, c := range above {
		if hasNameConstraints(c) {
			return
		}
		if c.NotBefore.After(known.notBefore) {
			known.notBefore = c.NotBefore
		}
		if c.NotAfter.Before(known.notAfter) {
			known.notAfter = c.NotAfter
		}
	}
	known.pool.AddCert(above[0])
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.issuers == nil {
		v.issuers = make(map[[sha256.Size]byte]*issuer)
	}
	if len(v.issuers) >= maxIssuers {
		clear(v.issuers)
	}
	v.issuers[sha256.Sum256(above[0].Raw)] = known
}

// oidNameConstraints is id-ce-nameConstraints, RFC 5280 §4.2.1.10.
var oidNameConstraints = asn1.ObjectIdentifier{2, 5, 29, 30}

func hasNameConstraints(c *x509.Certificate) bool {
	for _, e := range c.Extensions {
		if e.Id.Equal(oidNameConstraints) {
			return true
		}
	}
	return false
}

// untrusted says how a chain fails to reach an anchor.
func untrusted(chain []*x509.Certificate, leaf *certificate.Certificate) []Finding {
	findings := []Finding{Untrusted}
	if leaf.SelfSigned {
		return append(findings, SelfSigned)
	}
	for _, c := range chain[1:] {
		if c != nil && string(c.RawSubject) == string(chain[0].RawIssuer) {
			return findings
		}
	}
	// Nobody sent the leaf's issuer, and the leaf says where it is to be had,
	// as those under a private root, which are sent alone by right, do not.
	if len(leaf.IssuerURLs) > 0 {
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
