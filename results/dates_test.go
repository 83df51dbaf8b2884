package results

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestVerifyExpiredChains: whatever has expired on the way to the anchor is
// named, whatever else the server sends.
func TestVerifyExpiredChains(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	days := func(n int) time.Time { return now.AddDate(0, 0, n) }
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial := int64(0)
	// All have one key; from and to are days from now.
	issue := func(name, issuer string, from, to int) *x509.Certificate {
		serial++
		c := &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, NotBefore: days(from), NotAfter: days(to),
			IsCA: name != "Leaf", BasicConstraintsValid: true,
		}
		if name == "Leaf" {
			c.DNSNames = []string{"a.test"}
		}
		der, err := x509.CreateCertificate(rand.Reader, c, &x509.Certificate{Subject: pkix.Name{CommonName: issuer}}, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	root, ended := issue("Root", "Root", -4000, 4000), issue("Root", "Root", -4000, -5)
	leaf, inter, late := issue("Leaf", "A", -50, 40), issue("A", "Root", -900, 900), issue("A", "Root", -900, -1)
	oldest := issue("Root", "Old", -4000, -2000)
	for name, test := range map[string]struct {
		root  *x509.Certificate
		chain []*x509.Certificate
		first string // what ended first; "" if no chain was ever good
		want  []Finding
	}{
		"intermediate":                     {root, []*x509.Certificate{leaf, late}, "A", []Finding{Untrusted, ChainExpired}},
		"and an old cross-sign beside it":  {root, []*x509.Certificate{leaf, late, oldest}, "A", []Finding{Untrusted, ChainExpired}},
		"and a twin of nobody we know":     {root, []*x509.Certificate{leaf, late, issue("A", "Other", -900, 900)}, "A", []Finding{Untrusted, ChainExpired}},
		"an old cross-sign alone":          {root, []*x509.Certificate{leaf, inter, oldest}, "Leaf", nil},
		"anchor":                           {ended, []*x509.Certificate{leaf, inter}, "Root", []Finding{Untrusted, ChainExpired}},
		"leaf, after the intermediate":     {root, []*x509.Certificate{issue("Leaf", "A", -50, -1), issue("A", "Root", -900, -9)}, "A", []Finding{Untrusted, ChainExpired}},
		"leaf, before the intermediate":    {root, []*x509.Certificate{issue("Leaf", "A", -50, -9), late}, "Leaf", []Finding{Untrusted, ChainExpired}},
		"intermediate, before the leaf":    {root, []*x509.Certificate{leaf, issue("A", "Root", -900, -60)}, "", []Finding{Untrusted}},
		"leaf, and nobody knows the root":  {root, []*x509.Certificate{issue("Leaf", "B", -50, -1), issue("B", "Other", -900, 900)}, "", []Finding{Untrusted}},
		"all, and nobody knows the root":   {root, []*x509.Certificate{issue("Leaf", "B", -50, -1), issue("B", "Other", -900, -20)}, "", []Finding{Untrusted}},
		"leaf not yet, intermediate ended": {root, []*x509.Certificate{issue("Leaf", "A", 2, 40), late}, "", []Finding{Untrusted}},
		"leaf not yet":                     {root, []*x509.Certificate{issue("Leaf", "A", 2, 40), inter}, "Leaf", nil},
		"intermediate soon":                {root, []*x509.Certificate{leaf, issue("A", "Root", -900, 3)}, "A", []Finding{ChainExpiresSoon}},
	} {
		t.Run(name, func(t *testing.T) {
			v := &Verifier{Roots: x509.NewCertPool()}
			v.Roots.AddCert(test.root)
			got, findings := verify(v, test.chain, "a.test", now)
			if !slices.Equal(findings, test.want) {
				t.Errorf("findings %v, want %v: %s", findings, test.want, got.Error)
			}
			first := strings.TrimPrefix(got.FirstToExpire, "CN=")
			if first != test.first || (first == "") != (got.ChainLength == 0) {
				t.Errorf("%q ended first, want %q: %+v", first, test.first, got)
			}
			// A time that was tried is not told as if it were now.
			if strings.Contains(got.Error, "current time") && !strings.Contains(got.Error, "current time "+now.Format(time.RFC3339)) {
				t.Errorf("error %q", got.Error)
			}
		})
	}
}

// TestUntrustedWalk: a long chain in the worst order costs no more than its length.
func TestUntrustedWalk(t *testing.T) {
	chain := []*x509.Certificate{{RawSubject: []byte("leaf"), RawIssuer: []byte("0")}}
	const n = 20_000
	for i := range n {
		chain = append(chain, &x509.Certificate{RawSubject: fmt.Append(nil, n-1-i), RawIssuer: fmt.Append(nil, n-i), IssuingCertificateURL: []string{"http://ca.test/"}})
	}
	v := &Verifier{Roots: x509.NewCertPool()}
	if got := v.untrusted(chain, blameless()); !slices.Equal(got, []Finding{Untrusted, IncompleteChain}) {
		t.Errorf("findings %v", got)
	}
	chain[1].RawIssuer = []byte("0") // a circle
	if got := v.untrusted(chain, blameless()); !slices.Equal(got, []Finding{Untrusted}) {
		t.Errorf("findings of a circle %v", got)
	}
}
