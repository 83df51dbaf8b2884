package dialertest

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net"
)

// unsupportedCases have certificates that are well made, of a kind that Go does
// not know.
func unsupportedCases() []Case {
	broken := failed("protocol").withCertificate()
	broken.Findings = []string{"unsupported"}
	return []Case{
		newCase("unsupported", "Its key is on a curve that Go does not know, so its certificate cannot be verified.",
			broken, withCert(func(p *pki) tls.Certificate {
				cert := p.inter.Issue(Leaf{DNSNames: []string{"unsupported.test"}})
				cert.Certificate[0] = p.inter.onUnknownCurve(cert.Certificate[0])
				return cert
			})).plain(failed("protocol")),
		newCase("unsupported-intermediate", "The key of the intermediate is on a curve that Go does not know, so its chain cannot be verified.",
			broken, func(p *pki) func(net.Conn) {
				inter := p.root.Intermediate("Unsupported Intermediate", P256)
				cert := inter.Issue(Leaf{DNSNames: []string{"unsupported-intermediate.test"}})
				cert.Certificate[1] = p.root.onUnknownCurve(cert.Certificate[1])
				return serveTLS(&tls.Config{Certificates: []tls.Certificate{cert}})
			}).plain(failed("protocol")),
	}
}

// The curves P-256 and SM2 (GM/T 0006), with tag and length.
var (
	oidP256 = []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}
	oidSM2  = []byte{6, 8, 0x2a, 0x81, 0x1c, 0xcf, 0x55, 1, 0x82, 0x2d}
)

// onUnknownCurve returns a certificate that ca, whose key is on P-256, has issued,
// with its key said to be on SM2's curve.
func (ca *CA) onUnknownCurve(der []byte) []byte {
	cert, err := x509.ParseCertificate(der)
	must(err)
	tbs := bytes.Replace(cert.RawTBSCertificate, oidP256, oidSM2, 1)
	sum := sha256.Sum256(tbs)
	signature, err := ca.key.Sign(rand.Reader, sum[:], crypto.SHA256)
	must(err)
	der, err = asn1.Marshal(struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{
		asn1.RawValue{FullBytes: tbs},
		pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}}, // ecdsa-with-SHA256
		asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)},
	})
	must(err)
	return der
}
