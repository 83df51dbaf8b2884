package hello

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"slices"
	"strings"

	"github.com/cloudflare/circl/sign/ed448"
)

// KeyKind is a kind of key that a hello can ask for: by its signature schemes
// and, below TLS 1.3, by its suites.
type KeyKind string

// The kinds of which servers have several certificates.
const (
	RSA   KeyKind = "RSA"
	ECDSA KeyKind = "ECDSA"
	EdDSA KeyKind = "EdDSA"
)

// KeyKinds returns all kinds, the most common first.
func KeyKinds() []KeyKind { return []KeyKind{RSA, ECDSA, EdDSA} }

// KindOf returns the kind of a certificate's key, or "" if it is none of these.
func KindOf(der []byte) KeyKind {
	switch publicKey(der).(type) {
	case *rsa.PublicKey:
		return RSA
	case *ecdsa.PublicKey:
		return ECDSA
	case ed25519.PublicKey, ed448.PublicKey:
		return EdDSA
	}
	return ""
}

// CurveOf returns the group that the key of a certificate is on, or 0 if it is
// none of the NIST curves.
func CurveOf(der []byte) uint16 {
	key, ok := publicKey(der).(*ecdsa.PublicKey)
	if !ok {
		return 0
	}
	return map[elliptic.Curve]uint16{elliptic.P256(): groupP256, elliptic.P384(): groupP384, elliptic.P521(): groupP521}[key.Curve]
}

// OnlyKeys returns the offer for servers with a key of one kind. The certificates
// above the leaf may be signed in any way.
func (o Offer) OnlyKeys(kind KeyKind) Offer {
	o.CertificateSchemes = o.SignatureSchemes
	o.SignatureSchemes = slices.DeleteFunc(slices.Clone(o.SignatureSchemes), func(scheme uint16) bool { return schemeKind(scheme) != kind })
	o.CipherSuites = slices.DeleteFunc(slices.Clone(o.CipherSuites), func(id uint16) bool {
		name := SuiteName(id)
		switch {
		case id>>8 == 0x13 || id == emptyRenegotiationInfo:
			return false
		case kind == RSA:
			return !strings.HasPrefix(name, "TLS_RSA_WITH_") && !strings.Contains(name, "DHE_RSA_WITH_")
		}
		// EdDSA keys go with the suites of ECDSA, RFC 8422 §5.10.
		return !strings.HasPrefix(name, "TLS_ECDHE_ECDSA_")
	})
	return o
}

// schemeKind returns the kind of key that signs with a scheme, or "".
func schemeKind(scheme uint16) KeyKind {
	if _, ok := pssHashes[scheme]; ok {
		return RSA
	}
	switch {
	case scheme == 0x0807 || scheme == 0x0808:
		return EdDSA
	case scheme>>8 >= 1 && scheme>>8 <= 6 && uint8(scheme) == signatureRSA:
		return RSA
	case scheme>>8 >= 1 && scheme>>8 <= 6 && uint8(scheme) == signatureECDSA, 0x081A <= scheme && scheme <= 0x081C:
		return ECDSA
	}
	return ""
}
