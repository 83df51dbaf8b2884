package dialer

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"certsweep/dialer/starttls"
)

// scriptedConn answers with fixed bytes and takes whatever it is sent.
type scriptedConn struct {
	net.Conn
	answer io.Reader
}

func (c scriptedConn) Read(p []byte) (int, error)  { return c.answer.Read(p) }
func (c scriptedConn) Write(p []byte) (int, error) { return len(p), nil }
func (c scriptedConn) Close() error                { return nil }

// handshakeError is what crypto/tls returns to a client that is answered so.
func handshakeError(t *testing.T, answer string) error {
	t.Helper()
	conn := scriptedConn{answer: bytes.NewReader([]byte(answer))}
	err := tls.Client(conn, &tls.Config{InsecureSkipVerify: true}).Handshake()
	if err == nil {
		t.Fatalf("a handshake with %q succeeded", answer)
	}
	return err
}

// connectError wraps an errno as net.Dialer does.
func connectError(errno syscall.Errno) error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errno)}
}

func readError(err error) error { return &net.OpError{Op: "read", Net: "tcp", Err: err} }

func TestClassify(t *testing.T) {
	alert := handshakeError(t, "\x15\x03\x03\x00\x02\x02\x28")
	var timeout net.Error
	if !errors.As(alert, &timeout) {
		t.Errorf("%T is no net.Error any more: the order of classify has lost a reason", alert)
	}
	deadline, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	_, late := new(net.Dialer).DialContext(deadline, "tcp", "127.0.0.1:1")
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	_, given := new(net.Dialer).DialContext(canceled, "tcp", "127.0.0.1:1")
	own := &Error{Phase: PhaseStartTLS, Code: CodeStartTLSRefused, Err: io.EOF}

	for _, test := range []struct {
		name  string
		phase Phase
		err   error
		want  Error
	}{
		{"name not found", PhaseResolve, &net.DNSError{IsNotFound: true}, Error{Phase: PhaseResolve, Code: CodeDNSNotFound}},
		{"name server silent", PhaseResolve, &net.DNSError{IsTimeout: true}, Error{Phase: PhaseResolve, Code: CodeDNSTimeout}},
		{"name server failed", PhaseResolve, &net.DNSError{IsTemporary: true}, Error{Phase: PhaseResolve, Code: CodeDNSFailure}},
		{"look-up cut by deadline", PhaseResolve, fmt.Errorf("%w (more)", context.DeadlineExceeded), Error{Phase: PhaseResolve, Code: CodeDNSTimeout}},
		{"look-up canceled", PhaseResolve, fmt.Errorf("%w (more)", context.Canceled), Error{Phase: PhaseResolve, Code: CodeCanceled}},
		{"look-up failed otherwise", PhaseResolve, errors.New("no servers"), Error{Phase: PhaseResolve, Code: CodeDNSFailure}},
		{"look-up while connecting", PhaseConnect, readError(&net.DNSError{IsNotFound: true}), Error{Phase: PhaseResolve, Code: CodeDNSNotFound}},

		{"canceled", PhaseHandshake, context.Canceled, Error{Phase: PhaseHandshake, Code: CodeCanceled}},
		{"canceled dial", PhaseConnect, given, Error{Phase: PhaseConnect, Code: CodeCanceled}},
		{"late dial", PhaseConnect, late, Error{Phase: PhaseConnect, Code: CodeTimeout}},
		{"late handshake", PhaseHandshake, context.DeadlineExceeded, Error{Phase: PhaseHandshake, Code: CodeTimeout}},
		{"late read", PhaseHandshake, readError(os.ErrDeadlineExceeded), Error{Phase: PhaseHandshake, Code: CodeTimeout}},
		{"ETIMEDOUT", PhaseConnect, connectError(syscall.ETIMEDOUT), Error{Phase: PhaseConnect, Code: CodeTimeout}},

		{"ECONNREFUSED", PhaseConnect, connectError(syscall.ECONNREFUSED), Error{Phase: PhaseConnect, Code: CodeRefused}},
		{"ECONNRESET", PhaseHandshake, readError(syscall.ECONNRESET), Error{Phase: PhaseHandshake, Code: CodeReset}},
		{"EPIPE", PhaseHandshake, readError(syscall.EPIPE), Error{Phase: PhaseHandshake, Code: CodeReset}},
		{"ECONNABORTED", PhaseHandshake, readError(syscall.ECONNABORTED), Error{Phase: PhaseHandshake, Code: CodeReset}},
		{"EHOSTUNREACH", PhaseConnect, connectError(syscall.EHOSTUNREACH), Error{Phase: PhaseConnect, Code: CodeUnreachable}},
		{"ENETUNREACH", PhaseConnect, connectError(syscall.ENETUNREACH), Error{Phase: PhaseConnect, Code: CodeUnreachable}},
		{"EHOSTDOWN", PhaseConnect, connectError(syscall.EHOSTDOWN), Error{Phase: PhaseConnect, Code: CodeUnreachable}},
		{"EINVAL", PhaseConnect, connectError(syscall.EINVAL), Error{Phase: PhaseConnect, Code: CodeUnreachable}},

		{"EMFILE", PhaseConnect, connectError(syscall.EMFILE), Error{Phase: PhaseLocal, Code: CodeShortage}},
		{"ENFILE", PhaseConnect, connectError(syscall.ENFILE), Error{Phase: PhaseLocal, Code: CodeShortage}},
		{"EADDRNOTAVAIL", PhaseConnect, connectError(syscall.EADDRNOTAVAIL), Error{Phase: PhaseLocal, Code: CodeShortage}},
		{"EADDRINUSE", PhaseConnect, connectError(syscall.EADDRINUSE), Error{Phase: PhaseLocal, Code: CodeShortage}},
		{"ENOBUFS", PhaseHandshake, readError(syscall.ENOBUFS), Error{Phase: PhaseLocal, Code: CodeShortage}},
		{"ENOMEM", PhaseHandshake, readError(syscall.ENOMEM), Error{Phase: PhaseLocal, Code: CodeShortage}},
		{"EACCES", PhaseConnect, connectError(syscall.EACCES), Error{Phase: PhaseLocal, Code: CodeDenied}},
		{"EPERM", PhaseConnect, connectError(syscall.EPERM), Error{Phase: PhaseLocal, Code: CodeDenied}},

		{"HTTP", PhaseHandshake, handshakeError(t, "HTTP/1.1 400 Bad Request\r\n\r\n"), Error{Phase: PhaseHandshake, Code: CodeNotTLS}},
		{"a record too long", PhaseHandshake, handshakeError(t, "\x16\x03\x03\xff\xff"), Error{Phase: PhaseHandshake, Code: CodeBadRecord}},
		{"an alert", PhaseHandshake, alert, Error{Phase: PhaseHandshake, Code: CodeAlert, Alert: 40}},
		{"an alert of a private number", PhaseHandshake, handshakeError(t, "\x15\x03\x03\x00\x02\x02\xfa"), Error{Phase: PhaseHandshake, Code: CodeAlert, Alert: 250}},
		{"our own alert", PhaseHandshake, handshakeError(t, "\x15\x03\x03\x00\x01\x02"), Error{Phase: PhaseHandshake, Code: CodeProtocol}},
		{"an unknown handshake error", PhaseHandshake, errors.New("tls: some text"), Error{Phase: PhaseHandshake, Code: CodeProtocol}},
		{"the end", PhaseHandshake, handshakeError(t, ""), Error{Phase: PhaseHandshake, Code: CodeEOF}},
		{"the end within a record", PhaseHandshake, handshakeError(t, "\x16\x03\x03\x00\x50\x02"), Error{Phase: PhaseHandshake, Code: CodeEOF}},

		{"one that is classified", PhaseHandshake, fmt.Errorf("again: %w", own), *own},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := classify(test.phase, test.err)
			if got.Phase != test.want.Phase || got.Code != test.want.Code || got.Alert != test.want.Alert {
				t.Errorf("classify(%s, %v) = %v, alert %d; want %s: %s, alert %d", test.phase, test.err, got, got.Alert, test.want.Phase, test.want.Code, test.want.Alert)
			}
			if got != own && !errors.Is(got, test.err) && got.Code != CodeNotTLS {
				t.Errorf("%v does not unwrap to its cause", got)
			}
		})
	}
}

// TestClassifyPreamble has a code and the protocol's name for every kind of a
// preamble's failure, also if the time was up meanwhile.
func TestClassifyPreamble(t *testing.T) {
	for kind, want := range map[starttls.Kind]Code{
		starttls.Refused: CodeStartTLSRefused, starttls.Unexpected: CodeProtocol, starttls.TooLarge: CodeTooLarge,
		starttls.Injection: CodeStartTLSInjection, starttls.Unknown: CodeProtocol,
	} {
		err := &starttls.Error{Protocol: "smtp", Kind: kind, Err: errors.New("its words")}
		got := classify(PhaseStartTLS, fmt.Errorf("%w: %w", context.DeadlineExceeded, err))
		if text := "starttls: " + string(want) + ": smtp before TLS: its words"; got.Error() != text || got.Phase != PhaseStartTLS || got.Code != want {
			t.Errorf("%s: %v, want %s", kind, got, text)
		}
		if !errors.Is(got, err) {
			t.Errorf("%v does not unwrap to its cause", got)
		}
	}
}

// TestNoSource tells an address that cannot be reached from here from a lack
// of ports. That a link-local address without its zone has no way to it is all
// that is sure on every machine; ControlContext stands for the kernel.
func TestNoSource(t *testing.T) {
	nowhere := netip.MustParseAddrPort("[fe80::1]:443")
	here := netip.MustParseAddrPort("127.0.0.1:443")
	if hasSource(nowhere) || !hasSource(here) {
		t.Errorf("a source for %v: %v, for %v: %v", nowhere, hasSource(nowhere), here, hasSource(here))
	}
	d := &Dialer{NetDialer: &net.Dialer{ControlContext: func(context.Context, string, string, syscall.RawConn) error {
		return os.NewSyscallError("connect", syscall.EADDRNOTAVAIL)
	}}}
	_, err := probe(d, within(t, patience), endpointAt(nowhere, ""))
	checkFailure(t, err, PhaseConnect, CodeUnreachable)
	_, err = probe(d, within(t, patience), endpointAt(here, ""))
	checkFailure(t, err, PhaseLocal, CodeShortage)
}

func TestFirstBytes(t *testing.T) {
	for answer, want := range map[string]string{
		"HTTP/1.1 400 Bad Request\r\n\r\n": `the peer does not speak TLS: it began with "HTTP/" (HTTP)`,
		"SSH-2.0-OpenSSH_9.2p1\r\n":        `the peer does not speak TLS: it began with "SSH-2" (SSH)`,
		"220 mx.test ESMTP\r\n":            `the peer does not speak TLS: it began with "220 m" (SMTP or FTP)`,
		"\xaa\xbb\xcc\xdd\xee\xff":         `the peer does not speak TLS: it began with "\xaa\xbb\xcc\xdd\xee" (no protocol known to certsweep)`,
	} {
		err := classify(PhaseHandshake, handshakeError(t, answer))
		var header tls.RecordHeaderError
		if !errors.As(err, &header) {
			t.Errorf("%v does not unwrap to a RecordHeaderError", err)
		}
		if got := errors.Unwrap(err).Error(); len(got) < len(want) || got[:len(want)] != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestAlertName(t *testing.T) {
	for alert, want := range map[uint8]string{
		0: "close_notify", 40: "handshake_failure", 70: "protocol_version", 112: "unrecognized_name",
		116: "certificate_required", 250: "alert_250",
	} {
		if got := AlertName(alert); got != want {
			t.Errorf("AlertName(%d) = %q, want %q", alert, got, want)
		}
	}
}
