package results

import (
	"crypto/x509"
	"errors"
	"time"

	"certsweep/results/revocation"
)

// ReadOCSP reads a stapled response for the first certificate of a chain, which
// has nil for those that could not be parsed. issuers are those that
// [Verifier.Verify] has found; without them the issuer has to be in the chain.
func ReadOCSP(staple []byte, chain, issuers []*x509.Certificate, now time.Time) *revocation.OCSP {
	o := &revocation.OCSP{Status: revocation.Invalid}
	issuer, err := issuerOf(chain, issuers)
	if err == nil {
		o, err = revocation.ReadOCSP(staple, chain[0], issuer, now)
	}
	if err != nil {
		o.Error = Shorten(err.Error(), maxVerificationError)
	}
	return o
}

// issuerOf returns the certificate that has signed the first of a chain.
func issuerOf(chain, issuers []*x509.Certificate) (*x509.Certificate, error) {
	if len(chain) == 0 || chain[0] == nil {
		return nil, errors.New("the certificate cannot be parsed")
	}
	if len(issuers) > 0 {
		return issuers[0], nil
	}
	above, refused := candidates(chain)
	for _, c := range above {
		if string(c.RawSubject) == string(chain[0].RawIssuer) && chain[0].CheckSignatureFrom(c) == nil {
			return c, nil
		}
	}
	if refused != nil {
		return nil, refused
	}
	return nil, errors.New("the certificate's issuer was not sent")
}
