package results

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"certsweep/results/certificate"
	"certsweep/results/revocation"
)

// TestReadOCSP: whose response it is follows from the chain. What a response says
// is tested in package revocation.
func TestReadOCSP(t *testing.T) {
	now := time.Now()
	root, rootKey := create(t, &x509.Certificate{Subject: pkix.Name{CommonName: "Root"}, IsCA: true, BasicConstraintsValid: true}, nil, nil)
	twin, _ := create(t, &x509.Certificate{Subject: pkix.Name{CommonName: "Root"}, IsCA: true, BasicConstraintsValid: true}, nil, nil)
	leaf, _ := create(t, &x509.Certificate{DNSNames: []string{"a.test"}}, root, rootKey)
	staple, err := ocsp.CreateResponse(root, root, ocsp.Response{
		Status: ocsp.Good, SerialNumber: leaf.SerialNumber, ThisUpdate: now, NextUpdate: now.Add(time.Hour), IssuerHash: crypto.SHA1,
	}, rootKey)
	if err != nil {
		t.Fatal(err)
	}
	v := &Verifier{Roots: x509.NewCertPool()}
	v.Roots.AddCert(root)
	_, _, issuers := v.Verify([]*x509.Certificate{leaf}, certificate.Read(leaf.Raw, leaf, now), "a.test", now)
	for name, test := range map[string]struct {
		staple         []byte
		chain, issuers []*x509.Certificate
		error          string
	}{
		"sent":           {staple, []*x509.Certificate{leaf, root}, nil, ""},
		"beside another": {staple, []*x509.Certificate{leaf, twin, root}, nil, ""},
		"trusted":        {staple, []*x509.Certificate{leaf}, issuers, ""},
		"neither":        {staple, []*x509.Certificate{leaf}, nil, "issuer was not sent"},
		"another":        {staple, []*x509.Certificate{leaf, twin}, nil, "issuer was not sent"},
		"not parsed":     {staple, []*x509.Certificate{leaf, nil}, nil, "issuer was not sent"},
		"leaf neither":   {staple, []*x509.Certificate{nil, root}, nil, "cannot be parsed"},
		"too large":      {staple, []*x509.Certificate{leaf, authorityWith(t, "Root", "Root", 1, modulus(16384))}, nil, "16384 bits"},
		"garbage":        {[]byte("garbage"), []*x509.Certificate{leaf, root}, nil, "asn1"},
	} {
		got := ReadOCSP(test.staple, test.chain, test.issuers, now)
		want := revocation.Good
		if test.error != "" {
			want = revocation.Invalid
		}
		if got.Status != want || !strings.Contains(got.Error, test.error) || (got.Error == "") != (test.error == "") {
			t.Errorf("%s: %+v, want %s %q", name, got, want, test.error)
		}
	}
}

// TestStapleMissing: what is not said to be good is as if nothing were stapled.
func TestStapleMissing(t *testing.T) {
	for status, want := range map[string][]Finding{
		revocation.Good: {}, revocation.Revoked: {Revoked}, revocation.Unknown: {StapleMissing, RevocationUnknown}, revocation.Invalid: {StapleMissing}, "": {StapleMissing},
	} {
		r := &Record{
			TLS:         &TLS{Version: "1.3", Method: "handshake", OCSP: &revocation.OCSP{Status: status}},
			Certificate: &certificate.Certificate{MustStaple: true, DNSNames: []string{"a.test"}},
		}
		if status == "" {
			r.TLS.OCSP = nil
		}
		if got := Find(r, nil, nil, false); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", status, got, want)
		}
	}
}
