package revocation

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
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

	renamed := *root
	renamed.RawSubject = foreign.RawIssuer[:len(foreign.RawIssuer)-1]
	huge := *responder
	huge.Raw = hugeResponder(t)
	old, oldKey := create(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "Old Responder"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning},
		NotBefore: now.AddDate(0, -2, 0), NotAfter: now.AddDate(0, -1, 0),
	}, root, rootKey)
	encryption, encryptionKey := create(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "Responder"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}, KeyUsage: x509.KeyUsageKeyEncipherment,
	}, root, rootKey)
	forSerial := func(ca *x509.Certificate, key *ecdsa.PrivateKey, serial *big.Int) []byte {
		der, err := ocsp.CreateResponse(ca, ca, ocsp.Response{
			Status: ocsp.Good, SerialNumber: serial, ThisUpdate: now, NextUpdate: now.Add(time.Hour), IssuerHash: crypto.SHA256,
		}, key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}

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
		"good":                  {good, []*x509.Certificate{leaf, root}, Good, ""},
		"by a responder":        {staple(responder, responderKey, nil), []*x509.Certificate{leaf, root}, Good, ""},
		"revoked":               {staple(root, rootKey, revoked), []*x509.Certificate{leaf, root}, Revoked, ""},
		"unknown":               {staple(root, rootKey, func(r *ocsp.Response) { r.Status = ocsp.Unknown }), []*x509.Certificate{leaf, root}, Unknown, ""},
		"by a neighbour":        {staple(neighbour, neighbourKey, nil), []*x509.Certificate{leaf, root}, Invalid, "not for OCSP"},
		"by a stranger":         {staple(foreign, foreignKey, nil), []*x509.Certificate{leaf, root}, Invalid, "signature"},
		"of another":            {good, []*x509.Certificate{other, root}, Invalid, "for another certificate"},
		"garbage":               {[]byte("garbage"), []*x509.Certificate{leaf, root}, Invalid, "asn1"},
		"empty":                 {nil, []*x509.Certificate{leaf, root}, Invalid, "asn1"},
		"too large":             {make([]byte, maxOCSP+1), []*x509.Certificate{leaf, root}, Invalid, "more than 8192"},
		"an error":              {ocsp.TryLaterErrorResponse, []*x509.Certificate{leaf, root}, Invalid, "try later"},
		"out of date":           {staple(root, rootKey, func(r *ocsp.Response) { r.NextUpdate = now.Add(-time.Second) }), []*x509.Certificate{leaf, root}, Invalid, "out of date"},
		"from the future":       {staple(root, rootKey, func(r *ocsp.Response) { r.ThisUpdate = now.Add(time.Hour) }), []*x509.Certificate{leaf, root}, Invalid, "future"},
		"no next update, fresh": {staple(root, rootKey, func(r *ocsp.Response) { r.NextUpdate = time.Time{} }), []*x509.Certificate{leaf, root}, Good, ""},
		"no next update, old": {staple(root, rootKey, func(r *ocsp.Response) {
			r.ThisUpdate, r.NextUpdate = now.Add(-25*time.Hour), time.Time{}
		}), []*x509.Certificate{leaf, root}, Invalid, "older than a day"},
		"no next update, unknown": {staple(root, rootKey, func(r *ocsp.Response) {
			r.Status, r.ThisUpdate, r.NextUpdate = ocsp.Unknown, now.AddDate(-5, 0, 0), time.Time{}
		}), []*x509.Certificate{leaf, root}, Invalid, "older than a day"},
		"no next update, revoked": {staple(root, rootKey, func(r *ocsp.Response) {
			revoked(r)
			r.ThisUpdate, r.NextUpdate = now.AddDate(-5, 0, 0), time.Time{}
		}), []*x509.Certificate{leaf, root}, Revoked, ""},
		"SHA-1": {staple(root, rootKey, func(r *ocsp.Response) { r.SignatureAlgorithm = x509.ECDSAWithSHA1 }), []*x509.Certificate{leaf, root}, Invalid, "signed with ECDSA-SHA1"},
		// The same key under another name, and the other way round.
		"of another issuer's name":     {staple(root, rootKey, nil), []*x509.Certificate{leaf, &renamed}, Invalid, "another issuer"},
		"of another issuer's key":      {forSerial(foreign, foreignKey, leaf.SerialNumber), []*x509.Certificate{leaf, root}, Invalid, "another issuer"},
		"responder with a huge key":    {staple(&huge, responderKey, nil), []*x509.Certificate{leaf, root}, Invalid, "16384 bits"},
		"responder has expired":        {staple(old, oldKey, nil), []*x509.Certificate{leaf, root}, Invalid, "out of date"},
		"responder not for signatures": {staple(encryption, encryptionKey, nil), []*x509.Certificate{leaf, root}, Invalid, "not for signatures"},
		"two answers":                  {twice(t, good), []*x509.Certificate{leaf, root}, Invalid, "several answers"},
		"revoked, stale": {staple(root, rootKey, func(r *ocsp.Response) {
			revoked(r)
			r.NextUpdate = now.Add(-time.Second)
		}), []*x509.Certificate{leaf, root}, Revoked, ""},
	} {
		got, err := ReadOCSP(test.staple, test.chain[0], test.chain[1], now)
		if got.Status != test.status || (err == nil) != (test.error == "") || err != nil && !strings.Contains(err.Error(), test.error) {
			t.Errorf("%s: %+v %v, want %s %q", name, got, err, test.status, test.error)
		}
		if got.Status == Revoked && (got.Reason != "keyCompromise" || got.RevokedAt.IsZero()) {
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
		if got, err := ReadOCSP(staple, leaf, root, time.Now()); got.Status != Invalid || err == nil {
			t.Errorf("%+v", got)
		}
	})
}

func create(t testing.TB, template, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if template.SerialNumber == nil {
		if template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
			t.Fatal(err)
		}
	}
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
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

// hugeResponder is a certificate with a key whose signatures take long to check.
func hugeResponder(t *testing.T) []byte {
	t.Helper()
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	n := new(big.Int).Lsh(big.NewInt(1), 16383)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning},
	}, &x509.Certificate{}, &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537}, signer)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// twice repeats the answer of a response. Its signature no longer holds.
func twice(t *testing.T, der []byte) []byte {
	t.Helper()
	var outer struct {
		Status asn1.Enumerated
		Bytes  struct {
			Type     asn1.ObjectIdentifier
			Response []byte
		} `asn1:"explicit,tag:0,optional"`
	}
	var basic struct {
		TBS struct {
			Responder asn1.RawValue
			Produced  time.Time `asn1:"generalized"`
			Single    []asn1.RawValue
		}
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &outer); err != nil {
		t.Fatal(err)
	}
	if _, err := asn1.Unmarshal(outer.Bytes.Response, &basic); err != nil {
		t.Fatal(err)
	}
	basic.TBS.Single = append(basic.TBS.Single, basic.TBS.Single[0])
	var err error
	if outer.Bytes.Response, err = asn1.Marshal(basic); err != nil {
		t.Fatal(err)
	}
	if der, err = asn1.Marshal(outer); err != nil {
		t.Fatal(err)
	}
	return der
}
