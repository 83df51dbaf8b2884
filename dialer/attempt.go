package dialer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptrace"
	"strings"
	"syscall"
	"time"

	"certsweep/dialer/hello"
	"certsweep/dialer/starttls"
)

// attempt is one connection to one address.
type attempt struct {
	d        *Dialer
	h        *Handshake
	endpoint Endpoint

	config   *tls.Config
	phase    Phase     // where it is
	start    time.Time // of the phase
	sentCert bool      // and got one
}

var errConnectTimeout = errors.New("no answer to the TCP connect in time")

// run makes the connection, from the TCP connect to the close after the drain.
func (a *attempt) run(parent context.Context) *Error {
	c := a.d.clients.Get().(*client)
	defer a.d.clients.Put(c)
	c.take(a)
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	// tls.Dialer spends NetDialer.Timeout on the handshake too, so the
	// connect's own limit is a timer that ends with the connect.
	var timer *time.Timer
	if limit := a.d.connectTimeout(); limit > 0 {
		timer = time.AfterFunc(limit, func() { cancel(errConnectTimeout) })
	}
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		ConnectStart: func(string, string) { a.start = time.Now() },
		ConnectDone: func(_, _ string, err error) {
			a.h.Timing.Connect = time.Since(a.start)
			if timer != nil {
				timer.Stop()
			}
			if err == nil {
				a.phase, a.start = PhaseHandshake, time.Now()
			}
		},
	})

	conn, err := a.dial(traced)
	if a.phase == PhaseHandshake {
		a.h.Timing.Handshake = time.Since(a.start)
	}
	if err != nil {
		if context.Cause(ctx) == errConnectTimeout {
			return &Error{Phase: a.phase, Code: CodeTimeout, Err: errConnectTimeout}
		}
		return a.failure(err)
	}
	state := conn.ConnectionState()
	a.h.keep(&state)
	a.h.KeyProved = true
	a.drain(conn)
	return nil
}

// dial connects and makes the handshake.
func (a *attempt) dial(ctx context.Context) (*tls.Conn, error) {
	if a.endpoint.StartTLS != "" {
		return a.dialStartTLS(ctx, a.config)
	}
	dialer := tls.Dialer{NetDialer: a.d.netDialer, Config: a.config}
	conn, err := dialer.DialContext(ctx, "tcp", a.h.Addr.String())
	if err != nil {
		return nil, err
	}
	return conn.(*tls.Conn), nil
}

// dialStartTLS connects, speaks the endpoint's preamble and makes the
// handshake.
func (a *attempt) dialStartTLS(ctx context.Context, config *tls.Config) (*tls.Conn, error) {
	conn, err := a.open(ctx)
	if err != nil {
		return nil, err
	}
	a.phase, a.start = PhaseHandshake, time.Now()
	client := tls.Client(conn, config)
	if err := client.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	starttls.HandshakeDone(conn)
	return client, nil
}

// open connects and speaks the endpoint's preamble, if it has one. What it
// returns is ready for a ClientHello.
func (a *attempt) open(ctx context.Context) (net.Conn, error) {
	raw, err := a.d.netDialer.DialContext(ctx, "tcp", a.h.Addr.String())
	if err != nil {
		return nil, err
	}
	a.phase = PhaseStartTLS
	if a.endpoint.StartTLS == "" {
		return raw, nil
	}
	// The context does not touch a connection that is made.
	stop := context.AfterFunc(ctx, func() { raw.SetDeadline(time.Unix(1, 0)) })
	conn, err := starttls.Upgrade(raw, string(a.endpoint.StartTLS), a.endpoint.Name())
	stop()
	if err != nil {
		raw.Close()
		if cause := ctx.Err(); cause != nil {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		return nil, err
	}
	return conn, nil
}

// failure classifies what ended the attempt. It returns nil if the server only
// wanted a client certificate, and had proved by then that its own is its own:
// anybody can send somebody's certificate and then an alert.
func (a *attempt) failure(err error) *Error {
	e := classify(a.phase, err)
	if a.h.KeyProved && a.wantsClientCert(e) {
		a.h.ClientCertRequired = true
		return nil
	}
	if errors.Is(err, syscall.EADDRNOTAVAIL) && !hasSource(a.h.Addr) {
		e.Phase, e.Code = a.phase, CodeUnreachable
	}
	return e
}

// wantsClientCert reports whether the end of a handshake means that the server
// does not go on without a client certificate: certificate_required says so by
// itself (RFC 8446 §6.2); other alerts, which servers used before it, and an end
// without any, only if one was asked for and none was sent (RFC 5246 §7.4.6 has
// handshake_failure, GnuTLS sends decode_error for the empty list, mbedTLS
// closes, wolfSSL and BearSSL reset).
func (a *attempt) wantsClientCert(e *Error) bool {
	switch e.Code {
	case CodeAlert:
		return a.alertWantsClientCert(e.Alert)
	case CodeEOF, CodeReset:
		return a.withheldCert()
	}
	return false
}

// withheldCert reports whether the server asked for a certificate and got none.
func (a *attempt) withheldCert() bool { return a.h.ClientCertRequested && !a.sentCert }

func (a *attempt) alertWantsClientCert(alert uint8) bool {
	switch alert {
	case alertCertificateRequired:
		return true
	case alertHandshakeFailure, alertBadCertificate, alertUnsupportedCertificate, alertCertificateUnknown, alertAccessDenied, alertDecodeError:
		return a.withheldCert()
	}
	return false
}

// client is a TLS configuration for one connection at a time: the Dialer's,
// with the name and the callbacks of the attempt that has it. It is used again,
// as a clone for each of thousands of dead targets is worth saving.
type client struct {
	config  *tls.Config
	attempt *attempt
}

func (d *Dialer) newClient() *client {
	c := &client{config: d.base.Clone()}
	certificates, keyLog := c.config.Certificates, c.config.KeyLogWriter
	c.config.VerifyConnection = func(state tls.ConnectionState) error {
		c.attempt.h.keep(&state)
		c.attempt.h.PostQuantumOffered = d.offersPostQuantum
		c.config.KeyLogWriter = keyLog
		if state.Version < tls.VersionTLS13 && !strings.HasPrefix(hello.SuiteName(state.CipherSuite), "TLS_RSA_") {
			c.config.KeyLogWriter = &proof{c, keyLog}
		}
		return nil
	}
	c.config.GetClientCertificate = func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		c.attempt.h.ClientCertRequested = true
		// Under TLS 1.3 it is called after the server's Finished message. Below
		// it may be called before the ServerKeyExchange message, if the server
		// leaves that out (see proof).
		c.attempt.h.KeyProved = c.attempt.h.Version == tls.VersionTLS13
		for i := range certificates {
			if info.SupportsCertificate(&certificates[i]) == nil {
				c.attempt.sentCert = true
				return &certificates[i], nil
			}
		}
		return new(tls.Certificate), nil
	}
	return c
}

// proof is the key log of a connection below TLS 1.3 whose suite has the server
// sign its key exchange. crypto/tls tells nobody when it has checked that
// signature; but it cannot log the master secret before, and does so before it
// sends anything that the server may refuse: its flight goes out as one.
type proof struct {
	client *client
	next   io.Writer // the caller's own, or nil
}

// Write notes that the server has proved its key.
func (p *proof) Write(line []byte) (int, error) {
	p.client.attempt.h.KeyProved = true
	if p.next != nil {
		return p.next.Write(line)
	}
	return len(line), nil
}

// take gives the client to an attempt, until it is put back.
func (c *client) take(a *attempt) {
	c.attempt, a.config = a, c.config
	if c.config.ServerName = a.h.ServerName; c.config.ServerName == "" {
		// An address is never sent as a name (RFC 6066 §3), and an empty
		// ServerName would be filled in by tls.Dialer.
		c.config.ServerName = a.h.Addr.Addr().String()
	}
}
