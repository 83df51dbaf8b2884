package certificate

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// oddNames change the subject.
func oddNames() []oddCase {
	subject := func(name string, accepted bool, want Name, rdns ...[]byte) oddCase {
		return oddCase{name, func(o *odd) { o.subject = seq(rdns...) }, accepted, func(c *Certificate) {
			if want.Organization == nil {
				want.Organization = []string{}
			}
			c.Subject = want
		}}
	}
	cn := func(tag byte, s string) []byte { return rdn("2.5.4.3", text(tag, s)) }
	long := strings.Repeat("x", maxAttributeOctets+1)
	cut := func(c oddCase) oddCase {
		want := c.want
		c.want = func(c *Certificate) { want(c); c.Truncated = []string{"subject"} }
		return c
	}
	return []oddCase{
		subject("empty subject", true, Name{}),
		subject("empty RDN", true, Name{DN: "CN=a", CommonName: "a"}, set(), cn(tagUTF8String, "a")),
		subject("two common names", true, Name{DN: "CN=b,CN=a", CommonName: "b"}, cn(tagUTF8String, "a"), cn(tagUTF8String, "b")),
		subject("RDN of two attributes", true, Name{DN: "CN=a+O=o,C=XX", CommonName: "a", Organization: []string{"o"}},
			rdn("2.5.4.6", text(tagPrintableString, "XX")),
			set(atv("2.5.4.3", text(tagUTF8String, "a")), atv("2.5.4.10", text(tagUTF8String, "o")))),
		subject("characters to escape", true, Name{DN: `CN=\#a\,b\+\"\\\<\>\;= c#\ ,CN=\ ,CN=\00\0a\7f`, CommonName: "#a,b+\"\\<>;= c# "},
			cn(tagUTF8String, "\x00\n\x7f"), cn(tagUTF8String, " "), cn(tagUTF8String, "#a,b+\"\\<>;= c# ")),
		subject("short names", true, Name{DN: "emailAddress=e,serialNumber=1,UID=u,DC=example,STREET=s,ST=t,L=l,OU=ou"},
			rdn("2.5.4.11", text(tagUTF8String, "ou")), rdn("2.5.4.7", text(tagUTF8String, "l")),
			rdn("2.5.4.8", text(tagUTF8String, "t")), rdn("2.5.4.9", text(tagUTF8String, "s")),
			rdn("0.9.2342.19200300.100.1.25", text(tagIA5String, "example")),
			rdn("0.9.2342.19200300.100.1.1", text(tagUTF8String, "u")),
			rdn("2.5.4.5", text(tagPrintableString, "1")), rdn("1.2.840.113549.1.9.1", text(tagIA5String, "e"))),
		subject("unknown attribute", true, Name{DN: "1.3.6.1.4.1.99999.3=#0c0161"},
			rdn("1.3.6.1.4.1.99999.3", text(tagUTF8String, "a"))),

		subject("T61String", true, Name{DN: "CN=Zürich", CommonName: "Zürich"}, cn(tagT61String, "Z\xfcrich")),
		subject("BMPString", true, Name{DN: "CN=Aé中", CommonName: "Aé中"}, cn(tagBMPString, "\x00A\x00\xe9\x4e\x2d\x00\x00")),
		subject("BMPString with a surrogate pair", false, Name{DN: "CN=😀", CommonName: "😀"}, cn(tagBMPString, "\xd8\x3d\xde\x00")),
		subject("BMPString of odd length", false, Name{DN: "CN=A", CommonName: "A"}, cn(tagBMPString, "\x00A\x00")),
		subject("UniversalString", false, Name{DN: "CN=A😀\uFFFD", CommonName: "A😀\uFFFD"},
			cn(tagUniversalString, "\x00\x00\x00A\x00\x01\xf6\x00\xff\xff\xff\xff")),
		subject("VisibleString", false, Name{DN: "CN=a", CommonName: "a"}, cn(tagVisibleString, "a")),
		subject("invalid UTF8String", false, Name{DN: "CN=a\uFFFDb", CommonName: "a\uFFFDb"}, cn(tagUTF8String, "a\xff\xfeb")),
		subject("UTF-8 in a PrintableString", false, Name{DN: "CN=é_@", CommonName: "é_@"}, cn(tagPrintableString, "é_@")),
		subject("Latin-1 in an IA5String", false, Name{DN: "CN=\uFFFDa", CommonName: "\uFFFDa"}, cn(tagIA5String, "\xe9a")),
		subject("integer for a string", false, Name{DN: "CN=#020105"}, rdn("2.5.4.3", integer(5))),
		subject("string in pieces", false, Name{DN: "CN=ab", CommonName: "ab"},
			rdn("2.5.4.3", indefinite(tagUTF8String|tagConstructed, text(tagUTF8String, "a"), text(tagUTF8String, "b")))),

		subject("attribute without value", false, Name{DN: "O=o", Organization: []string{"o"}},
			set(seq(objectID("2.5.4.3"))), rdn("2.5.4.10", text(tagUTF8String, "o"))),
		subject("attribute without type", false, Name{DN: "O=o", Organization: []string{"o"}},
			set(seq(text(tagUTF8String, "a"))), rdn("2.5.4.10", text(tagUTF8String, "o"))),
		subject("malformed type", false, Name{DN: "=#0c0161"}, set(seq([]byte{6, 2, 0x80, 1}, text(tagUTF8String, "a")))),
		subject("sequence for a set", false, Name{DN: "CN=a", CommonName: "a"}, seq(atv("2.5.4.3", text(tagUTF8String, "a")))),
		{"subject that is no sequence", func(o *odd) { o.subject = text(tagUTF8String, "a") }, false, func(c *Certificate) {
			c.Subject = Name{Organization: []string{}}
		}},

		cut(subject("long value", true, Name{DN: "CN=" + long[1:], CommonName: long[1:]}, cn(tagUTF8String, long))),
		cut(subject("long value cut inside a character", true,
			Name{DN: "CN=" + long[2:] + "\uFFFD", CommonName: long[2:] + "\uFFFD"}, cn(tagUTF8String, long[2:]+"é"))),
		cut(subject("long name", true, Name{DN: strings.Repeat("CN="+long[1:]+",", 3) + "CN=" + long[30:], CommonName: long[1:]},
			slices.Concat(cn(tagUTF8String, long[:20]), cn(tagUTF8String, long[30:]), bytes.Repeat(cn(tagUTF8String, long[1:]), 3)))),
		cut(subject("many attributes", true, Name{DN: strings.TrimSuffix(strings.Repeat("CN=z,", maxAttributes), ","), CommonName: "z"},
			slices.Concat(cn(tagUTF8String, "a"), bytes.Repeat(cn(tagUTF8String, "z"), maxAttributes)))),
		cut(subject("many attributes in one RDN", true, Name{DN: strings.TrimSuffix(strings.Repeat("CN=z+", maxAttributes-1), "+") + "+CN=last", CommonName: "last"},
			set(bytes.Repeat(atv("2.5.4.3", text(tagUTF8String, "z")), 10_000), atv("2.5.4.3", text(tagUTF8String, "last"))))),
	}
}

// TestManyAttributes holds the cost of a name to its size: ten times the
// attributes take as many allocations, since only maxAttributes are kept.
func TestManyAttributes(t *testing.T) {
	allocs := func(n int) float64 {
		o := ordinary()
		o.subject = seq(bytes.Repeat(rdn("1.3.6.1.4.1.99999.3", text(tagUTF8String, "a")), n))
		der := o.der()
		if c := Read(der, nil, testNow); c.ParseError != "" || !slices.Equal(c.Truncated, []string{"subject"}) {
			t.Fatalf("%d attributes: parse_error %q, truncated %q", n, c.ParseError, c.Truncated)
		}
		return testing.AllocsPerRun(5, func() {
			w := walk{cert: new(Certificate)}
			w.certificate(der)
		})
	}
	if few, many := allocs(1_500), allocs(15_000); many > few {
		t.Errorf("%v allocations for 15,000 attributes, %v for 1,500", many, few)
	}
}
