package certificate

import (
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"strings"
	"time"
)

// Certificate is what one X.509 certificate says (RFC 5280). Arrays are never
// nil: a certificate without names has an empty list of them. Strings are valid
// UTF-8, whatever octets the certificate holds. Fields that cannot be read are
// empty.
type Certificate struct {
	Subject Name `json:"subject"`
	Issuer  Name `json:"issuer"`
	// SerialNumber is the number's magnitude in hex, two digits an octet, after
	// a "-" where it is negative (which RFC 5280 forbids).
	SerialNumber string `json:"serial_number"`
	Version      int    `json:"version"` // 1 to 3; others as sent, 0 where unreadable
	// NotBefore, NotAfter and DaysLeft are absent where the certificate's
	// dates cannot be read or lie outside the years 0 to 9999. DaysLeft counts
	// from the record's time, to a tenth of a day, and is negative once the
	// certificate has expired.
	NotBefore time.Time `json:"not_before,omitzero"`
	NotAfter  time.Time `json:"not_after,omitzero"`
	DaysLeft  Days      `json:"days_left,omitzero"`

	DNSNames       []string `json:"dns_names"`
	IPAddresses    []string `json:"ip_addresses"` // as netip writes them
	EmailAddresses []string `json:"email_addresses"`
	URIs           []string `json:"uris"`
	// OtherNames are the subject alternative names of other forms:
	// "directoryName:" with the name, "otherName:" and "registeredID:" with a
	// dotted OID.
	OtherNames []string `json:"other_names"`

	PublicKey          PublicKey `json:"public_key"`
	SignatureAlgorithm string    `json:"signature_algorithm"` // "ECDSA-SHA384", or a dotted OID
	KeyUsage           []string  `json:"key_usage"`           // RFC 5280 §4.2.1.3 names: digitalSignature …
	ExtKeyUsage        []string  `json:"ext_key_usage"`       // serverAuth …, or dotted OIDs
	IsCA               bool      `json:"is_ca"`
	SelfSigned         bool      `json:"self_signed"`
	MustStaple         bool      `json:"must_staple"` // TLS feature status_request (RFC 7633)
	AuthorityKeyID     string    `json:"authority_key_id"`
	SubjectKeyID       string    `json:"subject_key_id"`
	OCSPServers        []string  `json:"ocsp_servers"`
	IssuerURLs         []string  `json:"issuer_urls"`
	CRLURLs            []string  `json:"crl_urls"`
	Policies           []string  `json:"policies"` // dotted OIDs
	// SCTs are those that the certificate embeds.
	SCTs []SCT `json:"scts"`

	FingerprintSHA256 string `json:"fingerprint_sha256"` // of the bytes received
	FingerprintSHA1   string `json:"fingerprint_sha1"`
	SPKISHA256        string `json:"spki_sha256"` // of the SubjectPublicKeyInfo, as in RFC 7469 pins

	// Truncated holds the JSON names of the fields above that were cut to this
	// package's limits.
	Truncated  []string `json:"truncated"`
	ParseError string   `json:"parse_error,omitempty"` // only where the certificate is malformed
	PEM        string   `json:"pem,omitempty"`         // only when asked for
}

// Name is a distinguished name (RFC 5280 §4.1.2.4).
type Name struct {
	DN           string   `json:"dn"` // RFC 4514 string form, most specific part first
	CommonName   string   `json:"common_name"`
	Organization []string `json:"organization"`
}

// PublicKey describes a certificate's key.
type PublicKey struct {
	Algorithm string `json:"algorithm"`       // RSA, ECDSA, Ed25519, …, or a dotted OID
	Bits      int    `json:"bits"`            // of the modulus or the field; 0 where unknown
	Curve     string `json:"curve,omitempty"` // P-256 …, "explicit", or a dotted OID
}

// maxParseError bounds [Certificate.ParseError], in bytes: crypto/x509 quotes
// parts of the certificate in some of its messages.
const maxParseError = 200

// Read describes one certificate as it was received. parsed is what
// crypto/x509 made of der; where it is nil, der is parsed here. now is the time
// that DaysLeft counts from.
//
// Every field comes from one lenient walk over der, whether or not
// x509.ParseCertificate accepts it, so a malformed certificate shows whatever
// can be read of it and ParseError says why x509 refused. Read never
// fails, keeps nothing of der or parsed, and takes time linear in len(der), but
// for one check of the signature of a certificate that names itself as its
// issuer.
func Read(der []byte, parsed *x509.Certificate, now time.Time) *Certificate {
	c, parsed, selfIssued := read(der, parsed, now)
	c.SelfSigned = selfIssued && !namesAnotherKey(c) && selfSigned(c, parsed)
	return c
}

// ReadAbove is [Read] for a certificate that was sent above a leaf: whoever sends
// hundreds would have as many signatures checked. So SelfSigned is what such a
// certificate says of itself, that its issuer has its name and no other key.
func ReadAbove(der []byte, parsed *x509.Certificate, now time.Time) *Certificate {
	if parsed != nil && parsed.PublicKey == nil {
		parsed = nil // who parsed it may have left the key out
	}
	c, _, selfIssued := read(der, parsed, now)
	c.SelfSigned = selfIssued && !namesAnotherKey(c)
	return c
}

// read fills all but SelfSigned.
func read(der []byte, parsed *x509.Certificate, now time.Time) (c *Certificate, _ *x509.Certificate, selfIssued bool) {
	c = &Certificate{}
	if parsed == nil {
		var err error
		if parsed, err = x509.ParseCertificate(der); err != nil {
			c.ParseError = parseError(err)
		}
	}
	w := walk{cert: c}
	w.certificate(der)
	w.finish()

	var digits [2 * (sha256.Size + sha1.Size + sha256.Size)]byte
	sum256, sum1 := sha256.Sum256(der), sha1.Sum(der)
	hexes := hex.AppendEncode(hex.AppendEncode(digits[:0], sum256[:]), sum1[:])
	if w.spki != nil {
		sum := sha256.Sum256(w.spki)
		hexes = hex.AppendEncode(hexes, sum[:])
	}
	all := string(hexes)
	c.FingerprintSHA256 = all[:2*sha256.Size]
	c.FingerprintSHA1 = all[2*sha256.Size : 2*(sha256.Size+sha1.Size)]
	c.SPKISHA256 = all[2*(sha256.Size+sha1.Size):]

	if !c.NotAfter.IsZero() {
		c.DaysLeft = DaysOf(daysBetween(now, c.NotAfter))
	}
	return c, parsed, w.selfIssued
}

// EncodePEM returns a certificate as a PEM block (RFC 7468 §5), for
// [Certificate.PEM].
func EncodePEM(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// parseError returns crypto/x509's message, fit for a record.
func parseError(err error) string {
	s := strings.ToValidUTF8(err.Error(), "\uFFFD")
	// A rune that the limit divides goes as a whole.
	return strings.ToValidUTF8(s[:min(len(s), maxParseError)], "")
}

// namesAnotherKey reports whether a certificate says that it was signed with
// another key than its own.
func namesAnotherKey(c *Certificate) bool {
	return c.AuthorityKeyID != "" && c.SubjectKeyID != "" && c.AuthorityKeyID != c.SubjectKeyID
}

// selfSigned decides for a certificate whose subject is its issuer. parsed is
// nil where crypto/x509 refused it.
func selfSigned(c *Certificate, parsed *x509.Certificate) bool {
	if parsed == nil {
		return true
	}
	if _, ok := parsed.PublicKey.(*rsa.PublicKey); ok && (c.PublicKey.Bits < 1024 || c.PublicKey.Bits > 8192) {
		// crypto/rsa refuses small keys (Go's rsa1024min); large ones cost their
		// size squared, and crypto/tls stops at 8192 bits too.
		return true
	}
	err := parsed.CheckSignature(parsed.SignatureAlgorithm, parsed.RawTBSCertificate, parsed.Signature)
	_, insecure := errors.AsType[x509.InsecureAlgorithmError](err)
	return err == nil || insecure || errors.Is(err, x509.ErrUnsupportedAlgorithm)
}
