package results

import "time"

// Certificate is what one X.509 certificate says (RFC 5280). Arrays are never
// nil: a certificate without names has an empty list of them.
type Certificate struct {
	Subject      Name   `json:"subject"`
	Issuer       Name   `json:"issuer"`
	SerialNumber string `json:"serial_number"` // hex, two's complement octets as sent
	Version      int    `json:"version"`       // 1 to 3
	// NotBefore, NotAfter and DaysLeft are absent where the certificate's
	// dates cannot be read. DaysLeft counts from the record's time and is
	// negative once the certificate has expired.
	NotBefore time.Time `json:"not_before,omitzero"`
	NotAfter  time.Time `json:"not_after,omitzero"`
	DaysLeft  *float64  `json:"days_left,omitempty"`

	DNSNames       []string `json:"dns_names"`
	IPAddresses    []string `json:"ip_addresses"`
	EmailAddresses []string `json:"email_addresses"`
	URIs           []string `json:"uris"`

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

	FingerprintSHA256 string `json:"fingerprint_sha256"` // of the bytes received
	FingerprintSHA1   string `json:"fingerprint_sha1"`
	SPKISHA256        string `json:"spki_sha256"` // of the SubjectPublicKeyInfo, as in RFC 7469 pins

	// Truncated names the fields that were cut to this package's limits.
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
	Curve     string `json:"curve,omitempty"` // P-256 …
}
