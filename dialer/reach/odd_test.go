//go:build unix

package reach

import (
	"bytes"
	"crypto/elliptic"
	"crypto/tls"
	"encoding/asn1"
	"encoding/pem"
	"slices"
	"strconv"
	"strings"
	"testing"

	"certsweep/dialer/dialertest"
)

// Odd certificates, which no authority should issue and servers show all the
// same. Their fields are package results' to read; here they have to arrive.

// der composes an element.
func der(tag byte, parts ...[]byte) []byte {
	content := slices.Concat(parts...)
	n := len(content)
	head := []byte{tag, byte(n)}
	switch {
	case n > 0xffff:
		head = []byte{tag, 0x83, byte(n >> 16), byte(n >> 8), byte(n)}
	case n > 0xff:
		head = []byte{tag, 0x82, byte(n >> 8), byte(n)}
	case n > 0x7f:
		head = []byte{tag, 0x81, byte(n)}
	}
	return append(head, content...)
}

func derSeq(parts ...[]byte) []byte { return der(0x30, parts...) }
func derBits(part []byte) []byte    { return der(0x03, []byte{0}, part) }

func derOID(dotted string) []byte {
	var id asn1.ObjectIdentifier
	for arc := range strings.SplitSeq(dotted, ".") {
		n, err := strconv.Atoi(arc)
		if err != nil {
			panic(err)
		}
		id = append(id, n)
	}
	out, err := asn1.Marshal(id)
	if err != nil {
		panic(err)
	}
	return out
}

func derName(tag byte, s string) []byte {
	return derSeq(der(0x31, derSeq(derOID("2.5.4.3"), der(tag, []byte(s)))))
}

func derExtension(oid string, content []byte) []byte { return derSeq(derOID(oid), der(0x04, content)) }

func derSAN(names ...[]byte) []byte { return derExtension("2.5.29.17", derSeq(names...)) }

func derKey(algorithm, parameters string, key []byte) []byte {
	id := derOID(algorithm)
	if parameters != "" {
		id = append(id, derOID(parameters)...)
	}
	return derSeq(derSeq(id), derBits(key))
}

// oddParts are a certificate in parts; an absent one is left out.
type oddParts struct {
	version, serial, inner, issuer, validity, subject, key []byte
	extensions                                             [][]byte
	outer, signature                                       []byte
}

func ordinaryParts() oddParts {
	point := elliptic.P256().Params()
	algorithm := derSeq(derOID("1.2.840.10045.4.3.2"))
	return oddParts{
		version: der(0xa0, der(2, []byte{2})), serial: der(2, []byte{0x0c, 0x22}), inner: algorithm,
		issuer:   derName(0x0c, "Odd CA"),
		validity: derSeq(der(0x17, []byte("261001000000Z")), der(0x17, []byte("270122020000Z"))),
		subject:  derName(0x0c, reachName),
		key: derKey("1.2.840.10045.2.1", "1.2.840.10045.3.1.7",
			slices.Concat([]byte{4}, point.Gx.FillBytes(make([]byte, 32)), point.Gy.FillBytes(make([]byte, 32)))),
		extensions: [][]byte{derSAN(der(0x82, []byte(reachName)))},
		outer:      algorithm, signature: derBits([]byte("not a signature")),
	}
}

func (o oddParts) certificate() []byte {
	var extensions []byte
	if o.extensions != nil {
		extensions = der(0xa3, derSeq(o.extensions...))
	}
	tbs := derSeq(o.version, o.serial, o.inner, o.issuer, o.validity, o.subject, o.key, extensions)
	return derSeq(tbs, o.outer, o.signature)
}

// reachPadding is a certificate of about n bytes, most of them an extension
// that means nothing.
func reachPadding(n int) []byte {
	o := ordinaryParts()
	o.extensions = append(o.extensions, derExtension("1.3.6.1.4.1.32473.1", make([]byte, n-400)))
	return o.certificate()
}

// oddCertificates returns them by name.
func oddCertificates() map[string][]byte {
	odd := make(map[string][]byte)
	for name, change := range oddChanges() {
		o := ordinaryParts()
		change(&o)
		odd[name] = o.certificate()
	}
	for name, content := range oddExtensions() {
		o := ordinaryParts()
		o.extensions = content
		odd[name] = o.certificate()
	}
	for name, key := range oddKeys() {
		o := ordinaryParts()
		o.key = key
		odd["key: "+name] = o.certificate()
	}
	whole := ordinaryParts().certificate()
	content := whole[2+whole[1]&0x7f:] // after the length, which is in the long form
	size := []byte{byte(len(content) >> 8), byte(len(content))}
	for name, bytes := range map[string][]byte{
		"trailing data":       append(bytes.Clone(whole), 1, 2, 3),
		"truncated":           whole[:len(whole)/2],
		"truncated by one":    whole[:len(whole)-1],
		"one byte":            {0x30},
		"no ASN.1 at all":     []byte("-----BEGIN CERTIFICATE-----\n"),
		"zeros":               make([]byte, 400),
		"an empty SEQUENCE":   {0x30, 0},
		"indefinite lengths":  slices.Concat([]byte{0x30, 0x80}, content, []byte{0, 0}),
		"a length too long":   slices.Concat([]byte{0x30, 0x84, 0, 0}, size, content),
		"a length of 2^63":    slices.Concat([]byte{0x30, 0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, content),
		"nested 10,000 times": bytes.Repeat([]byte{0x30, 0x80}, 10000),
		"PEM in place of DER": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: whole}),
	} {
		odd[name] = bytes
	}
	return odd
}

// oddChanges change a part of the certificate.
func oddChanges() map[string]func(*oddParts) {
	serial := func(content ...byte) func(*oddParts) { return func(o *oddParts) { o.serial = der(2, content) } }
	until := func(tag byte, s string) func(*oddParts) {
		return func(o *oddParts) { o.validity = derSeq(der(0x17, []byte("261001000000Z")), der(tag, []byte(s))) }
	}
	subject := func(tag byte, s string) func(*oddParts) { return func(o *oddParts) { o.subject = derName(tag, s) } }
	return map[string]func(*oddParts){
		"nothing odd":               func(*oddParts) {},
		"version 1 with extensions": func(o *oddParts) { o.version = nil },
		"version 4":                 func(o *oddParts) { o.version = der(0xa0, der(2, []byte{3})) },
		"version -1":                func(o *oddParts) { o.version = der(0xa0, der(2, []byte{0xff})) },
		"negative serial":           serial(0x80, 1),
		"empty serial":              serial(),
		"serial with a zero before": serial(0, 1),
		"serial of 40 octets":       serial(bytes.Repeat([]byte{0x5a}, 40)...),
		"no serial":                 func(o *oddParts) { o.serial = nil },
		"30th of February":          until(0x17, "270230000000Z"),
		"hour 25":                   until(0x17, "270122250000Z"),
		"the year 10000":            until(0x18, "99991231235959-0100"),
		"the year 9999":             until(0x18, "99991231235959Z"),
		"date in words":             until(0x17, "next January"),
		"date without a zone":       until(0x17, "270122020000"),
		"fraction of a second":      until(0x18, "20270122020000.5Z"),
		"no dates":                  func(o *oddParts) { o.validity = derSeq() },
		"dates swapped": func(o *oddParts) {
			o.validity = derSeq(der(0x17, []byte("270122020000Z")), der(0x17, []byte("261001000000Z")))
		},
		"subject not UTF-8":           subject(0x0c, "odd\xff"),
		"subject not printable":       subject(0x13, "odd_@*"),
		"subject BMPString, odd size": subject(0x1e, "odd"),
		"subject UniversalString":     subject(0x1c, "\x00\x00\x00o"),
		"subject T61String":           subject(0x14, "odd\xe9"),
		"subject NumericString":       subject(0x12, "letters"),
		"subject IA5String, 8 bits":   subject(0x16, "odd\xe9"),
		"subject INTEGER":             subject(0x02, "\x01"),
		"subject of 64 KiB":           subject(0x0c, strings.Repeat("odd", 22000)),
		"empty subject":               func(o *oddParts) { o.subject = derSeq() },
		"no subject":                  func(o *oddParts) { o.subject = nil },
		"subject with a bad OID": func(o *oddParts) {
			o.subject = derSeq(der(0x31, derSeq(der(6, []byte{0x80, 0x01}), der(0x0c, []byte("odd")))))
		},
		"subject of 5,000 attributes": func(o *oddParts) {
			o.subject = derSeq(bytes.Repeat(der(0x31, derSeq(derOID("1.3.6.1.4.1.32473.2"), der(0x0c, []byte("odd")))), 5000))
		},
		"algorithms differ":  func(o *oddParts) { o.inner = derSeq(derOID("1.2.840.113549.1.1.4"), []byte{5, 0}) },
		"unknown algorithm":  func(o *oddParts) { o.inner = derSeq(derOID("1.3.6.1.4.1.32473.3")); o.outer = o.inner },
		"MD2 signature":      func(o *oddParts) { o.inner = derSeq(derOID("1.2.840.113549.1.1.2"), []byte{5, 0}); o.outer = o.inner },
		"no signature":       func(o *oddParts) { o.signature = nil },
		"no outer algorithm": func(o *oddParts) { o.outer, o.signature = nil, nil },
	}
}

// oddExtensions are lists of them.
func oddExtensions() map[string][][]byte {
	san := func(tag byte, content string) [][]byte { return [][]byte{derSAN(der(tag, []byte(content)))} }
	one := func(oid string, content ...byte) [][]byte { return [][]byte{derExtension(oid, content)} }
	twice := derExtension("1.3.6.1.4.1.32473.1", []byte{5, 0})
	critical := derSeq(derOID("1.3.6.1.4.1.32473.1"), []byte{1, 1, 0xff}, der(4, nil))
	falsely := derSeq(derOID("1.3.6.1.4.1.32473.1"), []byte{1, 1, 0x01}, der(4, nil))
	return map[string][][]byte{
		"no extensions":               nil,
		"an empty list of extensions": {},
		"a duplicate extension":       {twice, twice},
		"unknown critical extension":  {critical},
		"a boolean that is 1":         {falsely},
		"an extension without value":  {derSeq(derOID("2.5.29.17"))},
		"SAN: not IA5":                san(0x82, "odd\xff.test"),
		"SAN: empty":                  san(0x82, ""),
		"SAN: spaces":                 san(0x82, "reach .test"),
		"SAN: address of 3 octets":    san(0x87, "\x7f\x00\x01"),
		"SAN: address of 32 octets":   san(0x87, strings.Repeat("\x01", 32)),
		"SAN: bad URI":                san(0x86, "http://[::1/%zz"),
		"SAN: bad email":              san(0x81, "\xff@"),
		"SAN: unknown kind":           san(0x8f, "odd"),
		"SAN: no sequence":            one("2.5.29.17", 5, 0),
		"SAN: garbage":                one("2.5.29.17", 0xff, 0xff),
		"SAN: 4,000 names":            {derSAN(bytes.Repeat(der(0x82, []byte("odd.test")), 4000))},
		"key usage: garbage":          one("2.5.29.15", 0xff),
		"key usage: empty":            one("2.5.29.15", 3, 1, 0),
		"key usage: nine unused bits": one("2.5.29.15", 3, 2, 9, 1),
		"basic constraints: garbage":  one("2.5.29.19", 0x30, 1, 2),
		"basic constraints: negative": one("2.5.29.19", 0x30, 6, 1, 1, 0xff, 2, 1, 0xff),
		"extended key usage: empty":   one("2.5.29.37", 0x30, 0),
		"extended key usage: bad OID": one("2.5.29.37", 0x30, 3, 6, 1, 0x80),
		"authority key ID: garbage":   one("2.5.29.35", 1),
		"CRL points: garbage":         one("2.5.29.31", 0x30, 2, 0x30, 5),
		"policies: twice the same":    {derExtension("2.5.29.32", derSeq(derSeq(derOID("2.23.140.1.2.1")), derSeq(derOID("2.23.140.1.2.1"))))},
		"name constraints: bad":       one("2.5.29.30", 0x30, 4, 0xa0, 2, 0x30, 9),
		"authority info: garbage":     one("1.3.6.1.5.5.7.1.1", 0x30, 3, 0x30, 9, 6),
	}
}

// oddKeys are public keys that crypto/x509 does not take, or does not know.
func oddKeys() map[string][]byte {
	const ecdsa, rsa = "1.2.840.10045.2.1", "1.2.840.113549.1.1.1"
	number := func(n int) []byte { return append([]byte{0, 0x80}, bytes.Repeat([]byte{1}, n-1)...) }
	modulus := func(n int, e ...byte) []byte {
		return derSeq(derSeq(derOID(rsa), []byte{5, 0}), derBits(derSeq(der(2, number(n)), der(2, e))))
	}
	point := append([]byte{4}, make([]byte, 64)...)
	return map[string][]byte{
		"off its curve":         derKey(ecdsa, "1.2.840.10045.3.1.7", point),
		"compressed":            derKey(ecdsa, "1.2.840.10045.3.1.7", append([]byte{2}, make([]byte, 32)...)),
		"point at infinity":     derKey(ecdsa, "1.2.840.10045.3.1.7", []byte{0}),
		"curve of nobody's":     derKey(ecdsa, "1.3.6.1.4.1.32473.4", point),
		"no curve":              derKey(ecdsa, "", point),
		"SM2":                   derKey(ecdsa, "1.2.156.10197.1.301", point),
		"Ed25519 of 31 bytes":   derKey("1.3.101.112", "", make([]byte, 31)),
		"Ed448":                 derKey("1.3.101.113", "", make([]byte, 57)),
		"X25519":                derKey("1.3.101.110", "", make([]byte, 32)),
		"ML-DSA-44":             derKey("2.16.840.1.101.3.4.3.17", "", make([]byte, 1312)),
		"ML-DSA-65":             derKey("2.16.840.1.101.3.4.3.18", "", make([]byte, 1952)),
		"ML-DSA-87":             derKey("2.16.840.1.101.3.4.3.19", "", make([]byte, 2592)),
		"SLH-DSA-SHA2-128s":     derKey("2.16.840.1.101.3.4.3.20", "", make([]byte, 32)),
		"GOST 2001":             derKey("1.2.643.2.2.19", "1.2.643.2.2.35.1", der(4, make([]byte, 64))),
		"GOST 2012-512":         derKey("1.2.643.7.1.1.1.2", "1.2.643.7.1.2.1.2.1", der(4, make([]byte, 128))),
		"DSA without parameter": derKey("1.2.840.10040.4.1", "", der(2, []byte{5})),
		"DH":                    derKey("1.2.840.10046.2.1", "", der(2, []byte{5})),
		"RSA-16384":             modulus(2048, 1, 0, 1),
		"RSA-8200":              modulus(1025, 1, 0, 1),
		"RSA, exponent 1":       modulus(256, 1),
		"RSA, exponent 0":       modulus(256, 0),
		"RSA, exponent -3":      modulus(256, 0xfd),
		"RSA, exponent of 2^64": modulus(256, 1, 0, 0, 0, 0, 0, 0, 0, 0),
		"RSA, modulus -1":       derSeq(derSeq(derOID(rsa), []byte{5, 0}), derBits(derSeq(der(2, []byte{0xff}), der(2, []byte{3})))),
		"RSA, garbage":          derKey(rsa, "", []byte{1, 2, 3}),
		"RSA-OAEP":              derKey("1.2.840.113549.1.1.7", "", derSeq(der(2, number(256)), der(2, []byte{3}))),
		"empty":                 derSeq(),
		"unknown algorithm":     derKey("1.3.6.1.4.1.32473.5", "", make([]byte, 20)),
	}
}

// reachOdd shows each odd certificate in clear under TLS 1.2 and encrypted
// under 1.3, and some as the second of a chain, where they end crypto/tls's
// handshake as well.
func reachOdd(*testing.T) (cases []reachCase) {
	good := dialertest.SelfSigned(dialertest.Leaf{DNSNames: []string{reachName}})
	for name, certificate := range oddCertificates() {
		chain := [][]byte{certificate}
		cases = append(cases, reachScript("odd, TLS 1.2, "+name, chain, func(*reachHello) []byte {
			return reachFlight(0x0303, reachSuite12, chain)
		}), reachTLS("odd, TLS 1.3, "+name, tls.Certificate{Certificate: chain, PrivateKey: good.PrivateKey}, reachOnly(tls.VersionTLS13)))
	}
	for _, name := range []string{"negative serial", "a duplicate extension", "no ASN.1 at all", "key: Ed25519 of 31 bytes"} {
		chain := [][]byte{good.Certificate[0], oddCertificates()[name]}
		cases = append(cases, reachTLS("odd in the chain, "+name, tls.Certificate{Certificate: chain, PrivateKey: good.PrivateKey}, reachOnly(tls.VersionTLS13)))
	}
	return cases
}
