package revocation

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
)

// scheme is how a list is signed.
type scheme uint8

const (
	pkcs1v15 scheme = iota + 1
	pss
	ecdsaASN1
)

// schemes are those whose signature is over a hash, so that a list need not be
// held to check it: all but EdDSA and ML-DSA. Those with SHA-1 are left out.
var schemes = map[string]struct {
	scheme scheme
	hash   crypto.Hash
}{
	"1.2.840.113549.1.1.11": {pkcs1v15, crypto.SHA256},
	"1.2.840.113549.1.1.12": {pkcs1v15, crypto.SHA384},
	"1.2.840.113549.1.1.13": {pkcs1v15, crypto.SHA512},
	"1.2.840.113549.1.1.10": {pss, 0},
	"1.2.840.10045.4.3.2":   {ecdsaASN1, crypto.SHA256},
	"1.2.840.10045.4.3.3":   {ecdsaASN1, crypto.SHA384},
	"1.2.840.10045.4.3.4":   {ecdsaASN1, crypto.SHA512},
}

// weakAlgorithms have signatures that could be made for another list.
var weakAlgorithms = map[string]string{
	"1.2.840.113549.1.1.4": "MD5", "1.2.840.113549.1.1.5": "SHA-1", "1.3.14.3.2.29": "SHA-1", "1.2.840.10045.4.1": "SHA-1", "1.2.840.10040.4.3": "SHA-1",
}

// parse reads an AlgorithmIdentifier.
func (s *signature) parse(der []byte) error {
	var algorithm pkix.AlgorithmIdentifier
	if rest, err := asn1.Unmarshal(der, &algorithm); err != nil || len(rest) > 0 {
		return errDER
	}
	oid := algorithm.Algorithm.String()
	known, ok := schemes[oid]
	switch {
	case ok && known.scheme == pss:
		hash, err := pssHash(algorithm.Parameters.FullBytes)
		if err != nil {
			return err
		}
		known.hash = hash
	case weakAlgorithms[oid] != "":
		return fmt.Errorf("the list is signed with %s", weakAlgorithms[oid])
	case !ok:
		return fmt.Errorf("the list is signed in a way that is not known (%s)", oid)
	}
	s.scheme, s.hash = known.scheme, known.hash
	return nil
}

// pssHash returns the hash of RSASSA-PSS parameters (RFC 4055 §3.1), which has to
// be the one of the mask too.
func pssHash(der []byte) (crypto.Hash, error) {
	var params struct {
		Hash pkix.AlgorithmIdentifier `asn1:"explicit,tag:0,optional"`
		Mask pkix.AlgorithmIdentifier `asn1:"explicit,tag:1,optional"`
		Salt int                      `asn1:"explicit,tag:2,optional,default:20"`
	}
	var mask pkix.AlgorithmIdentifier
	if _, err := asn1.Unmarshal(der, &params); err != nil {
		return 0, errDER
	}
	hashes := map[string]crypto.Hash{
		"2.16.840.1.101.3.4.2.1": crypto.SHA256, "2.16.840.1.101.3.4.2.2": crypto.SHA384, "2.16.840.1.101.3.4.2.3": crypto.SHA512,
	}
	hash, ok := hashes[params.Hash.Algorithm.String()]
	if !ok {
		return 0, errors.New("the list is signed with SHA-1, or with a hash that is not known")
	}
	if _, err := asn1.Unmarshal(params.Mask.Parameters.FullBytes, &mask); err != nil || !mask.Algorithm.Equal(params.Hash.Algorithm) {
		return 0, errors.New("the list is signed with two hashes")
	}
	return hash, nil
}

// verify checks the signature.
func (s *signature) verify(key crypto.PublicKey) error {
	ok, known := false, true
	switch key := key.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() > maxRSA {
			return fmt.Errorf("the issuer has an RSA key of %d bits, more than %d", key.N.BitLen(), maxRSA)
		}
		switch s.scheme {
		case pkcs1v15:
			ok = rsa.VerifyPKCS1v15(key, s.hash, s.digest, s.value) == nil
		case pss:
			ok = rsa.VerifyPSS(key, s.hash, s.digest, s.value, nil) == nil
		default:
			known = false
		}
	case *ecdsa.PublicKey:
		known = s.scheme == ecdsaASN1
		ok = known && ecdsa.VerifyASN1(key, s.digest, s.value)
	default:
		known = false
	}
	switch {
	case !known:
		return errors.New("the issuer's key does not go with the list's signature")
	case !ok:
		return errors.New("the list's signature is not the issuer's")
	}
	return nil
}
