package results

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"slices"
	"strings"
	"time"

	"certsweep/results/certificate"
	"certsweep/results/revocation"
)

// Finding is something about an endpoint that its owner may want to mend, from
// a closed set.
type Finding string

// The findings, in the order in which a record lists them.
const (
	Expired          Finding = "expired"
	NotYetValid      Finding = "not_yet_valid"
	ExpiresSoon      Finding = "expires_soon"
	Untrusted        Finding = "untrusted"
	SelfSigned       Finding = "self_signed"
	IncompleteChain  Finding = "incomplete_chain"
	ChainExpired     Finding = "chain_expired"
	ChainExpiresSoon Finding = "chain_expires_soon"
	NameMismatch     Finding = "name_mismatch"
	NoNames          Finding = "no_names"
	WeakKey          Finding = "weak_key"
	WeakSignature    Finding = "weak_signature"
	OldProtocol      Finding = "old_protocol"
	WeakCipher       Finding = "weak_cipher"
	NotPostQuantum   Finding = "not_post_quantum"
	LongValidity     Finding = "long_validity"
	Malformed        Finding = "malformed"
	Unsupported      Finding = "unsupported"
	Revoked          Finding = "revoked"
	StapleMissing    Finding = "staple_missing"
	// RevocationUnknown: it was asked whether the certificates were revoked, and
	// not found out; or the server staples that its issuer does not know.
	RevocationUnknown Finding = "revocation_unknown"
	HelloIntolerant   Finding = "hello_intolerant"
	ALPNRefused       Finding = "alpn_refused"
	// These need an [Enumeration].
	NoServerPreference     Finding = "no_server_preference"
	Compression            Finding = "compression"
	InsecureRenegotiation  Finding = "insecure_renegotiation"
	NoFallbackSCSV         Finding = "no_fallback_scsv"
	NoExtendedMasterSecret Finding = "no_extended_master_secret"
)

// Findings lists the closed set in its order.
func Findings() []Finding {
	return []Finding{
		Expired, NotYetValid, ExpiresSoon, Untrusted, SelfSigned, IncompleteChain, ChainExpired, ChainExpiresSoon,
		NameMismatch, NoNames, WeakKey, WeakSignature, OldProtocol, WeakCipher, NotPostQuantum, LongValidity, Malformed, Unsupported,
		Revoked, StapleMissing, RevocationUnknown, HelloIntolerant, ALPNRefused,
		NoServerPreference, Compression, InsecureRenegotiation, NoFallbackSCSV, NoExtendedMasterSecret,
	}
}

// Find returns the findings of a record: what its certificate and its
// handshake show at the record's time, and verdict, those of its verification.
// chain has the certificates as parsed, nil where one could not be.
// offeredPostQuantum says whether the absence of a post-quantum group is the
// server's doing. The result is never nil.
func Find(r *Record, chain []*x509.Certificate, verdict []Finding, offeredPostQuantum bool) []Finding {
	found := slices.Clone(verdict)
	add := func(is bool, f Finding) {
		if is {
			found = append(found, f)
		}
	}
	if c := r.Certificate; c != nil {
		if f := FindExpiry(c, r.Time); f != "" {
			found = append(found, f)
		}
		add(len(c.DNSNames)+len(c.IPAddresses)+len(c.EmailAddresses)+len(c.URIs)+len(c.OtherNames) == 0, NoNames)
		add(isWeakKey(c.PublicKey.Algorithm, c.PublicKey.Bits) || slices.ContainsFunc(upper(chain), hasWeakKey), WeakKey)
		// A root's signature on itself protects nothing.
		add(!c.SelfSigned && isWeakSignature(c.SignatureAlgorithm) || slices.ContainsFunc(upper(chain), hasWeakSignature), WeakSignature)
		unsupported := c.ParseError != "" && isUnsupported(c.PublicKey)
		add(c.ParseError != "" && !unsupported || slices.Contains(chain[min(1, len(chain)):], nil), Malformed)
		add(unsupported && !slices.Contains(verdict, Unsupported), Unsupported)
	}
	if t := r.TLS; t != nil {
		// A server that knows TLS 1.3 would have negotiated it with who offers it.
		add(isOldProtocol(t.Version) && !t.SupportsTLS13, OldProtocol)
		add(isWeakCipher(t.Cipher) && !t.SupportsTLS13, WeakCipher)
		add(offeredPostQuantum && !t.IsPostQuantum() && (r.Enumeration == nil || !r.Enumeration.PostQuantum()), NotPostQuantum)
		revoked := t.OCSP != nil && t.OCSP.Status == revocation.Revoked
		add(revoked, Revoked)
		add(t.OCSP != nil && t.OCSP.Status == revocation.Unknown, RevocationUnknown)
		// A hello made by hand does not read on to the staple.
		add(r.Certificate != nil && r.Certificate.MustStaple && t.Method == "handshake" && !revoked &&
			(t.OCSP == nil || t.OCSP.Status != revocation.Good), StapleMissing)
	}
	if e := r.Enumeration; e != nil {
		add(len(e.OldVersions()) > 0, OldProtocol)
		add(len(e.WeakCiphers()) > 0, WeakCipher)
		add(e.noServerPreference(), NoServerPreference)
	}
	return sorted(found)
}

// FindRevoked adds to the findings of a record what was found out about
// revocation after it was made; nil adds nothing.
func FindRevoked(found []Finding, r *revocation.Result) []Finding {
	switch {
	case r == nil:
	case r.Status == revocation.Revoked:
		found = append(found, Revoked)
	case r.Status == revocation.Unknown:
		found = append(found, RevocationUnknown)
	}
	return sorted(found)
}

// sorted returns findings in the order of a record, each once. It is never nil.
func sorted(found []Finding) []Finding {
	if found == nil {
		return []Finding{}
	}
	slices.SortFunc(found, func(a, b Finding) int { return slices.Index(order, a) - slices.Index(order, b) })
	return slices.Compact(found)
}

var order = Findings()

const day = 24 * time.Hour

// Soon returns how long before its end a certificate of a lifetime expires
// soon: 30 days, or for a lifetime under 90 days, whose certificates are renewed
// by a machine, a third of that.
func Soon(lifetime time.Duration) time.Duration { return min(30*day, lifetime/shortParts) }

// shortLived is the least lifetime that has the whole 30 days of Soon.
const (
	shortParts = 3
	shortLived = shortParts * 30 * day
)

// FindExpiry returns what a certificate's dates mean at a time: Expired,
// NotYetValid, ExpiresSoon, or "" for none of these.
func FindExpiry(c *certificate.Certificate, now time.Time) Finding {
	switch {
	case EndsInYear1(c):
		return Expired
	case c.NotAfter.IsZero():
		return ""
	case now.After(c.NotAfter):
		return Expired
	case now.Before(c.NotBefore):
		return NotYetValid
	case c.NotAfter.Sub(now) < Soon(c.NotAfter.Sub(c.NotBefore)):
		return ExpiresSoon
	}
	return ""
}

// EndsInYear1 reports whether a certificate's end is the first moment of the year
// 1, which is Go's zero time and so absent from the record:
// x509.CreateCertificate writes it if NotAfter is left out. Otherwise an end is
// absent only if it could not be read, and then the certificate is malformed.
func EndsInYear1(c *certificate.Certificate) bool {
	return c.NotAfter.IsZero() && c.ParseError == "" && c.FingerprintSHA256 != ""
}

// upper returns the certificates after the leaf that were sent and are not
// self-signed: a root is trusted for being there, not for its signature.
func upper(chain []*x509.Certificate) []*x509.Certificate {
	var above []*x509.Certificate
	for i, c := range chain {
		if i > 0 && c != nil && string(c.RawSubject) != string(c.RawIssuer) {
			above = append(above, c)
		}
	}
	return above
}

// The least sizes of keys, in bits: 112 bits of security (NIST SP 800-57 part
// 1, table 2).
const (
	minRSA = 2048
	minEC  = 224
)

func isWeakKey(algorithm string, bits int) bool {
	switch algorithm {
	case "RSA", "RSA-PSS", "RSA-OAEP", "DSA":
		return bits > 0 && bits < minRSA
	case "ECDSA", "ECDH", "EC":
		return bits > 0 && bits < minEC
	}
	return false
}

func hasWeakKey(c *x509.Certificate) bool {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return isWeakKey("RSA", key.N.BitLen())
	case *ecdsa.PublicKey:
		return isWeakKey("ECDSA", key.Curve.Params().BitSize)
	case ed25519.PublicKey:
		return false
	}
	// DSA, and the RSA-PSS keys that crypto/x509 leaves out.
	read := certificate.ReadAbove(c.Raw, c, c.NotAfter).PublicKey
	return isWeakKey(read.Algorithm, read.Bits)
}

func isWeakSignature(algorithm string) bool {
	for _, hash := range []string{"MD2", "MD4", "MD5", "SHA1"} {
		if strings.HasPrefix(algorithm, hash+"-") || strings.HasSuffix(algorithm, "-"+hash) {
			return true
		}
	}
	return false
}

func hasWeakSignature(c *x509.Certificate) bool {
	if c.SignatureAlgorithm != x509.UnknownSignatureAlgorithm {
		return isWeakSignature(c.SignatureAlgorithm.String())
	}
	// MD4, and RSA-PSS with SHA-1, that crypto/x509 has no names for.
	return isWeakSignature(certificate.ReadAbove(c.Raw, c, c.NotAfter).SignatureAlgorithm)
}

// isWeakCipher names the suites that RFC 9325 §4.1 says must not or should not
// be negotiated: no encryption, no authentication, export keys, RC2, RC4, DES,
// 3DES, IDEA, MD5, and a key exchange without forward secrecy; and all of SSL 2.0.
func isWeakCipher(suite string) bool {
	if strings.HasPrefix(suite, "SSL_CK_") || strings.HasPrefix(suite, "TLS_RSA_") || strings.HasPrefix(suite, "TLS_DH_") || strings.HasPrefix(suite, "TLS_ECDH_") {
		return true
	}
	for _, weak := range []string{"_NULL", "_anon_", "_EXPORT", "_RC2_", "_RC4_", "_DES_", "_DES40_", "_3DES_", "_IDEA_", "_MD5"} {
		if strings.Contains(suite, weak) {
			return true
		}
	}
	return false
}

// maxValidity has the longest lifetime that the CA/Browser Forum's baseline
// requirements (§6.3.2) allow a certificate issued from a day on, in days.
var maxValidity = []struct {
	from time.Time
	days int
}{
	{time.Date(2029, 3, 15, 0, 0, 0, 0, time.UTC), 47},
	{time.Date(2027, 3, 15, 0, 0, 0, 0, time.UTC), 100},
	{time.Date(2026, 3, 15, 0, 0, 0, 0, time.UTC), 200},
	{time.Date(2020, 9, 1, 0, 0, 0, 0, time.UTC), 398},
	{time.Date(2018, 3, 1, 0, 0, 0, 0, time.UTC), 825},
	{time.Date(2015, 4, 1, 0, 0, 0, 0, time.UTC), 1187}, // 39 months
	{time.Time{}, 1827}, // 60 months
}

func isLongValidity(notBefore, notAfter time.Time) bool {
	if notAfter.IsZero() || notBefore.IsZero() {
		return false
	}
	for _, limit := range maxValidity {
		if !notBefore.Before(limit.from) {
			// Both ends count, RFC 5280 §4.1.2.5.
			return notAfter.Sub(notBefore)+time.Second > time.Duration(limit.days)*day
		}
	}
	return false
}
