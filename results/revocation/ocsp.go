package revocation

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	_ "crypto/sha1" // for the hashes of an issuer in a response
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"golang.org/x/crypto/ocsp"
)

// OCSP is what a response says of one certificate (RFC 6960 §4.2).
type OCSP struct {
	// Status is Good, Revoked, Unknown or Invalid.
	Status     string    `json:"status"`
	ThisUpdate time.Time `json:"this_update,omitzero"`
	NextUpdate time.Time `json:"next_update,omitzero"`
	RevokedAt  time.Time `json:"revoked_at,omitzero"`
	Reason     string    `json:"reason,omitempty"` // RFC 5280 §5.3.1
	Error      string    `json:"error,omitempty"`  // only with Invalid
}

const (
	// maxOCSP bounds a response, in bytes. Those of public authorities have 300
	// to 2,500.
	maxOCSP = 8 << 10
	// clockSkew is how far the clock of a responder, or of who signs a list, may
	// be ahead.
	clockSkew = 5 * time.Minute
	// maxAge is how long a response counts that does not say when the next one
	// comes: RFC 6960 §4.2.2.1 has that mean that newer information is available
	// all the time. Firefox (mozilla::pkix) gives it a day too.
	maxAge = 24 * time.Hour
	// maxRSA is the largest RSA key that a signature is checked with, in bits, as
	// in crypto/tls: the time grows with its square.
	maxRSA = 8192
)

// ReadOCSP reads a response for a certificate. It counts if the certificate's
// issuer has signed it, or a responder to which the issuer has delegated that
// (RFC 6960 §4.2.2.2), and if it is not out of date; that a certificate was
// revoked never gets out of date. Whether the responder's own certificate was
// revoked is not asked. With an error, Status is Invalid.
func ReadOCSP(der []byte, cert, issuer *x509.Certificate, now time.Time) (*OCSP, error) {
	o := &OCSP{Status: Invalid}
	if err := inspect(der, cert, issuer); err != nil {
		return o, err
	}
	response, err := ocsp.ParseResponseForCert(der, cert, issuer)
	if err != nil {
		return o, err
	}
	o.ThisUpdate, o.NextUpdate = response.ThisUpdate.UTC(), response.NextUpdate.UTC()
	if isWeak(response.SignatureAlgorithm) {
		return o, fmt.Errorf("the response is signed with %v", response.SignatureAlgorithm)
	}
	if responder := response.Certificate; responder != nil && !responder.Equal(issuer) {
		if err := mayAnswer(responder, now); err != nil {
			return o, err
		}
	}
	if response.Status == ocsp.Revoked {
		o.Status, o.RevokedAt, o.Reason = Revoked, response.RevokedAt.UTC(), Reason(response.RevocationReason)
		return o, nil
	}
	switch {
	case response.ThisUpdate.After(now.Add(clockSkew)):
		return o, errors.New("the response is from the future")
	case !response.NextUpdate.IsZero() && now.After(response.NextUpdate):
		return o, errors.New("the response is out of date")
	case response.NextUpdate.IsZero() && now.After(response.ThisUpdate.Add(maxAge)):
		return o, errors.New("the response is older than a day and does not say until when it counts")
	}
	o.Status = Unknown
	if response.Status == ocsp.Good {
		o.Status = Good
	}
	return o, nil
}

// mayAnswer checks what the issuer has said of a responder besides its name.
func mayAnswer(responder *x509.Certificate, now time.Time) error {
	switch {
	case !slices.Contains(responder.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning):
		return errors.New("the response is signed by a certificate that is not for OCSP")
	case responder.KeyUsage != 0 && responder.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return errors.New("the certificate of the responder is not for signatures")
	case now.Before(responder.NotBefore) || now.After(responder.NotAfter):
		return errors.New("the certificate of the responder is out of date")
	case isWeak(responder.SignatureAlgorithm):
		return fmt.Errorf("the certificate of the responder is signed with %v", responder.SignatureAlgorithm)
	case len(responder.UnhandledCriticalExtensions) > 0:
		return errors.New("the certificate of the responder has a critical extension that is not known")
	}
	return nil
}

// isWeak reports whether a signature could be made for another text.
func isWeak(algorithm x509.SignatureAlgorithm) bool {
	switch algorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		return true
	}
	return false
}

// answers is the part of a response (RFC 6960 §4.2.1) that x/crypto/ocsp does
// not look at, or only after it has checked signatures.
type answers struct {
	TBS struct {
		Version   int `asn1:"optional,default:0,explicit,tag:0"`
		Responder asn1.RawValue
		Produced  time.Time `asn1:"generalized"`
		Single    []struct{ ID certID }
	}
	Algorithm    pkix.AlgorithmIdentifier
	Signature    asn1.BitString
	Certificates []asn1.RawValue `asn1:"explicit,tag:0,optional"`
}

type certID struct {
	Hash     pkix.AlgorithmIdentifier
	NameHash []byte
	KeyHash  []byte
	Number   *big.Int
}

// inspect refuses what would be costly to check or does not belong to the
// certificate: x/crypto/ocsp goes by the serial number alone, which is unique
// among those of one issuer only, and takes the first of several answers.
func inspect(der []byte, cert, issuer *x509.Certificate) error {
	if len(der) > maxOCSP {
		return fmt.Errorf("the response has %d bytes, more than %d", len(der), maxOCSP)
	}
	var outer struct {
		Status asn1.Enumerated
		Bytes  struct {
			Type     asn1.ObjectIdentifier
			Response []byte
		} `asn1:"explicit,tag:0,optional"`
	}
	if _, err := asn1.Unmarshal(der, &outer); err != nil {
		return err
	}
	if outer.Status != asn1.Enumerated(ocsp.Success) {
		return ocsp.ResponseError{Status: ocsp.ResponseStatus(outer.Status)}
	}
	var all answers
	if _, err := asn1.Unmarshal(outer.Bytes.Response, &all); err != nil {
		return err
	}
	if len(all.Certificates) > 0 {
		responder, err := x509.ParseCertificate(all.Certificates[0].FullBytes)
		if err != nil {
			return err
		}
		if key, ok := responder.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > maxRSA {
			return fmt.Errorf("the responder has an RSA key of %d bits, more than %d", key.N.BitLen(), maxRSA)
		}
	}
	found := 0
	for _, single := range all.TBS.Single {
		if single.ID.Number == nil || single.ID.Number.Cmp(cert.SerialNumber) != 0 {
			continue
		}
		if found++; found > 1 {
			return errors.New("the response has several answers for the certificate")
		}
		if !isOf(&single.ID, issuer) {
			return errors.New("the response is for a certificate of another issuer")
		}
	}
	if found == 0 {
		return errors.New("the response is for another certificate")
	}
	return nil
}

// isOf reports whether an answer is about a certificate of an issuer.
func isOf(id *certID, issuer *x509.Certificate) bool {
	var hash crypto.Hash
	for known, oid := range map[crypto.Hash]string{
		crypto.SHA1: "1.3.14.3.2.26", crypto.SHA256: "2.16.840.1.101.3.4.2.1", crypto.SHA384: "2.16.840.1.101.3.4.2.2", crypto.SHA512: "2.16.840.1.101.3.4.2.3",
	} {
		if id.Hash.Algorithm.String() == oid {
			hash = known
		}
	}
	var spki struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(issuer.RawSubjectPublicKeyInfo, &spki); err != nil || hash == 0 {
		return false
	}
	sum := func(data []byte) []byte {
		h := hash.New()
		h.Write(data)
		return h.Sum(nil)
	}
	return bytes.Equal(sum(issuer.RawSubject), id.NameHash) && bytes.Equal(sum(spki.Key.RightAlign()), id.KeyHash)
}

// Reason names a reason of RFC 5280 §5.3.1.
func Reason(code int) string {
	names := map[int]string{
		0: "unspecified", 1: "keyCompromise", 2: "cACompromise", 3: "affiliationChanged", 4: "superseded",
		5: "cessationOfOperation", 6: "certificateHold", 8: "removeFromCRL", 9: "privilegeWithdrawn", 10: "aACompromise",
	}
	if name, ok := names[code]; ok {
		return name
	}
	return fmt.Sprint(code)
}
