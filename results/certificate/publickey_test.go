package certificate

import (
	"bytes"
	"crypto/elliptic"
	"slices"
	"testing"
)

// oddKeys change the public key.
func oddKeys() []oddCase {
	key := func(name string, accepted bool, want PublicKey, spki []byte) oddCase {
		return oddCase{name, func(o *odd) { o.spki = spki }, accepted, func(c *Certificate) { c.PublicKey = want }}
	}
	rsa := func(name string, accepted bool, bits int, n, e []byte) oddCase {
		return key(name, accepted, PublicKey{"RSA", bits, ""},
			spkiOf(keyOf("1.2.840.113549.1.1.1", null()), rsaKey(n, e)))
	}
	ec := func(name string, accepted bool, want PublicKey, params, point []byte) oddCase {
		return key(name, accepted, want, spkiOf(keyOf("1.2.840.10045.2.1", params), point))
	}
	opaque := func(name, oid string, bits, octets int, accepted bool) oddCase {
		return key("key of "+name, accepted, PublicKey{name, bits, ""},
			spkiOf(keyOf(oid, nil), bytes.Repeat([]byte{0x55}, octets)))
	}
	modulus := func(octets int) []byte { return slices.Concat([]byte{0}, bytes.Repeat([]byte{0xc5}, octets)) }
	e := []byte{1, 0, 1}
	p256 := objectID("1.2.840.10045.3.1.7")
	params := elliptic.P256().Params()
	x := params.Gx.FillBytes(make([]byte, 32))
	point := func(octets int) []byte { return slices.Concat([]byte{4}, bytes.Repeat([]byte{0x55}, 2*octets)) }
	explicit := seq(integer(1), seq(objectID("1.2.840.10045.1.1"), tlv(2, []byte{0}, params.P.Bytes())), seq())
	return []oddCase{
		rsa("RSA 2048", true, 2048, modulus(256), e),
		rsa("RSA 16384", true, 16384, modulus(2048), e),
		rsa("RSA 8", true, 8, modulus(1), e),
		rsa("RSA, even exponent", true, 2048, modulus(256), []byte{2}),
		rsa("RSA, exponent 0", false, 2048, modulus(256), []byte{0}),
		rsa("RSA, exponent -1", false, 2048, modulus(256), []byte{0xff}),
		rsa("RSA, exponent of 32 octets", false, 2048, modulus(256), modulus(32)),
		rsa("RSA, modulus 0", false, 0, []byte{0}, e),
		rsa("RSA, modulus without its zero octet", false, 2048, modulus(256)[1:], e),
		rsa("RSA, empty modulus", false, 0, nil, e),
		key("RSA without parameters", false, PublicKey{"RSA", 2048, ""},
			spkiOf(keyOf("1.2.840.113549.1.1.1", nil), rsaKey(modulus(256), e))),
		key("RSA of garbage", false, PublicKey{"RSA", 0, ""},
			spkiOf(keyOf("1.2.840.113549.1.1.1", null()), []byte("garbage"))),
		key("RSA-PSS key", true, PublicKey{"RSA-PSS", 3072, ""},
			spkiOf(keyOf("1.2.840.113549.1.1.10", nil), rsaKey(modulus(384), e))),
		key("DSA key", true, PublicKey{"DSA", 1024, ""},
			spkiOf(keyOf("1.2.840.10040.4.1", seq(tlv(2, modulus(128)), integer(5), integer(7))), integer(9))),
		key("DSA without parameters", false, PublicKey{"DSA", 0, ""},
			spkiOf(keyOf("1.2.840.10040.4.1", nil), integer(9))),

		ec("compressed point", false, PublicKey{"ECDSA", 256, "P-256"}, p256, slices.Concat([]byte{2}, x)),
		ec("point off its curve", false, PublicKey{"ECDSA", 256, "P-256"}, p256, point(32)),
		ec("point of another curve's size", false, PublicKey{"ECDSA", 256, "P-256"}, p256, point(48)),
		ec("point at infinity", false, PublicKey{"ECDSA", 256, "P-256"}, p256, []byte{0}),
		ec("no point", false, PublicKey{"ECDSA", 256, "P-256"}, p256, nil),
		ec("secp256k1", false, PublicKey{"ECDSA", 256, "secp256k1"}, objectID("1.3.132.0.10"), point(32)),
		ec("brainpoolP384r1", false, PublicKey{"ECDSA", 384, "brainpoolP384r1"}, objectID("1.3.36.3.3.2.8.1.1.11"), point(48)),
		ec("P-192", false, PublicKey{"ECDSA", 192, "P-192"}, objectID("1.2.840.10045.3.1.1"), point(24)),
		ec("SM2", false, PublicKey{"SM2", 256, "SM2"}, objectID("1.2.156.10197.1.301"), point(32)),
		ec("unknown curve", false, PublicKey{"ECDSA", 320, "1.3.6.1.4.1.99999.4"}, objectID("1.3.6.1.4.1.99999.4"), point(40)),
		ec("unknown curve, compressed point", false, PublicKey{"ECDSA", 256, "1.3.6.1.4.1.99999.4"},
			objectID("1.3.6.1.4.1.99999.4"), slices.Concat([]byte{3}, x)),
		ec("explicit parameters", false, PublicKey{"ECDSA", 256, "explicit"}, explicit, p256Point()),
		ec("explicit parameters of garbage", false, PublicKey{"ECDSA", 256, "explicit"}, seq([]byte("garbage")), p256Point()),
		ec("no parameters", false, PublicKey{"ECDSA", 256, ""}, nil, p256Point()),

		opaque("Ed25519", "1.3.101.112", 256, 32, true),
		opaque("X25519", "1.3.101.110", 256, 32, true),
		opaque("Ed448", "1.3.101.113", 448, 57, true),
		opaque("X448", "1.3.101.111", 448, 56, true),
		opaque("ML-DSA-44", "2.16.840.1.101.3.4.3.17", 1312*8, 1312, true),
		opaque("ML-DSA-65", "2.16.840.1.101.3.4.3.18", 1952*8, 1952, true),
		opaque("ML-DSA-87", "2.16.840.1.101.3.4.3.19", 2592*8, 2592, true),
		opaque("GOST2001", "1.2.643.2.2.19", 256, 64, true),
		opaque("GOST2012-256", "1.2.643.7.1.1.1.1", 256, 64, true),
		opaque("GOST2012-512", "1.2.643.7.1.1.1.2", 512, 128, true),
		opaque("1.3.6.1.4.1.99999.5", "1.3.6.1.4.1.99999.5", 0, 8, true),
		key("Ed25519 key of 31 octets", false, PublicKey{"Ed25519", 256, ""},
			spkiOf(keyOf("1.3.101.112", nil), make([]byte, 31))),
		key("empty SubjectPublicKeyInfo", false, PublicKey{}, seq()),
		key("key without algorithm", false, PublicKey{}, seq(bitString([]byte("key")))),
		key("key without bits", false, PublicKey{"Ed25519", 256, ""}, seq(keyOf("1.3.101.112", nil))),
		{"key that is a string", func(o *odd) { o.spki = text(tagUTF8String, "key") }, false, func(c *Certificate) {
			c.PublicKey, c.SPKISHA256 = PublicKey{}, ""
		}},
	}
}

// TestCutPoint: the size of a point that was cut is not the size of a field.
func TestCutPoint(t *testing.T) {
	t.Parallel()
	o := ordinary()
	o.spki = spkiOf(keyOf("1.2.840.10045.2.1", objectID("1.3.6.1.4.1.99999.4")), p256Point())
	der := o.der()
	der = der[:bytes.Index(der, o.spki)+len(o.spki)-10]
	want := PublicKey{Algorithm: "ECDSA", Curve: "1.3.6.1.4.1.99999.4"}
	if got := Read(der, nil, testNow).PublicKey; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
