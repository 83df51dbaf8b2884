package dialer

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"time"

	"certsweep/dialer/errno"
	"certsweep/dialer/hello"
	"certsweep/dialer/starttls"
)

// attempt is one connection to one address.
type attempt struct {
	d        *Dialer
	h        *Handshake
	endpoint *Endpoint
	deadline time.Time // of all but the drain; zero means none
	stop     func()    // see onCancel

	conn     net.Conn // ready for a hello
	tls      *tls.Conn
	client   *client
	phase    Phase     // where it is
	start    time.Time // of the phase
	sentCert bool      // and got one
	classic  bool      // it offers no post-quantum group
	plain    bool      // it offers no application protocol
}

// newAttempt returns the attempt at an endpoint's address that h has.
func (d *Dialer) newAttempt(ctx context.Context, e *Endpoint, h *Handshake) *attempt {
	a := &attempt{d: d, h: h, endpoint: e, phase: PhaseConnect}
	a.deadline, _ = ctx.Deadline()
	return a
}

// run makes the connection, from the TCP connect to the close after the drain.
// It and what it calls keep their frames small: while a peer is silent they are
// on the stack of its worker (see package scanner).
func (a *attempt) run(ctx context.Context) *Error {
	err := a.open(ctx)
	if err == nil {
		a.begin()
		// Deadline and cancellation are the connection's (see connect).
		if err = a.tls.Handshake(); err == nil {
			a.part(ctx)
		}
	}
	return a.end(ctx, err)
}

// begin makes the client of the handshake.
//
//go:noinline
func (a *attempt) begin() {
	a.client = a.clients().Get().(*client)
	a.client.take(a)
	a.tls = tls.Client(a.conn, a.client.config)
	if !a.d.NoRescue && !a.deadline.IsZero() && len(a.d.rungs) > 0 {
		reserve := min(rescueTimeout, time.Until(a.deadline)/rescuePart)
		rawConn(a.conn).SetDeadline(a.deadline.Add(-reserve))
	}
}

// certified has the handshake go on with all of its time: its certificate came,
// so that there is nothing to rescue.
func (a *attempt) certified() {
	rawConn(a.conn).SetDeadline(a.deadline)
}

// clients returns where the attempt's client is from.
func (a *attempt) clients() *sync.Pool {
	if a.classic {
		return &a.d.classic
	}
	return &a.d.clients
}

// end gives back what the attempt had, and says what its error means.
//
//go:noinline
func (a *attempt) end(ctx context.Context, err error) *Error {
	var failure *Error
	if err != nil {
		if a.phase == PhaseHandshake {
			a.h.Timing.Handshake = time.Since(a.start)
			a.h.answered = a.wasAnswered()
		}
		failure = a.failure(ctx, err)
	}
	a.detach()
	if a.conn != nil {
		// Not the TLS connection: closing it would wait for locks that a read may
		// hold, and write to a peer that may not read.
		rawConn(a.conn).Close()
	}
	if a.client != nil {
		a.client.leave()
		a.clients().Put(a.client)
		a.client = nil
	}
	return failure
}

// wasAnswered reports whether a ServerHello came, before the handshake ended.
//
//go:noinline
func (a *attempt) wasAnswered() bool { return a.tls != nil && a.tls.ConnectionState().Version != 0 }

// part notes what a handshake that is complete showed, and drains the connection.
//
//go:noinline
func (a *attempt) part(ctx context.Context) {
	a.h.Timing.Handshake = time.Since(a.start)
	starttls.HandshakeDone(a.conn)
	a.complete()
	if _, ok := ctx.(canceler); !ok {
		// Its deadline is not the drain's.
		a.detach()
	}
	if a.d.BeforeDrain != nil && a.d.DrainTimeout >= 0 && !a.d.AllCertificates && !a.d.Surveys() {
		a.d.BeforeDrain(ctx)
	}
	a.drain(a.tls)
}

// complete notes the state, whose size is why it is not in the frame of part.
//
//go:noinline
func (a *attempt) complete() {
	state := a.tls.ConnectionState()
	a.h.keep(&state)
	a.h.KeyProved = true
}

// failure classifies what ended the attempt. It returns nil if the server only
// wanted a client certificate, and had proved by then that its own is its own:
// anybody can send somebody's certificate and then an alert.
func (a *attempt) failure(ctx context.Context, err error) *Error {
	if cause := ctx.Err(); cause != nil && (cause == context.Canceled || errors.Is(err, net.ErrClosed)) && !errors.Is(err, cause) {
		// What is left of a connection that was closed says nothing.
		err = cause
	}
	e := classify(a.phase, err)
	if a.h.KeyProved && a.wantsClientCert(e) {
		a.h.ClientCertRequired = true
		return nil
	}
	if e.Code == CodeShortage && !isVia(err) && errno.Is(err, syscall.EADDRNOTAVAIL) && !hasSource(a.h.Addr) {
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
	keyLog  io.Writer // the caller's own, or nil
	attempt *attempt
}

func (d *Dialer) newClient() *client {
	c := &client{config: d.base.Clone(), keyLog: d.base.KeyLogWriter}
	certificates := c.config.Certificates
	c.config.VerifyConnection = func(state tls.ConnectionState) error {
		c.attempt.h.keep(&state)
		c.attempt.h.PostQuantumOffered = d.offersPostQuantum && !c.attempt.classic
		c.attempt.certified()
		if state.Version < tls.VersionTLS13 && !strings.HasPrefix(hello.SuiteName(state.CipherSuite), "TLS_RSA_") {
			c.config.KeyLogWriter = &proof{c, c.keyLog}
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

// leave has the client hold nothing of its attempt's, which may have ended long
// before the client is used again.
func (c *client) leave() { c.attempt, c.config.KeyLogWriter = nil, nil }

// take gives the client to an attempt, until it is put back.
func (c *client) take(a *attempt) {
	c.attempt = a
	// Not the proof of the connection before: TLS 1.3 logs secrets before the
	// server has shown anything.
	c.config.KeyLogWriter = c.keyLog
	if c.config.NextProtos = a.d.base.NextProtos; a.plain {
		c.config.NextProtos = nil
	}
	if c.config.ServerName = a.h.ServerName; c.config.ServerName == "" {
		// An address is never sent as a name (RFC 6066 §3), and an empty
		// ServerName would be filled in by tls.Dialer.
		addr := a.h.Addr.Addr()
		if !addr.IsValid() {
			addr = netip.IPv4Unspecified()
		}
		c.config.ServerName = addr.String()
	}
}
