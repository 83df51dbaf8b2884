package results

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"time"
)

// What a server sends decides how much work its verification is: the size of
// the keys, and how many certificates could have signed each other.
// crypto/x509 limits the number of signature checks and nothing else.
const (
	// maxRSA is the largest RSA key that a signature is checked with, in bits,
	// as in crypto/tls. The time grows with the square of it.
	maxRSA = 8192
	// maxTwins is how many certificates of one name are tried, in the order in
	// which they were sent. A cross-signed authority has 2 or 3.
	maxTwins = 8
	// maxWork is the time that one search for a chain may take, by the figures
	// below. What has expired is searched for again, for no longer than that,
	// and an endpoint may have a chain for each kind of key.
	maxWork = 40 * time.Millisecond

	// maxChecks is the number at which crypto/x509 gives up; more certificates
	// than that can be of no use.
	maxChecks = 100

	// The time of a signature check with the largest key of an algorithm, and
	// that of all that is done with a byte of a path (hashing, name
	// constraints), on a slow core.
	rsaCheck   = 1500 * time.Microsecond
	p521Check  = 3500 * time.Microsecond
	p384Check  = 700 * time.Microsecond
	otherCheck = 250 * time.Microsecond
	perByte    = 16 * time.Nanosecond
)

var errWork = errors.New("could not be checked: the certificates that were sent take too much work")

// candidates returns the certificates after the leaf that may take part in a
// verification. If there are others that could have signed one of them,
// refused says why these may not.
func candidates(chain []*x509.Certificate) (above []*x509.Certificate, refused error) {
	issuers := make(map[string]int, len(chain)) // and how many have the name
	for _, c := range chain {
		if c != nil {
			issuers[string(c.RawIssuer)] = 0
		}
	}
	for _, c := range chain[1:] {
		if c == nil {
			continue
		}
		twins, wanted := issuers[string(c.RawSubject)]
		key, _ := c.PublicKey.(*rsa.PublicKey)
		switch {
		case !wanted:
		case key != nil && key.N.BitLen() > maxRSA:
			refused = fmt.Errorf("could not be checked: the chain has an RSA key of %d bits, more than %d", key.N.BitLen(), maxRSA)
		case len(above) == maxChecks:
			refused = fmt.Errorf("could not be checked: more than %d certificates were sent", maxChecks)
		case twins > 0 && slices.ContainsFunc(above, c.Equal):
		case twins == maxTwins:
			refused = fmt.Errorf("could not be checked: more than %d certificates of one name were sent", maxTwins)
		default:
			issuers[string(c.RawSubject)]++
			above = append(above, c)
		}
	}
	return above, refused
}

// work foresees the search of x509.Certificate.Verify.
type work struct {
	anchors map[string]int // how many have a subject
	above   []*x509.Certificate
	checks  int
	spent   time.Duration
}

// affordable reports whether the search for the issuers of a path's last
// certificate, and of theirs, stays within maxWork if every signature is good.
func (w *work) affordable(path []*x509.Certificate) bool {
	child, size := path[len(path)-1], 0
	for _, c := range path {
		size += len(c.Raw)
	}
	for range w.anchors[string(child.RawIssuer)] {
		// Anchors are chosen by the user: an RSA key of 4,096 bits, at most.
		if w.checks++; w.checks > maxChecks {
			return true
		}
		w.spent += rsaCheck/4 + time.Duration(size)*perByte
	}
	for _, parent := range w.above {
		if string(parent.RawSubject) != string(child.RawIssuer) || slices.Contains(path, parent) {
			continue
		}
		if w.checks++; w.checks > maxChecks {
			return true
		}
		w.spent += checkTime(parent) + time.Duration(size)*perByte
		if w.spent > maxWork || !w.affordable(append(path, parent)) {
			return false
		}
	}
	return w.spent <= maxWork
}

// checkTime returns the time that a signature check with a certificate's key
// takes at most.
func checkTime(c *x509.Certificate) time.Duration {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		size, e := time.Duration(key.N.BitLen()), uint(key.E)
		// A squaring for each bit of the exponent, a multiplication for each
		// that is set: 19 with the exponent that all use, 65,537.
		return rsaCheck * size / maxRSA * size / maxRSA * time.Duration(bits.Len(e)+bits.OnesCount(e)) / 19
	case *ecdsa.PublicKey:
		switch size := key.Curve.Params().BitSize; {
		case size > 384:
			return p521Check
		case size > 256:
			return p384Check
		}
	}
	return otherCheck
}
