package certificate

import (
	"bytes"
	"crypto/x509"
	"strings"
	"testing"
)

// FuzzDotted holds dotted to crypto/x509's object identifiers.
func FuzzDotted(f *testing.F) {
	for _, s := range []string{"0.0", "0.39", "1.0", "1.39", "2.0", "2.999.1", "2.23.140.1.2.1", "1.2.840.113549.1.1.11",
		"2.25.329800735698586629295641978511506172918", "1.3.18446744073709551615", "1.3.144115188075855872", "1.3.144115188075855871",
		"2.144115188075855871.0"} {
		oid, err := x509.ParseOID(s)
		if err != nil {
			f.Fatal(err)
		}
		content, err := oid.MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Add([]byte{})
	f.Add([]byte{0x80, 1})
	f.Add([]byte{0x2a, 0x80, 1})
	f.Add([]byte{0x2a, 0x81})
	f.Add(append(bytes.Repeat([]byte{0x81}, 63), 1))
	f.Add(append(bytes.Repeat([]byte{0x81}, 64), 1))
	f.Add([]byte(strings.Repeat("\x01", 64)))
	f.Add([]byte(strings.Repeat("\xff\xff\xff\x7f", 16)))
	f.Fuzz(func(t *testing.T, content []byte) {
		want := ""
		var oid x509.OID
		if len(content) <= maxOIDOctets && oid.UnmarshalBinary(content) == nil {
			want = oid.String()
		}
		if got := dotted(content); got != want {
			t.Errorf("dotted(% x) = %q, want %q", content, got, want)
		}
	})
}
