package hello

import (
	"math/big"
	"slices"
	"strings"
)

// The groups with which keys can be agreed: the IANA registry "TLS Supported
// Groups", RFC 8446 §4.2.7 and draft-ietf-tls-ecdhe-mlkem.
const (
	groupP256               = 0x0017
	groupP384               = 0x0018
	groupP521               = 0x0019
	groupX25519             = 0x001D
	groupX448               = 0x001E
	groupFFDHE2048          = 0x0100
	groupFFDHE3072          = 0x0101
	groupFFDHE4096          = 0x0102
	groupFFDHE6144          = 0x0103
	groupFFDHE8192          = 0x0104
	groupBrainpoolP256      = 0x001F // RFC 8734 §2
	groupBrainpoolP384      = 0x0020
	groupBrainpoolP512      = 0x0021
	groupMLKEM512           = 0x0200 // draft-ietf-tls-mlkem
	groupMLKEM768           = 0x0201
	groupMLKEM1024          = 0x0202
	groupSecP256r1MLKEM768  = 0x11EB
	groupX25519MLKEM768     = 0x11EC
	groupSecP384r1MLKEM1024 = 0x11ED
)

// groupsPostQuantum are offered first but come without a key share (see
// firstShares): a server that prefers one asks for it.
var groupsPostQuantum = []uint16{groupX25519MLKEM768, groupSecP256r1MLKEM768, groupSecP384r1MLKEM1024, groupMLKEM768, groupMLKEM1024, groupMLKEM512}

// groupsClassic are the other groups of the TLS 1.3 hello. After those that
// keyshare.go can compute come the ones only TLS 1.2 and below can use, where
// the certificate is seen before any key is agreed. SM2's curve (RFC 8998) is
// left out: a server of TLS 1.3 that chose it could not be read.
var groupsClassic = []uint16{
	groupX25519, groupP256, groupX448, groupP384, groupP521,
	groupFFDHE2048, groupFFDHE3072, groupFFDHE4096, groupFFDHE6144, groupFFDHE8192,
	groupBrainpoolP256, groupBrainpoolP384, groupBrainpoolP512,
	0x001A, 0x001B, 0x001C, // brainpool, RFC 7027 §2
	0x0022, 0x0023, 0x0024, 0x0025, 0x0026, 0x0027, 0x0028, // GOST, RFC 9189 §5
	0x0016, 0x0015, 0x0014, 0x0013, 0x0012, 0x0011, 0x0010, 0x000F, // prime curves of RFC 4492 §5.1.1
	0x000E, 0x000D, 0x000C, 0x000B, 0x000A, 0x0009, 0x0008, // binary curves of the same
	0x0007, 0x0006, 0x0005, 0x0004, 0x0003, 0x0002, 0x0001,
}

// groupsRare are further groups of TLS 1.3: SM2 (RFC 8998) and its hybrid, and the
// drafts of the hybrids.
var groupsRare = []uint16{0x0029, 0x11EE, 0x6399, 0x639A}

// only12 reports whether an elliptic group is for TLS 1.2 and below alone.
func only12(group uint16) bool { return group < groupP256 || 0x001A <= group && group <= 0x001C }

// AllGroups returns every group that a server may accept for an ECDHE suite of
// TLS 1.2 and below, or for TLS 1.3, the usual ones first.
func AllGroups(version uint16) []uint16 {
	return slices.DeleteFunc(slices.Concat(groupsPostQuantum, groupsClassic, groupsRare), func(group uint16) bool {
		if version == versionTLS13 {
			return only12(group)
		}
		return IsPostQuantum(group) || IsFFDHE(group) || group == 0x11EE || 0x001F <= group && group <= 0x0021
	})
}

// IsFFDHE reports whether a group is one of RFC 7919's.
func IsFFDHE(group uint16) bool { _, ok := ffdheBits[group]; return ok }

// AllFFDHE returns the groups of RFC 7919.
func AllFFDHE() []uint16 {
	return []uint16{groupFFDHE2048, groupFFDHE3072, groupFFDHE4096, groupFFDHE6144, groupFFDHE8192}
}

// FFDHEGroup returns the group of RFC 7919 that a prime is from, or 0.
func FFDHEGroup(prime []byte) uint16 {
	for group, p := range ffdhePrimes() {
		if p.Cmp(new(big.Int).SetBytes(prime)) == 0 {
			return group
		}
	}
	return 0
}

// groups10 are the groups of the TLS 1.0 hello: the curves that servers of its
// time were seen with.
var groups10 = []uint16{groupP256, groupP384, groupP521, groupX25519, 0x001A, 0x0016, 0x0015, 0x0013}

var groupNames = map[uint16]string{
	1: "sect163k1", 2: "sect163r1", 3: "sect163r2", 4: "sect193r1", 5: "sect193r2", 6: "sect233k1", 7: "sect233r1",
	8: "sect239k1", 9: "sect283k1", 10: "sect283r1", 11: "sect409k1", 12: "sect409r1", 13: "sect571k1", 14: "sect571r1",
	15: "secp160k1", 16: "secp160r1", 17: "secp160r2", 18: "secp192k1", 19: "P-192", 20: "secp224k1", 21: "P-224",
	22: "secp256k1", groupP256: "P-256", groupP384: "P-384", groupP521: "P-521",
	26: "brainpoolP256r1", 27: "brainpoolP384r1", 28: "brainpoolP512r1", groupX25519: "X25519", groupX448: "X448",
	31: "brainpoolP256r1tls13", 32: "brainpoolP384r1tls13", 33: "brainpoolP512r1tls13",
	34: "GC256A", 35: "GC256B", 36: "GC256C", 37: "GC256D", 38: "GC512A", 39: "GC512B", 40: "GC512C", 41: "curveSM2",
	groupFFDHE2048: "ffdhe2048", groupFFDHE3072: "ffdhe3072", groupFFDHE4096: "ffdhe4096",
	groupFFDHE6144: "ffdhe6144", groupFFDHE8192: "ffdhe8192",
	0x0200: "MLKEM512", 0x0201: "MLKEM768", 0x0202: "MLKEM1024",
	groupSecP256r1MLKEM768: "SecP256r1MLKEM768", groupX25519MLKEM768: "X25519MLKEM768",
	groupSecP384r1MLKEM1024: "SecP384r1MLKEM1024", 0x11EE: "curveSM2MLKEM768",
	0x6399: "X25519Kyber768Draft00", 0x639A: "SecP256r1Kyber768Draft00",
}

// GroupName returns the name of a key exchange group in the spelling of the
// IANA registry, but for the NIST curves, which are "P-256" and so on; or
// "0xXXXX" for a number that has none.
func GroupName(id uint16) string {
	return nameOf(groupNames, id)
}

// KeyExchangeName returns the name of the group that keys were exchanged in,
// "RSA" if the suite sends them encrypted to the certificate's key, or "" if
// neither is known.
func KeyExchangeName(group, suite uint16) string {
	if group != 0 {
		return GroupName(group)
	}
	if strings.HasPrefix(SuiteName(suite), "TLS_RSA_") {
		return "RSA"
	}
	return ""
}

// IsPostQuantum reports whether a group's secret withstands a quantum
// computer: the hybrids of ML-KEM (draft-ietf-tls-ecdhe-mlkem), ML-KEM by itself
// (draft-ietf-tls-mlkem), and Kyber's draft that came before them.
func IsPostQuantum(group uint16) bool {
	switch group {
	case groupSecP256r1MLKEM768, groupX25519MLKEM768, groupSecP384r1MLKEM1024,
		0x0200, 0x0201, 0x0202, // MLKEM512, MLKEM768, MLKEM1024
		0x6399, 0x639A: // X25519Kyber768Draft00, SecP256r1Kyber768Draft00
		return true
	}
	return false
}
