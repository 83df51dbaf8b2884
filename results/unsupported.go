package results

import (
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"certsweep/results/certificate"
)

// isUnsupported reports whether a certificate that crypto/x509 refuses has a key
// on a curve that Go merely does not know, such as brainpool's, secp256k1 and
// SM2's: x509 looks at the key before it looks further, so nothing is known to be
// wrong with the certificate.
func isUnsupported(key certificate.PublicKey) bool {
	switch key.Algorithm {
	case "ECDSA", "EC", "SM2":
		return !slices.Contains([]string{"", "explicit", "P-224", "P-256", "P-384", "P-521"}, key.Curve)
	}
	return false
}

// parseWithoutKey parses a certificate whose key is on a curve that Go does not
// know as crypto/x509 parses one with a key of an algorithm that it does not
// know: without the key, so that no signature by it ever counts. It returns nil
// for all others.
func parseWithoutKey(der []byte) *x509.Certificate {
	if !isUnsupported(certificate.ReadAbove(der, nil, time.Time{}).PublicKey) {
		return nil
	}
	var outer, tbs, rest, spki cryptobyte.String
	input := cryptobyte.String(der)
	if !input.ReadASN1(&outer, asn1.SEQUENCE) || !outer.ReadASN1Element(&tbs, asn1.SEQUENCE) {
		return nil
	}
	rawTBS := tbs
	if !tbs.ReadASN1(&rest, asn1.SEQUENCE) {
		return nil
	}
	inside := rest
	if !rest.SkipOptionalASN1(asn1.Tag(0).ContextSpecific().Constructed()) || !rest.SkipASN1(asn1.INTEGER) {
		return nil
	}
	for range 4 { // signature, issuer, validity, subject
		if !rest.SkipASN1(asn1.SEQUENCE) {
			return nil
		}
	}
	before := inside[:len(inside)-len(rest)]
	if !rest.ReadASN1Element(&spki, asn1.SEQUENCE) {
		return nil
	}
	// An empty key of Ed448.
	unknown := []byte{0x30, 10, 0x30, 5, 0x06, 3, 0x2b, 0x65, 0x71, 0x03, 1, 0}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(before)
			b.AddBytes(unknown)
			b.AddBytes(rest)
		})
		b.AddBytes(outer)
	})
	changed, err := b.Bytes()
	if err != nil {
		return nil
	}
	parsed, err := x509.ParseCertificate(changed)
	if err != nil {
		return nil
	}
	parsed.Raw, parsed.RawTBSCertificate, parsed.RawSubjectPublicKeyInfo = der, rawTBS, spki
	return parsed
}

// unsupported returns why a chain could not be checked: it leads to a trust
// anchor by its names, and somewhere on the way is a signature of a kind that Go
// does not know. It is nil if there is no such way.
func (v *Verifier) unsupported(leaf *x509.Certificate, above []*x509.Certificate) error {
	type place struct {
		*x509.Certificate
		past bool // something unknown
	}
	seen := make(map[place]bool)
	var climb func(child, unknown *x509.Certificate) *x509.Certificate
	climb = func(child, unknown *x509.Certificate) *x509.Certificate {
		if seen[place{child, unknown != nil}] {
			return nil
		}
		seen[place{child, unknown != nil}] = true
		if unknown == nil && child.SignatureAlgorithm == x509.UnknownSignatureAlgorithm && !hasWeakSignature(child) {
			unknown = child
		}
		if unknown != nil && v.anchors()[string(child.RawIssuer)] > 0 {
			return unknown
		}
		for _, parent := range above {
			if string(parent.RawSubject) != string(child.RawIssuer) {
				continue
			}
			next := unknown
			if next == nil && parent.PublicKey == nil && !hasWeakSignature(child) {
				next = child
			}
			if found := climb(parent, next); found != nil {
				return found
			}
		}
		return nil
	}
	found := climb(leaf, nil)
	if found == nil {
		return nil
	}
	return errUnsupported{certificate.ParseName(found.RawSubject).DN}
}

// errUnsupported names the certificate whose signature is of an unknown kind.
type errUnsupported struct{ subject string }

func (e errUnsupported) Error() string {
	return fmt.Sprintf("could not be checked: the signature of %s is of a kind that Go does not know", e.subject)
}
