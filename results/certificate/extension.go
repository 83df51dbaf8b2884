package certificate

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"unicode/utf8"
)

// Limits on the lists of a certificate. A list that reaches one is named in
// [Certificate.Truncated].
const (
	// maxNames is how many names of one kind are kept. Content delivery networks
	// put up to about 2,000 in one certificate.
	maxNames = 2500
	// maxNamesBytes bounds the names of one kind together.
	maxNamesBytes = 128 << 10
	// maxEntries is the same for usages, policies and the addresses of
	// authorities, of which there are rarely more than three.
	maxEntries = 50
	// maxStringBytes bounds one entry. URLs with an LDAP query reach 300 bytes.
	maxStringBytes = 1024
)

// list is a capped list of strings. Its zero value is ready to use.
type list struct {
	items []string
	bytes int
	cut   bool
}

// add appends text, made valid UTF-8, unless a limit is reached.
func (l *list) add(text []byte, limit int) {
	if len(text) > maxStringBytes {
		text, l.cut = text[:maxStringBytes], true
	}
	if len(l.items) >= limit || l.bytes+len(text) > maxNamesBytes {
		l.cut = true
		return
	}
	l.bytes += len(text)
	if l.items == nil {
		l.items = make([]string, 0, 2) // what most lists that are not empty hold
	}
	if utf8.Valid(text) {
		l.items = append(l.items, string(text))
	} else {
		l.items = append(l.items, strings.ToValidUTF8(string(text), "\uFFFD"))
	}
}

// addString appends text of this package's own, unless the limit is reached.
func (l *list) addString(text string, limit int) {
	if len(l.items) >= limit {
		l.cut = true
		return
	}
	l.items = append(l.items, text)
}

// Content octets of the extensions that are read, each below id-ce (RFC 5280
// §4.2.1) or id-pe (§4.2.2), and of what stands in them.
const (
	oidSubjectKeyID     = "\x55\x1d\x0e"
	oidKeyUsage         = "\x55\x1d\x0f"
	oidSubjectAltName   = "\x55\x1d\x11"
	oidBasicConstraints = "\x55\x1d\x13"
	oidCRLPoints        = "\x55\x1d\x1f"
	oidPolicies         = "\x55\x1d\x20"
	oidAuthorityKeyID   = "\x55\x1d\x23"
	oidExtKeyUsage      = "\x55\x1d\x25"
	oidAuthorityInfo    = "\x2b\x06\x01\x05\x05\x07\x01\x01"
	oidTLSFeature       = "\x2b\x06\x01\x05\x05\x07\x01\x18"         // RFC 7633 §6
	oidSCTs             = "\x2b\x06\x01\x04\x01\xd6\x79\x02\x04\x02" // RFC 6962 §3.3
	oidOCSP             = "\x2b\x06\x01\x05\x05\x07\x30\x01"
	oidCAIssuers        = "\x2b\x06\x01\x05\x05\x07\x30\x02"
)

// extensions reads Extensions. Of an extension that is there twice both count:
// lists grow, and single values keep the first. Those of a certificate that
// calls itself version 1 are read as well, though verifiers ignore them.
func (w *walk) extensions(e element) {
	for extension := range e.children() {
		d := extension.inside()
		oid, ok := d.next()
		if !ok || oid.tag != tagOID {
			continue
		}
		value, ok := d.next()
		if ok && value.tag == tagBoolean { // critical
			value, ok = d.next()
		}
		if !ok {
			continue
		}
		d = reader(value.octets())
		if inner, ok := d.next(); ok {
			w.extension(string(oid.content), inner)
		}
	}
}

// extension reads one extension from the element that its value begins with.
func (w *walk) extension(oid string, e element) {
	c := w.cert
	switch oid {
	case oidSubjectAltName:
		for name := range e.children() {
			w.generalName(name)
		}
	case oidKeyUsage:
		if e.tag == tagBitString && !e.cut && c.KeyUsage == nil {
			c.KeyUsage = keyUsage(e.content)
		}
	case oidExtKeyUsage:
		for id := range e.children() {
			w.extKeyUsageOID(id)
		}
	case oidBasicConstraints:
		ca, ok := e.first()
		if ok && ca.tag == tagBoolean && len(ca.content) == 1 {
			c.IsCA = c.IsCA || ca.content[0] != 0
		}
	case oidSCTs:
		if e.tag == tagOctetString && c.SCTs == nil {
			var cut bool
			if c.SCTs, cut = scts(e.octets()); cut {
				w.cut("scts")
			}
		}
	case oidSubjectKeyID:
		if e.tag == tagOctetString && !e.cut && c.SubjectKeyID == "" {
			c.SubjectKeyID = w.keyID(e.content, "subject_key_id")
		}
	case oidAuthorityKeyID:
		const tagKeyIdentifier = 0x80
		id, ok := e.first()
		if ok && id.tag == tagKeyIdentifier && c.AuthorityKeyID == "" {
			c.AuthorityKeyID = w.keyID(id.content, "authority_key_id")
		}
	case oidAuthorityInfo:
		for description := range e.children() {
			w.accessDescription(description)
		}
	case oidCRLPoints:
		for point := range e.children() {
			w.distributionPoint(point)
		}
	case oidPolicies:
		for policy := range e.children() {
			if id, ok := policy.first(); ok && id.tag == tagOID {
				addOID(&w.policies, id.content)
			}
		}
	case oidTLSFeature:
		const statusRequest = "\x05" // RFC 6066 §8
		for feature := range e.children() {
			if feature.tag == tagInteger && string(feature.content) == statusRequest {
				c.MustStaple = true
			}
		}
	}
}

// The identifier octets of GeneralName's choices that are read (RFC 5280
// §4.2.1.6).
const (
	tagEmail = 0x81
	tagDNS   = 0x82
	tagURI   = 0x86
	tagIP    = 0x87
)

// generalName adds a subject alternative name to the list of its kind.
func (w *walk) generalName(name element) {
	switch name.tag {
	case tagDNS:
		w.dnsNames.add(name.content, maxNames)
	case tagEmail:
		w.emailAddresses.add(name.content, maxNames)
	case tagURI:
		w.uris.add(name.content, maxNames)
	case tagIP:
		ip, ok := netip.AddrFromSlice(name.content)
		if !ok && len(name.content) <= len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255") {
			// A common mistake is to write the address out.
			ip, _ = netip.ParseAddr(string(name.content))
		}
		if ip.IsValid() {
			var scratch [64]byte
			w.ipAddresses.add(ip.AppendTo(scratch[:0]), maxNames)
		}
	case tagDirectoryName:
		inner, _ := name.first()
		directory, _ := distinguishedName(inner)
		w.otherNames.add([]byte("directoryName:"+directory.DN), maxEntries)
	case tagOtherName:
		id, _ := name.first()
		w.otherNames.add([]byte("otherName:"+dotted(id.content)), maxEntries)
	case tagRegisteredID:
		w.otherNames.add([]byte("registeredID:"+dotted(name.content)), maxEntries)
	}
}

// The forms of a GeneralName (RFC 5280 §4.2.1.6) that no endpoint is checked
// against.
const (
	tagOtherName     = 0xA0
	tagDirectoryName = 0xA4
	tagRegisteredID  = 0x88
)

// accessDescription reads one entry of AuthorityInfoAccess (RFC 5280 §4.2.2.1).
func (w *walk) accessDescription(e element) {
	d := e.inside()
	method, _ := d.next()
	location, ok := d.next()
	if !ok || location.tag != tagURI {
		return
	}
	switch string(method.content) {
	case oidOCSP:
		w.ocspServers.add(location.content, maxEntries)
	case oidCAIssuers:
		w.issuerURLs.add(location.content, maxEntries)
	}
}

// distributionPoint reads one entry of CRLDistributionPoints (RFC 5280
// §4.2.1.13): distributionPoint [0] { fullName [0] { names } }.
func (w *walk) distributionPoint(e element) {
	point, ok := e.first()
	if !ok || point.tag != tagExplicit0 {
		return
	}
	fullName, ok := point.first()
	if !ok || fullName.tag != tagExplicit0 {
		return
	}
	for name := range fullName.children() {
		if name.tag == tagURI {
			w.crlURLs.add(name.content, maxEntries)
		}
	}
}

func (w *walk) extKeyUsageOID(id element) {
	if id.tag != tagOID {
		return
	}
	if name, ok := extKeyUsageNames[string(id.content)]; ok {
		w.extKeyUsage.addString(name, maxEntries)
		return
	}
	addOID(&w.extKeyUsage, id.content)
}

// addOID adds the dotted form of an object identifier to a list.
func addOID(l *list, content []byte) {
	if len(content) > maxOIDOctets || len(l.items) >= maxEntries {
		l.cut = true
		return
	}
	if s := dotted(content); s != "" {
		l.addString(s, maxEntries)
	}
}

// keyID writes a key identifier in hex.
func (w *walk) keyID(id []byte, field string) string {
	if len(id) > maxKeyIDOctets {
		id = id[:maxKeyIDOctets]
		w.cut(field)
	}
	return hex.EncodeToString(id)
}

// keyUsageNames are the bits of KeyUsage (RFC 5280 §4.2.1.3), from bit 0.
var keyUsageNames = [...]string{"digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment",
	"keyAgreement", "keyCertSign", "cRLSign", "encipherOnly", "decipherOnly"}

// keyUsage names the bits that a BIT STRING's content octets set.
func keyUsage(content []byte) []string {
	names := make([]string, 0, len(keyUsageNames))
	for i, name := range keyUsageNames {
		octet := 1 + i/8 // after the count of unused bits
		if octet < len(content) && content[octet]&(0x80>>(i%8)) != 0 {
			names = append(names, name)
		}
	}
	return names
}
