package certificate

import (
	"crypto/elliptic"
	"slices"
	"strings"
	"testing"
)

// tlv composes a DER element.
func tlv(tag byte, parts ...[]byte) []byte {
	content := slices.Concat(parts...)
	n := len(content)
	head := []byte{tag}
	switch {
	case n < 0x80:
		head = append(head, byte(n))
	case n < 0x100:
		head = append(head, 0x81, byte(n))
	case n < 0x10000:
		head = append(head, 0x82, byte(n>>8), byte(n))
	default:
		head = append(head, 0x83, byte(n>>16), byte(n>>8), byte(n))
	}
	return append(head, content...)
}

// indefinite composes a BER element whose end is marked.
func indefinite(tag byte, parts ...[]byte) []byte {
	return slices.Concat([]byte{tag, 0x80}, slices.Concat(parts...), []byte{0, 0})
}

// longLength composes an element with more length octets than it needs.
func longLength(tag byte, parts ...[]byte) []byte {
	content := slices.Concat(parts...)
	n := len(content)
	return append([]byte{tag, 0x86, 0, 0, 0, 0, byte(n >> 8), byte(n)}, content...)
}

func seq(parts ...[]byte) []byte        { return tlv(0x30, parts...) }
func set(parts ...[]byte) []byte        { return tlv(0x31, parts...) }
func integer(content ...byte) []byte    { return tlv(0x02, content) }
func octetString(part []byte) []byte    { return tlv(0x04, part) }
func bitString(part []byte) []byte      { return tlv(0x03, []byte{0}, part) }
func text(tag byte, s string) []byte    { return tlv(tag, []byte(s)) }
func null() []byte                      { return []byte{5, 0} }
func rdn(oid string, v []byte) []byte   { return set(atv(oid, v)) }
func atv(oid string, v []byte) []byte   { return seq(objectID(oid), v) }
func critical() []byte                  { return []byte{1, 1, 0xff} }
func times(from, to string) []byte      { return seq(text(0x17, from), text(0x17, to)) }
func ext(oid string, v []byte) []byte   { return seq(objectID(oid), octetString(v)) }
func spkiOf(alg, key []byte) []byte     { return seq(alg, bitString(key)) }
func dnsName(s string) []byte           { return text(tagDNS, s) }
func altNames(names ...[]byte) []byte   { return ext("2.5.29.17", seq(names...)) }
func uri(s string) []byte               { return text(tagURI, s) }
func rsaKey(n, e []byte) []byte         { return seq(tlv(2, n), tlv(2, e)) }
func keyOf(oid string, p []byte) []byte { return seq(objectID(oid), p) }

// objectID composes an OBJECT IDENTIFIER.
func objectID(s string) []byte {
	for content := range byContent(map[string]bool{s: true}) {
		return tlv(0x06, []byte(content))
	}
	panic("unreachable")
}

// odd is a certificate in parts, each of which a test may replace by something
// that no authority should issue. A nil part is left out.
type odd struct {
	version, serial, inner, issuer, validity, subject, spki []byte
	extensions                                              [][]byte
	afterSPKI, outer, signature                             []byte
}

// ordinary returns the parts of a certificate that crypto/x509 accepts.
func ordinary() odd {
	alg := keyOf("1.2.840.10045.4.3.2", nil)
	return odd{
		version:  tlv(0xa0, integer(2)),
		serial:   integer(0x0c, 0x22),
		inner:    alg,
		issuer:   seq(rdn("2.5.4.10", text(tagUTF8String, "Example")), rdn("2.5.4.3", text(tagUTF8String, "Example CA"))),
		validity: times("261001000000Z", "270122020000Z"),
		subject:  seq(rdn("2.5.4.10", text(tagUTF8String, "Odd")), rdn("2.5.4.3", text(tagUTF8String, "odd.example"))),
		spki:     spkiOf(keyOf("1.2.840.10045.2.1", objectID("1.2.840.10045.3.1.7")), p256Point()),
		extensions: [][]byte{
			altNames(dnsName("odd.example")),
			ext("2.5.29.15", []byte{3, 2, 7, 0x80}),
			ext("2.5.29.37", seq(objectID("1.3.6.1.5.5.7.3.1"))),
			ext("2.5.29.14", octetString([]byte{1, 2})),
			ext("2.5.29.35", seq(tlv(0x80, []byte{3, 4}))),
			ext("2.5.29.32", seq(seq(objectID("2.23.140.1.2.1")))),
			ext("2.5.29.31", seq(seq(tlv(0xa0, tlv(0xa0, uri("http://crl.example/")))))),
			ext("1.3.6.1.5.5.7.1.1", seq(
				seq(objectID("1.3.6.1.5.5.7.48.1"), uri("http://ocsp.example/")),
				seq(objectID("1.3.6.1.5.5.7.48.2"), uri("http://ca.example/")))),
		},
		outer:     alg,
		signature: bitString([]byte("not a signature")),
	}
}

// p256Point returns P-256's base point, a valid key that nothing has to make.
func p256Point() []byte {
	p := elliptic.P256().Params()
	return slices.Concat([]byte{4}, p.Gx.FillBytes(make([]byte, 32)), p.Gy.FillBytes(make([]byte, 32)))
}

func (o odd) tbs() []byte {
	var extensions []byte
	if o.extensions != nil {
		extensions = tlv(0xa3, seq(o.extensions...))
	}
	return seq(o.version, o.serial, o.inner, o.issuer, o.validity, o.subject, o.spki, o.afterSPKI, extensions)
}

func (o odd) der() []byte { return seq(o.tbs(), o.outer, o.signature) }

// ordinaryCertificate is what Read makes of ordinary, but for the
// hashes.
func ordinaryCertificate() *Certificate {
	return &Certificate{
		Subject:        Name{"CN=odd.example,O=Odd", "odd.example", []string{"Odd"}},
		Issuer:         Name{"CN=Example CA,O=Example", "Example CA", []string{"Example"}},
		SerialNumber:   "0c22",
		Version:        3,
		NotBefore:      testStart,
		NotAfter:       testEnd,
		DaysLeft:       DaysOf(61.3),
		DNSNames:       []string{"odd.example"},
		IPAddresses:    []string{},
		EmailAddresses: []string{},
		URIs:           []string{},
		OtherNames:     []string{}, SCTs: []SCT{},
		PublicKey:          PublicKey{"ECDSA", 256, "P-256"},
		SignatureAlgorithm: "ECDSA-SHA256",
		KeyUsage:           []string{"digitalSignature"},
		ExtKeyUsage:        []string{"serverAuth"},
		AuthorityKeyID:     "0304",
		SubjectKeyID:       "0102",
		OCSPServers:        []string{"http://ocsp.example/"},
		IssuerURLs:         []string{"http://ca.example/"},
		CRLURLs:            []string{"http://crl.example/"},
		Policies:           []string{"2.23.140.1.2.1"},
		Truncated:          []string{},
	}
}

// oddCase is one odd certificate: how it differs from the ordinary one, and how
// what is read of it does.
type oddCase struct {
	name  string
	parts func(o *odd)
	// accepted says that crypto/x509 takes it all the same.
	accepted bool
	want     func(c *Certificate)
}

func same(*Certificate) {}

// oddCases are all of them, from the files of the parts that they change.
func oddCases() []oddCase {
	return slices.Concat(oddNames(), oddFields(), oddKeys(), oddExtensions())
}

// oddFields change what is neither name, key nor extension.
func oddFields() []oddCase {
	serial := func(content ...byte) func(*odd) {
		return func(o *odd) { o.serial = integer(content...) }
	}
	wantSerial := func(s string) func(*Certificate) {
		return func(c *Certificate) { c.SerialNumber = s }
	}
	dates := func(from, to []byte) func(*odd) {
		return func(o *odd) { o.validity = seq(from, to) }
	}
	start, end := text(0x17, "261001000000Z"), text(0x17, "270122020000Z")
	withoutEnd := func(c *Certificate) { c.NotAfter, c.DaysLeft = zeroTime, Days{} }
	return []oddCase{
		{"nothing odd", func(*odd) {}, true, same},
		{"version 1 with extensions", func(o *odd) { o.version = nil }, true, func(c *Certificate) { c.Version = 1 }},
		{"version 2", func(o *odd) { o.version = tlv(0xa0, integer(1)) }, true, func(c *Certificate) { c.Version = 2 }},
		{"version 4", func(o *odd) { o.version = tlv(0xa0, integer(3)) }, false, func(c *Certificate) { c.Version = 4 }},
		{"negative version", func(o *odd) { o.version = tlv(0xa0, integer(0xff)) }, false, func(c *Certificate) { c.Version = 0 }},
		{"enormous version", func(o *odd) { o.version = tlv(0xa0, integer(1, 2, 3, 4, 5, 6, 7, 8, 9)) }, false, func(c *Certificate) { c.Version = 0 }},
		{"empty version", func(o *odd) { o.version = tlv(0xa0) }, false, func(c *Certificate) { c.Version = 0 }},

		{"zero serial", serial(0), true, wantSerial("00")},
		{"negative serial", serial(0x80), false, wantSerial("-80")},
		{"serial -1", serial(0xff), false, wantSerial("-01")},
		{"serial -256", serial(0xff, 0), false, wantSerial("-0100")},
		{"serial -32767", serial(0x80, 1), false, wantSerial("-7fff")},
		{"empty serial", serial(), false, wantSerial("")},
		{"serial with a needless zero", serial(0, 1), false, wantSerial("01")},
		{"serial of 40 octets", serial([]byte(strings.Repeat("\x5a", 40))...), true, wantSerial(strings.Repeat("5a", 40))},
		{"serial of 70 octets", serial([]byte(strings.Repeat("\x5a", 70))...), true, func(c *Certificate) {
			c.SerialNumber = strings.Repeat("5a", maxSerialOctets)
			c.Truncated = []string{"serial_number"}
		}},
		{"serial that is a string", func(o *odd) { o.serial = text(tagUTF8String, "AB") }, false, wantSerial("4142")},
		{"no serial", func(o *odd) { o.serial = nil }, false, wantSerial("")},

		{"30th of February", dates(start, text(0x17, "270230000000Z")), false, withoutEnd},
		{"hour 25", dates(start, text(0x17, "270122250000Z")), false, withoutEnd},
		{"letter in the year", dates(start, text(0x18, "2O270122020000Z")), false, withoutEnd},
		{"date in words", dates(start, text(0x17, "next January")), false, withoutEnd},
		{"date of another type", dates(start, text(tagUTF8String, "270122020000Z")), false, same},
		{"no seconds", dates(start, text(0x17, "2701220200Z")), true, same},
		{"no zone", dates(start, text(0x17, "270122020000")), false, same},
		{"offset", dates(start, text(0x17, "270122040000+0200")), true, same},
		{"GeneralizedTime in a UTCTime", dates(start, text(0x17, "20270122020000Z")), false, same},
		{"fraction of a second", dates(start, text(0x18, "20270122020000.0Z")), false, same},
		{"GeneralizedTime without seconds", dates(start, text(0x18, "202701220200Z")), false, same},
		{"year 10000", dates(start, text(0x18, "99991231235959-0100")), true, withoutEnd},
		{"no notAfter", dates(start, nil), false, withoutEnd},
		{"dates swapped", dates(end, start), true, func(c *Certificate) {
			c.NotBefore, c.NotAfter, c.DaysLeft = c.NotAfter, c.NotBefore, DaysOf(-51.8)
		}},
		{"the year 9999", dates(start, text(0x18, "99991231235959Z")), true, func(c *Certificate) {
			c.NotAfter, c.DaysLeft = lastSecond, DaysOf(2912118.2)
		}},
		{"the year 1950", dates(text(0x17, "500101000000Z"), end), true, func(c *Certificate) {
			c.NotBefore = testStart.AddDate(-76, -9, 0)
		}},

		{"algorithms differ", func(o *odd) { o.inner = keyOf("1.2.840.113549.1.1.4", null()) }, false, same},
		{"no outer algorithm", func(o *odd) { o.outer, o.signature = nil, nil }, false, same},
		{"unknown algorithm", func(o *odd) {
			o.inner = keyOf("1.3.6.1.4.1.99999.2", nil)
			o.outer = o.inner
		}, true, func(c *Certificate) { c.SignatureAlgorithm = "1.3.6.1.4.1.99999.2" }},
		{"algorithm without OID", func(o *odd) { o.inner, o.outer = seq(), seq() }, false, func(c *Certificate) { c.SignatureAlgorithm = "" }},
		{"RSASSA-PSS with defaults", func(o *odd) {
			o.inner = keyOf("1.2.840.113549.1.1.10", seq())
			o.outer = o.inner
		}, true, func(c *Certificate) { c.SignatureAlgorithm = "SHA1-RSAPSS" }},
		{"RSASSA-PSS with a long salt", func(o *odd) {
			o.inner = keyOf("1.2.840.113549.1.1.10", seq(
				tlv(0xa0, keyOf("2.16.840.1.101.3.4.2.1", null())),
				tlv(0xa1, keyOf("1.2.840.113549.1.1.8", keyOf("2.16.840.1.101.3.4.2.1", null()))),
				tlv(0xa2, integer(99))))
			o.outer = o.inner
		}, true, func(c *Certificate) { c.SignatureAlgorithm = "SHA256-RSAPSS" }},
		{"unique identifiers", func(o *odd) {
			o.afterSPKI = slices.Concat(tlv(0x81, []byte{0, 1}), tlv(0x82, []byte{0, 2}))
		}, true, same},
		{"junk before the extensions", func(o *odd) { o.afterSPKI = null() }, true, func(c *Certificate) {
			// crypto/x509 takes it for the end of the certificate.
			c.DNSNames, c.KeyUsage, c.ExtKeyUsage, c.SubjectKeyID, c.AuthorityKeyID = []string{}, []string{}, []string{}, "", ""
			c.Policies, c.CRLURLs, c.OCSPServers, c.IssuerURLs = []string{}, []string{}, []string{}, []string{}
		}},
		{"no signature", func(o *odd) { o.signature = nil }, false, same},
	}
}

// testOdd holds one odd certificate to what should be read of it.
func testOdd(t *testing.T, der []byte, accepted bool, want *Certificate) {
	t.Helper()
	got := Read(der, nil, testNow)
	if (got.ParseError == "") != accepted {
		t.Errorf("parse_error is %q, want crypto/x509 to accept it: %t", got.ParseError, accepted)
	}
	checkRecordable(t, got)
	want.FingerprintSHA256, want.FingerprintSHA1 = got.FingerprintSHA256, got.FingerprintSHA1
	want.ParseError = got.ParseError
	diffCertificates(t, got, want)
}
