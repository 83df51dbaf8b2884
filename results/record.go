// Package results holds the record of one probe: what it says of an endpoint's
// handshake and certificate, how it is written as JSON Lines and read back, and
// how records add up to a summary. [Record] is the type that everything else
// in certsweep produces or consumes; [certificate.Read], [Verifier] and [Find]
// fill its parts.
//
// Records hold plain values only. Nothing in one refers to a connection, to a
// parsed certificate or to the bytes it came from, so a record that is kept
// costs what it shows and no more.
package results

import (
	"time"

	"certsweep/results/certificate"
	"certsweep/results/revocation"
)

// SchemaVersion is the value of [Record.Schema] in the records that this
// package writes. It grows only when a field changes its meaning or goes away.
const SchemaVersion = 1

// Status says whether a target showed a completed handshake.
type Status string

// The two statuses.
const (
	// StatusOK: the handshake completed, or was refused only for want of a
	// client certificate after the server had proved its key; or, in a fast scan,
	// the certificate was read.
	StatusOK Status = "ok"
	// StatusError: it did not; Record.Error says where it ended and how.
	StatusError Status = "error"
)

// Record is the result of one target. The zero value is not a valid record:
// Schema, Line, Input, Time and Status are always set. A Record is not safe
// for use by several goroutines while one of them changes it.
type Record struct {
	Schema int `json:"schema"`
	// Line is the number of the target's line, counted from 1 over all inputs.
	Line int `json:"line"`
	// Input is the target as it stood on that line, without its attributes.
	Input string `json:"input"`
	// Host is the name or address that was asked for, names in their ASCII
	// form; it is empty, and Port 0, where the line made no sense.
	Host string `json:"host"`
	Port int    `json:"port"`
	// IP is the address that was dialed, where the scan came that far.
	IP string `json:"ip,omitempty"`
	// SNI is the server name that was sent, where one was.
	SNI      string    `json:"sni,omitempty"`
	StartTLS string    `json:"starttls,omitempty"`
	Tag      string    `json:"tag,omitempty"`
	Time     time.Time `json:"time"` // when the probe began
	Status   Status    `json:"status"`

	Error       *Error                   `json:"error,omitempty"`
	TLS         *TLS                     `json:"tls,omitempty"`
	Certificate *certificate.Certificate `json:"certificate,omitempty"`
	// ChainSent describes what was sent with Certificate.
	ChainSent *ChainSent `json:"chain_sent,omitempty"`
	// Chain holds the certificates after the leaf. Nil when they were not
	// asked for.
	Chain        []*certificate.Certificate `json:"chain,omitzero"`
	Verification *Verification              `json:"verification,omitempty"`
	// Revocation is what issuers say of the certificates of the verified chain.
	// Nil when they were not asked.
	Revocation *revocation.Result `json:"revocation,omitempty"`
	Findings   []Finding          `json:"findings"`
	// Alternates are the endpoint's certificates for other kinds of key. Nil
	// when they were not asked for. AlternatesError says what kept the scan from
	// asking for all.
	Alternates      []*Alternate `json:"alternates,omitzero"`
	AlternatesError string       `json:"alternates_error,omitempty"`
	// Enumeration is what the server accepts. Nil when it was not asked for, or
	// nothing answered that speaks TLS.
	Enumeration *Enumeration `json:"enumeration,omitempty"`
	// Fingerprints are those of the server's TLS. Nil when they were not asked for.
	Fingerprints *Fingerprints `json:"fingerprints,omitempty"`
	Drain        *Drain        `json:"drain,omitempty"`
	// Capture says where in a packet capture the handshake was. Nil for a probe.
	Capture *Capture `json:"capture,omitempty"`
	// Retries counts the tries after the first.
	Retries int    `json:"retries,omitempty"`
	Timing  Timing `json:"timing"`
}

// Alternate is a further certificate of an endpoint, with what is true of it in
// the same words as in the record.
type Alternate struct {
	Method       string                     `json:"method"`
	KeyProved    bool                       `json:"key_proved"`
	Certificate  *certificate.Certificate   `json:"certificate"`
	ChainSent    *ChainSent                 `json:"chain_sent,omitempty"`
	Chain        []*certificate.Certificate `json:"chain,omitzero"`
	Verification *Verification              `json:"verification,omitempty"`
	Revocation   *revocation.Result         `json:"revocation,omitempty"`
	Findings     []Finding                  `json:"findings"`
}

// Error says where a probe ended and why.
type Error struct {
	Phase   string `json:"phase"`           // one of [Phases]
	Code    string `json:"code"`            // one of [Codes]
	Alert   *Alert `json:"alert,omitempty"` // only with code "alert"
	Message string `json:"message"`         // for people; its text may change
}

// Alert is a TLS alert that the peer sent (RFC 8446 §6).
type Alert struct {
	Name   string `json:"name"`
	Number int    `json:"number"`
}

// TLS is what the handshake showed.
type TLS struct {
	Version     string `json:"version"` // 1.3 1.2 1.1 1.0 "SSL 3.0"
	Cipher      string `json:"cipher"`  // IANA name
	KeyExchange string `json:"key_exchange,omitempty"`
	// PostQuantum says that the key exchange withstands quantum computers; nil if no
	// key exchange was made, with the methods "fast12" and "fast13".
	PostQuantum *bool `json:"post_quantum,omitempty"`
	// SupportsTLS13 says that the server said itself that it knows TLS 1.3, though a
	// lower version was negotiated (RFC 8446 §4.1.3).
	SupportsTLS13 bool   `json:"supports_tls13,omitempty"`
	ALPN          string `json:"alpn,omitempty"`
	// KeyProved says that the server showed that it holds the certificate's key; for
	// a capture, on this connection or on another to the same address and port.
	KeyProved           bool `json:"key_proved"`
	ClientCertRequested bool `json:"client_cert_requested"`
	// ClientCertRequired is nil if a certificate was asked for, and it was not found
	// out whether the server goes on without, with the methods of PostQuantum.
	ClientCertRequired *bool `json:"client_cert_required,omitempty"`
	OCSPStapled        bool  `json:"ocsp_stapled"`
	// OCSP is what the stapled response says; nil if there is none, or none
	// that was kept.
	OCSP     *revocation.OCSP `json:"ocsp,omitempty"`
	SCTCount int              `json:"sct_count"`
	// Method says which hello the certificate was got with: "handshake",
	// "hello13", "hello12", "hello10" or "ssl2", "fast12" or "fast13" if only a
	// certificate was asked for, or "capture" for somebody else's handshake.
	Method string `json:"method"`
}

// IsPostQuantum reports whether PostQuantum is known, and true.
func (t *TLS) IsPostQuantum() bool { return t.PostQuantum != nil && *t.PostQuantum }

// RequiresClientCert reports whether ClientCertRequired is known, and true.
func (t *TLS) RequiresClientCert() bool { return t.ClientCertRequired != nil && *t.ClientCertRequired }

// Verification is the outcome of checking the chain against trust anchors and
// the leaf against the name that was asked for.
type Verification struct {
	Trusted   bool `json:"trusted"`
	NameMatch bool `json:"name_match"`
	// Error is empty when Trusted.
	Error string `json:"error"`
	// NotAfter is when the first certificate expires of the chain that was
	// verified, from the leaf to the anchor, and FirstToExpire its subject. They
	// are absent if there is no such chain.
	NotAfter      time.Time `json:"not_after,omitzero"`
	FirstToExpire string    `json:"first_to_expire,omitempty"`
	// ChainLength counts the certificates from the leaf to the trust anchor,
	// both included; 0 when no such chain was found.
	ChainLength int `json:"chain_length"`
}

// Drain says how the connection ended after the handshake.
type Drain struct {
	Bytes int64  `json:"bytes"` // application data the peer sent
	End   string `json:"end"`   // eof deadline cap reset alert off
}

// Timing holds durations in milliseconds, to the microsecond.
type Timing struct {
	Resolve   float64 `json:"resolve_ms"`
	Connect   float64 `json:"connect_ms"`
	Handshake float64 `json:"handshake_ms"`
	Drain     float64 `json:"drain_ms"`
	Total     float64 `json:"total_ms"`
}
