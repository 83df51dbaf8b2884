//go:build unix

package reach

// Reasons for a miss.
const (
	missAnonymous = "the server has no certificate to show: its suites are anonymous, or use keys agreed beforehand"
	missNoSuite   = "the suite is not offered: it shows no certificate, or to known users only, or was never assigned"
	missSchedule  = "TLS 1.3 with an algorithm that is not there: the certificate comes encrypted"
	missSilence   = "a time-out: there is no time left for another hello"
	missExtension = "it bears no extension at all; the TLS 1.0 hello has its groups, without which there is no ECDHE"
)

// reachMisses are the servers that show no certificate to a scan, by server and
// case, and why. A miss that is not here fails the test, and so does one here
// that is none.
var reachMisses = map[string]string{
	"openssl: anonymous suites alone":                missAnonymous,
	"openssl: pre-shared keys alone":                 missAnonymous,
	"gnutls: TLS 1.2, anonymous suites alone":        missAnonymous,
	"haproxy: PROXY protocol required":               "it speaks TLS only after a PROXY header, and closes without one",
	"nginx: handshakes for unknown names rejected":   "it has a certificate for names that it knows alone, and none for the one asked for nor for no name",
	"scripted: no Certificate message":               "the server sends no certificate",
	"scripted: the SSL 2.0 protocol":                 "SSL 2.0 has a hello of its own, which is not sent",
	"scripted: a chain of 2.5 MiB":                   "more than the 2 MiB that are read of one connection",
	"scripted: DH_anon_EXPORT_WITH_RC4_40_MD5":       missNoSuite,
	"scripted: PSK_WITH_AES_128_CBC_SHA":             missNoSuite,
	"scripted: KRB5_WITH_RC4_128_SHA":                missNoSuite,
	"scripted: SRP_SHA_RSA_WITH_AES_128_CBC_SHA":     missNoSuite,
	"scripted: SSL 3.0 FORTEZZA_KEA_WITH_NULL_SHA":   missNoSuite,
	"scripted: RSA_WITH_SALSA20_SHA1, draft":         missNoSuite,
	"scripted: RSA_WITH_ESTREAM_SALSA20_SHA1, draft": missNoSuite,

	"scripted: SM4_GCM_SM3 under TLS 1.3":                           missSchedule,
	"scripted: GOSTR341112_256_WITH_KUZNYECHIK_MGM_L under TLS 1.3": missSchedule,
	"scripted: TLCP (GB/T 38636), whose version TLS does not have":  "TLCP has a version number of its own, which a TLS ServerHello cannot have",

	"intolerant: silence answers a version above TLS 1.0":                       missSilence,
	"intolerant: reset answers any extension but the server's name":             missExtension,
	"intolerant: decode_error answers any extension but the server's name":      missExtension,
	"intolerant: handshake_failure answers any extension but the server's name": missExtension,
}
