package dialer

import (
	"crypto/tls"
	"strings"

	"certsweep/dialer/rescue"
)

// VersionName returns the short name of a protocol version: "1.3", "1.0", and
// "SSL 3.0".
func VersionName(version uint16) string { return rescue.VersionName(version) }

// CipherName returns the IANA name of a cipher suite.
func CipherName(suite uint16) string { return rescue.SuiteName(suite) }

// KeyExchangeName returns the name of the group that keys were exchanged in,
// "RSA" where the suite sends them encrypted to the certificate's key, or ""
// where neither is known.
func KeyExchangeName(group tls.CurveID, suite uint16) string {
	if group != 0 {
		return rescue.GroupName(uint16(group))
	}
	if strings.HasPrefix(CipherName(suite), "TLS_RSA_") {
		return "RSA"
	}
	return ""
}

// IsPostQuantum reports whether a group's secret withstands a quantum
// computer: the hybrids of ML-KEM (draft-ietf-tls-ecdhe-mlkem), ML-KEM by itself
// (draft-ietf-tls-mlkem), and Kyber's draft that came before them.
func IsPostQuantum(group tls.CurveID) bool {
	switch group {
	case 0x11EB, 0x11EC, 0x11ED, // SecP256r1MLKEM768, X25519MLKEM768, SecP384r1MLKEM1024
		0x0200, 0x0201, 0x0202, // MLKEM512, MLKEM768, MLKEM1024
		0x6399, 0x639A: // X25519Kyber768Draft00, SecP256r1Kyber768Draft00
		return true
	}
	return false
}
