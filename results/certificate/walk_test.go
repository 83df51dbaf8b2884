package certificate

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	zeroTime   time.Time
	lastSecond = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

// diffCertificates reports every field in which two certificates differ.
func diffCertificates(t *testing.T, got, want *Certificate) {
	t.Helper()
	g, w := reflect.ValueOf(*got), reflect.ValueOf(*want)
	for i := range g.NumField() {
		if !reflect.DeepEqual(g.Field(i).Interface(), w.Field(i).Interface()) {
			t.Errorf("%s:\n got %.300s\nwant %.300s", g.Type().Field(i).Name,
				fmt.Sprintf("%+v", reflect.Indirect(g.Field(i))), fmt.Sprintf("%+v", reflect.Indirect(w.Field(i))))
		}
	}
}

func spkiHash(spki []byte) string {
	sum := sha256.Sum256(spki)
	return hex.EncodeToString(sum[:])
}

func TestOddCertificates(t *testing.T) {
	t.Parallel()
	for _, tt := range oddCases() {
		t.Run(tt.name, func(t *testing.T) {
			o := ordinary()
			tt.parts(&o)
			want := ordinaryCertificate()
			want.SPKISHA256 = spkiHash(o.spki)
			tt.want(want)
			testOdd(t, o.der(), tt.accepted, want)
		})
	}
}

// acceptedEncoding is the one of oddEncodings that crypto/x509 takes.
const acceptedEncoding = "trailing data in the TBSCertificate"

// oddEncodings are certificates whose content is ordinary and whose bytes are
// not.
func oddEncodings() map[string][]byte {
	o := ordinary()
	tbs := slices.Concat(o.version, o.serial, o.inner, o.issuer, o.validity, o.subject, o.spki)
	extensions := seq(o.extensions...)
	split := slices.Clone(o.extensions)
	san := seq(dnsName("odd.example"))
	split[0] = seq(objectID("2.5.29.17"), indefinite(0x24, octetString(san[:4]), octetString(san[4:])))
	return map[string][]byte{
		"trailing data": append(o.der(), "trailing"...),
		"indefinite lengths": indefinite(0x30,
			indefinite(0x30, tbs, indefinite(0xa3, indefinite(0x30, slices.Concat(o.extensions...)))), o.outer, o.signature),
		"indefinite lengths without an end": slices.Concat([]byte{0x30, 0x80, 0x30, 0x80}, tbs, tlv(0xa3, extensions)),
		"needlessly long lengths":           longLength(0x30, longLength(0x30, tbs, longLength(0xa3, longLength(0x30, o.extensions...))), o.outer, o.signature),
		"octet string in pieces":            seq(seq(tbs, tlv(0xa3, seq(split...))), o.outer, o.signature),
		"sets for sequences":                tlv(0x31, tlv(0x31, tbs, tlv(0xa3, tlv(0x31, o.extensions...))), o.outer, o.signature),
		acceptedEncoding: seq(
			seq(tbs, tlv(0xa3, extensions), tlv(0xa4, []byte("more"))), o.outer, o.signature),
	}
}

func TestOddEncodings(t *testing.T) {
	t.Parallel()
	for name, der := range oddEncodings() {
		t.Run(name, func(t *testing.T) {
			want := ordinaryCertificate()
			want.SPKISHA256 = spkiHash(ordinary().spki)
			testOdd(t, der, name == acceptedEncoding, want)
		})
	}
}

// TestCutCertificate cuts a certificate after each octet: what came before the
// cut is read as it is in the whole.
func TestCutCertificate(t *testing.T) {
	t.Parallel()
	o := ordinary()
	der := o.der()
	whole := Read(der, nil, testNow)
	// after returns the length of the certificate up to the end of part.
	after := func(part []byte) int { return bytes.Index(der, part) + len(part) }
	blank := reflect.ValueOf(Read(nil, nil, testNow)).Elem()
	fields := []struct {
		name string
		end  int
	}{
		{"SerialNumber", after(o.serial)},
		{"Issuer", after(o.issuer)},
		{"NotBefore", after(text(0x17, "261001000000Z"))},
		{"NotAfter", after(o.validity)},
		{"Subject", after(o.subject)},
		{"PublicKey", after(objectID("1.2.840.10045.3.1.7"))},
		{"SPKISHA256", after(o.spki)},
		{"DNSNames", after(dnsName("odd.example"))},
		{"KeyUsage", after([]byte{3, 2, 7, 0x80})},
		{"Policies", after(objectID("2.23.140.1.2.1"))},
		{"OCSPServers", after(uri("http://ocsp.example/"))},
		{"IssuerURLs", after(uri("http://ca.example/"))},
	}
	for n := range der {
		c := Read(der[:n], nil, testNow)
		checkRecordable(t, c)
		if c.ParseError == "" {
			t.Fatalf("cut after %d octets: no parse_error", n)
		}
		for _, f := range fields {
			got := reflect.ValueOf(c).Elem().FieldByName(f.name).Interface()
			if n >= f.end && !reflect.DeepEqual(got, reflect.ValueOf(whole).Elem().FieldByName(f.name).Interface()) {
				t.Errorf("cut after %d octets: %s is %v, though it ends at %d", n, f.name, got, f.end)
			}
			partial := f.name == "Issuer" || f.name == "Subject" || f.name == "PublicKey"
			if n < f.end && !partial && !reflect.DeepEqual(got, blank.FieldByName(f.name).Interface()) {
				t.Errorf("cut after %d octets: %s is %v, though it ends at %d", n, f.name, got, f.end)
			}
		}
	}
}

func TestNoASN1(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "0", "\x30", "\x30\x80", "\x30\x00", "\x30\x84\xff\xff\xff\xff", "HTTP/1.1 400 Bad Request\r\n", "\x1f\xff\xff", strings.Repeat("\xff", 300)} {
		want := &Certificate{
			Subject: Name{Organization: []string{}}, Issuer: Name{Organization: []string{}},
			DNSNames: []string{}, IPAddresses: []string{}, EmailAddresses: []string{}, URIs: []string{}, OtherNames: []string{}, SCTs: []SCT{},
			KeyUsage: []string{}, ExtKeyUsage: []string{}, OCSPServers: []string{}, IssuerURLs: []string{},
			CRLURLs: []string{}, Policies: []string{}, Truncated: []string{},
		}
		testOdd(t, []byte(s), false, want)
	}
}

// TestNesting walks into what nests a hundred thousand times.
func TestNesting(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"\x30\x80", "\x30\x84\x7f\xff\xff\xff", "\xa3\x80\x30\x80"} {
		der := bytes.Repeat([]byte(level), 100_000)
		c := Read(der, nil, testNow)
		checkRecordable(t, c)
		if c.ParseError == "" || len(c.DNSNames) != 0 {
			t.Errorf("%x…: parse_error %q, names %q", level, c.ParseError, c.DNSNames)
		}
	}
}

func TestParseErrorIsShort(t *testing.T) {
	t.Parallel()
	o := ordinary()
	for _, names := range [][]byte{
		altNames(uri("http://" + strings.Repeat("a", 500) + "%zz/")),
		altNames(uri("http://exa mple/" + strings.Repeat("a", 500))),
	} {
		o.extensions = [][]byte{names}
		der := o.der()
		if _, err := x509.ParseCertificate(der); err == nil || len(err.Error()) <= maxParseError {
			t.Fatalf("crypto/x509 says %v, too little for this test", err)
		}
		if got := Read(der, nil, testNow).ParseError; len(got) > maxParseError || got == "" {
			t.Errorf("parse_error has %d bytes: %s", len(got), got)
		}
	}
}

// TestFlippedBits flips each bit of a certificate in turn. Most of what comes
// out is malformed; whatever crypto/x509 still accepts must read the same.
func TestFlippedBits(t *testing.T) {
	t.Parallel()
	der := ordinary().der()
	accepted := 0
	for i := range len(der) * 8 {
		der[i/8] ^= 1 << (i % 8)
		c := Read(der, nil, testNow)
		checkRecordable(t, c)
		if parsed, err := x509.ParseCertificate(der); err == nil {
			accepted++
			checkAgrees(t, c, parsed)
		}
		if t.Failed() {
			t.Fatalf("octet %d, bit %d", i/8, i%8)
		}
		der[i/8] ^= 1 << (i % 8)
	}
	if accepted == 0 {
		t.Error("crypto/x509 accepts none of them")
	}
}

// seeds are the certificates of all tests in this package, but for the large
// ones, which would slow a fuzz test down.
func seeds() [][]byte {
	var all [][]byte
	for _, tt := range oddCases() {
		o := ordinary()
		tt.parts(&o)
		all = append(all, o.der())
	}
	for _, der := range oddEncodings() {
		all = append(all, der)
	}
	whole := ordinary().der()
	all = append(all, nil, whole[:len(whole)/2], []byte("HTTP/1.1 400 Bad Request\r\n"))
	return slices.DeleteFunc(all, func(der []byte) bool { return len(der) > 4096 })
}

func FuzzRead(f *testing.F) {
	for _, der := range seeds() {
		f.Add(der)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		c := Read(der, nil, testNow)
		checkRecordable(t, c)
		if len(c.Subject.DN) > maxNameBytes || len(c.DNSNames) > maxNames || len(c.ParseError) > maxParseError {
			t.Errorf("a limit is exceeded: %+v", c)
		}
	})
}

// part returns one part of a certificate, by a number that a fuzz test chose.
func part(o *odd, n uint8) *[]byte {
	parts := []*[]byte{&o.version, &o.serial, &o.inner, &o.issuer, &o.validity, &o.subject, &o.spki}
	for i := range o.extensions {
		parts = append(parts, &o.extensions[i])
	}
	return parts[int(n)%len(parts)]
}

// FuzzLenientAgrees holds the lenient walk to crypto/x509's reading of what
// that accepts. It changes one part of a certificate at a time, so that the
// lengths around it stay right.
func FuzzLenientAgrees(f *testing.F) {
	for _, tt := range oddCases() {
		o, usual := ordinary(), ordinary()
		tt.parts(&o)
		for n := range uint8(7 + len(o.extensions)) {
			if p := *part(&o, n); len(p) < 4096 && !bytes.Equal(p, *part(&usual, n)) {
				f.Add(n, p)
			}
		}
	}
	f.Fuzz(func(t *testing.T, n uint8, content []byte) {
		o := ordinary()
		p := part(&o, n)
		*p = content
		if p == &o.inner {
			o.outer = content
		}
		der := o.der()
		parsed, err := x509.ParseCertificate(der)
		if err != nil {
			t.Skip()
		}
		c := Read(der, parsed, testNow)
		if c.ParseError != "" {
			t.Errorf("parse_error %q though crypto/x509 accepts it", c.ParseError)
		}
		checkAgrees(t, c, parsed)
	})
}
