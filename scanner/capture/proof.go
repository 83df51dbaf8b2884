package capture

import (
	"crypto/sha256"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// proof is that a server holds a key. Captures have many connections to the same
// server, and one signature checked says what the next would say.
type proof struct {
	addr [16]byte
	port uint16
	key  [sha256.Size]byte
}

// maxProofs bounds them; each takes some hundred bytes. Without them the signature
// is checked again.
const maxProofs = 1 << 14

func (f *flow) proof(leaf []byte) (p proof, ok bool) {
	key := publicKeyInfo(leaf)
	server := 1 - f.client
	return proof{f.key.addr[server], f.key.port[server], sha256.Sum256(key)}, key != nil
}

// hasProved reports whether the server of a flow has proved the key of a leaf.
func (r *Reader) hasProved(f *flow, leaf []byte) bool {
	p, ok := f.proof(leaf)
	if !ok {
		return false
	}
	_, known := r.proofs[p]
	return known
}

// addProof notes that it has.
func (r *Reader) addProof(f *flow, leaf []byte) {
	p, ok := f.proof(leaf)
	if !ok {
		return
	}
	if r.proofs == nil || len(r.proofs) >= maxProofs {
		r.proofs = make(map[proof]struct{})
	}
	r.proofs[p] = struct{}{}
}

// publicKeyInfo returns the SubjectPublicKeyInfo of a certificate (RFC 5280 §4.1),
// nil if it has none.
func publicKeyInfo(der []byte) []byte {
	var certificate, tbs, info cryptobyte.String
	s := cryptobyte.String(der)
	if !s.ReadASN1(&certificate, asn1.SEQUENCE) || !certificate.ReadASN1(&tbs, asn1.SEQUENCE) ||
		!tbs.SkipOptionalASN1(asn1.Tag(0).ContextSpecific().Constructed()) || !tbs.SkipASN1(asn1.INTEGER) || // version, serial number
		!tbs.SkipASN1(asn1.SEQUENCE) || !tbs.SkipASN1(asn1.SEQUENCE) || // signature, issuer
		!tbs.SkipASN1(asn1.SEQUENCE) || !tbs.SkipASN1(asn1.SEQUENCE) || // validity, subject
		!tbs.ReadASN1Element(&info, asn1.SEQUENCE) {
		return nil
	}
	return info
}
