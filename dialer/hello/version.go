package hello

// The versions as they stand on the wire: RFC 6101 §5.2.1 for SSL 3.0, RFC
// 8446 §4.2.1 for TLS 1.3, each version's own RFC in between.
const (
	versionSSL30 = 0x0300
	versionTLS10 = 0x0301
	versionTLS11 = 0x0302
	versionTLS12 = 0x0303
	versionTLS13 = 0x0304
)

var versionNames = map[uint16]string{
	versionSSL20: "SSL 2.0", versionSSL30: "SSL 3.0", versionTLS10: "1.0", versionTLS11: "1.1", versionTLS12: "1.2", versionTLS13: "1.3",
}

// VersionName returns "SSL 2.0", "SSL 3.0", "1.0", "1.1", "1.2" or "1.3", or "0xXXXX" for
// a number that is none of them.
func VersionName(version uint16) string {
	return nameOf(versionNames, version)
}
