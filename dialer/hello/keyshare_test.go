package hello

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// The first and last digits that RFC 7919 appendix A prints of each prime; those
// between are e, which the first digits show to be right.
func TestFFDHEPrimes(t *testing.T) {
	t.Parallel()
	const first = "ffffffffffffffffadf85458a2bb4a9aafdc5620273d3cf1d8b9c583ce2d3695a9e13641146433fb"
	for group, last := range map[uint16]string{
		groupFFDHE2048: "61285c97ffffffffffffffff",
		groupFFDHE3072: "66c62e37ffffffffffffffff",
		groupFFDHE4096: "5e655f6affffffffffffffff",
		groupFFDHE6144: "d0e40e65ffffffffffffffff",
		groupFFDHE8192: "c5c6424cffffffffffffffff",
	} {
		p := ffdhePrimes()[group]
		got := fmt.Sprintf("%x", p)
		if p.BitLen() != int(ffdheBits[group].bits) || !strings.HasPrefix(got, first) || !strings.HasSuffix(got, last) {
			t.Errorf("%s is %s", GroupName(group), got)
		}
	}
	for _, group := range []uint16{groupFFDHE2048, groupFFDHE3072} {
		if !ffdhePrimes()[group].ProbablyPrime(0) {
			t.Errorf("%s is not prime", GroupName(group))
		}
	}
}

// Two shares of one group agree on one secret, but for the hybrids, where the
// server's is of another kind: crypto/tls is the peer for those.
func TestKeyShares(t *testing.T) {
	t.Parallel()
	for _, group := range groupsClassic {
		ours, err := newKeyShare(group)
		if err != nil {
			if _, ok := errors.AsType[*ProtocolError](err); !ok {
				t.Errorf("%s: %v", GroupName(group), err)
			}
			continue
		}
		theirs, err := newKeyShare(group)
		if err != nil {
			t.Fatal(err)
		}
		one, err := ours.agree(theirs.public)
		if err != nil {
			t.Fatal(err)
		}
		other, err := theirs.agree(ours.public)
		if err != nil || !bytes.Equal(one, other) {
			t.Errorf("%s: %x and %x, error %v", GroupName(group), one, other, err)
		}
	}
}

func TestKeyShareRefuses(t *testing.T) {
	t.Parallel()
	for _, group := range []uint16{groupX25519MLKEM768, groupSecP256r1MLKEM768, groupSecP384r1MLKEM1024, groupX25519, groupP256, groupX448, groupFFDHE2048, groupBrainpoolP384} {
		share, err := newKeyShare(group)
		if err != nil {
			t.Fatal(err)
		}
		size := len(share.public)
		switch group {
		case groupX25519MLKEM768, groupSecP256r1MLKEM768:
			size += 1088 - 1184
		}
		for _, peer := range [][]byte{nil, make([]byte, size), make([]byte, size-1), make([]byte, size+1), bytes.Repeat([]byte{0xFF}, size+1)} {
			if secret, err := share.agree(peer); err == nil {
				t.Errorf("%s: a share of %d zeros gave %x", GroupName(group), len(peer), secret)
			} else if _, ok := errors.AsType[*ProtocolError](err); !ok {
				t.Errorf("%s: %v", GroupName(group), err)
			}
		}
	}
}
