package results

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"slices"
	"testing"
	"time"

	"certsweep/dialer/dialertest"
	"certsweep/results/certificate"
)

func parse(t testing.TB, cert tls.Certificate) []*x509.Certificate {
	t.Helper()
	var chain []*x509.Certificate
	for _, der := range cert.Certificate {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		chain = append(chain, c)
	}
	return chain
}

func verify(v *Verifier, chain []*x509.Certificate, name string, now time.Time) (*Verification, []Finding) {
	out, findings, _ := v.Verify(chain, certificate.Read(chain[0].Raw, chain[0], now), name, now)
	return out, findings
}

func TestVerify(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Now()
	root := dialertest.NewCA("Root", dialertest.P256)
	other := dialertest.NewCA("Other Root", dialertest.P256)
	inter := root.Intermediate("Intermediate", dialertest.P256)
	names := []string{"a.test"}
	leaf := dialertest.Leaf{DNSNames: names}
	expired := dialertest.Leaf{DNSNames: names, NotBefore: now.Add(-20 * day), NotAfter: now.Add(-day)}
	early := dialertest.Leaf{DNSNames: names, NotBefore: now.Add(day), NotAfter: now.Add(20 * day)}
	aia := dialertest.Leaf{DNSNames: names, IssuerURLs: []string{"http://ca.test/i.crt"}}

	for name, test := range map[string]struct {
		cert     tls.Certificate
		host     string
		drop     bool // the intermediate is not sent
		trusted  bool
		length   int
		findings []Finding
	}{
		"good":                     {cert: inter.Issue(leaf), trusted: true, length: 3},
		"under the root":           {cert: root.Issue(leaf), trusted: true, length: 2},
		"other name":               {cert: inter.Issue(leaf), host: "b.test", trusted: true, length: 3, findings: []Finding{NameMismatch}},
		"expired, chain good":      {cert: inter.Issue(expired), length: 3},
		"not yet, chain good":      {cert: inter.Issue(early), length: 3},
		"expired, chain bad":       {cert: other.Issue(expired), findings: []Finding{Untrusted}},
		"unknown root":             {cert: other.Intermediate("X", dialertest.P256).Issue(leaf), findings: []Finding{Untrusted}},
		"self-signed":              {cert: dialertest.SelfSigned(leaf), findings: []Finding{Untrusted, SelfSigned}},
		"incomplete":               {cert: inter.Issue(aia), drop: true, findings: []Finding{Untrusted, IncompleteChain}},
		"private root sent nobody": {cert: other.Issue(leaf), findings: []Finding{Untrusted}},
		"private root with AIA":    {cert: other.Intermediate("X", dialertest.P256).Issue(aia), findings: []Finding{Untrusted}},
	} {
		t.Run(name, func(t *testing.T) {
			v := &Verifier{Roots: root.Pool()}
			host := test.host
			if host == "" {
				host = "a.test"
			}
			chain := parse(t, test.cert)
			if test.drop {
				chain = chain[:1]
			}
			// The second time, the issuer may be remembered: nothing may change.
			for range 2 {
				got, findings := verify(v, chain, host, now)
				if got.Trusted != test.trusted || got.ChainLength != test.length || got.NameMatch != (test.host == "") {
					t.Errorf("got %+v", got)
				}
				if (got.Error == "") != test.trusted {
					t.Errorf("trusted %v with error %q", got.Trusted, got.Error)
				}
				if !slices.Equal(findings, test.findings) {
					t.Errorf("findings %v, want %v", findings, test.findings)
				}
			}
		})
	}
}

// TestVerifyRemembersIssuer takes the roots away after the first leaf: what
// still is trusted was not checked up to a root again.
func TestVerifyRemembersIssuer(t *testing.T) {
	now := time.Now()
	root := dialertest.NewCA("Root", dialertest.P256)
	inter := root.Intermediate("Intermediate", dialertest.P256)
	stranger := dialertest.NewCA("Root", dialertest.P256).Intermediate("Intermediate", dialertest.P256)
	certs := inter.IssueMany(2, func(int) string { return "a.test" })
	v := &Verifier{Roots: root.Pool()}
	if got, _ := verify(v, parse(t, certs[0]), "a.test", now); !got.Trusted {
		t.Fatal(got.Error)
	}
	v.Roots = x509.NewCertPool()
	if got, _ := verify(v, parse(t, certs[1]), "a.test", now); !got.Trusted || got.ChainLength != 3 {
		t.Errorf("second leaf: %+v", got)
	}
	if got, _ := verify(v, parse(t, certs[1]), "a.test", now.Add(20*365*24*time.Hour)); got.Trusted {
		t.Error("trusted after everything expired")
	}
	forged := parse(t, stranger.Issue(dialertest.Leaf{DNSNames: []string{"a.test"}}))
	if got, _ := verify(v, forged, "a.test", now); got.Trusted {
		t.Error("an intermediate of the same name is taken for the one that is known")
	}
	forged[1] = parse(t, certs[0])[1]
	if got, _ := verify(v, forged, "a.test", now); got.Trusted {
		t.Error("a leaf is trusted for sending a known intermediate that did not sign it")
	}
}

// constrained returns an intermediate that may sign for one domain only.
func constrained(t *testing.T, parent *x509.Certificate, parentKey *ecdsa.PrivateKey, domain string) (*x509.Certificate, *ecdsa.PrivateKey) {
	return create(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "CA for " + domain}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		PermittedDNSDomains: []string{domain}, PermittedDNSDomainsCritical: true,
	}, parent, parentKey)
}

func create(t testing.TB, template, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		t.Fatal(err)
	}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// TestVerifyKeepsNameConstraints: what is good for one leaf under a name
// constraint says nothing of the next.
func TestVerifyKeepsNameConstraints(t *testing.T) {
	root, rootKey := create(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "Root"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil, nil)
	inter, interKey := constrained(t, root, rootKey, "good.test")
	leaf := func(name string) []*x509.Certificate {
		c, _ := create(t, &x509.Certificate{DNSNames: []string{name}}, inter, interKey)
		return []*x509.Certificate{c, inter}
	}
	v := &Verifier{Roots: x509.NewCertPool()}
	v.Roots.AddCert(root)
	for range 2 {
		if got, _ := verify(v, leaf("a.good.test"), "a.good.test", time.Now()); !got.Trusted {
			t.Fatal(got.Error)
		}
		got, findings := verify(v, leaf("a.bad.test"), "a.bad.test", time.Now())
		if got.Trusted || !slices.Equal(findings, []Finding{Untrusted}) {
			t.Errorf("a name outside the constraint: %+v %v", got, findings)
		}
	}
	if len(v.memory.known) != 0 {
		t.Error("an issuer under a name constraint is remembered")
	}
}

func TestVerifyMalformedLeaf(t *testing.T) {
	now := time.Now()
	leaf := &certificate.Certificate{DNSNames: []string{"*.a.test"}, IPAddresses: []string{"192.0.2.1"}, ParseError: "x"}
	v := &Verifier{Roots: x509.NewCertPool()}
	for name, match := range map[string]bool{"b.a.test": true, "a.test": false, "192.0.2.1": true, "192.0.2.2": false} {
		got, findings, _ := v.Verify([]*x509.Certificate{nil}, leaf, name, now)
		if got.Trusted || got.Error == "" || got.NameMatch != match {
			t.Errorf("%s: %+v", name, got)
		}
		if slices.Contains(findings, NameMismatch) == match {
			t.Errorf("%s: findings %v", name, findings)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	root := dialertest.NewCA("Root", dialertest.P256)
	inter := root.Intermediate("Intermediate", dialertest.P256)
	certs := inter.IssueMany(64, func(int) string { return "a.test" })
	var chains [][]*x509.Certificate
	for _, c := range certs {
		chains = append(chains, parse(b, c))
	}
	now := time.Now()
	leaf := certificate.Read(chains[0][0].Raw, chains[0][0], now)
	v := &Verifier{Roots: root.Pool()}
	for i := 0; b.Loop(); i++ {
		v.Verify(chains[i%len(chains)], leaf, "a.test", now)
	}
}
