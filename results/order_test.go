package results

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"flag"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	verifications = flag.Int("verifications", 4000, "how many `chains` TestVerifyOrder verifies")
	worldSeed     = flag.Uint64("worldseed", 0, "the `seed` of its first world; 0 draws one")
)

// TestVerifyOrder asks Verifiers that are shared between goroutines about random
// chains: each answer is that of a Verifier that was never asked before.
func TestVerifyOrder(t *testing.T) {
	// Worlds differ: of eight, all may be of the kind that nothing is remembered of.
	const perWorld = 100
	first := *worldSeed
	if first == 0 {
		first = mathrand.Uint64()
	}
	var trusted, remembered atomic.Int64
	for i := range max(1, *verifications/perWorld) {
		seed := first + uint64(i)
		w := newWorld(t, seed)
		var questions []question
		for range perWorld {
			questions = append(questions, w.ask())
		}
		shared := w.verifier()
		var wg sync.WaitGroup
		for worker := range 4 {
			wg.Go(func() {
				for j := worker; j < len(questions); j += 4 {
					q := questions[j]
					if above, _ := candidates(q.chain); shared.recall(q.chain[0], above, q.now) != nil {
						remembered.Add(1)
					}
					got, gotFindings := verify(shared, q.chain, "a.good.test", q.now)
					want, wantFindings := verify(w.verifier(), q.chain, "a.good.test", q.now)
					gotPath, _ := shared.chain(q.chain, q.now)
					wantPath, _ := w.verifier().chain(q.chain, q.now)
					if (gotPath == nil) != (wantPath == nil) || gotPath != nil && !gotPath.equal(wantPath) {
						t.Errorf("seed %d, question %d: %v, a new Verifier says %v", seed, j, gotPath, wantPath)
					}
					if *got != *want || !slices.Equal(gotFindings, wantFindings) {
						t.Errorf("seed %d, question %d: %+v %v, a new Verifier says %+v %v", seed, j, got, gotFindings, want, wantFindings)
					}
					// Of expiry ours tells more: what was wrong before it.
					err := w.standard(q)
					invalid, _ := errors.AsType[x509.CertificateInvalidError](err)
					expired := err != nil && invalid.Cert != nil && invalid.Reason == x509.Expired
					if (err == nil) != want.Trusted || err != nil && !expired && verificationError(err) != want.Error {
						t.Errorf("seed %d, question %d: %+v, crypto/x509 says %v", seed, j, want, err)
					}
					if want.Trusted {
						trusted.Add(1)
					}
				}
			})
		}
		wg.Wait()
		if t.Failed() {
			return
		}
	}
	t.Logf("seed %d: %d verifications, %d trusted, %d remembered", first, *verifications, trusted.Load(), remembered.Load())
	// Both answers must be common, or nothing was tried.
	if n := int64(*verifications); trusted.Load() < n/20 || trusted.Load() > n*19/20 || remembered.Load() < n/50 {
		t.Errorf("of %d verifications %d were trusted and %d remembered", n, trusted.Load(), remembered.Load())
	}
}

// question is a chain that a Verifier is asked about.
type question struct {
	chain []*x509.Certificate
	now   time.Time
}

// world has authorities on three levels, each with up to four certificates
// that differ in everything that a verification looks at.
type world struct {
	t      *testing.T
	random *mathrand.Rand
	calm   int
	keyOf  map[*x509.Certificate]int
	roots  []*x509.Certificate
	// limited has the time from which on an anchor's leaves are distrusted.
	limited map[*x509.Certificate]time.Time
	// uppers are the certificates of each intermediate authority.
	uppers  [][]*x509.Certificate
	keys    []*ecdsa.PrivateKey
	leaves  []*x509.Certificate
	bundles [][]*x509.Certificate
}

var worldStart = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

const (
	worldRoots  = 3
	worldUppers = 5 // the last 2 under the first 3
	worldDays   = 40
)

var worldKeys = sync.OnceValue(func() (keys []*ecdsa.PrivateKey) {
	for range worldRoots + worldUppers + 1 {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err)
		}
		keys = append(keys, key)
	}
	return keys
})

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, random: mathrand.New(mathrand.NewPCG(seed, 0)), limited: make(map[*x509.Certificate]time.Time), keyOf: make(map[*x509.Certificate]int), keys: worldKeys()}
	w.calm = []int{1, 3, 10}[w.random.IntN(3)]
	for i := range worldRoots {
		for range 1 + w.random.IntN(2)*w.random.IntN(2) {
			w.addRoot(w.sign(w.authority(i), nil, i))
		}
	}
	for i := range worldUppers {
		var certs []*x509.Certificate
		for range 1 + w.random.IntN(4)/2 {
			parent := w.roots[w.random.IntN(len(w.roots))]
			if i >= worldUppers-2 && !w.chance(4) {
				of := w.uppers[w.random.IntN(worldUppers-2)]
				parent = of[w.random.IntN(len(of))]
			}
			certs = append(certs, w.sign(w.authority(worldRoots+i), parent, worldRoots+i))
		}
		w.uppers = append(w.uppers, certs)
	}
	for range 60 {
		of := w.uppers[w.random.IntN(worldUppers)]
		parent, key := of[w.random.IntN(len(of))], worldRoots+worldUppers
		leaf := w.leaf()
		if w.odd(10) { // what x509 takes for an authority that it has met
			key = w.random.IntN(len(w.keys))
			leaf.Subject.CommonName, leaf.DNSNames = fmt.Sprint("Authority ", key), nil
		}
		w.leaves = append(w.leaves, w.sign(leaf, parent, key))
	}
	for _, c := range slices.Concat(w.uppers...) {
		if w.odd(4) {
			w.addRoot(c)
		}
	}
	if w.odd(2) {
		w.addRoot(w.leaves[0])
	}
	for range 8 {
		w.bundles = append(w.bundles, w.bundle())
	}
	return w
}

func (w *world) addRoot(c *x509.Certificate) {
	w.roots = append(w.roots, c)
	if w.odd(2) {
		w.limited[c] = w.date()
	}
}

func (w *world) chance(n int) bool { return w.random.IntN(n) == 0 }

// odd reports whether something is to be made that few certificates have; in
// some worlds almost none.
func (w *world) odd(n int) bool { return w.chance(n * w.calm) }

func (w *world) date() time.Time {
	return worldStart.Add(time.Duration(w.random.IntN(worldDays*24)) * time.Hour)
}

// dates gives most certificates the whole time of the world.
func (w *world) dates(c *x509.Certificate) {
	c.NotBefore, c.NotAfter = worldStart.AddDate(-1, 0, 0), worldStart.AddDate(1, 0, w.random.IntN(3))
	if w.odd(8) {
		c.NotBefore = w.date()
	}
	if w.odd(8) {
		c.NotAfter = w.date()
	}
}

var (
	worldPolicies  = []x509.OID{oidOf(2, 5, 29, 32, 0), oidOf(2, 23, 140, 1, 2, 1), oidOf(1, 2, 3)}
	oidMapping     = constraints[1]
	oidExplicit    = constraints[2]
	oidInhibitAny  = constraints[3]
	mappingOfOther = []byte{0x30, 0x0d, 0x30, 0x0b, 0x06, 0x06, 0x67, 0x81, 0x0c, 0x01, 0x02, 0x01, 0x06, 0x01, 0x2a}
)

func oidOf(numbers ...uint64) x509.OID {
	oid, err := x509.OIDFromInts(numbers)
	if err != nil {
		panic(err)
	}
	return oid
}

// limits adds what a certificate may say of policies and key usages.
func (w *world) limits(c *x509.Certificate) {
	if !w.chance(3) {
		c.Policies = append(c.Policies, worldPolicies[w.random.IntN(len(worldPolicies))])
	}
	number := byte(w.random.IntN(3))
	if w.odd(10) {
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: oidExplicit, Value: []byte{0x30, 3, 0x80, 1, number}})
	}
	if w.odd(12) {
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: oidInhibitAny, Value: []byte{2, 1, number}})
	}
	if w.odd(12) {
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: oidMapping, Value: mappingOfOther})
	}
	switch w.random.IntN(10 * w.calm) {
	case 0:
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	case 1, 2, 3:
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	if w.odd(20) {
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: []int{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}})
	}
	w.dates(c)
}

func (w *world) authority(i int) *x509.Certificate {
	c := &x509.Certificate{
		Subject: pkix.Name{CommonName: fmt.Sprint("Authority ", i)}, IsCA: !w.odd(20), BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, SubjectKeyId: []byte{byte(i)},
	}
	if c.IsCA {
		c.MaxPathLen = -1
	}
	if c.IsCA && w.odd(8) {
		c.MaxPathLen, c.MaxPathLenZero = 0, true
	}
	if w.odd(8) {
		c.PermittedDNSDomains = []string{"good.test"}
	}
	if w.odd(12) {
		c.ExcludedDNSDomains = []string{"bad.test"}
	}
	w.limits(c)
	return c
}

func (w *world) leaf() *x509.Certificate {
	c := &x509.Certificate{Subject: pkix.Name{CommonName: fmt.Sprint("Leaf ", w.random.IntN(30))}, DNSNames: []string{"a.good.test"}}
	if w.chance(3) {
		c.DNSNames = []string{"a.bad.test"}
	}
	w.limits(c)
	return c
}

// sign issues a certificate for the i-th key; without a parent on itself.
func (w *world) sign(template, parent *x509.Certificate, i int) *x509.Certificate {
	template.SerialNumber = big.NewInt(w.random.Int64())
	if template.IsCA && w.odd(6) {
		i = w.random.IntN(len(w.keys)) // the name is not all
	}
	signer := i
	if parent == nil {
		parent = template
	} else {
		signer = w.keyOf[parent]
	}
	if w.odd(30) {
		signer = w.random.IntN(len(w.keys)) // forged
	}
	// CreateCertificate refuses a parent that is not the signer's, and one
	// that is no authority.
	as := *parent
	as.PublicKey, as.IsCA = w.keys[signer].Public(), true
	if parent == template {
		as.PublicKey = nil
	}
	der, err := x509.CreateCertificate(rand.Reader, template, &as, w.keys[i].Public(), w.keys[signer])
	if err != nil {
		w.t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		w.t.Fatal(err)
	}
	w.keyOf[c] = i
	return c
}

// bundle is what a server may send after its leaf, in any order.
func (w *world) bundle() []*x509.Certificate {
	var sent []*x509.Certificate
	want := fmt.Sprint("Authority ", worldRoots+w.random.IntN(worldUppers))
	for _, certs := range slices.Backward(w.uppers) {
		for i, c := range certs {
			if i == 0 && c.Subject.CommonName == want {
				sent, want = append(sent, c), c.Issuer.CommonName
			} else if w.odd(6) {
				sent = append(sent, c)
			}
		}
	}
	if w.chance(3) {
		sent = append(sent, w.roots[w.random.IntN(len(w.roots))])
	}
	if w.odd(2) {
		w.random.Shuffle(len(sent), func(i, j int) { sent[i], sent[j] = sent[j], sent[i] })
	}
	return sent
}

func (w *world) ask() question {
	leaf, sent := w.leaves[w.random.IntN(len(w.leaves))], w.bundles[w.random.IntN(len(w.bundles))]
	for range w.random.IntN(10) {
		if len(sent) > 0 && string(sent[0].RawSubject) == string(leaf.RawIssuer) {
			break
		}
		leaf = w.leaves[w.random.IntN(len(w.leaves))]
	}
	if w.chance(30) { // an intermediate as the leaf
		of := w.uppers[w.random.IntN(worldUppers)]
		leaf = of[0]
	}
	now := worldStart.AddDate(0, 0, w.random.IntN(worldDays/8)*8).Add(time.Duration(w.random.IntN(3)) * time.Second)
	return question{chain: slices.Concat([]*x509.Certificate{leaf}, sent), now: now}
}

func (p *path) equal(q *path) bool {
	return p.length == q.length && p.notAfter.Equal(q.notAfter) && p.first.Equal(q.first) && p.aboveNotAfter.Equal(q.aboveNotAfter) &&
		slices.EqualFunc(p.above, q.above, (*x509.Certificate).Equal)
}

// constraint distrusts the leaves that were issued since a day, as Mozilla's
// distrust-after does.
func constraint(since time.Time) func([]*x509.Certificate) error {
	return func(chain []*x509.Certificate) error {
		if chain[0].NotBefore.Add(365 * day).Before(since) {
			return errors.New("distrusted")
		}
		return nil
	}
}

func (w *world) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	for _, c := range w.roots {
		if since, ok := w.limited[c]; ok {
			pool.AddCertWithConstraint(c, constraint(since))
		} else {
			pool.AddCert(c)
		}
	}
	return pool
}

func (w *world) verifier() *Verifier {
	return &Verifier{Roots: w.pool(), Constrained: func(anchor *x509.Certificate) bool {
		return slices.ContainsFunc(w.roots, func(c *x509.Certificate) bool { _, ok := w.limited[c]; return ok && c.Equal(anchor) })
	}}
}

// standard asks crypto/x509 without anything of ours between.
func (w *world) standard(q question) error {
	pool := x509.NewCertPool()
	for _, c := range q.chain[1:] {
		pool.AddCert(c)
	}
	_, err := q.chain[0].Verify(x509.VerifyOptions{Roots: w.pool(), Intermediates: pool, CurrentTime: q.now})
	return err
}

// TestVerifyOneAfterTheOther does what a scan of two targets does, in both orders.
func TestVerifyOneAfterTheOther(t *testing.T) {
	for name, test := range map[string]struct {
		root, inter func(*x509.Certificate)
		constraint  func([]*x509.Certificate) error
	}{
		"constraint function": {constraint: func(chain []*x509.Certificate) error {
			if chain[0].DNSNames[0] == "a.bad.test" {
				return errors.New("distrusted")
			}
			return nil
		}},
		"name constraint": {inter: func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"good.test"} }},
		"of the root":     {root: func(c *x509.Certificate) { c.ExcludedDNSDomains = []string{"bad.test"} }},
		"explicit policy": {inter: func(c *x509.Certificate) {
			c.Policies = worldPolicies[1:]
			c.ExtraExtensions = []pkix.Extension{{Id: oidExplicit, Value: []byte{0x30, 3, 0x80, 1, 0}}}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			authority := func(name string, parent *x509.Certificate, key *ecdsa.PrivateKey, change func(*x509.Certificate)) (*x509.Certificate, *ecdsa.PrivateKey) {
				c := &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true}
				if change != nil {
					change(c)
				}
				return create(t, c, parent, key)
			}
			root, rootKey := authority("Root", nil, nil, test.root)
			inter, interKey := authority("Intermediate", root, rootKey, test.inter)
			good, _ := create(t, &x509.Certificate{DNSNames: []string{"a.good.test"}, Policies: worldPolicies[1:2]}, inter, interKey)
			bad, _ := create(t, &x509.Certificate{DNSNames: []string{"a.bad.test"}}, inter, interKey)
			for _, order := range [][]*x509.Certificate{{good, bad, good}, {bad, good, bad}} {
				v := &Verifier{Roots: x509.NewCertPool()}
				v.Roots.AddCertWithConstraint(root, test.constraint)
				if test.constraint != nil {
					v.Constrained = root.Equal
				}
				for _, leaf := range order {
					got, _ := verify(v, []*x509.Certificate{leaf, inter}, leaf.DNSNames[0], time.Now())
					if got.Trusted != (leaf == good) {
						t.Errorf("%s: %+v", leaf.DNSNames[0], got)
					}
				}
			}
		})
	}
}

// TestVerifySameNames: what is remembered of a certificate's issuers says nothing of
// one that has their name.
func TestVerifySameNames(t *testing.T) {
	authority := func(name string, parent *x509.Certificate, key *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
		return create(t, &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true}, parent, key)
	}
	root, rootKey := authority("Root", nil, nil)
	upper, upperKey := authority("Upper", root, rootKey)
	lower, lowerKey := authority("Lower", upper, upperKey)
	ordinary, _ := create(t, &x509.Certificate{DNSNames: []string{"a.test"}}, lower, lowerKey)
	// crypto/x509 takes no certificate into a chain that has one of the same name,
	// key and alternative names already: the leaf here stands in upper's way.
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: upper.Subject, NotBefore: upper.NotBefore, NotAfter: upper.NotAfter,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, lower, upper.PublicKey, lowerKey)
	if err != nil {
		t.Fatal(err)
	}
	inTheWay, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	// Two authorities of one name, of which one is trusted.
	twin, twinKey := authority("Upper", nil, nil)
	under, _ := create(t, &x509.Certificate{DNSNames: []string{"a.test"}}, upper, upperKey)
	underTwin, _ := create(t, &x509.Certificate{DNSNames: []string{"a.test"}}, twin, twinKey)
	for name, test := range map[string]struct {
		good, bad *x509.Certificate
		above     []*x509.Certificate
	}{
		"a leaf with an issuer's name": {ordinary, inTheWay, []*x509.Certificate{lower, upper}},
		"two issuers with one name":    {under, underTwin, []*x509.Certificate{upper, twin}},
	} {
		for _, order := range [][]*x509.Certificate{{test.good, test.bad, test.good}, {test.bad, test.good, test.bad}} {
			v := &Verifier{Roots: x509.NewCertPool()}
			v.Roots.AddCert(root)
			for i, leaf := range order {
				if got, _ := verify(v, slices.Concat([]*x509.Certificate{leaf}, test.above), "a.test", time.Now()); got.Trusted != (leaf == test.good) {
					t.Errorf("%s, the %d.: %+v", name, i+1, got)
				}
			}
		}
	}
}
