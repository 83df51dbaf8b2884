package certificate

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// oddExtensions change the extensions.
func oddExtensions() []oddCase {
	// names has the certificate hold these alternative names and says what
	// becomes of them; the others stay empty.
	names := func(name string, accepted bool, want func(c *Certificate), alt ...[]byte) oddCase {
		return oddCase{"SAN: " + name, func(o *odd) { o.extensions[0] = altNames(alt...) }, accepted, func(c *Certificate) {
			c.DNSNames = []string{}
			want(c)
		}}
	}
	// also adds an extension of a kind that the certificate has none of, or one.
	also := func(name string, accepted bool, extension []byte, want func(c *Certificate)) oddCase {
		return oddCase{name, func(o *odd) { o.extensions = append(o.extensions, extension) }, accepted, want}
	}
	replace := func(name string, i int, accepted bool, extension []byte, want func(c *Certificate)) oddCase {
		return oddCase{name, func(o *odd) { o.extensions[i] = extension }, accepted, want}
	}
	dns := func(names ...string) func(*Certificate) {
		return func(c *Certificate) { c.DNSNames = names }
	}
	ips := func(addresses ...string) func(*Certificate) {
		return func(c *Certificate) { c.IPAddresses = addresses }
	}
	noNames := func(c *Certificate) { c.DNSNames = []string{} }
	ip := func(octets ...byte) []byte { return tlv(tagIP, octets) }
	good := dnsName("a.example")
	bigOID := tlv(6, []byte{0x2a}, bytes.Repeat([]byte{0xff}, 70), []byte{1})
	longName := strings.Repeat("x", maxStringBytes+1)

	return slices.Concat([]oddCase{
		names("none", true, noNames),
		names("Latin-1 name", false, dns("\uFFFD.example", "a.example"), dnsName("\xe9.example"), good),
		names("UTF-8 name", false, dns("é.example", "a.example"), dnsName("é.example"), good),
		names("empty name", true, dns("", "a.example"), dnsName(""), good),
		names("name with a zero octet", true, dns("a\x00b", "a.example"), dnsName("a\x00b"), good),
		names("mail address not ASCII", false, func(c *Certificate) {
			c.EmailAddresses, c.DNSNames = []string{"é@example"}, []string{"a.example"}
		}, text(tagEmail, "é@example"), good),
		names("URI with a bad host", false, func(c *Certificate) {
			c.URIs, c.DNSNames = []string{"http://a b/%zz"}, []string{"a.example"}
		}, uri("http://a b/%zz"), good),
		names("IP address of 5 octets", false, dns("a.example"), ip(1, 2, 3, 4, 5), good),
		names("IP address with a mask", false, dns("a.example"), ip(192, 0, 2, 0, 255, 255, 255, 0), good),
		names("empty IP address", false, dns("a.example"), ip(), good),
		names("IP address in words", false, ips("192.0.2.1", "2001:db8::1"), text(tagIP, "192.0.2.1"), text(tagIP, "2001:db8::1")),
		names("IPv4 in IPv6", true, ips("::ffff:192.0.2.1"), ip(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 1)),
		names("other kinds", true, func(c *Certificate) {
			c.DNSNames, c.OtherNames = []string{"a.example"}, []string{"otherName:1.2.3", "directoryName:CN=d", "registeredID:1.2"}
		}, tlv(0xa0, objectID("1.2.3"), tlv(0xa0, text(tagUTF8String, "u"))),
			tlv(0xa4, seq(rdn("2.5.4.3", text(tagUTF8String, "d")))), tlv(0x88, []byte{0x2a}), good),
		names("constructed name", true, dns("a.example"), tlv(0xa2, text(tagIA5String, "b.example")), good),
		names("high tag number", false, dns("a.example"), []byte{0x9f, 0x81, 0x01, 1, 0}, good),
		names("length past the end", false, dns("a.example"), good, []byte{tagDNS, 0x7f, 'x'}),
		names("long name", true, func(c *Certificate) {
			c.DNSNames, c.Truncated = []string{longName[1:], "a.example"}, []string{"dns_names"}
		}, dnsName(longName), good),
		names("many of two kinds", true, func(c *Certificate) {
			c.DNSNames = slices.Repeat([]string{"a.example"}, maxNames)
			c.IPAddresses = slices.Repeat([]string{"1.2.3.4"}, maxNames)
			c.Truncated = []string{"dns_names", "ip_addresses"}
		}, bytes.Repeat(good, maxNames+1), bytes.Repeat(ip(1, 2, 3, 4), maxNames+1)),
		names("many bytes", true, func(c *Certificate) {
			c.DNSNames = slices.Repeat([]string{longName[1:]}, maxNamesBytes/maxStringBytes)
			c.Truncated = []string{"dns_names"}
		}, bytes.Repeat(dnsName(longName[1:]), 200)),
		replace("SAN: no sequence", 0, false, ext("2.5.29.17", good), noNames),
		replace("SAN: garbage", 0, false, ext("2.5.29.17", []byte("garbage")), noNames),
		replace("SAN: empty value", 0, false, ext("2.5.29.17", nil), noNames),
		replace("SAN: no value", 0, false, seq(objectID("2.5.29.17")), noNames),
		replace("SAN: critical", 0, true, seq(objectID("2.5.29.17"), critical(), octetString(seq(good))), dns("a.example")),
		replace("SAN: critical is 1", 0, false, seq(objectID("2.5.29.17"), []byte{1, 1, 1}, octetString(seq(good))), dns("a.example")),
		replace("SAN: bit string for the value", 0, false, seq(objectID("2.5.29.17"), tlv(3, seq(good))), dns("a.example")),
		also("SAN: twice", false, altNames(good), dns("odd.example", "a.example")),

		replace("key usage of two octets", 1, true, ext("2.5.29.15", []byte{3, 3, 7, 0x06, 0x80}), func(c *Certificate) {
			c.KeyUsage = []string{"keyCertSign", "cRLSign", "decipherOnly"}
		}),
		replace("key usage that is an integer", 1, false, ext("2.5.29.15", integer(1)), func(c *Certificate) { c.KeyUsage = []string{} }),
		replace("key usage without bits", 1, false, ext("2.5.29.15", []byte{3, 0}), func(c *Certificate) { c.KeyUsage = []string{} }),
		also("key usage twice", false, ext("2.5.29.15", []byte{3, 2, 1, 0xfe}), same),
		replace("extended key usage of an integer", 2, false, ext("2.5.29.37", seq(integer(1), objectID("2.5.29.37.0"), objectID("1.2.3"))), func(c *Certificate) {
			c.ExtKeyUsage = []string{"anyExtendedKeyUsage", "1.2.3"}
		}),
		replace("many extended key usages", 2, true, ext("2.5.29.37", seq(bytes.Repeat(objectID("1.2.3"), maxEntries+1))), func(c *Certificate) {
			c.ExtKeyUsage, c.Truncated = slices.Repeat([]string{"1.2.3"}, maxEntries), []string{"ext_key_usage"}
		}),
	}, oddIdentifiers(also, replace, bigOID))
}

// oddIdentifiers change the extensions that name no host.
func oddIdentifiers(
	also func(string, bool, []byte, func(*Certificate)) oddCase,
	replace func(string, int, bool, []byte, func(*Certificate)) oddCase,
	bigOID []byte,
) []oddCase {
	manyURLs := make([][]byte, 60)
	wantURLs := make([]string, 60)
	for i := range manyURLs {
		wantURLs[i] = fmt.Sprintf("http://ocsp%d.example/", i)
		manyURLs[i] = seq(objectID("1.3.6.1.5.5.7.48.1"), uri(wantURLs[i]))
	}
	return []oddCase{
		replace("critical subject key identifier", 3, false, seq(objectID("2.5.29.14"), critical(), octetString(octetString([]byte{9}))), func(c *Certificate) {
			c.SubjectKeyID = "09"
		}),
		replace("subject key identifier without its own octet string", 3, false, ext("2.5.29.14", []byte{9, 9, 9, 9}), func(c *Certificate) {
			c.SubjectKeyID = ""
		}),
		also("subject key identifier twice", false, ext("2.5.29.14", octetString([]byte{9})), same),
		replace("long subject key identifier", 3, true, ext("2.5.29.14", octetString(bytes.Repeat([]byte{9}, 100))), func(c *Certificate) {
			c.SubjectKeyID, c.Truncated = strings.Repeat("09", maxKeyIDOctets), []string{"subject_key_id"}
		}),
		replace("authority key identifier without one", 4, true, ext("2.5.29.35", seq(tlv(0x82, []byte{1}))), func(c *Certificate) {
			c.AuthorityKeyID = ""
		}),
		replace("critical authority key identifier", 4, false, seq(objectID("2.5.29.35"), critical(), octetString(seq(tlv(0x80, []byte{7})))), func(c *Certificate) {
			c.AuthorityKeyID = "07"
		}),
		also("CA", true, ext("2.5.29.19", seq(critical())), func(c *Certificate) { c.IsCA = true }),
		also("CA with a path length", true, ext("2.5.29.19", seq(critical(), integer(3))), func(c *Certificate) { c.IsCA = true }),
		also("CA is 1", false, ext("2.5.29.19", seq([]byte{1, 1, 1})), func(c *Certificate) { c.IsCA = true }),
		also("CA is false", true, ext("2.5.29.19", seq([]byte{1, 1, 0})), same),
		also("negative path length", false, ext("2.5.29.19", seq(critical(), integer(0xff))), func(c *Certificate) { c.IsCA = true }),
		also("must staple", true, ext("1.3.6.1.5.5.7.1.24", seq(integer(17), integer(5))), func(c *Certificate) { c.MustStaple = true }),
		also("TLS feature other than stapling", true, ext("1.3.6.1.5.5.7.1.24", seq(integer(17))), same),
		also("TLS feature of garbage", true, ext("1.3.6.1.5.5.7.1.24", []byte("garbage")), same),
		replace("policy twice", 5, false, ext("2.5.29.32", seq(seq(objectID("1.2.3")), seq(objectID("1.2.3")))), func(c *Certificate) {
			c.Policies = []string{"1.2.3", "1.2.3"}
		}),
		replace("policy of a UUID", 5, true, ext("2.5.29.32", seq(seq(objectID("2.25.329800735698586629295641978511506172918")))), func(c *Certificate) {
			c.Policies = []string{"2.25.329800735698586629295641978511506172918"}
		}),
		replace("enormous policy", 5, true, ext("2.5.29.32", seq(seq(bigOID), seq(objectID("1.2.3")))), func(c *Certificate) {
			c.Policies, c.Truncated = []string{"1.2.3"}, []string{"policies"}
		}),
		replace("malformed policy", 5, false, ext("2.5.29.32", seq(seq([]byte{6, 1, 0x80}), seq(objectID("1.2.3")))), func(c *Certificate) {
			c.Policies = []string{"1.2.3"}
		}),
		replace("CRL of a directory before its URI", 6, true, ext("2.5.29.31", seq(seq(tlv(0xa0, tlv(0xa0, tlv(0xa4, seq()), uri("http://crl.example/")))))), same),
		replace("CRL points of garbage", 6, false, ext("2.5.29.31", []byte("garbage")), func(c *Certificate) { c.CRLURLs = []string{} }),
		replace("authorities not UTF-8", 7, true, ext("1.3.6.1.5.5.7.1.1", seq(seq(objectID("1.3.6.1.5.5.7.48.1"), uri("http://\xff/")))), func(c *Certificate) {
			c.OCSPServers, c.IssuerURLs = []string{"http://\uFFFD/"}, []string{}
		}),
		replace("authority by directory name", 7, true, ext("1.3.6.1.5.5.7.1.1", seq(seq(objectID("1.3.6.1.5.5.7.48.1"), tlv(0xa4, seq())))), func(c *Certificate) {
			c.OCSPServers, c.IssuerURLs = []string{}, []string{}
		}),
		replace("many authorities", 7, true, ext("1.3.6.1.5.5.7.1.1", seq(manyURLs...)), func(c *Certificate) {
			c.OCSPServers, c.IssuerURLs, c.Truncated = wantURLs[:maxEntries], []string{}, []string{"ocsp_servers"}
		}),
		also("unknown critical extension", true, seq(objectID("1.2.3"), critical(), octetString([]byte("x"))), same),
		also("extension that is a string", false, text(tagUTF8String, "extension"), same),
		also("extension without OID", false, seq(octetString(nil)), same),
		{"garbage among the extensions", func(o *odd) { o.extensions[1] = []byte{0x30, 0x84, 0xff, 0xff, 0xff, 0xff} }, false, func(c *Certificate) {
			c.KeyUsage, c.ExtKeyUsage, c.SubjectKeyID, c.AuthorityKeyID = []string{}, []string{}, "", ""
			c.Policies, c.CRLURLs, c.OCSPServers, c.IssuerURLs = []string{}, []string{}, []string{}, []string{}
		}},
		{"no extensions", func(o *odd) { o.extensions = nil }, true, func(c *Certificate) {
			c.DNSNames, c.KeyUsage, c.ExtKeyUsage, c.SubjectKeyID, c.AuthorityKeyID = []string{}, []string{}, []string{}, "", ""
			c.Policies, c.CRLURLs, c.OCSPServers, c.IssuerURLs = []string{}, []string{}, []string{}, []string{}
		}},
	}
}

// TestManyNames holds the cost of alternative names to the limits: ten times
// the names take as many allocations.
func TestManyNames(t *testing.T) {
	allocs := func(n int) float64 {
		o := ordinary()
		o.extensions[0] = altNames(bytes.Repeat(dnsName("a.b"), n))
		der := o.der()
		if c := Read(der, nil, testNow); len(c.DNSNames) != maxNames || !slices.Equal(c.Truncated, []string{"dns_names"}) {
			t.Fatalf("%d names: %d kept, truncated %q", n, len(c.DNSNames), c.Truncated)
		}
		return testing.AllocsPerRun(5, func() {
			w := walk{cert: new(Certificate)}
			w.certificate(der)
		})
	}
	if few, many := allocs(10_000), allocs(100_000); many > few {
		t.Errorf("%v allocations for 100,000 names, %v for 10,000", many, few)
	}
}
