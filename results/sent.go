package results

import (
	"bytes"
	"crypto/x509"
	"time"

	"certsweep/results/certificate"
)

// ChainSent is what a server sent of its chain, whether or not it verifies.
type ChainSent struct {
	// Certificates counts all of them, the leaf too.
	Certificates int `json:"certificates"`
	// InOrder says that each one is followed by its issuer, going by their names
	// (RFC 5246 §7.4.2 demands that, RFC 8446 §4.4.2 has clients bear other orders).
	InOrder bool `json:"in_order"`
	// Root says that one after the leaf is its own issuer by its name: clients
	// have their roots, or do not trust them.
	Root bool `json:"root"`
}

// DescribeSent describes the certificates that were sent, the leaf first; chain
// has them as [ParseChain] returns them. It returns nil if there are none.
func DescribeSent(ders [][]byte, chain []*x509.Certificate) *ChainSent {
	if len(ders) == 0 {
		return nil
	}
	sent := &ChainSent{Certificates: len(ders), InOrder: true}
	var issuer namePair
	for i, der := range ders {
		names := namesOf(der, chain[i])
		sent.InOrder = sent.InOrder && (i == 0 || issuer.issuedBy(names) && !bytes.Equal(der, ders[i-1]))
		sent.Root = sent.Root || i > 0 && names.issuedBy(names)
		issuer = names
	}
	return sent
}

// namePair are the names of a certificate, as sent, and if crypto/x509 refuses it
// in their string form instead.
type namePair struct {
	subject, issuer     []byte
	subjectDN, issuerDN string
}

func namesOf(der []byte, parsed *x509.Certificate) namePair {
	if parsed != nil {
		return namePair{subject: parsed.RawSubject, issuer: parsed.RawIssuer}
	}
	c := certificate.ReadAbove(der, nil, time.Time{})
	return namePair{subjectDN: c.Subject.DN, issuerDN: c.Issuer.DN}
}

// issuedBy reports whether p's issuer has q's name.
func (p namePair) issuedBy(q namePair) bool {
	if p.issuer != nil && q.subject != nil {
		return bytes.Equal(p.issuer, q.subject)
	}
	dn := func(raw []byte, text string) string {
		if raw != nil {
			return certificate.ParseName(raw).DN
		}
		return text
	}
	return dn(p.issuer, p.issuerDN) == dn(q.subject, q.subjectDN)
}
