package results

import (
	"crypto"
	"crypto/dsa"
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
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
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

func TestNewCertificate(t *testing.T) {
	t.Parallel()
	key, caKey := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P384())
	der := issue(t, leafTemplate(t), issuerTemplate(), key.Public(), caKey)
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	sum256, sum1, sumSPKI := sha256.Sum256(der), sha1.Sum(der), sha256.Sum256(spki)
	want := &Certificate{
		Subject:            Name{"CN=www.example.com,O=Example\\, Inc.,C=US", "www.example.com", []string{"Example, Inc."}},
		Issuer:             Name{"CN=Example CA,O=Example", "Example CA", []string{"Example"}},
		SerialNumber:       "8c0102030405060708090a0b0c0d0e0f10",
		Version:            3,
		NotBefore:          testStart,
		NotAfter:           testEnd,
		DaysLeft:           new(61.3),
		DNSNames:           []string{"www.example.com", "example.com"},
		IPAddresses:        []string{"192.0.2.7", "2001:db8::1"},
		EmailAddresses:     []string{"hostmaster@example.com"},
		URIs:               []string{"spiffe://example.com/a%20b"},
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
	if got := NewCertificate(der, nil, testNow); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if got := NewCertificate(der, parsed, testNow); !reflect.DeepEqual(got, want) {
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
			if got := NewCertificate(der, nil, testNow).SelfSigned; got != tt.want {
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

// checkRecordable checks what holds for every certificate, malformed or not:
// no null lists, valid strings, and JSON that decodes to the same.
func checkRecordable(t *testing.T, c *Certificate) {
	t.Helper()
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatalf("Marshal: %v", err)
	}
	if !utf8.Valid(data) {
		t.Error("the JSON is not UTF-8")
	}
	decoded := new(Certificate)
	if err := json.Unmarshal(data, decoded); err != nil {
		t.Fatalf("Unmarshal: %v", err)
	}
	if !reflect.DeepEqual(c, decoded) {
		t.Errorf("JSON changes\n%+v to\n%+v", c, decoded)
	}
	v := reflect.ValueOf(*c)
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Slice && f.IsNil() {
			t.Errorf("%s is null", v.Type().Field(i).Name)
		}
	}
}

// checkAgrees compares what the lenient walk read with what crypto/x509 read.
// Fields that were cut are left out.
func checkAgrees(t *testing.T, c *Certificate, parsed *x509.Certificate) {
	t.Helper()
	equal := func(field string, got, want any) {
		t.Helper()
		if !slices.Contains(c.Truncated, field) && !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %q, crypto/x509 has %q", field, got, want)
		}
	}
	lists := func(field string, got, want []string) {
		t.Helper()
		if !slices.Contains(c.Truncated, field) && !slices.Equal(got, want) {
			t.Errorf("%s: got %q, crypto/x509 has %q", field, got, want)
		}
	}
	equal("version", c.Version, parsed.Version)
	serial := "00"
	if parsed.SerialNumber.Sign() != 0 {
		serial = hex.EncodeToString(parsed.SerialNumber.Bytes())
	}
	if parsed.SerialNumber.Sign() < 0 {
		serial = "-" + serial
	}
	equal("serial_number", c.SerialNumber, serial)
	equal("subject", c.Subject.CommonName, parsed.Subject.CommonName)
	lists("subject", c.Subject.Organization, parsed.Subject.Organization)
	equal("issuer", c.Issuer.CommonName, parsed.Issuer.CommonName)
	lists("issuer", c.Issuer.Organization, parsed.Issuer.Organization)
	for field, times := range map[string][2]time.Time{
		"not_before": {c.NotBefore, parsed.NotBefore},
		"not_after":  {c.NotAfter, parsed.NotAfter},
	} {
		year := times[1].UTC().Year()
		if year >= 0 && year <= 9999 && !times[0].Equal(times[1]) {
			t.Errorf("%s: got %v, crypto/x509 has %v", field, times[0], times[1])
		}
	}
	if parsed.SignatureAlgorithm != x509.UnknownSignatureAlgorithm {
		equal("signature_algorithm", c.SignatureAlgorithm, parsed.SignatureAlgorithm.String())
	}
	if parsed.PublicKeyAlgorithm != x509.UnknownPublicKeyAlgorithm {
		equal("public_key", c.PublicKey, parsedKey(parsed))
	}
	sum := sha256.Sum256(parsed.RawSubjectPublicKeyInfo)
	equal("spki_sha256", c.SPKISHA256, hex.EncodeToString(sum[:]))
	if parsed.Version == 3 { // crypto/x509 reads no extensions of others
		agreeOnExtensions(t, c, parsed, equal, lists)
	}
}

func agreeOnExtensions(t *testing.T, c *Certificate, parsed *x509.Certificate,
	equal func(string, any, any), lists func(string, []string, []string)) {
	t.Helper()
	lists("dns_names", c.DNSNames, parsed.DNSNames)
	lists("email_addresses", c.EmailAddresses, parsed.EmailAddresses)
	var ips, uris, gotURIs, policies, usage, extUsage []string
	for _, ip := range parsed.IPAddresses {
		addr, _ := netip.AddrFromSlice(ip)
		ips = append(ips, addr.String())
	}
	lists("ip_addresses", c.IPAddresses, ips)
	for _, u := range parsed.URIs {
		uris = append(uris, u.String())
	}
	for _, s := range c.URIs {
		if u, err := url.Parse(s); err == nil {
			gotURIs = append(gotURIs, u.String())
		}
	}
	lists("uris", gotURIs, uris)
	for _, oid := range parsed.Policies {
		policies = append(policies, oid.String())
	}
	lists("policies", c.Policies, policies)
	for i, name := range keyUsageNames {
		if parsed.KeyUsage&(1<<i) != 0 {
			usage = append(usage, name)
		}
	}
	lists("key_usage", c.KeyUsage, usage)
	for _, u := range parsed.ExtKeyUsage {
		extUsage = append(extUsage, u.OID().String())
	}
	for _, oid := range parsed.UnknownExtKeyUsage {
		extUsage = append(extUsage, oid.String())
	}
	var gotUsage []string
	for _, s := range c.ExtKeyUsage {
		for content, name := range extKeyUsageNames {
			if name == s {
				s = dotted([]byte(content))
			}
		}
		gotUsage = append(gotUsage, s)
	}
	slices.Sort(extUsage) // crypto/x509 keeps known and unknown ones apart
	slices.Sort(gotUsage)
	lists("ext_key_usage", gotUsage, extUsage)
	equal("is_ca", c.IsCA, parsed.IsCA)
	equal("authority_key_id", c.AuthorityKeyID, hex.EncodeToString(parsed.AuthorityKeyId))
	equal("subject_key_id", c.SubjectKeyID, hex.EncodeToString(parsed.SubjectKeyId))
	lists("ocsp_servers", c.OCSPServers, validStrings(parsed.OCSPServer))
	lists("issuer_urls", c.IssuerURLs, validStrings(parsed.IssuingCertificateURL))
	// crypto/x509 stops at the first name of a distribution point that is no URI.
	rest := c.CRLURLs
	for _, s := range validStrings(parsed.CRLDistributionPoints) {
		i := slices.Index(rest, s)
		if i < 0 {
			if !slices.Contains(c.Truncated, "crl_urls") {
				t.Errorf("crl_urls: got %q, crypto/x509 has %q", c.CRLURLs, parsed.CRLDistributionPoints)
			}
			break
		}
		rest = rest[i+1:]
	}
}

// validStrings makes strings what a record can hold.
func validStrings(in []string) []string {
	var out []string
	for _, s := range in {
		out = append(out, strings.ToValidUTF8(s, "\uFFFD"))
	}
	return out
}

// parsedKey is crypto/x509's reading of a public key.
func parsedKey(parsed *x509.Certificate) PublicKey {
	k := PublicKey{Algorithm: parsed.PublicKeyAlgorithm.String()}
	switch key := parsed.PublicKey.(type) {
	case *rsa.PublicKey:
		k.Bits = key.N.BitLen()
	case *ecdsa.PublicKey:
		k.Bits, k.Curve = key.Params().BitSize, key.Params().Name
	case ed25519.PublicKey:
		k.Bits = 256
	case *dsa.PublicKey:
		k.Bits = key.P.BitLen()
	}
	return k
}

func BenchmarkNewCertificate(b *testing.B) {
	der := issue(b, leafTemplate(b), issuerTemplate(), ecKey(b, elliptic.P256()).Public(), ecKey(b, elliptic.P384()))
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(der)))
	b.ReportAllocs()
	for b.Loop() {
		NewCertificate(der, parsed, testNow)
	}
}
