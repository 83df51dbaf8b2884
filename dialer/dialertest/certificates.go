package dialertest

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net"
	"net/netip"
	"time"

	"golang.org/x/crypto/ocsp"
)

// withCert returns the part of a well-behaved server whose certificate is all
// there is to say about it.
func withCert(issue func(*pki) tls.Certificate) func(*pki) func(net.Conn) {
	return func(p *pki) func(net.Conn) {
		return serveTLS(&tls.Config{Certificates: []tls.Certificate{issue(p)}})
	}
}

// withLeaf is withCert for a leaf under the farm's intermediate.
func withLeaf(l Leaf) func(*pki) func(net.Conn) {
	return withCert(func(p *pki) tls.Certificate { return p.inter.Issue(l) })
}

// certificateCases are TLS 1.3 servers that behave well and differ in their
// certificates.
func certificateCases() []Case {
	now := time.Now()
	address := newCase("ip-address", "A good server whose certificate is for its IP address.",
		ok(), withLeaf(Leaf{CommonName: "Address", IPs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}))
	address.Host = ""
	broken := failed("protocol").withCertificate()
	broken.Findings = []string{"malformed"}

	return []Case{
		newCase("good", "A good server: TLS 1.3, ECDSA, its chain complete.",
			ok(), withLeaf(Leaf{DNSNames: []string{"good.test"}})),
		newCase("good-rsa", "A good server with an RSA certificate.",
			ok(), withLeaf(Leaf{DNSNames: []string{"good-rsa.test"}, Key: RSA2048})),
		newCase("good-ed25519", "A good server with an Ed25519 certificate.",
			ok(), withLeaf(Leaf{DNSNames: []string{"good-ed25519.test"}, Key: Ed25519})),
		newCase("good-wildcard", "A good server whose certificate is for *.good-wildcard.test.",
			ok(), withLeaf(Leaf{DNSNames: []string{"*.good-wildcard.test"}})).at("www.good-wildcard.test"),
		address,

		newCase("expired", "Its certificate expired ten days ago.",
			ok("expired"), withLeaf(Leaf{DNSNames: []string{"expired.test"}, NotBefore: now.Add(-100 * day), NotAfter: now.Add(-10 * day)})),
		newCase("not-yet-valid", "Its certificate becomes valid in ten days.",
			ok("not_yet_valid"), withLeaf(Leaf{DNSNames: []string{"not-yet-valid.test"}, NotBefore: now.Add(10 * day), NotAfter: now.Add(100 * day)})),
		newCase("expires-soon", "Its certificate expires in ten days.",
			ok("expires_soon"), withLeaf(Leaf{DNSNames: []string{"expires-soon.test"}, NotBefore: now.Add(-80 * day), NotAfter: now.Add(10 * day)})),
		newCase("long-validity", "Its certificate is valid for ten years.",
			ok("long_validity"), withLeaf(Leaf{DNSNames: []string{"long-validity.test"}, NotAfter: now.Add(3650 * day)})),

		newCase("wrong-name", "Its certificate is for another name.",
			ok("name_mismatch"), withLeaf(Leaf{DNSNames: []string{"another.test"}})),
		newCase("no-names", "Its certificate has a common name and no subject alternative name.",
			ok("no_names"), withLeaf(Leaf{CommonName: "no-names.test"})),
		newCase("weak-key", "Its RSA key has 1024 bits.",
			ok("weak_key"), withLeaf(Leaf{DNSNames: []string{"weak-key.test"}, Key: RSA1024})),
		newCase("weak-signature", "Its certificate is signed with SHA-1.",
			ok("weak_signature"), withLeaf(Leaf{DNSNames: []string{"weak-signature.test"}, SignatureAlgorithm: x509.ECDSAWithSHA1})),
		newCase("malformed", "Its certificate holds the same extension twice, which crypto/x509 refuses.",
			broken, withLeaf(Leaf{DNSNames: []string{"malformed.test"}, Extensions: twice})).plain(failed("protocol")),
		newCase("big-chain", "It sends 250 KB of certificates, nearly as much as crypto/tls takes.",
			ok(), withCert(bigChain)),
	}
}

// chainCases differ in what stands above their certificates, and in what their
// issuers say of them.
func chainCases() []Case {
	now := time.Now()
	return []Case{
		newCase("self-signed", "Its certificate is signed with its own key.",
			ok("self_signed"), withCert(func(*pki) tls.Certificate {
				return SelfSigned(Leaf{DNSNames: []string{"self-signed.test"}})
			})),
		newCase("unknown-root", "Its certificate comes from an authority that nobody trusts.",
			ok("untrusted"), withCert(func(p *pki) tls.Certificate {
				return p.other.Issue(Leaf{DNSNames: []string{"unknown-root.test"}})
			})),
		newCase("incomplete-chain", "It does not send the intermediate certificate.",
			ok("incomplete_chain"), withCert(func(p *pki) tls.Certificate {
				cert := p.inter.Issue(Leaf{
					DNSNames:   []string{"incomplete-chain.test"},
					IssuerURLs: []string{"http://ca.test/farm-intermediate.crt"},
				})
				cert.Certificate = cert.Certificate[:1]
				return cert
			})),

		newCase("chain-expired", "Its certificate is good, and the intermediate above it expired five days ago.",
			ok("untrusted", "chain_expired"), withCert(func(p *pki) tls.Certificate {
				return p.root.intermediateUntil("Expired Intermediate", P256, now.Add(-5*day)).Issue(Leaf{DNSNames: []string{"chain-expired.test"}})
			})),
		newCase("chain-expires-soon", "Its certificate is good for 80 days, and the intermediate above it for three.",
			ok("chain_expires_soon"), withCert(func(p *pki) tls.Certificate {
				return p.root.intermediateUntil("Ending Intermediate", P256, now.Add(3*day)).Issue(Leaf{DNSNames: []string{"chain-expires-soon.test"}})
			})),

		newCase("two-certificates", "Its ECDSA certificate is good; its RSA certificate, for clients that take no other, expired ten days ago.",
			Want{Status: "ok", Certificate: true, Drain: "eof"}, func(p *pki) func(net.Conn) {
				return serveTLS(&tls.Config{Certificates: []tls.Certificate{
					p.inter.Issue(Leaf{DNSNames: []string{"two-certificates.test"}}),
					p.inter.Issue(Leaf{DNSNames: []string{"two-certificates.test"}, Key: RSA2048, NotBefore: now.Add(-100 * day), NotAfter: now.Add(-10 * day)}),
				}})
			}),

		newCase("revoked", "Its certificate was revoked an hour ago, as the OCSP response says that it staples.",
			ok("revoked"), withCert(func(p *pki) tls.Certificate {
				cert := p.inter.Issue(Leaf{DNSNames: []string{"revoked.test"}})
				cert.OCSPStaple = p.inter.ocspResponse(cert, ocsp.Revoked)
				return cert
			})),
		newCase("stapled", "A good server whose certificate demands a stapled OCSP response, and that has one.",
			ok(), withCert(func(p *pki) tls.Certificate {
				cert := p.inter.Issue(Leaf{DNSNames: []string{"stapled.test"}, Extensions: mustStaple})
				cert.OCSPStaple = p.inter.ocspResponse(cert, ocsp.Good)
				return cert
			})),
		newCase("staple-unknown", "A certificate that, as the OCSP response says that it staples, its issuer does not know.",
			ok("revocation_unknown"), withCert(func(p *pki) tls.Certificate {
				cert := p.inter.Issue(Leaf{DNSNames: []string{"staple-unknown.test"}})
				cert.OCSPStaple = p.inter.ocspResponse(cert, ocsp.Unknown)
				return cert
			})),
		newCase("staple-missing", "Its certificate demands a stapled OCSP response, and it has none.",
			ok("staple_missing"), withLeaf(Leaf{DNSNames: []string{"staple-missing.test"}, Extensions: mustStaple})),
	}
}

// at sets the name to ask for.
func (c Case) at(host string) Case {
	c.Host = host
	return c
}

// twice is an extension of no meaning that stands in a certificate twice, in
// breach of RFC 5280 §4.2.
var twice = []pkix.Extension{
	{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 1}, Value: []byte{5, 0}},
	{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 1}, Value: []byte{5, 0}},
}

// mustStaple is the TLS feature status_request (RFC 7633 §4.2.1).
var mustStaple = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}, Value: []byte{0x30, 3, 2, 1, 5}}}

// ocspResponse returns what ca says of a certificate that it has issued (RFC
// 6960 §4.2).
func (ca *CA) ocspResponse(cert tls.Certificate, status int) []byte {
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	must(err)
	now := time.Now()
	response, err := ocsp.CreateResponse(ca.cert, ca.cert, ocsp.Response{
		Status: status, SerialNumber: leaf.SerialNumber, IssuerHash: crypto.SHA256, ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(7 * day),
		RevokedAt: now.Add(-time.Hour), RevocationReason: ocsp.KeyCompromise,
	}, ca.key)
	must(err)
	return response
}

// bigChain repeats the intermediate up to just under crypto/tls's limit for
// the Certificate message, 256 KiB.
func bigChain(p *pki) tls.Certificate {
	cert := p.inter.Issue(Leaf{DNSNames: []string{"big-chain.test"}})
	more := p.inter.Certificate().Raw
	for size := 0; size+len(more) < 250<<10; size += len(more) + 5 {
		cert.Certificate = append(cert.Certificate, more)
	}
	return cert
}
