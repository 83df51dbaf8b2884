package dialer

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"time"

	"certsweep/dialer/fingerprint"
)

// Method says which hello showed the certificate.
type Method string

// MethodHandshake is the handshake of crypto/tls. The others are the hellos
// made by hand (see package hello), which verify nothing.
const (
	MethodHandshake Method = "handshake"
	MethodHello13   Method = "hello13"
	MethodHello12   Method = "hello12"
	MethodHello10   Method = "hello10"
	MethodSSL2      Method = "ssl2"
	// MethodFast12 and MethodFast13 are those of a Dialer that is Fast.
	MethodFast12 Method = "fast12"
	MethodFast13 Method = "fast13"
	// MethodCapture is somebody else's handshake, out of a packet capture.
	MethodCapture Method = "capture"
)

// Handshake is what one probe learnt of an endpoint. The zero value says that
// nothing was. It holds no connection.
type Handshake struct {
	// Addr is the address dialed last, the zero AddrPort where none was.
	Addr netip.AddrPort
	// ServerName is the name that was sent as SNI, or would have been where it
	// did not come to a hello; empty where none is.
	ServerName string
	// Method is empty as long as no certificate and no complete handshake came
	// from the server; then the fields up to ClientCertRequired mean nothing.
	Method      Method
	Version     uint16
	CipherSuite uint16
	// SupportsTLS13 says that the server chose a lower version and said itself that it
	// knows TLS 1.3 (RFC 8446 §4.1.3). Only a hello made by hand tells.
	SupportsTLS13 bool
	// Group is the key exchange group, 0 where it is unknown or there is none.
	Group tls.CurveID
	ALPN  string
	// CipherName names the cipher if CipherSuite cannot: one of those that an SSL
	// 2.0 server offers.
	CipherName string
	// HelloIntolerant says that the server answered no hello with a post-quantum
	// key share, which takes two segments, and completed the handshake without.
	HelloIntolerant bool
	// ALPNRefused says that the server refused every application protocol that was
	// offered, and the handshake is one that offered none.
	ALPNRefused bool
	// PostQuantumOffered says that the hello which these fields are from
	// offered a post-quantum group, so that its absence is the server's doing.
	PostQuantumOffered bool
	OCSPStapled        bool
	// OCSPResponse is the response that was stapled, as it was received. A hello
	// made by hand keeps none.
	OCSPResponse []byte
	SCTCount     int
	// KeyProved says that the server showed that it holds the key of its
	// certificate: the handshake completed, or its signature was checked before
	// something else ended it.
	KeyProved bool
	// ClientCertRequested says that the server asked for a client certificate.
	// Below TLS 1.3 a hello made by hand does not wait for that.
	ClientCertRequested bool
	// ClientCertRequired is set where the server went on only with a client
	// certificate, as its alert said.
	ClientCertRequired bool

	// Certificates are as received, the leaf first. Parsed[i] belongs to
	// Certificates[i]; Parsed is empty where crypto/tls did not get to them.
	Certificates [][]byte
	Parsed       []*x509.Certificate

	// Alternates are the endpoint's other certificates, if the Dialer asks for
	// AllCertificates; nil if not. AlternatesError says what kept it from asking
	// for all.
	Alternates      []Alternate
	AlternatesError error

	// Enumeration is what [Dialer.Survey] found that the server accepts; nil if it
	// was not asked to, or met no TLS.
	Enumeration *fingerprint.Enumeration
	// JARM and JA3S are its fingerprints, if Survey was asked for them; empty if
	// they could not be taken, and FingerprintError says why.
	JARM, JA3S       string
	FingerprintError error

	Drain  Drain
	Timing Timing

	answered bool // a ServerHello came to crypto/tls
}

// Timing holds how long the steps of a probe took; a step that was not reached
// has 0.
type Timing struct {
	Resolve   time.Duration
	Connect   time.Duration // TCP, to the last address tried
	Handshake time.Duration // TLS, without a STARTTLS preamble
	Drain     time.Duration
}

// keep copies what a connection state shows. The caller of crypto/tls sees a
// state twice: in VerifyConnection, where a handshake that fails later still
// leaves it, and after the handshake, where under TLS 1.2 the group is known.
func (h *Handshake) keep(cs *tls.ConnectionState) {
	h.Method = MethodHandshake
	h.Version = cs.Version
	h.CipherSuite = cs.CipherSuite
	h.Group = cs.CurveID
	h.ALPN = cs.NegotiatedProtocol
	h.OCSPStapled, h.OCSPResponse = len(cs.OCSPResponse) > 0, cs.OCSPResponse
	h.SCTCount = len(cs.SignedCertificateTimestamps)
	if len(h.Parsed) == len(cs.PeerCertificates) {
		return
	}
	h.Parsed = cs.PeerCertificates
	h.Certificates = make([][]byte, len(h.Parsed))
	for i, cert := range h.Parsed {
		h.Certificates[i] = cert.Raw
	}
}
