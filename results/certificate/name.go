package certificate

import (
	"encoding/hex"
	"unicode/utf16"
	"unicode/utf8"
)

// Limits on a distinguished name. Names in use have fewer than 20 attributes,
// which X.520 lets hold 64 to 128 characters. What is cut shows in
// [Certificate.Truncated] as subject or issuer.
const (
	// maxAttributes is how many attributes are kept, the most specific ones.
	maxAttributes = 64
	// maxAttributeOctets is how much of a value is kept. A multiple of 4, so
	// that the cut falls between the characters of a UniversalString.
	maxAttributeOctets = 1024
	// maxAttributeEncoding is the same for a value with its header.
	maxAttributeEncoding = maxAttributeOctets + 128
	// maxNameBytes bounds the string form, and the organizations together.
	maxNameBytes = 4096
)

const (
	oidCommonName   = "\x55\x04\x03"
	oidOrganization = "\x55\x04\x0a"
)

// attributeNames holds RFC 4514's short names, and for attributes that are
// common in certificates the descriptors that LDAP registered for them.
var attributeNames = byContent(map[string]string{
	"2.5.4.3":                    "CN",
	"2.5.4.4":                    "SN",
	"2.5.4.5":                    "serialNumber",
	"2.5.4.6":                    "C",
	"2.5.4.7":                    "L",
	"2.5.4.8":                    "ST",
	"2.5.4.9":                    "STREET",
	"2.5.4.10":                   "O",
	"2.5.4.11":                   "OU",
	"2.5.4.12":                   "title",
	"2.5.4.13":                   "description",
	"2.5.4.15":                   "businessCategory",
	"2.5.4.17":                   "postalCode",
	"2.5.4.18":                   "postOfficeBox",
	"2.5.4.20":                   "telephoneNumber",
	"2.5.4.41":                   "name",
	"2.5.4.42":                   "givenName",
	"2.5.4.43":                   "initials",
	"2.5.4.44":                   "generationQualifier",
	"2.5.4.46":                   "dnQualifier",
	"2.5.4.65":                   "pseudonym",
	"2.5.4.97":                   "organizationIdentifier",
	"0.9.2342.19200300.100.1.1":  "UID",
	"0.9.2342.19200300.100.1.25": "DC",
	"1.2.840.113549.1.9.1":       "emailAddress",
	"1.2.840.113549.1.9.2":       "unstructuredName",
	"1.2.840.113549.1.9.8":       "unstructuredAddress",
	"1.3.6.1.4.1.311.60.2.1.1":   "jurisdictionL",
	"1.3.6.1.4.1.311.60.2.1.2":   "jurisdictionST",
	"1.3.6.1.4.1.311.60.2.1.3":   "jurisdictionC",
})

// attribute is an AttributeTypeAndValue of the rdn-th RelativeDistinguishedName.
type attribute struct {
	rdn   int
	oid   []byte
	value element
}

// ParseName reads the DER form of a Name, such as the RawSubject of an
// [x509.Certificate], within the limits of [Read].
func ParseName(der []byte) Name {
	d := reader(der)
	e, _ := d.next()
	n, _ := distinguishedName(e)
	return n
}

// distinguishedName reads a Name (RFC 5280 §4.1.2.4) in one pass and writes its
// string form in another. crypto/x509/pkix would do the second in time that
// grows with the square of the number of attributes. cut reports whether
// something was left out.
func distinguishedName(name element) (n Name, cut bool) {
	n.Organization = []string{}
	attrs, cut := attributes(name, make([]attribute, 0, 16))
	scratch := make([]byte, 0, 128)
	size := 0
	for _, a := range attrs {
		switch string(a.oid) {
		case oidCommonName:
			if text, ok := appendText(scratch, a.value); ok {
				n.CommonName = string(text)
			}
		case oidOrganization:
			text, ok := appendText(scratch, a.value)
			if size+len(text) > maxNameBytes {
				cut = true
			} else if ok {
				size += len(text)
				n.Organization = append(n.Organization, string(text))
			}
		}
		cut = cut || len(a.value.content) > maxAttributeOctets || len(a.value.full) > maxAttributeEncoding
	}
	dn, whole := appendDN(make([]byte, 0, 256), attrs)
	n.DN = string(dn)
	return n, cut || !whole
}

// attributes appends the last maxAttributes attributes of a name to attrs.
func attributes(name element, attrs []attribute) (_ []attribute, cut bool) {
	total, rdn := 0, 0
	for set := range name.children() {
		rdn++
		for seq := range set.children() {
			d := seq.inside()
			oid, ok := d.next()
			if !ok || oid.tag != tagOID {
				continue
			}
			value, ok := d.next()
			if !ok {
				continue
			}
			a := attribute{rdn, oid.content, value}
			if total < maxAttributes {
				attrs = append(attrs, a)
			} else {
				attrs[total%maxAttributes] = a
			}
			total++
		}
	}
	if total <= maxAttributes {
		return attrs, false
	}
	oldest := total % maxAttributes
	ordered := make([]attribute, 0, maxAttributes)
	return append(append(ordered, attrs[oldest:]...), attrs[:oldest]...), true
}

// appendDN appends the string form of RFC 4514: the RDNs in reverse, the
// attributes of each in the order sent. It ends before the attribute that
// would exceed maxNameBytes.
func appendDN(dst []byte, attrs []attribute) (_ []byte, whole bool) {
	scratch := make([]byte, 0, 128)
	for end := len(attrs); end > 0; {
		start := end - 1
		for start > 0 && attrs[start-1].rdn == attrs[end-1].rdn {
			start--
		}
		separator := byte(',')
		for _, a := range attrs[start:end] {
			before := len(dst)
			if before > 0 {
				dst = append(dst, separator)
			}
			dst = appendAttribute(dst, a, scratch)
			if len(dst) > maxNameBytes {
				return dst[:before], false
			}
			separator = '+'
		}
		end = start
	}
	return dst, true
}

// appendAttribute appends type=value. A type without a short name and a value
// that is no string take the forms of RFC 4514 §2.3 and §2.4: dotted, and # with
// the value's encoding in hex.
func appendAttribute(dst []byte, a attribute, scratch []byte) []byte {
	short, known := attributeNames[string(a.oid)]
	if !known {
		short = dotted(a.oid)
	}
	dst = append(append(dst, short...), '=')
	if known {
		if text, ok := appendText(scratch, a.value); ok {
			return appendEscaped(dst, text)
		}
	}
	full := a.value.full
	return hex.AppendEncode(append(dst, '#'), full[:min(len(full), maxAttributeEncoding)])
}

// appendEscaped appends a value with the escapes of RFC 4514 §2.4. Control
// characters are escaped too, for whoever prints a name on a terminal.
func appendEscaped(dst, text []byte) []byte {
	const digits = "0123456789abcdef"
	for i, b := range text {
		switch {
		case b < 0x20 || b == 0x7f:
			dst = append(dst, '\\', digits[b>>4], digits[b&15])
			continue
		case b == '"', b == '+', b == ',', b == ';', b == '<', b == '>', b == '\\',
			b == '#' && i == 0,
			b == ' ' && (i == 0 || i == len(text)-1):
			dst = append(dst, '\\')
		}
		dst = append(dst, b)
	}
	return dst
}

// The identifier octets of string types (X.680 §41).
const (
	tagUTF8String      = 0x0c
	tagNumericString   = 0x12
	tagPrintableString = 0x13
	tagT61String       = 0x14
	tagIA5String       = 0x16
	tagGraphicString   = 0x19
	tagVisibleString   = 0x1a
	tagGeneralString   = 0x1b
	tagUniversalString = 0x1c
	tagBMPString       = 0x1e
)

// appendText appends the text of a string type to dst as valid UTF-8, cut to
// maxAttributeOctets of its encoding. It reports whether value is one.
func appendText(dst []byte, value element) (_ []byte, ok bool) {
	octets := value.octets()
	octets = octets[:min(len(octets), maxAttributeOctets)]
	switch value.tag &^ tagConstructed {
	case tagUTF8String, tagNumericString, tagPrintableString, tagIA5String,
		tagGraphicString, tagVisibleString, tagGeneralString:
		return appendValid(dst, octets), true
	case tagT61String:
		// Read as Latin-1, as crypto/x509 and the rest of the world do.
		for _, b := range octets {
			dst = utf8.AppendRune(dst, rune(b))
		}
		return dst, true
	case tagBMPString:
		if n := len(octets); n >= 2 && octets[n-1] == 0 && octets[n-2] == 0 {
			octets = octets[:n-2] // a terminator, which crypto/x509 strips too
		}
		units := make([]uint16, 0, len(octets)/2)
		for ; len(octets) >= 2; octets = octets[2:] {
			units = append(units, uint16(octets[0])<<8|uint16(octets[1]))
		}
		for _, r := range utf16.Decode(units) {
			dst = utf8.AppendRune(dst, r)
		}
		return dst, true
	case tagUniversalString:
		for ; len(octets) >= 4; octets = octets[4:] {
			// AppendRune writes U+FFFD for what is no character.
			r := uint32(octets[0])<<24 | uint32(octets[1])<<16 | uint32(octets[2])<<8 | uint32(octets[3])
			dst = utf8.AppendRune(dst, rune(min(r, utf8.MaxRune+1)))
		}
		return dst, true
	}
	return dst, false
}

// appendValid appends text with U+FFFD in place of each run of octets that is
// not UTF-8, since JSON can hold no others.
func appendValid(dst, text []byte) []byte {
	if utf8.Valid(text) {
		return append(dst, text...)
	}
	invalid := false
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if r != utf8.RuneError || n > 1 {
			dst, invalid = append(dst, text[:n]...), false
		} else if !invalid {
			dst, invalid = append(dst, "\uFFFD"...), true
		}
		text = text[n:]
	}
	return dst
}
