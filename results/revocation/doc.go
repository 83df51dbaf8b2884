// Package revocation finds out whether the certificates of a verified chain were
// revoked: by the lists that their issuers publish (RFC 5280 §5), and by OCSP (RFC
// 6960). It connects to nothing: who uses it hands in what fetches.
//
// Good is said only of what was understood as a whole and is signed, in date and
// about that certificate. All else is unknown.
package revocation

// The statuses of a certificate. Invalid is a response that says nothing that can
// be relied on.
const (
	Good    = "good"
	Revoked = "revoked"
	Unknown = "unknown"
	Invalid = "invalid"
)
