package hello

import (
	"crypto/rand"
	"math/big"
)

// weierstrass is a curve y² = x³ + ax + b over the field of p, with a base point.
// Nothing secret is computed on it: no handshake is completed.
type weierstrass struct {
	p, a, b, x, y *big.Int
}

// brainpool are the curves of RFC 5639 §3.4, §3.6 and §3.7 in their random form.
var brainpool = map[uint16]*weierstrass{
	groupBrainpoolP256: newWeierstrass(
		"a9fb57dba1eea9bc3e660a909d838d726e3bf623d52620282013481d1f6e5377",
		"7d5a0975fc2c3057eef67530417affe7fb8055c126dc5c6ce94a4b44f330b5d9",
		"26dc5c6ce94a4b44f330b5d9bbd77cbf958416295cf7e1ce6bccdc18ff8c07b6",
		"8bd2aeb9cb7e57cb2c4b482ffc81b7afb9de27e1e3bd23c23a4453bd9ace3262",
		"547ef835c3dac4fd97f8461a14611dc9c27745132ded8e545c1d54c72f046997"),
	groupBrainpoolP384: newWeierstrass(
		"8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b412b1da197fb71123acd3a729901d1a71874700133107ec53",
		"7bc382c63d8c150c3c72080ace05afa0c2bea28e4fb22787139165efba91f90f8aa5814a503ad4eb04a8c7dd22ce2826",
		"04a8c7dd22ce28268b39b55416f0447c2fb77de107dcd2a62e880ea53eeb62d57cb4390295dbc9943ab78696fa504c11",
		"1d1c64f068cf45ffa2a63a81b7c13f6b8847a3e77ef14fe3db7fcafe0cbd10e8e826e03436d646aaef87b2e247d4af1e",
		"8abe1d7520f9c2a45cb1eb8e95cfd55262b70b29feec5864e19c054ff99129280e4646217791811142820341263c5315"),
	groupBrainpoolP512: newWeierstrass(
		"aadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca703308717d4d9b009bc66842aecda12ae6a380e62881ff2f2d82c68528aa6056583a48f3",
		"7830a3318b603b89e2327145ac234cc594cbdd8d3df91610a83441caea9863bc2ded5d5aa8253aa10a2ef1c98b9ac8b57f1117a72bf2c7b9e7c1ac4d77fc94ca",
		"3df91610a83441caea9863bc2ded5d5aa8253aa10a2ef1c98b9ac8b57f1117a72bf2c7b9e7c1ac4d77fc94cadc083e67984050b75ebae5dd2809bd638016f723",
		"81aee4bdd82ed9645a21322e9c4c6a9385ed9f70b5d916c1b43b62eef4d0098eff3b1f78e2d0d48d50d1687b93b97d5f7c6d5047406a5e688b352209bcb9f822",
		"7dde385d566332ecc0eabfa9cf7822fdf209f70024a57b1aa000c55b881f8111b2dcde494a5f485e5bca4bd88a2763aed1ca2b2fa8f0540678cd1e0f3ad80892"),
}

func newWeierstrass(p, a, b, x, y string) *weierstrass {
	number := func(s string) *big.Int {
		n, ok := new(big.Int).SetString(s, 16)
		if !ok {
			panic("hello: " + s)
		}
		return n
	}
	return &weierstrass{number(p), number(a), number(b), number(x), number(y)}
}

// newBrainpool makes a share on a brainpool curve (RFC 8734 §4).
func newBrainpool(group uint16) *keyShare {
	curve := brainpool[group]
	size := (curve.p.BitLen() + 7) / 8
	// The order is shorter than p by less than half of its bits.
	secret := make([]byte, size-1)
	rand.Read(secret)
	x, y := curve.multiply(curve.x, curve.y, secret)
	public := append([]byte{4}, append(x.FillBytes(make([]byte, size)), y.FillBytes(make([]byte, size))...)...)
	agree := func(peer []byte) ([]byte, error) {
		if len(peer) != 1+2*size || peer[0] != 4 {
			return nil, protocolError("a %s key share has %d bytes", GroupName(group), len(peer))
		}
		px, py := new(big.Int).SetBytes(peer[1:1+size]), new(big.Int).SetBytes(peer[1+size:])
		if !curve.has(px, py) {
			return nil, protocolError("the %s key share is not in the group", GroupName(group))
		}
		shared, _ := curve.multiply(px, py, secret)
		if shared == nil {
			return nil, protocolError("the %s key share is of low order", GroupName(group))
		}
		return shared.FillBytes(make([]byte, size)), nil
	}
	return &keyShare{group: group, public: public, agree: agree}
}

// has reports whether a point is on the curve.
func (c *weierstrass) has(x, y *big.Int) bool {
	if x.Cmp(c.p) >= 0 || y.Cmp(c.p) >= 0 {
		return false
	}
	right := new(big.Int).Mul(x, x)
	right.Add(right, c.a).Mul(right, x).Add(right, c.b)
	left := new(big.Int).Mul(y, y)
	return left.Sub(left, right).Mod(left, c.p).Sign() == 0
}

// multiply returns a point so many times, nil for the one at infinity.
func (c *weierstrass) multiply(x, y *big.Int, times []byte) (rx, ry *big.Int) {
	for _, b := range times {
		for bit := 7; bit >= 0; bit-- {
			rx, ry = c.add(rx, ry, rx, ry)
			if b>>bit&1 != 0 {
				rx, ry = c.add(rx, ry, x, y)
			}
		}
	}
	return rx, ry
}

// add adds two points, nil being the one at infinity.
func (c *weierstrass) add(x1, y1, x2, y2 *big.Int) (x, y *big.Int) {
	switch {
	case x1 == nil:
		return x2, y2
	case x2 == nil:
		return x1, y1
	}
	var slope, below *big.Int
	if x1.Cmp(x2) != 0 {
		slope, below = new(big.Int).Sub(y2, y1), new(big.Int).Sub(x2, x1)
	} else {
		if y1.Cmp(y2) != 0 || y1.Sign() == 0 {
			return nil, nil
		}
		slope = new(big.Int).Mul(x1, x1)
		slope.Mul(slope, big.NewInt(3)).Add(slope, c.a)
		below = new(big.Int).Lsh(y1, 1)
	}
	slope.Mul(slope, below.ModInverse(below.Mod(below, c.p), c.p)).Mod(slope, c.p)
	x = new(big.Int).Mul(slope, slope)
	x.Sub(x, x1).Sub(x, x2).Mod(x, c.p)
	y = new(big.Int).Sub(x1, x)
	y.Mul(y, slope).Sub(y, y1).Mod(y, c.p)
	return x, y
}
