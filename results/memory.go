package results

import (
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"runtime"
	"slices"
	"sync"
	"time"
)

// memory holds, for an intermediate among the certificates that a server sent
// with it, the good paths from it to the anchors, so that the signatures above a
// leaf are checked once.
//
// It must never change a verdict. So it holds only what is the same for every
// leaf, and answers only for leaves that cannot make a difference:
//
//   - No certificate above the leaf has constraints on names or policies, and
//     no anchor has a constraint function. What is left to check of a path
//     (signatures, dates, basic constraints, key usages, unknown critical
//     extensions) does not depend on the leaf.
//   - The certificates sent are the same, and no two of them have one subject.
//     So each has one issuer among them at most, and the order is of no account.
//   - Every anchor that has the name of an issuer in them is on one of the good
//     paths. So none is waiting whose path another leaf, or another time, would
//     open.
//   - An answer holds for the span of time in which none of these certificates
//     begins or ends.
//   - No anchor has the leaf's or its issuer's name, and none of the
//     certificates sent has the leaf's. So the leaf is no anchor, hangs on none
//     directly, and does not stand in the way of a certificate that looks like it.
//   - The leaf has no constraints on policies.
//
// What remains is the leaf's own: its signature, dates, key usages and
// unknown critical extensions. crypto/x509 checks these, with the
// intermediate as the anchor.
type memory struct {
	once    sync.Once
	anchors map[string]int // how many have a subject

	mu    sync.RWMutex
	known map[place]*upperPart
	// certs has the certificates of the paths that are known, once each.
	certs map[[sha256.Size]byte]*x509.Certificate
}

// place is a certificate among those that were sent.
type place struct {
	sent  [sha256.Size]byte
	index int
}

// upperPart is what is known of an intermediate.
type upperPart struct {
	pool     *x509.CertPool // holds it alone
	path     path           // the best, without a leaf
	from, to time.Time      // both included
}

const (
	// maxPlaces bounds the memory of a Verifier. The public web has some 2,000
	// intermediates in use.
	maxPlaces = 4096
	// maxRemembered is the longest chain worth hashing; servers send up to 4
	// certificates above a leaf.
	maxRemembered = 8
	// horizon is how far an answer reaches if no certificate limits it.
	horizon = 100 * 365 * day
)

// platformVerifies: on these systems x509.Certificate.Verify asks the system,
// whose reasons nobody tells.
const platformVerifies = runtime.GOOS == "windows" || runtime.GOOS == "darwin" || runtime.GOOS == "ios"

// recall returns the best path of a leaf under intermediates whose paths are
// known, or nil.
func (v *Verifier) recall(leaf *x509.Certificate, above []*x509.Certificate, now time.Time) *path {
	at := v.place(leaf, above)
	if at == nil {
		return nil
	}
	v.memory.mu.RLock()
	known := v.memory.known[*at]
	v.memory.mu.RUnlock()
	if known == nil || now.Before(known.from) || now.After(known.to) {
		return nil
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: known.pool, CurrentTime: now}); err != nil {
		return nil
	}
	return new(known.path.under(leaf))
}

// remember keeps what the good chains of a leaf, all that there are at the
// time now, say of its issuer.
func (v *Verifier) remember(leaf *x509.Certificate, above []*x509.Certificate, chains [][]*x509.Certificate, now time.Time) {
	at := v.place(leaf, above)
	if at == nil {
		return
	}
	inPlay := slices.Clone(above)
	found := make(map[string]int)
	for _, chain := range chains {
		anchor := chain[len(chain)-1]
		if slices.ContainsFunc(inPlay[len(above):], anchor.Equal) {
			continue
		}
		inPlay = append(inPlay, anchor)
		found[string(anchor.RawSubject)]++
		if v.Constrained != nil && v.Constrained(anchor) {
			return
		}
	}
	known := &upperPart{pool: x509.NewCertPool(), path: bestPath(chains), from: now.Add(-horizon), to: now.Add(horizon)}
	for i, c := range inPlay {
		if i < len(above) && found[string(c.RawIssuer)] != v.anchors()[string(c.RawIssuer)] || constrains(c) {
			return
		}
		known.narrow(c, now)
	}
	known.pool.AddCert(above[at.index])
	v.memory.mu.Lock()
	defer v.memory.mu.Unlock()
	if v.memory.known == nil || len(v.memory.known) >= maxPlaces {
		v.memory.known = make(map[place]*upperPart)
		v.memory.certs = make(map[[sha256.Size]byte]*x509.Certificate)
	}
	known.path.above = v.memory.share(known.path.above)
	v.memory.known[*at] = known
}

// share returns a path's certificates as the other paths have them: a pool
// parses an anchor anew for each.
func (m *memory) share(path []*x509.Certificate) []*x509.Certificate {
	shared := make([]*x509.Certificate, len(path))
	for i, c := range path {
		sum := sha256.Sum256(c.Raw)
		if m.certs[sum] == nil {
			m.certs[sum] = c
		}
		shared[i] = m.certs[sum]
	}
	return shared
}

// narrow cuts the span of time to that in which c is as good as it is now.
func (u *upperPart) narrow(c *x509.Certificate, now time.Time) {
	from, to := c.NotBefore, c.NotAfter
	switch {
	case now.Before(from):
		from, to = u.from, from.Add(-1)
	case now.After(to):
		from, to = to.Add(1), u.to
	}
	if from.After(u.from) {
		u.from = from
	}
	if to.Before(u.to) {
		u.to = to
	}
}

// place finds the issuer of a leaf among the certificates above it. It is nil
// for a leaf and certificates that memory may say nothing of.
func (v *Verifier) place(leaf *x509.Certificate, above []*x509.Certificate) *place {
	if platformVerifies || len(above) == 0 || len(above) > maxRemembered {
		return nil
	}
	anchors := v.anchors()
	if anchors[string(leaf.RawSubject)] > 0 || anchors[string(leaf.RawIssuer)] > 0 || constrains(leaf) {
		return nil
	}
	at := &place{index: -1}
	sum := sha256.New()
	for i, c := range above {
		if string(c.RawSubject) == string(leaf.RawSubject) {
			return nil
		}
		for _, other := range above[:i] {
			if string(c.RawSubject) == string(other.RawSubject) {
				return nil
			}
		}
		if string(c.RawSubject) == string(leaf.RawIssuer) {
			at.index = i
		}
		sum.Write(c.Raw)
	}
	if at.index < 0 {
		return nil
	}
	sum.Sum(at.sent[:0])
	return at
}

// anchors counts the trust anchors of each subject.
func (v *Verifier) anchors() map[string]int {
	v.memory.once.Do(func() {
		pool := v.Roots
		if pool == nil {
			pool, _ = x509.SystemCertPool()
		}
		v.memory.anchors = make(map[string]int)
		if pool == nil {
			return
		}
		//lint:ignore SA1019 it leaves out the system's only on those of platformVerifies
		for _, subject := range pool.Subjects() {
			v.memory.anchors[string(subject)]++
		}
	})
	return v.memory.anchors
}

// constraints are the extensions with which a certificate says something of
// other certificates of its path than the next: name constraints, policy
// mappings, policy constraints, inhibit anyPolicy (RFC 5280 §4.2.1.10, §4.2.1.5,
// §4.2.1.11, §4.2.1.14).
var constraints = []asn1.ObjectIdentifier{{2, 5, 29, 30}, {2, 5, 29, 33}, {2, 5, 29, 36}, {2, 5, 29, 54}}

func constrains(c *x509.Certificate) bool {
	return slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool {
		return slices.ContainsFunc(constraints, e.Id.Equal)
	})
}
