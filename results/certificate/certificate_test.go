package certificate

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"reflect"
	"slices"
	"testing"
	"time"
)

var (
	testNow   = time.Date(2026, 11, 21, 19, 0, 0, 0, time.UTC)
	testStart = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	testEnd   = time.Date(2027, 1, 22, 2, 0, 0, 0, time.UTC)
)

// issue makes a certificate for pub, signed by signer in parent's name.
func issue(tb testing.TB, template, parent *x509.Certificate, pub crypto.PublicKey, signer crypto.Signer) []byte {
	tb.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, signer)
	if err != nil {
		tb.Fatal(err)
	}
	return der
}

func ecKey(tb testing.TB, c elliptic.Curve) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// leafTemplate is like the leaf of a public authority.
func leafTemplate(tb testing.TB) *x509.Certificate {
	tb.Helper()
	uri, err := url.Parse("spiffe://example.com/a%20b")
	if err != nil {
		tb.Fatal(err)
	}
	return &x509.Certificate{
		SerialNumber:          new(big.Int).SetBytes([]byte{0x8c, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}),
		Subject:               pkix.Name{CommonName: "www.example.com", Organization: []string{"Example, Inc."}, Country: []string{"US"}},
		NotBefore:             testStart,
		NotAfter:              testEnd,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageDecipherOnly,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		UnknownExtKeyUsage:    []asn1.ObjectIdentifier{{1, 3, 6, 1, 4, 1, 99999, 1}},
		BasicConstraintsValid: true,
		SubjectKeyId:          []byte{1, 2, 3, 0xfe},
		OCSPServer:            []string{"http://ocsp.example.net"},
		IssuingCertificateURL: []string{"http://ca.example.net/i.der"},
		CRLDistributionPoints: []string{"http://crl.example.net/1.crl", "ldap://crl.example.net/x"},
		DNSNames:              []string{"www.example.com", "example.com"},
		IPAddresses:           []net.IP{net.IPv4(192, 0, 2, 7), net.ParseIP("2001:db8::1")},
		EmailAddresses:        []string{"hostmaster@example.com"},
		URIs:                  []*url.URL{uri},
		Policies:              []x509.OID{mustOID(tb, "2.23.140.1.2.1")},
		ExtraExtensions: []pkix.Extension{
			{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}, Value: []byte{0x30, 3, 2, 1, 5}},
		},
	}
}

func mustOID(tb testing.TB, s string) x509.OID {
	tb.Helper()
	oid, err := x509.ParseOID(s)
	if err != nil {
		tb.Fatal(err)
	}
	return oid
}

func issuerTemplate() *x509.Certificate {
	return &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "Example CA", Organization: []string{"Example"}},
		NotBefore:             testStart,
		NotAfter:              testEnd,
		IsCA:                  true,
		BasicConstraintsValid: true,
		SubjectKeyId:          []byte{0xaa, 0xbb},
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	key, caKey := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P384())
	der := issue(t, leafTemplate(t), issuerTemplate(), key.Public(), caKey)
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	sum256, sum1, sumSPKI := sha256.Sum256(der), sha1.Sum(der), sha256.Sum256(spki)
	want := &Certificate{
		Subject:        Name{"CN=www.example.com,O=Example\\, Inc.,C=US", "www.example.com", []string{"Example, Inc."}},
		Issuer:         Name{"CN=Example CA,O=Example", "Example CA", []string{"Example"}},
		SerialNumber:   "8c0102030405060708090a0b0c0d0e0f10",
		Version:        3,
		NotBefore:      testStart,
		NotAfter:       testEnd,
		DaysLeft:       DaysOf(61.3),
		DNSNames:       []string{"www.example.com", "example.com"},
		IPAddresses:    []string{"192.0.2.7", "2001:db8::1"},
		EmailAddresses: []string{"hostmaster@example.com"},
		URIs:           []string{"spiffe://example.com/a%20b"},
		OtherNames:     []string{}, SCTs: []SCT{},
		PublicKey:          PublicKey{"ECDSA", 256, "P-256"},
		SignatureAlgorithm: "ECDSA-SHA384",
		KeyUsage:           []string{"digitalSignature", "decipherOnly"},
		ExtKeyUsage:        []string{"serverAuth", "clientAuth", "1.3.6.1.4.1.99999.1"},
		MustStaple:         true,
		AuthorityKeyID:     "aabb",
		SubjectKeyID:       "010203fe",
		OCSPServers:        []string{"http://ocsp.example.net"},
		IssuerURLs:         []string{"http://ca.example.net/i.der"},
		CRLURLs:            []string{"http://crl.example.net/1.crl", "ldap://crl.example.net/x"},
		Policies:           []string{"2.23.140.1.2.1"},
		FingerprintSHA256:  hex.EncodeToString(sum256[:]),
		FingerprintSHA1:    hex.EncodeToString(sum1[:]),
		SPKISHA256:         hex.EncodeToString(sumSPKI[:]),
		Truncated:          []string{},
	}
	if got := Read(der, nil, testNow); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if got := Read(der, parsed, testNow); !reflect.DeepEqual(got, want) {
		t.Errorf("with the parsed certificate: got %+v\nwant %+v", got, want)
	}
}

func TestSelfSigned(t *testing.T) {
	t.Parallel()
	key, other := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	smallKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	edPublic, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	noKeyID, otherKeyID := issuerTemplate(), issuerTemplate()
	noKeyID.SubjectKeyId, noKeyID.IsCA = nil, false
	otherKeyID.AuthorityKeyId = []byte{0xcc}
	tests := []struct {
		name             string
		template, parent *x509.Certificate
		public           crypto.PublicKey
		signer           crypto.Signer
		want             bool
	}{
		{"ECDSA", issuerTemplate(), issuerTemplate(), key.Public(), key, true},
		{"RSA", issuerTemplate(), issuerTemplate(), smallKey.Public(), smallKey, true},
		{"Ed25519", issuerTemplate(), issuerTemplate(), edPublic, edKey, true},
		{"signed with another key", noKeyID, noKeyID, key.Public(), other, false},
		{"signed with a key of another kind", noKeyID, noKeyID, key.Public(), smallKey, false},
		{"key identifiers differ", otherKeyID, issuerTemplate(), key.Public(), key, false},
		{"another issuer", leafTemplate(t), issuerTemplate(), key.Public(), key, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			der := issue(t, tt.template, tt.parent, tt.public, tt.signer)
			if got := Read(der, nil, testNow).SelfSigned; got != tt.want {
				t.Errorf("SelfSigned = %t, want %t", got, tt.want)
			}
		})
	}
}

func TestEncodePEM(t *testing.T) {
	t.Parallel()
	der := []byte{0x30, 1, 2}
	block, rest := pem.Decode([]byte(EncodePEM(der)))
	if block == nil || block.Type != "CERTIFICATE" || !slices.Equal(block.Bytes, der) || len(rest) != 0 {
		t.Errorf("EncodePEM(% x) decodes to %v and %q", der, block, rest)
	}
}

// TestSelfSignedUnchecked holds those whose signature crypto/x509 cannot check
// to their names and key identifiers.
func TestSelfSignedUnchecked(t *testing.T) {
	t.Parallel()
	ed448 := spkiOf(keyOf("1.3.101.113", nil), make([]byte, 57))
	rsaOf := func(octets int) []byte {
		n := slices.Concat([]byte{0}, bytes.Repeat([]byte{0xc5}, octets))
		return spkiOf(keyOf("1.2.840.113549.1.1.1", null()), rsaKey(n, []byte{3}))
	}
	tests := []struct {
		name      string
		parts     func(o *odd)
		malformed bool
		want      bool
	}{
		{"unknown algorithm", func(o *odd) { o.spki, o.inner = ed448, keyOf("1.3.101.113", nil) }, false, true},
		{"MD5", func(o *odd) { o.spki, o.inner = rsaOf(256), keyOf("1.2.840.113549.1.1.4", null()) }, false, true},
		{"RSA 512", func(o *odd) { o.spki, o.inner = rsaOf(64), keyOf("1.2.840.113549.1.1.11", null()) }, false, true},
		{"RSA 16384", func(o *odd) { o.spki, o.inner = rsaOf(2048), keyOf("1.2.840.113549.1.1.11", null()) }, false, true},
		{"RSA 2048, which can be checked", func(o *odd) { o.spki, o.inner = rsaOf(256), keyOf("1.2.840.113549.1.1.11", null()) }, false, false},
		{"malformed", func(o *odd) { o.serial = nil }, true, true},
		{"malformed, key identifiers differ", func(o *odd) {
			o.serial, o.extensions = nil, ordinary().extensions
		}, true, false},
		{"malformed, names differ", func(o *odd) { o.serial, o.subject = nil, seq() }, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := ordinary()
			o.subject, o.extensions = o.issuer, nil
			tt.parts(&o)
			o.outer = o.inner
			c := Read(o.der(), nil, testNow)
			if (c.ParseError != "") != tt.malformed {
				t.Fatalf("parse_error is %q", c.ParseError)
			}
			if c.SelfSigned != tt.want {
				t.Errorf("SelfSigned = %t, want %t", c.SelfSigned, tt.want)
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	der := issue(b, leafTemplate(b), issuerTemplate(), ecKey(b, elliptic.P256()).Public(), ecKey(b, elliptic.P384()))
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(der)))
	b.ReportAllocs()
	for b.Loop() {
		Read(der, parsed, testNow)
	}
}

// BenchmarkParseCertificate is the yardstick for BenchmarkRead.
func BenchmarkParseCertificate(b *testing.B) {
	der := issue(b, leafTemplate(b), issuerTemplate(), ecKey(b, elliptic.P256()).Public(), ecKey(b, elliptic.P384()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := x509.ParseCertificate(der); err != nil {
			b.Fatal(err)
		}
	}
}

// TestReadAbove: no signature is checked of what stands above a leaf.
func TestReadAbove(t *testing.T) {
	key, stranger := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	authority := func(id, authorityID byte) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Root"}, NotBefore: testStart, NotAfter: testEnd,
			SubjectKeyId: []byte{id}, AuthorityKeyId: []byte{authorityID},
		}
	}
	for name, test := range map[string]struct {
		template, parent *x509.Certificate
		signer           crypto.Signer
		read, above      bool
	}{
		"its own signature":  {authority(1, 1), authority(1, 1), key, true, true},
		"another's":          {authority(1, 1), authority(1, 1), stranger, false, true},
		"another's, it says": {authority(1, 2), authority(2, 2), stranger, false, false},
	} {
		der := issue(t, test.template, test.parent, key.Public(), test.signer)
		if got := Read(der, nil, testNow).SelfSigned; got != test.read {
			t.Errorf("%s: Read says %v", name, got)
		}
		above := ReadAbove(der, nil, testNow)
		if above.SelfSigned != test.above {
			t.Errorf("%s: ReadAbove says %v", name, above.SelfSigned)
		}
		checkRecordable(t, above)
	}
}
