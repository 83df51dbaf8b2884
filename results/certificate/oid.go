package certificate

import (
	"crypto/x509"
	"strconv"
)

// maxOIDOctets caps the encoded length of an object identifier that is written
// out. Writing out a long arc takes time that grows with its square; the
// longest arcs in use are UUIDs, of 19 octets.
const maxOIDOctets = 64

// dotted returns the dotted form of an object identifier's content octets, and
// "" where they are none.
func dotted(content []byte) string {
	if len(content) == 0 || len(content) > maxOIDOctets || content[len(content)-1]&0x80 != 0 {
		return ""
	}
	var scratch [4 * maxOIDOctets]byte
	s := scratch[:0]
	arc, start := uint64(0), true
	for _, b := range content {
		switch {
		case start && b == 0x80:
			return "" // a needless octet, X.690 §8.19.2
		case arc >= 1<<57:
			return dottedLong(content)
		}
		arc = arc<<7 | uint64(b&0x7f)
		if start = b&0x80 == 0; !start {
			continue
		}
		if len(s) > 0 {
			s = strconv.AppendUint(append(s, '.'), arc, 10)
		} else {
			root := min(arc/40, 2) // the first two arcs are sent as one
			s = strconv.AppendUint(append(s, byte('0'+root), '.'), arc-40*root, 10)
		}
		arc = 0
	}
	return string(s)
}

// dottedLong is dotted for arcs beyond 64 bits.
func dottedLong(content []byte) string {
	var oid x509.OID
	if oid.UnmarshalBinary(content) != nil {
		return ""
	}
	return oid.String()
}

// byContent turns a table that is keyed by dotted object identifiers into one
// that is keyed by their content octets, so that a look-up needs no decoding.
func byContent[V any](table map[string]V) map[string]V {
	encoded := make(map[string]V, len(table))
	for s, v := range table {
		oid, err := x509.ParseOID(s)
		if err != nil {
			panic("results: " + s + ": " + err.Error())
		}
		content, err := oid.MarshalBinary()
		if err != nil {
			panic("results: " + s + ": " + err.Error())
		}
		encoded[string(content)] = v
	}
	return encoded
}

// signatureNames holds the names of signature algorithms: crypto/x509's for
// those that it knows, others in the same manner. RSASSA-PSS is not here: its
// hash stands in its parameters.
var signatureNames = byContent(map[string]string{
	"1.2.840.113549.1.1.2":    "MD2-RSA",
	"1.2.840.113549.1.1.3":    "MD4-RSA",
	"1.2.840.113549.1.1.4":    "MD5-RSA",
	"1.2.840.113549.1.1.5":    "SHA1-RSA",
	"1.3.14.3.2.29":           "SHA1-RSA",
	"1.2.840.113549.1.1.14":   "SHA224-RSA",
	"1.2.840.113549.1.1.11":   "SHA256-RSA",
	"1.2.840.113549.1.1.12":   "SHA384-RSA",
	"2.16.840.1.101.3.4.3.13": "SHA3-224-RSA",
	"2.16.840.1.101.3.4.3.14": "SHA3-256-RSA",
	"2.16.840.1.101.3.4.3.15": "SHA3-384-RSA",
	"2.16.840.1.101.3.4.3.16": "SHA3-512-RSA",
	"1.2.840.113549.1.1.13":   "SHA512-RSA",
	"1.3.36.3.3.1.2":          "RIPEMD160-RSA",

	"1.2.840.10040.4.3":      "DSA-SHA1",
	"1.3.14.3.2.27":          "DSA-SHA1",
	"2.16.840.1.101.3.4.3.1": "DSA-SHA224",
	"2.16.840.1.101.3.4.3.2": "DSA-SHA256",
	"2.16.840.1.101.3.4.3.3": "DSA-SHA384",
	"2.16.840.1.101.3.4.3.4": "DSA-SHA512",

	"1.2.840.10045.4.1":       "ECDSA-SHA1",
	"1.2.840.10045.4.3.1":     "ECDSA-SHA224",
	"1.2.840.10045.4.3.2":     "ECDSA-SHA256",
	"1.2.840.10045.4.3.3":     "ECDSA-SHA384",
	"1.2.840.10045.4.3.4":     "ECDSA-SHA512",
	"2.16.840.1.101.3.4.3.10": "ECDSA-SHA3-256",
	"2.16.840.1.101.3.4.3.11": "ECDSA-SHA3-384",
	"2.16.840.1.101.3.4.3.12": "ECDSA-SHA3-512",

	"1.3.101.112":             "Ed25519",
	"1.3.101.113":             "Ed448",
	"2.16.840.1.101.3.4.3.17": "ML-DSA-44",
	"2.16.840.1.101.3.4.3.18": "ML-DSA-65",
	"2.16.840.1.101.3.4.3.19": "ML-DSA-87",
	"1.2.156.10197.1.501":     "SM2-SM3",
	"1.2.643.2.2.3":           "GOST2001-GOST94",
	"1.2.643.7.1.1.3.2":       "GOST2012-256",
	"1.2.643.7.1.1.3.3":       "GOST2012-512",
})

// pssHashes holds the hashes that RSASSA-PSS is used with (RFC 4055 §2.1).
var pssHashes = byContent(map[string]string{
	"1.3.14.3.2.26":          "SHA1",
	"2.16.840.1.101.3.4.2.1": "SHA256",
	"2.16.840.1.101.3.4.2.2": "SHA384",
	"2.16.840.1.101.3.4.2.3": "SHA512",
	"2.16.840.1.101.3.4.2.4": "SHA224",
	"2.16.840.1.101.3.4.2.8": "SHA3-256",
})

// extKeyUsageNames holds the names of RFC 5280 §4.2.1.12, and the names under
// which OpenSSL knows a few that came before it.
var extKeyUsageNames = byContent(map[string]string{
	"2.5.29.37.0":            "anyExtendedKeyUsage",
	"1.3.6.1.5.5.7.3.1":      "serverAuth",
	"1.3.6.1.5.5.7.3.2":      "clientAuth",
	"1.3.6.1.5.5.7.3.3":      "codeSigning",
	"1.3.6.1.5.5.7.3.4":      "emailProtection",
	"1.3.6.1.5.5.7.3.5":      "ipsecEndSystem",
	"1.3.6.1.5.5.7.3.6":      "ipsecTunnel",
	"1.3.6.1.5.5.7.3.7":      "ipsecUser",
	"1.3.6.1.5.5.7.3.8":      "timeStamping",
	"1.3.6.1.5.5.7.3.9":      "OCSPSigning",
	"1.3.6.1.4.1.311.10.3.3": "msSGC",
	"2.16.840.1.113730.4.1":  "nsSGC",
})

const oidRSAPSS = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a" // 1.2.840.113549.1.1.10

// signatureName names the algorithm of an AlgorithmIdentifier: crypto/x509's
// name, or the dotted object identifier, or "" where there is none.
func signatureName(ai element) string {
	d := ai.inside()
	oid, ok := d.next()
	if !ok || oid.tag != tagOID {
		return ""
	}
	if name, ok := signatureNames[string(oid.content)]; ok {
		return name
	}
	if string(oid.content) != oidRSAPSS {
		return dotted(oid.content)
	}
	params, ok := d.next()
	if !ok {
		return dotted(oid.content)
	}
	hash := "SHA1" // the default, RFC 4055 §3.1
	if field, ok := params.first(); ok && field.tag == tagExplicit0 {
		hash = ""
		if ai, ok := field.first(); ok {
			if oid, ok := ai.first(); ok {
				hash = pssHashes[string(oid.content)]
			}
		}
	}
	if hash == "" {
		return dotted(oid.content)
	}
	return hash + "-RSAPSS"
}
