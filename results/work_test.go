package results

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"
)

// authorityWith returns a certificate for a key that signs nothing here.
func authorityWith(t *testing.T, subject, issuer string, serial int, key crypto.PublicKey) *x509.Certificate {
	t.Helper()
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(int64(serial)), Subject: pkix.Name{CommonName: subject}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, c, &x509.Certificate{Subject: pkix.Name{CommonName: issuer}}, key, signer)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// modulus is an RSA key of a size of which nobody knows the factors.
func modulus(bits int) *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	return &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537}
}

func publicKeyOn(t *testing.T, curve elliptic.Curve) crypto.PublicKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key.Public()
}

// hostile are chains that are made to be costly, each with what the record says.
func hostile(t *testing.T) map[string][]*x509.Certificate {
	p256, p521 := publicKeyOn(t, elliptic.P256()), publicKeyOn(t, elliptic.P521())
	leaf := authorityWith(t, "Leaf", "A", 0, p256)
	level := func(n int, subject, issuer string, key crypto.PublicKey) (certs []*x509.Certificate) {
		for i := range n {
			certs = append(certs, authorityWith(t, subject, issuer, i, key))
		}
		return certs
	}
	chains := map[string][]*x509.Certificate{
		"the chain has an RSA key of 262144 bits, more than 8192":  level(1, "A", "Root", modulus(262144)),
		"the chain has an RSA key of 8193 bits, more than 8192":    level(1, "A", "Root", modulus(8193)),
		"the chain has an RSA key of 4194304 bits, more than 8192": level(3, "A", "A", modulus(4<<20)),
		"more than 8 certificates of one name were sent":           level(100, "A", "Root", modulus(8192)),
	}
	var line, wide []*x509.Certificate
	for i := range 99 {
		subject := fmt.Sprint("A", i)
		if i == 0 {
			subject = "A"
		}
		line = append(line, authorityWith(t, subject, fmt.Sprint("A", i+1), i, modulus(8192)))
	}
	for i, name := range []string{"A", "B", "C"} {
		wide = append(wide, level(8, name, []string{"B", "C", "Root"}[i], p521)...)
	}
	chains["the certificates that were sent take too much work"] = line
	var many []*x509.Certificate
	for i := range 150 {
		many = append(many, authorityWith(t, fmt.Sprint("A", i), fmt.Sprint("A", i+1), i, p256))
	}
	chains["more than 100 certificates were sent"] = many
	chains["the certificates that were sent take too much work: twins on three levels"] = wide
	chains["the certificates that were sent take too much work: each signs each"] = append(level(8, "A", "B", p521), level(8, "B", "A", p521)...)
	for name, above := range chains {
		chains[name] = slices.Concat([]*x509.Certificate{leaf}, above)
	}
	return chains
}

// TestVerifyRefusesWork: what would take long does not reach a signature check.
func TestVerifyRefusesWork(t *testing.T) {
	root := authorityWith(t, "Root", "Root", 1, modulus(4096))
	for name, chain := range hostile(t) {
		want, _, _ := strings.Cut(name, ":")
		v := &Verifier{Roots: x509.NewCertPool()}
		v.Roots.AddCert(root)
		got, findings := verify(v, chain, "a.test", time.Now())
		if got.Trusted || got.Error != "could not be checked: "+want || !slices.Contains(findings, Untrusted) {
			t.Errorf("%s: %+v %v", name, got, findings)
		}
		above, _ := candidates(chain)
		w := work{anchors: v.anchors(), above: above}
		if affordable := w.affordable(chain[:1]); affordable != (name == want && want != "the certificates that were sent take too much work") {
			t.Errorf("%s: affordable %v", name, affordable)
		}
		if most := maxWork + 2*p521Check + rsaCheck; w.spent > most {
			t.Errorf("%s: foresees %v", name, w.spent)
		}
		count := make(map[string]int)
		for _, c := range above {
			if count[string(c.RawSubject)]++; count[string(c.RawSubject)] > maxTwins {
				t.Fatalf("%s: more than %d of %s are tried", name, maxTwins, c.Subject)
			}
			if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > maxRSA {
				t.Fatalf("%s: a key of %d bits is tried", name, key.N.BitLen())
			}
		}
	}
}

// TestWorkOfUsualChains: what servers send is far from the limit.
func TestWorkOfUsualChains(t *testing.T) {
	leaf := authorityWith(t, "Leaf", "A", 0, modulus(2048))
	for name, chain := range map[string][]*x509.Certificate{
		"cross-signed, RSA 4096": {
			leaf, authorityWith(t, "A", "B", 1, modulus(4096)), authorityWith(t, "B", "Root", 2, modulus(4096)),
			authorityWith(t, "B", "Other", 3, modulus(4096)), authorityWith(t, "Root", "Root", 4, modulus(4096)),
		},
		"RSA 8192 on three levels": {
			leaf, authorityWith(t, "A", "B", 1, modulus(8192)), authorityWith(t, "B", "C", 2, modulus(8192)), authorityWith(t, "C", "Root", 3, modulus(8192)),
		},
	} {
		above, refused := candidates(chain)
		w := work{anchors: map[string]int{string(authorityWith(t, "Root", "Root", 1, modulus(2048)).RawSubject): 2}, above: above}
		if !w.affordable(chain[:1]) || refused != nil || w.spent > maxWork/4 {
			t.Errorf("%s: %v of %v, %v", name, w.spent, maxWork, refused)
		}
	}
}

// TestCheckTime: the figures are in proportion.
func TestCheckTime(t *testing.T) {
	small, large := checkTime(&x509.Certificate{PublicKey: modulus(2048)}), checkTime(&x509.Certificate{PublicKey: modulus(8192)})
	if large != rsaCheck || small != rsaCheck/16 {
		t.Errorf("RSA 2048 %v, RSA 8192 %v", small, large)
	}
	odd := modulus(8192)
	odd.E = 1<<31 - 1
	if got := checkTime(&x509.Certificate{PublicKey: odd}); got < 3*rsaCheck {
		t.Errorf("RSA 8192 with a long exponent: %v", got)
	}
	if got := checkTime(&x509.Certificate{PublicKey: &ecdsa.PublicKey{Curve: elliptic.P384()}}); got != p384Check {
		t.Errorf("P-384: %v", got)
	}
}
