package dialer

import (
	"crypto/tls"
	"fmt"
	"strings"
)

// VersionName returns the short name of a protocol version: "1.3", "1.0", and
// "SSL 3.0".
func VersionName(version uint16) string {
	switch version {
	case 0x0300:
		return "SSL 3.0"
	case tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13:
		return fmt.Sprintf("1.%d", version-tls.VersionTLS10)
	}
	return fmt.Sprintf("0x%04X", version)
}

// CipherName returns the IANA name of a cipher suite.
func CipherName(suite uint16) string { return tls.CipherSuiteName(suite) }

// KeyExchangeName returns the name of the group that keys were exchanged in,
// "RSA" where the suite sends them encrypted to the certificate's key, or ""
// where neither is known.
func KeyExchangeName(group tls.CurveID, suite uint16) string {
	switch group {
	case 0:
		if strings.HasPrefix(CipherName(suite), "TLS_RSA_") {
			return "RSA"
		}
		return ""
	case tls.CurveP256:
		return "P-256"
	case tls.CurveP384:
		return "P-384"
	case tls.CurveP521:
		return "P-521"
	}
	return group.String()
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
