package dialer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"reflect"
	"syscall"

	"certsweep/dialer/errno"
	"certsweep/dialer/hello"
	"certsweep/dialer/proxy"
	"certsweep/dialer/starttls"
)

// Phase is the part of a probe in which it failed.
type Phase string

// The phases of a probe, in their order. PhaseLocal is not a step: it marks
// what this machine refused, whatever the target is like.
const (
	PhaseResolve   Phase = "resolve"
	PhaseProxy     Phase = "proxy"
	PhaseConnect   Phase = "connect"
	PhaseStartTLS  Phase = "starttls"
	PhaseHandshake Phase = "handshake"
	PhaseLocal     Phase = "local"
)

// Code is the kind of a failure, from a closed set.
type Code string

// The codes. docs/record.md says of each what it means for the endpoint.
const (
	CodeDNSNotFound       Code = "dns_not_found"
	CodeDNSTimeout        Code = "dns_timeout"
	CodeDNSFailure        Code = "dns_failure"
	CodeCanceled          Code = "canceled"
	CodeTimeout           Code = "timeout"
	CodeRefused           Code = "refused"
	CodeReset             Code = "reset"
	CodeUnreachable       Code = "unreachable"
	CodeDenied            Code = "denied"
	CodeDeniedAddress     Code = "denied_address"
	CodeNotTLS            Code = "not_tls"
	CodeBadRecord         Code = "bad_record"
	CodeAlert             Code = "alert"
	CodeProtocol          Code = "protocol"
	CodeEOF               Code = "eof"
	CodeNoCertificate     Code = "no_certificate"
	CodeTooLarge          Code = "too_large"
	CodeMemoryCap         Code = "memory_cap"
	CodeStartTLSRefused   Code = "starttls_refused"
	CodeStartTLSInjection Code = "starttls_injection"

	// A proxy's own failures, which say nothing of the target.
	CodeProxyUnreachable Code = "proxy_unreachable"
	CodeProxyAuth        Code = "proxy_auth"
	CodeProxyRefused     Code = "proxy_refused"
	CodeProxyFailed      Code = "proxy_failed"

	// CodeShortage is a lack of descriptors, ports or memory on this machine.
	// It says nothing of the target: wait and probe again.
	CodeShortage Code = "shortage"
)

// Error is the failure of one probe. Errors returned by [Dialer.Probe] are
// always of this type.
type Error struct {
	Phase Phase
	Code  Code
	// Alert is the number of the alert the peer sent (RFC 8446 §6) if Code
	// is CodeAlert, and 0 (close_notify) otherwise.
	Alert uint8
	Err   error
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s: %v", e.Phase, e.Code, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// classify turns a failure in a phase into an *Error: by the error's type and
// never by its text. The first match wins; the order is part of the meaning,
// since alerts satisfy net.Error and a canceled dial looks like a time-out.
func classify(phase Phase, err error) *Error {
	if own, ok := errors.AsType[*Error](err); ok {
		return own
	}
	if preamble, ok := errors.AsType[*starttls.Error](err); ok {
		return &Error{Phase: PhaseStartTLS, Code: startTLSCode(preamble.Kind), Err: preamble}
	}
	if via, ok := errors.AsType[*proxy.Error](err); ok {
		return viaProxy(via)
	}
	e := &Error{Phase: phase, Code: CodeProtocol, Err: err}
	number := errno.Of(err)
	dns, isDNS := errors.AsType[*net.DNSError](err)
	header, isHeader := errors.AsType[tls.RecordHeaderError](err)
	switch {
	case classifyHello(e, err):
	case isShortage(number):
		e.Phase, e.Code = PhaseLocal, CodeShortage
	case errors.Is(err, context.Canceled):
		e.Code = CodeCanceled
	case isDNS:
		e.Phase, e.Code = PhaseResolve, dnsCode(dns)
	case isTimeout(err):
		e.Code = CodeTimeout
		if phase == PhaseResolve {
			e.Code = CodeDNSTimeout
		}
	case errnoCodes[number] != "":
		e.Code = errnoCodes[number]
		if e.Code == CodeDenied {
			e.Phase = PhaseLocal
		}
	case isHeader && header.Conn != nil:
		e.Code, e.Err = CodeNotTLS, describeFirstBytes(header)
	case isHeader:
		e.Code = CodeBadRecord
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		e.Code = CodeEOF
	default:
		if alert, ok := remoteAlert(err); ok {
			e.Code, e.Alert = CodeAlert, alert
		} else if phase == PhaseResolve {
			e.Code = CodeDNSFailure
		} else if phase == PhaseConnect {
			// A connect that failed in no way this table knows: the kernel's
			// word for "no way there", such as EINVAL or ENETDOWN.
			e.Code = CodeUnreachable
		}
	}
	return e
}

// HandshakeError describes an error of package hello, or of a connection, as
// [Dialer.Probe] does if it ends a handshake.
func HandshakeError(err error) *Error { return classify(PhaseHandshake, err) }

// proxyFailures has what a proxy's failure is to a probe.
var proxyFailures = map[proxy.Kind]Error{
	proxy.Unreachable:       {Phase: PhaseProxy, Code: CodeProxyUnreachable},
	proxy.Auth:              {Phase: PhaseProxy, Code: CodeProxyAuth},
	proxy.Refused:           {Phase: PhaseProxy, Code: CodeProxyRefused},
	proxy.Failed:            {Phase: PhaseProxy, Code: CodeProxyFailed},
	proxy.TargetRefused:     {Phase: PhaseConnect, Code: CodeRefused},
	proxy.TargetUnreachable: {Phase: PhaseConnect, Code: CodeUnreachable},
}

// isVia reports whether an error is of a proxy.
func isVia(err error) bool {
	_, ok := errors.AsType[*proxy.Error](err)
	return ok
}

func viaProxy(err *proxy.Error) *Error {
	e := proxyFailures[err.Kind]
	e.Err = err
	if isShortage(errno.Of(err)) {
		e.Phase, e.Code = PhaseLocal, CodeShortage
	}
	return &e
}

// startTLSCode returns the code of a preamble's failure.
func startTLSCode(kind starttls.Kind) Code {
	switch kind {
	case starttls.Refused:
		return CodeStartTLSRefused
	case starttls.Injection:
		return CodeStartTLSInjection
	case starttls.TooLarge:
		return CodeTooLarge
	}
	return CodeProtocol
}

// classifyHello sets what the reader of package hello says, but for a
// *hello.ProtocolError, which is CodeProtocol as it stands.
func classifyHello(e *Error, err error) bool {
	alert, isAlert := errors.AsType[hello.AlertError](err)
	_, isNotTLS := errors.AsType[*hello.NotTLSError](err)
	_, isRecord := errors.AsType[*hello.RecordError](err)
	switch {
	case errors.Is(err, hello.ErrTooLarge):
		e.Code = CodeTooLarge
	case errors.Is(err, hello.ErrNoCertificate):
		e.Code = CodeNoCertificate
	case isAlert:
		e.Code, e.Alert = CodeAlert, uint8(alert)
	case isNotTLS:
		e.Code = CodeNotTLS
	case isRecord:
		e.Code = CodeBadRecord
	default:
		return false
	}
	return true
}

// errnoCodes has what the kernel says of a connection. ETIMEDOUT is among the
// time-outs, and what this machine lacks is isShortage's.
var errnoCodes = map[syscall.Errno]Code{
	syscall.ECONNREFUSED: CodeRefused,
	syscall.ECONNRESET:   CodeReset,
	syscall.EPIPE:        CodeReset,
	syscall.ECONNABORTED: CodeReset,
	syscall.EHOSTUNREACH: CodeUnreachable,
	syscall.ENETUNREACH:  CodeUnreachable,
	syscall.EHOSTDOWN:    CodeUnreachable,
	syscall.EACCES:       CodeDenied,
	syscall.EPERM:        CodeDenied,
}

func dnsCode(err *net.DNSError) Code {
	switch {
	case err.IsNotFound:
		return CodeDNSNotFound
	case err.IsTimeout:
		return CodeDNSTimeout
	}
	return CodeDNSFailure
}

// isShortage reports whether an error number is this machine's lack of
// something.
func isShortage(number syscall.Errno) bool {
	switch number {
	case syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.EADDRINUSE, syscall.ENOBUFS, syscall.ENOMEM:
		return true
	}
	return false
}

// hasSource reports whether this machine has an address to reach addr from.
// Connecting a UDP socket asks the kernel just that and sends nothing. It
// tells EADDRNOTAVAIL for want of a port, which passes, from EADDRNOTAVAIL for
// want of an address, which does not.
func hasSource(addr netip.AddrPort) bool {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(addr))
	if err != nil {
		// A lack of descriptors or memory says nothing of addresses.
		number := errno.Of(err)
		return number != syscall.EADDRNOTAVAIL && isShortage(number)
	}
	conn.Close()
	return true
}

func isTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errno.Is(err, syscall.ETIMEDOUT) {
		return true
	}
	// An alert is a net.Error as well, and never a
	// time-out.
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

// remoteAlert returns the number of the alert that the peer sent. crypto/tls
// reports it as a *net.OpError around a value of an unexported type of kind
// uint8; tls.AlertError is for QUIC alone and never matches here.
func remoteAlert(err error) (uint8, bool) {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Op != "remote error" || op.Err == nil {
		return 0, false
	}
	v := reflect.ValueOf(op.Err)
	if v.Kind() != reflect.Uint8 {
		return 0, false
	}
	return uint8(v.Uint()), true
}

// describeFirstBytes says what answered in place of TLS. The five bytes that
// crypto/tls took for a record header are all that is known of it.
func describeFirstBytes(err tls.RecordHeaderError) error {
	first := string(err.RecordHeader[:])
	what := "no protocol known to certsweep"
	for _, known := range []struct{ prefix, name string }{
		{"HTTP/", "HTTP"}, {"<html", "HTML"}, {"<!DOC", "HTML"}, {"SSH-", "SSH"}, {"220", "SMTP or FTP"},
		{"* OK", "IMAP"}, {"+OK", "POP3"}, {"RFB ", "VNC"}, {"AMQP", "AMQP"}, {"\x03\x00\x00", "RDP (TPKT)"},
		{"-ERR", "POP3 or Redis"}, {"<?xml", "XML or XMPP"},
	} {
		if len(first) >= len(known.prefix) && first[:len(known.prefix)] == known.prefix {
			what = known.name
			break
		}
	}
	return fmt.Errorf("the peer does not speak TLS: it began with %q (%s): %w", first, what, err)
}
