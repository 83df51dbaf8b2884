package certificate

import "math/bits"

// keyAlgorithm is a kind of public key. bits is its size where the algorithm
// fixes it, and 0 where the key has to be read.
type keyAlgorithm struct {
	name string
	bits int
}

const (
	algorithmRSA    = "RSA"
	algorithmRSAPSS = "RSA-PSS"
	algorithmDSA    = "DSA"
	algorithmECDSA  = "ECDSA"
	algorithmECDH   = "ECDH"
	algorithmSM2    = "SM2"
)

var keyAlgorithms = byContent(map[string]keyAlgorithm{
	"1.2.840.113549.1.1.1":    {algorithmRSA, 0},
	"2.5.8.1.1":               {algorithmRSA, 0}, // of X.509 itself, before PKCS #1
	"1.2.840.113549.1.1.7":    {"RSA-OAEP", 0},
	"1.2.840.113549.1.1.10":   {algorithmRSAPSS, 0},
	"1.2.840.10040.4.1":       {algorithmDSA, 0},
	"1.2.840.10045.2.1":       {algorithmECDSA, 0},
	"1.3.132.1.12":            {algorithmECDH, 0},
	"1.3.101.110":             {"X25519", 256},
	"1.3.101.111":             {"X448", 448},
	"1.3.101.112":             {"Ed25519", 256},
	"1.3.101.113":             {"Ed448", 448},
	"2.16.840.1.101.3.4.3.17": {"ML-DSA-44", 1312 * 8},
	"2.16.840.1.101.3.4.3.18": {"ML-DSA-65", 1952 * 8},
	"2.16.840.1.101.3.4.3.19": {"ML-DSA-87", 2592 * 8},
	"1.2.643.2.2.20":          {"GOST94", 1024},
	"1.2.643.2.2.19":          {"GOST2001", 256},
	"1.2.643.7.1.1.1.1":       {"GOST2012-256", 256},
	"1.2.643.7.1.1.1.2":       {"GOST2012-512", 512},
	"1.2.840.113549.1.3.1":    {"DH", 0},
	"1.2.840.10046.2.1":       {"DH", 0},
})

// curve is a named elliptic curve and the size of its field.
type curve struct {
	name string
	bits int
}

// curves holds the curves seen in certificates. NIST's names are the ones that
// crypto/elliptic uses, the others OpenSSL's.
var curves = byContent(map[string]curve{
	"1.2.840.10045.3.1.1":   {"P-192", 192},
	"1.3.132.0.33":          {"P-224", 224},
	"1.2.840.10045.3.1.7":   {"P-256", 256},
	"1.3.132.0.34":          {"P-384", 384},
	"1.3.132.0.35":          {"P-521", 521},
	"1.3.132.0.8":           {"secp160r1", 160},
	"1.3.132.0.9":           {"secp160k1", 160},
	"1.3.132.0.30":          {"secp160r2", 160},
	"1.3.132.0.31":          {"secp192k1", 192},
	"1.3.132.0.32":          {"secp224k1", 224},
	"1.3.132.0.10":          {"secp256k1", 256},
	"1.3.132.0.1":           {"sect163k1", 163},
	"1.3.132.0.15":          {"sect163r2", 163},
	"1.3.132.0.26":          {"sect233k1", 233},
	"1.3.132.0.27":          {"sect233r1", 233},
	"1.3.132.0.16":          {"sect283k1", 283},
	"1.3.132.0.17":          {"sect283r1", 283},
	"1.3.132.0.36":          {"sect409k1", 409},
	"1.3.132.0.37":          {"sect409r1", 409},
	"1.3.132.0.38":          {"sect571k1", 571},
	"1.3.132.0.39":          {"sect571r1", 571},
	"1.3.36.3.3.2.8.1.1.1":  {"brainpoolP160r1", 160},
	"1.3.36.3.3.2.8.1.1.3":  {"brainpoolP192r1", 192},
	"1.3.36.3.3.2.8.1.1.5":  {"brainpoolP224r1", 224},
	"1.3.36.3.3.2.8.1.1.7":  {"brainpoolP256r1", 256},
	"1.3.36.3.3.2.8.1.1.8":  {"brainpoolP256t1", 256},
	"1.3.36.3.3.2.8.1.1.9":  {"brainpoolP320r1", 320},
	"1.3.36.3.3.2.8.1.1.11": {"brainpoolP384r1", 384},
	"1.3.36.3.3.2.8.1.1.12": {"brainpoolP384t1", 384},
	"1.3.36.3.3.2.8.1.1.13": {"brainpoolP512r1", 512},
	"1.3.36.3.3.2.8.1.1.14": {"brainpoolP512t1", 512},
	"1.2.156.10197.1.301":   {algorithmSM2, 256},
})

// publicKey describes a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7). It looks at
// the key's form and size only: a point off its curve, or an exponent that no
// one can use, does not hide what the rest says.
func publicKey(spki element) PublicKey {
	d := spki.inside()
	ai, _ := d.next()
	algorithm := ai.inside()
	oid, ok := algorithm.next()
	if !ok || oid.tag != tagOID {
		return PublicKey{}
	}
	params, _ := algorithm.next()
	var key, point []byte
	if bitString, ok := d.next(); ok && bitString.tag == tagBitString && len(bitString.content) > 0 {
		key = bitString.content[1:] // after the count of unused bits
		if !bitString.cut {
			point = key
		}
	}

	alg, ok := keyAlgorithms[string(oid.content)]
	if !ok {
		return PublicKey{Algorithm: dotted(oid.content)}
	}
	pk := PublicKey{Algorithm: alg.name, Bits: alg.bits}
	switch alg.name {
	case algorithmRSA, algorithmRSAPSS, "RSA-OAEP":
		rsaKey := reader(key)
		if seq, ok := rsaKey.next(); ok {
			pk.Bits = integerBits(seq)
		}
	case algorithmDSA, "DH":
		pk.Bits = integerBits(params)
	case algorithmECDSA, algorithmECDH:
		pk.Curve, pk.Bits = ecParameters(params, point)
		if pk.Curve == algorithmSM2 {
			pk.Algorithm = algorithmSM2
		}
	}
	return pk
}

// integerBits returns the size of the integer that a sequence begins with. A
// modulus whose sender forgot the octet that keeps it positive counts as the
// positive number that was meant.
func integerBits(seq element) int {
	n, ok := seq.first()
	if !ok || n.tag != tagInteger {
		return 0
	}
	return bitLen(n.content)
}

func bitLen(b []byte) int {
	for i, v := range b {
		if v != 0 {
			return (len(b)-i-1)*8 + bits.Len8(v)
		}
	}
	return 0
}

// ecParameters names the curve of an elliptic curve key (RFC 5480 §2.1.1). The
// size of the field follows from the point where the curve is not known.
func ecParameters(params element, point []byte) (name string, size int) {
	switch {
	case params.tag == tagOID:
		if c, ok := curves[string(params.content)]; ok {
			return c.name, c.bits
		}
		name = dotted(params.content)
	case params.constructed():
		// ECParameters: version, then the field with its prime (X9.62 §E.2).
		name = "explicit"
		d := params.inside()
		d.next()
		if field, ok := d.next(); ok {
			d = field.inside()
			d.next()
			if prime, ok := d.next(); ok && prime.tag == tagInteger {
				return name, bitLen(prime.content)
			}
		}
	}
	if len(point) > 1 {
		switch point[0] {
		case 2, 3: // compressed, SEC 1 §2.3.3
			size = (len(point) - 1) * 8
		case 4:
			size = (len(point) - 1) / 2 * 8
		}
	}
	return name, size
}
