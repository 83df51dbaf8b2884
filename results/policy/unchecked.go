package policy

import (
	"fmt"
	"strings"

	"certsweep/results"
)

// unchecked reports that the record shows no handshake in which the server
// proved its key. A
// certificate that was seen all the same is judged too: what is wrong with it
// is wrong, but nothing says that it is all.
func (j *judgement) unchecked() {
	level := j.uncheckedLevel()
	optional := j.policy.AllowUnreachable
	if o := j.expectation.Optional; o != nil {
		optional = *o
	}
	if optional && j.record.Error.Unreachable() {
		level = OK
	}
	// Kept at level OK too: a report can then say what it let pass.
	j.verdict.add(CodeUnchecked, level, describeError(j.record))
}

// uncheckedLevel is how bad it is that something could not be checked. A policy
// that does not know the code means what it says.
func (j *judgement) uncheckedLevel() Level {
	if _, known := j.policy.Levels[CodeUnchecked]; !known {
		return Unchecked
	}
	return j.level(CodeUnchecked)
}

// describeError says why an endpoint could not be checked.
func describeError(r *results.Record) string {
	switch {
	case r.Error != nil:
	case r.Certificate == nil:
		return "could not be checked: the record has no certificate and no error: scan it again"
	default:
		return "could not be checked: the server did not show that it holds the certificate's key: scan it again"
	}
	text := "could not be checked: " + errorText(r.Error.Code)
	switch {
	case r.Error.Alert != nil:
		text += fmt.Sprintf(" (%s: alert %d, %s)", r.Error.Phase, r.Error.Alert.Number, r.Error.Alert.Name)
	case r.Error.Message != "":
		text += fmt.Sprintf(" (%s: %s)", r.Error.Phase, r.Error.Message)
	default:
		text += fmt.Sprintf(" (%s)", r.Error.Phase)
	}
	return text
}

// errorText says what an error code means, and what to look at.
func errorText(code string) string {
	if text, ok := errorTexts[code]; ok {
		return text
	}
	return code
}

// ErrorText says in a few words what an error code means, or is the code if it
// is unknown.
func ErrorText(code string) string {
	text, _, _ := strings.Cut(errorText(code), ":")
	return text
}

// errorTexts says for each error code what happened and what to look at.
var errorTexts = map[string]string{
	results.CodeBadTarget:         "the line is not a target: fix it",
	results.CodeLineTooLong:       "the line is too long: fix it",
	results.CodeDNSNotFound:       "the name does not exist: fix the name or its DNS",
	results.CodeDNSTimeout:        "the name servers do not answer: scan again, or check the DNS",
	results.CodeDNSFailure:        "the name servers fail: check the DNS",
	results.CodeCanceled:          "the scan was stopped first: scan again",
	results.CodeTimeout:           "no answer in time: check that the host is up and no firewall drops the connection",
	results.CodeRefused:           "connection refused: check that the service runs on this port",
	results.CodeReset:             "the peer reset the connection: see its log",
	results.CodeUnreachable:       "no route to the host: check the network",
	results.CodeDenied:            "this machine may not connect there: check its firewall",
	results.CodeDeniedAddress:     "it has no address that --public-only and --exclude allow",
	results.CodeProxyUnreachable:  "the proxy does not answer: check the proxy, not the target",
	results.CodeProxyAuth:         "the proxy wants other credentials: give them in --proxy",
	results.CodeProxyRefused:      "the proxy refuses the target: check its rules",
	results.CodeProxyFailed:       "the proxy could not connect: see its log",
	results.CodeShortage:          "this machine ran out of descriptors, ports or memory: scan fewer targets at a time",
	results.CodeNotTLS:            "what answered is not TLS: check the port, or give starttls=",
	results.CodeBadRecord:         "what answered is broken TLS: see the service's log",
	results.CodeAlert:             "the peer refused the handshake: see its log",
	results.CodeProtocol:          "the peer broke the protocol: see its log",
	results.CodeEOF:               "the peer closed the connection in the handshake: see its log",
	results.CodeNoCertificate:     "the peer showed no certificate: enable a cipher suite with one",
	results.CodeTooLarge:          "the peer sent more than a handshake may have",
	results.CodeEncrypted:         "TLS 1.3 encrypts the certificate: capture with a key log (SSLKEYLOGFILE)",
	results.CodeResumed:           "the session was resumed, without a certificate: capture a full handshake",
	results.CodeGap:               "packets are missing in the capture: capture again",
	results.CodeIncomplete:        "the capture has only a part of the handshake: capture again",
	results.CodeBadKey:            "the key log has another key: give the one of this capture",
	results.CodeTruncatedPackets:  "packets were cut short: capture with a larger snapshot length (tcpdump -s 0)",
	results.CodeMemoryCap:         "cut for --max-memory: raise it, or scan fewer targets at a time",
	results.CodeInternal:          "certsweep failed on it, which is a bug: please report it",
	results.CodeNoRecord:          "there is no saved record of it: scan it",
	results.CodeStartTLSRefused:   "the peer offers no STARTTLS: enable it, or fix the target's scheme",
	results.CodeStartTLSInjection: "the peer sent data after its STARTTLS answer, which may be an attack: check the path to it",
}
