package certificate

import (
	"bytes"
	"encoding/hex"
	"math"
	"slices"
	"time"
)

const (
	// maxSerialOctets caps serial numbers, for which RFC 5280 §4.1.2.2 allows 20
	// octets.
	maxSerialOctets = 64
	// maxKeyIDOctets caps key identifiers, which are 20 octets or a hash.
	maxKeyIDOctets = 64
)

// walk reads a certificate (RFC 5280 §4.1) from its outside in, by position, and
// fills cert with whatever it comes across. Its depth is that of the
// certificate's own definition, however deep the input nests.
type walk struct {
	cert       *Certificate
	spki       []byte // the SubjectPublicKeyInfo, nil where it is not there or not whole
	selfIssued bool   // subject and issuer are the same octets

	dnsNames, ipAddresses, emailAddresses, uris, otherNames list
	extKeyUsage, ocspServers, issuerURLs, crlURLs           list
	policies                                                list
}

// certificate reads Certificate.
func (w *walk) certificate(der []byte) {
	d := reader(der)
	outer, _ := d.next()
	d = outer.inside()
	tbs, _ := d.next()
	w.tbsCertificate(tbs.inside())
	if alg, ok := d.next(); ok {
		// The outer algorithm, which the signature was made with, goes before
		// the inner one where they differ.
		if name := signatureName(alg); name != "" {
			w.cert.SignatureAlgorithm = name
		}
	}
}

// tbsCertificate reads TBSCertificate.
func (w *walk) tbsCertificate(d reader) {
	e, ok := d.next()
	if ok {
		w.cert.Version = 1 // the default
	}
	if ok && e.tag == tagExplicit0 {
		w.cert.Version = version(e)
		e, ok = d.next()
	}
	if ok && !e.constructed() {
		var cut bool
		if w.cert.SerialNumber, cut = serialNumber(e.content); cut {
			w.cut("serial_number")
		}
		e, ok = d.next()
	}
	if ok {
		w.cert.SignatureAlgorithm = signatureName(e)
	}
	issuer, _ := d.next()
	w.cert.Issuer = w.name(issuer, "issuer")
	if validity, ok := d.next(); ok {
		w.validity(validity)
	}
	subject, ok := d.next()
	w.cert.Subject = w.name(subject, "subject")
	w.selfIssued = ok && bytes.Equal(subject.full, issuer.full)
	if spki, ok := d.next(); ok && spki.constructed() {
		w.cert.PublicKey = publicKey(spki)
		if !spki.cut {
			w.spki = spki.full
		}
	}
	const issuerUniqueID, subjectUniqueID = 0x81, 0x82
	e, ok = d.next()
	if ok && e.tag == issuerUniqueID {
		e, ok = d.next()
	}
	if ok && e.tag == subjectUniqueID {
		e, ok = d.next()
	}
	if ok && e.tag == tagExplicit3 {
		extensions, _ := e.first()
		w.extensions(extensions)
	}
}

func (w *walk) name(e element, field string) Name {
	n, cut := distinguishedName(e)
	if cut {
		w.cut(field)
	}
	return n
}

func (w *walk) validity(e element) {
	d := e.inside()
	if t, ok := d.next(); ok {
		w.cert.NotBefore = parseTime(t)
	}
	if t, ok := d.next(); ok {
		w.cert.NotAfter = parseTime(t)
	}
}

// cut notes that a field of the record does not show all there was.
func (w *walk) cut(field string) {
	if !slices.Contains(w.cert.Truncated, field) {
		w.cert.Truncated = append(w.cert.Truncated, field)
	}
}

// finish puts what was collected into the certificate. After it no list of the
// certificate is nil.
func (w *walk) finish() {
	c := w.cert
	c.Subject.Organization = orEmpty(c.Subject.Organization)
	c.Issuer.Organization = orEmpty(c.Issuer.Organization)
	c.KeyUsage = orEmpty(c.KeyUsage)
	c.DNSNames = w.strings(&w.dnsNames, "dns_names")
	c.IPAddresses = w.strings(&w.ipAddresses, "ip_addresses")
	c.EmailAddresses = w.strings(&w.emailAddresses, "email_addresses")
	c.URIs = w.strings(&w.uris, "uris")
	c.OtherNames = w.strings(&w.otherNames, "other_names")
	if c.SCTs == nil {
		c.SCTs = []SCT{}
	}
	c.ExtKeyUsage = w.strings(&w.extKeyUsage, "ext_key_usage")
	c.OCSPServers = w.strings(&w.ocspServers, "ocsp_servers")
	c.IssuerURLs = w.strings(&w.issuerURLs, "issuer_urls")
	c.CRLURLs = w.strings(&w.crlURLs, "crl_urls")
	c.Policies = w.strings(&w.policies, "policies")
	c.Truncated = orEmpty(c.Truncated)
}

// strings returns what a list holds, and notes where it was cut.
func (w *walk) strings(l *list, field string) []string {
	if l.cut {
		w.cut(field)
	}
	return orEmpty(l.items)
}

func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// version returns the version that certificates are called by, one more than
// the number sent, or 0 where that is no version at all.
func version(explicit element) int {
	n, ok := explicit.first()
	if !ok || len(n.content) == 0 || len(n.content) > 4 || n.content[0]&0x80 != 0 {
		return 0
	}
	v := 0
	for _, b := range n.content {
		v = v<<8 | int(b)
	}
	return v + 1
}

// serialNumber writes an INTEGER's content octets as OpenSSL does.
func serialNumber(content []byte) (s string, cut bool) {
	if len(content) == 0 {
		return "", false
	}
	negative := content[0]&0x80 != 0
	filler := byte(0)
	if negative {
		filler = 0xff
	}
	// An octet that only carries the sign is not part of the magnitude.
	for len(content) > 1 && content[0] == filler {
		content = content[1:]
	}
	if !negative {
		cut = len(content) > maxSerialOctets
		return hex.EncodeToString(content[:min(len(content), maxSerialOctets)]), cut
	}
	magnitude := make([]byte, len(content))
	borrow := true
	for i, b := range slices.Backward(content) {
		magnitude[i] = ^b
		if borrow {
			magnitude[i]++
			borrow = magnitude[i] == 0
		}
	}
	if borrow { // -256, -65536, …: 0xff and zeros, of which the 0xff was taken off
		magnitude = append([]byte{1}, magnitude...)
	}
	cut = len(magnitude) > maxSerialOctets
	return "-" + hex.EncodeToString(magnitude[:min(len(magnitude), maxSerialOctets)]), cut
}

// timeLayouts are the forms of UTCTime and GeneralizedTime beyond the two that
// RFC 5280 §4.1.2.5 allows, for [time.Parse].
var (
	utcLayouts         = []string{"060102150405Z0700", "0601021504Z0700", "060102150405", "0601021504"}
	generalizedLayouts = []string{"20060102150405Z0700", "200601021504Z0700", "20060102150405", "200601021504"}
)

// parseTime returns the time that a UTCTime or GeneralizedTime says, in UTC, or
// the zero time where it says none or one that JSON cannot hold (RFC 3339 has
// four digits for a year).
func parseTime(e element) time.Time {
	const tagGeneralizedTime, longest = 0x18, 40
	s := e.content
	if len(s) > longest {
		return time.Time{}
	}
	if t, ok := parseDERTime(s); ok {
		return t
	}
	if e.tag == tagGeneralizedTime {
		return parseGeneralizedTime(string(s))
	}
	for _, layout := range utcLayouts {
		if t, err := time.Parse(layout, string(s)); err == nil {
			if t.Year() >= 2050 {
				t = t.AddDate(-100, 0, 0)
			}
			return t.UTC()
		}
	}
	return parseGeneralizedTime(string(s))
}

func parseGeneralizedTime(s string) time.Time {
	for _, layout := range generalizedLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			if t = t.UTC(); t.Year() >= 0 && t.Year() <= 9999 {
				return t
			}
		}
	}
	return time.Time{}
}

// parseDERTime reads the two forms of RFC 5280 §4.1.2.5, YYMMDDHHMMSSZ and
// YYYYMMDDHHMMSSZ, which nearly all certificates use, faster than [time.Parse].
func parseDERTime(s []byte) (time.Time, bool) {
	if len(s) < 13 || s[len(s)-1] != 'Z' {
		return time.Time{}, false
	}
	for _, b := range s[:len(s)-1] {
		if b < '0' || b > '9' {
			return time.Time{}, false
		}
	}
	var year int
	switch len(s) {
	case 13:
		year = twoDigits(s)
		if year < 50 {
			year += 100
		}
		year += 1900
	case 15:
		year = twoDigits(s)*100 + twoDigits(s[2:])
		s = s[2:]
	default:
		return time.Time{}, false
	}
	month, day := twoDigits(s[2:]), twoDigits(s[4:])
	hour, minute, second := twoDigits(s[6:]), twoDigits(s[8:]), twoDigits(s[10:])
	if hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	// Date makes a real date of the 31st of February: another one.
	return t, t.Month() == time.Month(month) && t.Day() == day
}

func twoDigits(s []byte) int { return int(s[0]-'0')*10 + int(s[1]-'0') }

// daysBetween returns the days from now until t, to a tenth. It counts in
// seconds, since a [time.Duration] ends at 292 years.
func daysBetween(now, t time.Time) float64 {
	days := float64(t.Unix()-now.Unix()) / (24 * 60 * 60)
	return math.Round(days*10)/10 + 0 // 0, not -0
}
