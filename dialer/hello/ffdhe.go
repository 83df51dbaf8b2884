package hello

import (
	"crypto/rand"
	"math/big"
	"sync"
)

// ffdheBits gives the size of each group of RFC 7919, and X of its formula
//
//	p = 2^b - 2^(b-64) + {[2^(b-130) e] + X} * 2^64 - 1
//
// from appendix A: five small numbers in place of five long primes.
var ffdheBits = map[uint16]struct {
	bits uint
	x    int64
}{
	groupFFDHE2048: {2048, 560316},
	groupFFDHE3072: {3072, 2625351},
	groupFFDHE4096: {4096, 5736041},
	groupFFDHE6144: {6144, 15705020},
	groupFFDHE8192: {8192, 10965728},
}

// ffdhePrimes are computed when a server first asks for one of them.
var ffdhePrimes = sync.OnceValue(func() map[uint16]*big.Int {
	primes := make(map[uint16]*big.Int, len(ffdheBits))
	for group, g := range ffdheBits {
		one := big.NewInt(1)
		p := new(big.Int).Lsh(one, g.bits)
		p.Sub(p, new(big.Int).Lsh(one, g.bits-64))
		middle := scaledE(g.bits - 130)
		middle.Add(middle, big.NewInt(g.x))
		p.Add(p, middle.Lsh(middle, 64))
		primes[group] = p.Sub(p, one)
	}
	return primes
})

// scaledE returns the integer part of 2^n e, with e the sum of 1/k!.
func scaledE(n uint) *big.Int {
	const guard = 64 // bits for the rounding of some thousand terms
	term := new(big.Int).Lsh(big.NewInt(1), n+guard)
	sum := new(big.Int)
	for k := int64(1); term.Sign() > 0; k++ {
		sum.Add(sum, term)
		term.Quo(term, big.NewInt(k))
	}
	return sum.Rsh(sum, guard)
}

// ffdheExponentBits is the length of the secret exponent. RFC 7919 §5.2 asks
// for 225 bits or more; nothing secret goes over the connection.
const ffdheExponentBits = 256

// newFFDHE makes a key share in a group of RFC 7919, whose generator is 2.
func newFFDHE(group uint16) (*keyShare, error) {
	p := ffdhePrimes()[group]
	secret := make([]byte, ffdheExponentBits/8)
	rand.Read(secret)
	exponent := new(big.Int).SetBytes(secret)
	size := (p.BitLen() + 7) / 8
	agree := func(peer []byte) ([]byte, error) {
		// RFC 7919 §5.1: the peer's value is in 2 … p-2.
		y := new(big.Int).SetBytes(peer)
		limit := new(big.Int).Sub(p, big.NewInt(1))
		if len(peer) != size || y.Cmp(big.NewInt(1)) <= 0 || y.Cmp(limit) >= 0 {
			return nil, protocolError("the %s key share is not in the group", GroupName(group))
		}
		// Padded to the size of the prime, RFC 8446 §7.4.1.
		return y.Exp(y, exponent, p).FillBytes(make([]byte, size)), nil
	}
	public := new(big.Int).Exp(big.NewInt(2), exponent, p).FillBytes(make([]byte, size))
	return &keyShare{group: group, public: public, agree: agree}, nil
}
