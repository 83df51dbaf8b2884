package hello

import (
	"crypto/ecdh"
	"crypto/mlkem"
	"crypto/rand"

	"github.com/cloudflare/circl/dh/x448"
	"github.com/cloudflare/circl/kem/mlkem/mlkem512"
)

// keyShare is one entry of the key_share extension (RFC 8446 §4.2.8) with the
// secret behind it.
type keyShare struct {
	group  uint16
	public []byte
	// agree returns the shared secret, given the peer's share.
	agree func(peer []byte) ([]byte, error)
}

// firstShares are the groups with a share in the first hello: the two that
// nearly every server takes, some 0.1 ms and 105 bytes together. ML-KEM would cost
// more than the rest of the hello together and split it over two segments,
// which is itself something servers break on; one that prefers it, or any
// other group, asks with a HelloRetryRequest for the price of a round trip.
var firstShares = []uint16{groupX25519, groupP256}

// newKeyShare makes a share, or reports a *ProtocolError for a group that it
// cannot compute.
func newKeyShare(group uint16) (*keyShare, error) {
	switch group {
	case groupX25519:
		return newECDH(group, ecdh.X25519())
	case groupP256:
		return newECDH(group, ecdh.P256())
	case groupP384:
		return newECDH(group, ecdh.P384())
	case groupP521:
		return newECDH(group, ecdh.P521())
	case groupX448:
		return newX448()
	case groupBrainpoolP256, groupBrainpoolP384, groupBrainpoolP512:
		return newBrainpool(group), nil
	case groupMLKEM512, groupMLKEM768, groupMLKEM1024:
		return newPureMLKEM(group)
	case groupX25519MLKEM768, groupSecP256r1MLKEM768, groupSecP384r1MLKEM1024:
		return newHybrid(group)
	}
	if _, ok := ffdheBits[group]; ok {
		return newFFDHE(group)
	}
	return nil, protocolError("the server asks for a key share in %s, which was not offered for TLS 1.3", GroupName(group))
}

func newECDH(group uint16, curve ecdh.Curve) (*keyShare, error) {
	private, err := curve.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	agree := func(peer []byte) ([]byte, error) {
		public, err := curve.NewPublicKey(peer)
		if err != nil {
			return nil, protocolError("the %s key share is not in the group", GroupName(group))
		}
		secret, err := private.ECDH(public)
		if err != nil {
			return nil, protocolError("the %s key share is of low order", GroupName(group))
		}
		return secret, nil
	}
	return &keyShare{group: group, public: private.PublicKey().Bytes(), agree: agree}, nil
}

// newX448 is RFC 8446 §7.4.2 with RFC 7748 §5.
func newX448() (*keyShare, error) {
	var private, public x448.Key
	rand.Read(private[:])
	x448.KeyGen(&public, &private)
	agree := func(peer []byte) ([]byte, error) {
		var theirs, secret x448.Key
		if copy(theirs[:], peer) != x448.Size || len(peer) != x448.Size {
			return nil, protocolError("an X448 key share has %d bytes", len(peer))
		}
		if !x448.Shared(&secret, &private, &theirs) {
			return nil, protocolError("the X448 key share is of low order")
		}
		return secret[:], nil
	}
	return &keyShare{group: groupX448, public: public[:], agree: agree}, nil
}

// newHybrid joins an ML-KEM key and an elliptic curve one,
// draft-ietf-tls-ecdhe-mlkem §4: the share and the secret are those of the two
// side by side, ML-KEM first with X25519 and last with the NIST curves.
func newHybrid(group uint16) (*keyShare, error) {
	curve, mlkemFirst := ecdh.X25519(), true
	switch group {
	case groupSecP256r1MLKEM768:
		curve, mlkemFirst = ecdh.P256(), false
	case groupSecP384r1MLKEM1024:
		curve, mlkemFirst = ecdh.P384(), false
	}
	classic, err := newECDH(group, curve)
	if err != nil {
		return nil, err
	}
	encapsulation, ciphertextSize, decapsulate, err := newMLKEM(group)
	if err != nil {
		return nil, err
	}
	join := func(kem, point []byte) []byte {
		if mlkemFirst {
			return append(kem[:len(kem):len(kem)], point...)
		}
		return append(point[:len(point):len(point)], kem...)
	}
	agree := func(peer []byte) ([]byte, error) {
		if len(peer) != ciphertextSize+len(classic.public) {
			return nil, protocolError("a %s key share has %d bytes", GroupName(group), len(peer))
		}
		ciphertext, point := peer[:ciphertextSize], peer[ciphertextSize:]
		if !mlkemFirst {
			point, ciphertext = peer[:len(classic.public)], peer[len(classic.public):]
		}
		kem, err := decapsulate(ciphertext)
		if err != nil {
			return nil, protocolError("the %s key share: %v", GroupName(group), err)
		}
		secret, err := classic.agree(point)
		if err != nil {
			return nil, err
		}
		return join(kem, secret), nil
	}
	return &keyShare{group: group, public: join(encapsulation, classic.public), agree: agree}, nil
}

// newPureMLKEM is ML-KEM by itself, draft-ietf-tls-mlkem §4.
func newPureMLKEM(group uint16) (*keyShare, error) {
	encapsulation, ciphertextSize, decapsulate, err := newMLKEM(group)
	if err != nil {
		return nil, err
	}
	agree := func(peer []byte) ([]byte, error) {
		if len(peer) != ciphertextSize {
			return nil, protocolError("a %s key share has %d bytes", GroupName(group), len(peer))
		}
		return decapsulate(peer)
	}
	return &keyShare{group: group, public: encapsulation, agree: agree}, nil
}

// newMLKEM makes the post-quantum part of a share (FIPS 203).
func newMLKEM(group uint16) (encapsulation []byte, ciphertextSize int, decapsulate func([]byte) ([]byte, error), err error) {
	switch group {
	case groupMLKEM512:
		return newMLKEM512()
	case groupSecP384r1MLKEM1024, groupMLKEM1024:
		key, err := mlkem.GenerateKey1024()
		if err != nil {
			return nil, 0, nil, err
		}
		return key.EncapsulationKey().Bytes(), mlkem.CiphertextSize1024, key.Decapsulate, nil
	}
	key, err := mlkem.GenerateKey768()
	if err != nil {
		return nil, 0, nil, err
	}
	return key.EncapsulationKey().Bytes(), mlkem.CiphertextSize768, key.Decapsulate, nil
}

// newMLKEM512 has the one size that the standard library leaves out.
func newMLKEM512() (encapsulation []byte, ciphertextSize int, decapsulate func([]byte) ([]byte, error), err error) {
	public, private, err := mlkem512.GenerateKeyPair(rand.Reader)
	if err != nil {
		return nil, 0, nil, err
	}
	encapsulation = make([]byte, mlkem512.PublicKeySize)
	public.Pack(encapsulation)
	decapsulate = func(ciphertext []byte) ([]byte, error) {
		secret := make([]byte, mlkem512.SharedKeySize)
		private.DecapsulateTo(secret, ciphertext)
		return secret, nil
	}
	return encapsulation, mlkem512.CiphertextSize, decapsulate, nil
}
