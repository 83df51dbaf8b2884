package results

// The phases of [Error]. PhaseInput is a line that makes no sense; PhaseLocal
// marks what this machine refused or lacked, whatever the target is like. The
// others are the steps of a probe, in their order.
const (
	PhaseInput     = "input"
	PhaseResolve   = "resolve"
	PhaseProxy     = "proxy"
	PhaseConnect   = "connect"
	PhaseStartTLS  = "starttls"
	PhaseHandshake = "handshake"
	PhaseLocal     = "local"
	// PhaseCapture is what a packet capture does not show.
	PhaseCapture = "capture"
)

// The codes of [Error]. docs/record.md says of each what it means for the endpoint.
const (
	CodeBadTarget         = "bad_target"
	CodeLineTooLong       = "line_too_long"
	CodeDNSNotFound       = "dns_not_found"
	CodeDNSTimeout        = "dns_timeout"
	CodeDNSFailure        = "dns_failure"
	CodeTimeout           = "timeout"
	CodeRefused           = "refused"
	CodeReset             = "reset"
	CodeUnreachable       = "unreachable"
	CodeDenied            = "denied"
	CodeDeniedAddress     = "denied_address"
	CodeNotTLS            = "not_tls"
	CodeBadRecord         = "bad_record"
	CodeAlert             = "alert"
	CodeProtocol          = "protocol"
	CodeEOF               = "eof"
	CodeNoCertificate     = "no_certificate"
	CodeTooLarge          = "too_large"
	CodeMemoryCap         = "memory_cap"
	CodeStartTLSRefused   = "starttls_refused"
	CodeStartTLSInjection = "starttls_injection"
	// Of captures: what is there is encrypted without a key, resumed without a
	// certificate, broken by packets that are missing, incomplete, encrypted with
	// another key, or of packets that were cut short.
	CodeEncrypted        = "encrypted"
	CodeResumed          = "resumed"
	CodeGap              = "gap"
	CodeIncomplete       = "incomplete"
	CodeBadKey           = "bad_key"
	CodeTruncatedPackets = "truncated_packets"
	CodeProxyUnreachable = "proxy_unreachable"
	CodeProxyAuth        = "proxy_auth"
	CodeProxyRefused     = "proxy_refused"
	CodeProxyFailed      = "proxy_failed"
	// CodeCanceled: the caller gave up.
	CodeCanceled = "canceled"
	// CodeShortage is a lack of this machine's own, which says nothing of the
	// target.
	CodeShortage = "shortage"
	// CodeInternal is a bug, kept from the other targets.
	CodeInternal = "internal"

	// CodeNoRecord is in no record that a scan writes: it is for a target of
	// which a set of saved records has none. Its phase is PhaseInput.
	CodeNoRecord = "no_record"
)

// Phases lists the closed set of phases in its order.
func Phases() []string {
	return []string{PhaseInput, PhaseResolve, PhaseProxy, PhaseConnect, PhaseStartTLS, PhaseHandshake, PhaseLocal, PhaseCapture}
}

// Codes lists the closed set of codes that a scan writes, in the order of
// docs/record.md.
func Codes() []string {
	return []string{
		CodeBadTarget, CodeLineTooLong, CodeDNSNotFound, CodeDNSTimeout, CodeDNSFailure, CodeTimeout, CodeRefused,
		CodeReset, CodeUnreachable, CodeDenied, CodeDeniedAddress, CodeNotTLS, CodeBadRecord, CodeAlert, CodeProtocol, CodeEOF, CodeNoCertificate,
		CodeTooLarge, CodeMemoryCap, CodeStartTLSRefused, CodeStartTLSInjection,
		CodeProxyUnreachable, CodeProxyAuth, CodeProxyRefused, CodeProxyFailed,
		CodeEncrypted, CodeResumed, CodeGap, CodeIncomplete, CodeBadKey, CodeTruncatedPackets, CodeCanceled, CodeShortage, CodeInternal,
	}
}

// Unreachable reports whether an error is of the kind that a host or service
// gives that is down: it has no address, no connection could be made, or the
// connection broke off or fell silent. A bad line, a lack of this machine's
// own, or an answer that is not TLS are of another kind, and so is nil.
func (e *Error) Unreachable() bool {
	if e == nil {
		return false
	}
	switch e.Phase {
	case PhaseResolve, PhaseConnect:
		return e.Code != CodeCanceled
	case PhaseInput, PhaseProxy, PhaseLocal:
		return false
	}
	switch e.Code {
	case CodeTimeout, CodeRefused, CodeReset, CodeUnreachable, CodeEOF:
		return true
	}
	return false
}
