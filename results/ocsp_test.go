package results

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

func TestReadOCSP(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	root, rootKey := create(t, &x509.Certificate{Subject: pkix.Name{CommonName: "Root"}, IsCA: true, BasicConstraintsValid: true}, nil, nil)
	leaf, _ := create(t, &x509.Certificate{DNSNames: []string{"a.test"}}, root, rootKey)
	other, _ := create(t, &x509.Certificate{DNSNames: []string{"b.test"}}, root, rootKey)
	responder, responderKey := create(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "Responder"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning},
	}, root, rootKey)
	// Anybody may have a certificate of the same authority.
	neighbour, neighbourKey := create(t, &x509.Certificate{DNSNames: []string{"c.test"}}, root, rootKey)
	foreign, foreignKey := create(t, &x509.Certificate{Subject: pkix.Name{CommonName: "Root"}, IsCA: true, BasicConstraintsValid: true}, nil, nil)

	staple := func(signer *x509.Certificate, key *ecdsa.PrivateKey, change func(*ocsp.Response)) []byte {
		r := ocsp.Response{
			Status: ocsp.Good, SerialNumber: leaf.SerialNumber, ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(time.Hour), IssuerHash: crypto.SHA1,
		}
		if signer != root {
			r.Certificate = signer
		}
		if change != nil {
			change(&r)
		}
		der, err := ocsp.CreateResponse(root, signer, r, key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	revoked := func(r *ocsp.Response) {
		r.Status, r.RevokedAt, r.RevocationReason = ocsp.Revoked, now.Add(-time.Minute), 1
	}
	good := staple(root, rootKey, nil)
	for name, test := range map[string]struct {
		staple []byte
		chain  []*x509.Certificate
		status string
		error  string
	}{
		"good":            {good, []*x509.Certificate{leaf, root}, OCSPGood, ""},
		"by a responder":  {staple(responder, responderKey, nil), []*x509.Certificate{leaf, root}, OCSPGood, ""},
		"revoked":         {staple(root, rootKey, revoked), []*x509.Certificate{leaf, root}, OCSPRevoked, ""},
		"unknown":         {staple(root, rootKey, func(r *ocsp.Response) { r.Status = ocsp.Unknown }), []*x509.Certificate{leaf, root}, OCSPUnknown, ""},
		"by a neighbour":  {staple(neighbour, neighbourKey, nil), []*x509.Certificate{leaf, root}, OCSPInvalid, "not for OCSP"},
		"by a stranger":   {staple(foreign, foreignKey, nil), []*x509.Certificate{leaf, root}, OCSPInvalid, "signature"},
		"of another":      {good, []*x509.Certificate{other, root}, OCSPInvalid, "no response matching"},
		"no issuer":       {good, []*x509.Certificate{leaf}, OCSPInvalid, "issuer was not sent"},
		"issuer not read": {good, []*x509.Certificate{leaf, nil}, OCSPInvalid, "issuer was not sent"},
		"not read":        {good, []*x509.Certificate{nil, root}, OCSPInvalid, "cannot be parsed"},
		"garbage":         {[]byte("garbage"), []*x509.Certificate{leaf, root}, OCSPInvalid, "asn1"},
		"empty":           {nil, []*x509.Certificate{leaf, root}, OCSPInvalid, "asn1"},
		"too large":       {make([]byte, maxOCSP+1), []*x509.Certificate{leaf, root}, OCSPInvalid, "more than 8192"},
		"an error":        {ocsp.TryLaterErrorResponse, []*x509.Certificate{leaf, root}, OCSPInvalid, "try later"},
		"out of date":     {staple(root, rootKey, func(r *ocsp.Response) { r.NextUpdate = now.Add(-time.Second) }), []*x509.Certificate{leaf, root}, OCSPInvalid, "out of date"},
		"from the future": {staple(root, rootKey, func(r *ocsp.Response) { r.ThisUpdate = now.Add(time.Hour) }), []*x509.Certificate{leaf, root}, OCSPInvalid, "future"},
		"revoked, stale": {staple(root, rootKey, func(r *ocsp.Response) {
			revoked(r)
			r.NextUpdate = now.Add(-time.Second)
		}), []*x509.Certificate{leaf, root}, OCSPRevoked, ""},
	} {
		got := ReadOCSP(test.staple, test.chain, now)
		if got.Status != test.status || !strings.Contains(got.Error, test.error) || (got.Error == "") != (test.error == "") {
			t.Errorf("%s: %+v, want %s %q", name, got, test.status, test.error)
		}
		if got.Status == OCSPRevoked && (got.Reason != "keyCompromise" || got.RevokedAt.IsZero()) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// FuzzReadOCSP: whatever is stapled, nobody but the issuer makes it count.
func FuzzReadOCSP(f *testing.F) {
	f.Add([]byte{0x30, 3, 0x0a, 1, 0})
	root, rootKey := create(f, &x509.Certificate{Subject: pkix.Name{CommonName: "Root"}, IsCA: true, BasicConstraintsValid: true}, nil, nil)
	leaf, _ := create(f, &x509.Certificate{DNSNames: []string{"a.test"}}, root, rootKey)
	der, err := ocsp.CreateResponse(root, root, ocsp.Response{Status: ocsp.Good, SerialNumber: leaf.SerialNumber, IssuerHash: crypto.SHA1}, rootKey)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(der[:len(der)-1])
	f.Fuzz(func(t *testing.T, staple []byte) {
		if got := ReadOCSP(staple, []*x509.Certificate{leaf, root}, time.Now()); got.Status != OCSPInvalid {
			t.Errorf("%+v", got)
		}
	})
}
