package hello

import (
	"bytes"
	"crypto"
	"crypto/dsa" //lint:ignore SA1019 servers with DSA keys are still met
	"crypto/ecdsa"
	"crypto/ed25519"
	_ "crypto/md5" // for crypto.MD5 and, with SHA-1, crypto.MD5SHA1
	"crypto/rsa"
	"crypto/sha1"
	_ "crypto/sha256" // for the hashes of signatures
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"slices"
	"strings"

	"github.com/cloudflare/circl/sign/ed448"
	"golang.org/x/crypto/cryptobyte"
	cryptobyteasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// maxRSA is the largest RSA key that a signature is checked with, in bits, as
// in crypto/tls: the time grows with its square.
const maxRSA = 8192

// A server shows that it holds the key of its certificate by a signature over
// what the client cannot have been sent before: under TLS 1.3 over the
// transcript, below it over both randoms. A key exchange without a signature
// shows nothing until the server's Finished message, which is not waited for.

// serverContext begins what a server signs, RFC 8446 §4.4.3.
var serverContext = append(bytes.Repeat([]byte{' '}, 64), "TLS 1.3, server CertificateVerify\x00"...)

// proves13 reports whether a CertificateVerify message is by the key of leaf.
// transcript is the hash of all messages before it.
func proves13(leaf, body, transcript []byte) bool {
	var scheme uint16
	var signature cryptobyte.String
	s := cryptobyte.String(body)
	if !s.ReadUint16(&scheme) || !s.ReadUint16LengthPrefixed(&signature) || !s.Empty() {
		return false
	}
	// PKCS #1 and SHA-1 are for certificates alone, RFC 8446 §4.2.3.
	if hash, kind := uint8(scheme>>8), uint8(scheme); hash < 4 || hash < 8 && kind != signatureECDSA {
		return false
	}
	return verifies(publicKey(leaf), scheme, slices.Concat(serverContext, transcript), signature)
}

// proves12 reports whether a ServerKeyExchange message is by the key of leaf
// (RFC 5246 §7.4.3, RFC 8422 §5.4). randoms are the client's and the server's.
func proves12(version, cipherSuite uint16, leaf, body, randoms []byte) bool {
	params, rest, ok := splitParams(SuiteName(cipherSuite), body)
	if !ok {
		return false
	}
	key := publicKey(leaf)
	scheme := legacyScheme(key)
	if version == versionTLS12 && !rest.ReadUint16(&scheme) {
		return false
	}
	var signature cryptobyte.String
	if !rest.ReadUint16LengthPrefixed(&signature) || !rest.Empty() {
		return false
	}
	return verifies(key, scheme, slices.Concat(randoms, params), signature)
}

// signs reports whether a suite has the server sign its key exchange.
func signs(suite string) bool {
	for _, prefix := range []string{"TLS_ECDHE_RSA_", "TLS_ECDHE_ECDSA_", "TLS_DHE_RSA_", "TLS_DHE_DSS_"} {
		if strings.HasPrefix(suite, prefix) {
			return true
		}
	}
	return false
}

// splitParams divides a ServerKeyExchange message into what is signed and what
// comes after it. Curves by their parameters are not known.
func splitParams(suite string, body []byte) (params []byte, rest cryptobyte.String, ok bool) {
	rest = body
	var field cryptobyte.String
	switch {
	case !signs(suite):
		return nil, nil, false
	case strings.HasPrefix(suite, "TLS_ECDHE_"):
		var kind uint8
		var curve uint16
		ok = rest.ReadUint8(&kind) && kind == namedCurve && rest.ReadUint16(&curve) && rest.ReadUint8LengthPrefixed(&field)
	default: // p, g and the share
		ok = true
		for range 3 {
			ok = ok && rest.ReadUint16LengthPrefixed(&field)
		}
	}
	return body[:len(body)-len(rest)], rest, ok
}

// The second octet of the schemes that TLS 1.2 has, RFC 5246 §7.4.1.4.1.
const (
	signatureRSA   = 1
	signatureDSA   = 2
	signatureECDSA = 3
)

// schemeMD5SHA1 stands for RSA below TLS 1.2, with both hashes at once (RFC 4346
// §7.4.3). It is no number that can be sent.
const schemeMD5SHA1 = 0

// legacyScheme returns how a key signs below TLS 1.2.
func legacyScheme(key crypto.PublicKey) uint16 {
	switch key.(type) {
	case *dsa.PublicKey:
		return 0x0202
	case *ecdsa.PublicKey:
		return 0x0203
	}
	return schemeMD5SHA1
}

// schemeHashes has the hashes by the first octet of a scheme of TLS 1.2.
var schemeHashes = map[uint8]crypto.Hash{
	1: crypto.MD5, 2: crypto.SHA1, 3: crypto.SHA224, 4: crypto.SHA256, 5: crypto.SHA384, 6: crypto.SHA512,
}

// pssHashes has the hashes of RSA-PSS schemes, RFC 8446 §4.2.3, with an RSA key
// and with an RSA-PSS key.
var pssHashes = map[uint16]crypto.Hash{
	0x0804: crypto.SHA256, 0x0805: crypto.SHA384, 0x0806: crypto.SHA512,
	0x0809: crypto.SHA256, 0x080A: crypto.SHA384, 0x080B: crypto.SHA512,
}

// verifies reports whether a signature over message is by key. It is false for
// all that cannot be computed here.
func verifies(key crypto.PublicKey, scheme uint16, message, signature []byte) bool {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return verifiesRSA(key, scheme, message, signature)
	case *ecdsa.PublicKey:
		hash := schemeHashes[uint8(scheme>>8)]
		return uint8(scheme) == signatureECDSA && hash != 0 && ecdsa.VerifyASN1(key, digest(hash, message), signature)
	case *dsa.PublicKey:
		hash := schemeHashes[uint8(scheme>>8)]
		return uint8(scheme) == signatureDSA && hash != 0 && verifiesDSA(key, digest(hash, message), signature)
	case ed25519.PublicKey:
		return scheme == 0x0807 && len(key) == ed25519.PublicKeySize && ed25519.Verify(key, message, signature)
	case ed448.PublicKey:
		return scheme == 0x0808 && len(key) == ed448.PublicKeySize && ed448.Verify(key, message, signature, "")
	}
	return false
}

func verifiesRSA(key *rsa.PublicKey, scheme uint16, message, signature []byte) bool {
	if key.N.BitLen() > maxRSA {
		return false
	}
	if hash, ok := pssHashes[scheme]; ok {
		return rsa.VerifyPSS(key, hash, digest(hash, message), signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
	}
	if scheme == schemeMD5SHA1 {
		sum := sha1.Sum(message)
		return rsa.VerifyPKCS1v15(key, crypto.MD5SHA1, append(digest(crypto.MD5, message), sum[:]...), signature) == nil
	}
	hash := schemeHashes[uint8(scheme>>8)]
	return uint8(scheme) == signatureRSA && hash != 0 && rsa.VerifyPKCS1v15(key, hash, digest(hash, message), signature) == nil
}

// maxDSA bounds a DSA key like an RSA one; its parameters come with the key.
const maxDSA = 4096

func verifiesDSA(key *dsa.PublicKey, sum, signature []byte) bool {
	if key.P.BitLen() > maxDSA || key.Q.BitLen() > 512 || key.P.Sign() <= 0 || key.Q.Sign() <= 0 {
		return false
	}
	var rs struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(signature, &rs); err != nil || len(rest) > 0 {
		return false
	}
	// FIPS 186-4 §4.6: as many bits of the hash as Q has.
	return dsa.Verify(key, sum[:min(len(sum), (key.Q.BitLen()+7)/8)], rs.R, rs.S)
}

func digest(hash crypto.Hash, message []byte) []byte {
	h := hash.New()
	h.Write(message)
	return h.Sum(nil)
}

// The algorithms of keys that crypto/x509 does not read: RSA-PSS (RFC 4055 §1.2)
// and Ed448 (RFC 8410 §3).
var (
	oidRSAPSS = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	oidEd448  = asn1.ObjectIdentifier{1, 3, 101, 113}
)

// publicKey returns the key of a certificate, whatever else crypto/x509 may
// think of it, or nil.
func publicKey(der []byte) crypto.PublicKey {
	var certificate, tbs, spki, algorithm cryptobyte.String
	s := cryptobyte.String(der)
	if !s.ReadASN1(&certificate, cryptobyteasn1.SEQUENCE) || !certificate.ReadASN1(&tbs, cryptobyteasn1.SEQUENCE) ||
		!tbs.SkipOptionalASN1(cryptobyteasn1.Tag(0).ContextSpecific().Constructed()) ||
		!tbs.SkipASN1(cryptobyteasn1.INTEGER) || // serial number
		!tbs.SkipASN1(cryptobyteasn1.SEQUENCE) || !tbs.SkipASN1(cryptobyteasn1.SEQUENCE) || // signature, issuer
		!tbs.SkipASN1(cryptobyteasn1.SEQUENCE) || !tbs.SkipASN1(cryptobyteasn1.SEQUENCE) || // validity, subject
		!tbs.ReadASN1Element(&spki, cryptobyteasn1.SEQUENCE) {
		return nil
	}
	if key, err := x509.ParsePKIXPublicKey(spki); err == nil {
		return key
	}
	var content cryptobyte.String
	var oid asn1.ObjectIdentifier
	var bits asn1.BitString
	if !spki.ReadASN1(&content, cryptobyteasn1.SEQUENCE) || !content.ReadASN1(&algorithm, cryptobyteasn1.SEQUENCE) ||
		!algorithm.ReadASN1ObjectIdentifier(&oid) || !content.ReadASN1BitString(&bits) {
		return nil
	}
	switch {
	case oid.Equal(oidRSAPSS):
		if key, err := x509.ParsePKCS1PublicKey(bits.RightAlign()); err == nil {
			return key
		}
	case oid.Equal(oidEd448):
		return ed448.PublicKey(bits.RightAlign())
	}
	return nil
}
