package results

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"certsweep/results/certificate"
)

func readPEM(t testing.TB, name string) (ders [][]byte) {
	t.Helper()
	rest, err := os.ReadFile(filepath.Join("testdata", "unsupported", name+".pem"))
	if err != nil {
		t.Fatal(err)
	}
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return ders
		}
		ders = append(ders, block.Bytes)
	}
}

// TestVerifyUnsupported: a chain that Go cannot check is neither trusted nor
// called untrusted, unless it could not be trusted anyway.
func TestVerifyUnsupported(t *testing.T) {
	now := time.Now()
	for _, test := range []struct {
		chain, root string
		want        []Finding
		error       string
	}{
		{"brainpool-chain", "root", []Finding{Unsupported}, "could not be checked: the signature of CN=leaf is"},
		{"ed448-chain", "root", []Finding{Unsupported}, "could not be checked: the signature of CN=leaf is"},
		{"pss-chain", "root", []Finding{Unsupported}, "could not be checked: the signature of CN=leaf is"},
		{"ed448root-chain", "ed448root", []Finding{Unsupported}, "could not be checked: the signature of CN=leaf is"},
		// By their names these lead nowhere.
		{"brainpool-chain", "rsaroot", []Finding{Untrusted}, "unknown authority"},
		{"ed448-chain", "rsaroot", []Finding{Untrusted}, "unknown authority"},
		{"ed448root-chain", "root", []Finding{Untrusted}, "unknown authority"},
		// Not known to Go, and known to be weak.
		{"sha1pss-chain", "rsaroot", []Finding{Untrusted, WeakSignature}, "unknown authority"},
	} {
		ders := readPEM(t, test.chain)
		chain := ParseChain(ders, nil)
		v := &Verifier{Roots: x509.NewCertPool()}
		root, err := x509.ParseCertificate(readPEM(t, test.root)[0])
		if err != nil {
			t.Fatal(err)
		}
		v.Roots.AddCert(root)
		r := &Record{Time: now, Certificate: certificate.Read(ders[0], chain[0], now)}
		got, verdict, issuers := v.Verify(chain, r.Certificate, "a.test", now)
		if found := Find(r, chain, verdict, false); got.Trusted || !slices.Equal(found, test.want) || !strings.Contains(got.Error, test.error) || issuers != nil {
			t.Errorf("%s under %s: %+v %v", test.chain, test.root, got, found)
		}
	}
}

// TestParseWithoutKey: all but the key is as it was sent, and what is malformed
// stays so.
func TestParseWithoutKey(t *testing.T) {
	der := readPEM(t, "brainpool-chain")[1]
	if _, err := x509.ParseCertificate(der); err == nil {
		t.Fatal("crypto/x509 knows brainpool")
	}
	c := ParseChain([][]byte{der, der}, nil)
	if c[0] != nil {
		t.Error("a leaf is parsed without its key")
	}
	if got := c[1]; got == nil || !bytes.Equal(got.Raw, der) || got.PublicKey != nil || !got.IsCA || got.Subject.CommonName != "brainpool" ||
		!bytes.Contains(der, got.RawTBSCertificate) || !bytes.Contains(got.RawTBSCertificate, got.RawSubjectPublicKeyInfo) {
		t.Fatalf("%+v", got)
	}
	root := readPEM(t, "root")[0]
	parent, err := x509.ParseCertificate(root)
	if err != nil {
		t.Fatal(err)
	}
	if err := c[1].CheckSignatureFrom(parent); err != nil {
		t.Errorf("the signature on it does not hold: %v", err)
	}
	if read := certificate.ReadAbove(der, c[1], time.Now()); read.ParseError == "" {
		t.Error("the record does not say that crypto/x509 refuses it")
	}
	for i := range der {
		if parseWithoutKey(der[:i]) != nil {
			t.Errorf("%d bytes of it are parsed", i)
		}
	}
	if parseWithoutKey(root) != nil || parseWithoutKey(nil) != nil {
		t.Error("a certificate that Go can parse is parsed again")
	}
}

func TestWeakSignatureAbove(t *testing.T) {
	sha1PSS := ParseChain(readPEM(t, "sha1pss-chain"), nil)[1]
	// openssl has no MD4 any more: sha256WithRSAEncryption becomes md4WithRSAEncryption.
	root := readPEM(t, "rsaroot")[0]
	md4, err := x509.ParseCertificate(bytes.ReplaceAll(root, []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11}, []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 3}))
	if err != nil {
		t.Fatal(err)
	}
	good, err := x509.ParseCertificate(root)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		c    *x509.Certificate
		want bool
	}{"SHA-1 RSA-PSS": {sha1PSS, true}, "MD4": {md4, true}, "SHA-256": {good, false}, "Ed448": {ParseChain(readPEM(t, "ed448-chain"), nil)[0], false}} {
		if got := hasWeakSignature(test.c); got != test.want {
			t.Errorf("%s: %v (%v)", name, got, test.c.SignatureAlgorithm)
		}
	}
}

// TestExpiredInYear1: x509.CreateCertificate writes the year 1 if an end is left out.
func TestExpiredInYear1(t *testing.T) {
	template := &x509.Certificate{DNSNames: []string{"a.test"}}
	leaf, key := create(t, template, nil, nil)
	template.NotBefore, template.NotAfter = time.Time{}, time.Time{}
	der, err := x509.CreateCertificate(nil, template, template, leaf.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	c := certificate.Read(der, nil, time.Now())
	if got := FindExpiry(c, time.Now()); got != Expired || !c.NotAfter.IsZero() {
		t.Errorf("%q, not_after %v", got, c.NotAfter)
	}
	for _, other := range []*certificate.Certificate{{}, certificate.Read(der[:len(der)/3], nil, time.Now())} {
		if got := FindExpiry(other, time.Now()); got != "" {
			t.Errorf("without dates: %q", got)
		}
	}
}

func FuzzParseWithoutKey(f *testing.F) {
	for _, name := range []string{"brainpool-chain", "ed448-chain"} {
		for _, der := range readPEM(f, name) {
			f.Add(der)
		}
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		if c := parseWithoutKey(der); c != nil && (c.PublicKey != nil || !bytes.Equal(c.Raw, der)) {
			t.Errorf("%+v", c)
		}
	})
}
