package certificate

import (
	"crypto/dsa" //lint:ignore SA1019 x509 reads such keys, and so must we
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

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

// TestAgreesOnRoots reads the certificates of Mozilla's root program, which
// authorities of thirty years have made.
func TestAgreesOnRoots(t *testing.T) {
	t.Parallel()
	n := 0
	for root := range bundle.Roots() {
		n++
		parsed, err := x509.ParseCertificate(root.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		c := Read(root.Certificate, parsed, testNow)
		checkRecordable(t, c)
		checkAgrees(t, c, parsed)
		if !c.SelfSigned || !c.IsCA || len(c.Truncated) != 0 || c.Subject.DN == "" {
			t.Errorf("%+v", c)
		}
	}
	if n == 0 {
		t.Error("the bundle is empty")
	}
}
