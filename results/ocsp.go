package results

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/ocsp"
)

// The statuses of [OCSP]. OCSPInvalid is a response that says nothing that can be
// relied on; its Error says why.
const (
	OCSPGood    = "good"
	OCSPRevoked = "revoked"
	OCSPUnknown = "unknown"
	OCSPInvalid = "invalid"
)

// OCSP is what a stapled response says of the leaf (RFC 6960 §4.2).
type OCSP struct {
	Status     string    `json:"status"`
	ThisUpdate time.Time `json:"this_update,omitzero"`
	NextUpdate time.Time `json:"next_update,omitzero"`
	RevokedAt  time.Time `json:"revoked_at,omitzero"`
	Reason     string    `json:"reason,omitempty"` // RFC 5280 §5.3.1
	Error      string    `json:"error,omitempty"`  // only with OCSPInvalid
}

// maxOCSP bounds a response, in bytes. Those of public authorities have 300 to
// 2,500. With it the key of a responder's certificate is bounded too, whose size
// squared is the time of a check.
const maxOCSP = 8 << 10

// clockSkew is how far a responder's clock may be ahead.
const clockSkew = 5 * time.Minute

// ReadOCSP reads a stapled response for the first certificate of a chain, which
// has nil for those that could not be parsed. A response counts if the
// certificate's issuer has signed it, or a responder to which the issuer has
// delegated that (RFC 6960 §4.2.2.2), and if it is not out of date; that a
// certificate was revoked never gets out of date.
func ReadOCSP(staple []byte, chain []*x509.Certificate, now time.Time) *OCSP {
	o, err := readOCSP(staple, chain, now)
	if err != nil {
		o.Status, o.Error = OCSPInvalid, Shorten(err.Error(), maxVerificationError)
	}
	return o
}

func readOCSP(staple []byte, chain []*x509.Certificate, now time.Time) (*OCSP, error) {
	o := new(OCSP)
	if len(staple) > maxOCSP {
		return o, fmt.Errorf("the response has %d bytes, more than %d", len(staple), maxOCSP)
	}
	issuer, err := issuerOf(chain)
	if err != nil {
		return o, err
	}
	response, err := ocsp.ParseResponseForCert(staple, chain[0], issuer)
	if err != nil {
		return o, err
	}
	o.ThisUpdate, o.NextUpdate = response.ThisUpdate.UTC(), response.NextUpdate.UTC()
	if responder := response.Certificate; responder != nil && !responder.Equal(issuer) {
		if !slices.Contains(responder.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) {
			return o, errors.New("the response is signed by a certificate that is not for OCSP")
		}
		if now.Before(responder.NotBefore) || now.After(responder.NotAfter) {
			return o, errors.New("the certificate of the responder is out of date")
		}
	}
	if response.Status == ocsp.Revoked {
		o.Status, o.RevokedAt, o.Reason = OCSPRevoked, response.RevokedAt.UTC(), revocationReason(response.RevocationReason)
		return o, nil
	}
	switch {
	case response.ThisUpdate.After(now.Add(clockSkew)):
		return o, errors.New("the response is from the future")
	case !response.NextUpdate.IsZero() && now.After(response.NextUpdate):
		return o, errors.New("the response is out of date")
	}
	o.Status = OCSPUnknown
	if response.Status == ocsp.Good {
		o.Status = OCSPGood
	}
	return o, nil
}

// issuerOf returns the certificate of a chain that has signed the first.
func issuerOf(chain []*x509.Certificate) (*x509.Certificate, error) {
	if len(chain) == 0 || chain[0] == nil {
		return nil, errors.New("the certificate cannot be parsed")
	}
	above, refused := candidates(chain)
	for _, c := range above {
		if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > maxRSA {
			continue
		}
		if string(c.RawSubject) == string(chain[0].RawIssuer) && chain[0].CheckSignatureFrom(c) == nil {
			return c, nil
		}
	}
	if refused != nil {
		return nil, refused
	}
	return nil, errors.New("the certificate's issuer was not sent")
}

// revocationReason names a reason of RFC 5280 §5.3.1.
func revocationReason(code int) string {
	names := map[int]string{
		0: "unspecified", 1: "keyCompromise", 2: "cACompromise", 3: "affiliationChanged", 4: "superseded",
		5: "cessationOfOperation", 6: "certificateHold", 8: "removeFromCRL", 9: "privilegeWithdrawn", 10: "aACompromise",
	}
	if name, ok := names[code]; ok {
		return name
	}
	return fmt.Sprint(code)
}
