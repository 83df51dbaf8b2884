package dialer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"certsweep/dialer/starttls"
)

// NetDialer makes TCP connections in place of the Dialer's own way, through a
// proxy or from another address; a [net.Dialer] is one. DialContext blocks until
// ctx is done at the latest, which also bears the limit of the connect, and
// is safe for concurrent use. Address is an IP address and a port, or a name and a
// port with RemoteNames. The Dialer
// closes the connection; one that has SetLinger(int) is reset where nothing else
// ends it at once.
type NetDialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// A context tells whether it is done, and when it will be at the latest. A
// connection has deadlines of its own, so that nothing but an end before the
// deadline has to be waited for.
type canceler interface {
	// OnCancel has f called, in a goroutine of its own, if the context is
	// canceled, and not if its deadline passes. After stop it is not called any
	// more, but may be running.
	OnCancel(f func()) (stop func())
}

// onCancel calls f when ctx is done, at the deadline too if ctx cannot tell.
func onCancel(ctx context.Context, f func()) (stop func()) {
	if c, ok := ctx.(canceler); ok {
		return c.OnCancel(f)
	}
	if ctx.Done() == nil {
		return func() {}
	}
	undo := context.AfterFunc(ctx, f)
	return func() { undo() }
}

var errConnectTimeout = errors.New("no answer to the TCP connect in time")

// connect makes the TCP connection, with the attempt's deadline on it. Until
// detach is called, the connection is closed if ctx is canceled: a deadline
// would be undone by the next.
func (a *attempt) connect(ctx context.Context) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(a.h.Addr), Err: err}
	}
	a.start = time.Now()
	limit := a.deadline
	if own := a.d.connectTimeout(); own > 0 {
		if at := a.start.Add(own); limit.IsZero() || at.Before(limit) {
			limit = at
		}
	}
	dial := a.dialRaw
	if a.d.NetDialer != nil {
		dial = a.dialWith
	}
	conn, err := dial(ctx, limit)
	a.h.Timing.Connect = time.Since(a.start)
	if err != nil {
		if !isVia(err) && isTimeout(err) && limit != a.deadline && ctx.Err() == nil {
			err = &Error{Phase: PhaseConnect, Code: CodeTimeout, Err: errConnectTimeout}
		}
		return nil, err
	}
	conn.SetDeadline(a.deadline)
	return conn, nil
}

// detach has the context touch the connection no more.
func (a *attempt) detach() {
	if a.stop != nil {
		a.stop()
		a.stop = nil
	}
}

// dialWith connects with the NetDialer.
func (a *attempt) dialWith(ctx context.Context, limit time.Time) (net.Conn, error) {
	limited := ctx
	if !limit.IsZero() {
		var cancel context.CancelFunc
		limited, cancel = context.WithDeadline(ctx, limit)
		defer cancel()
	}
	conn, err := a.d.NetDialer.DialContext(limited, "tcp", a.address())
	if err != nil {
		return nil, err
	}
	setLinger(conn, 0)
	a.stop = onCancel(ctx, func() { conn.Close() })
	return conn, nil
}

// address returns what to connect to.
func (a *attempt) address() string {
	if a.h.Addr.Addr().IsValid() {
		return a.h.Addr.String()
	}
	return a.endpoint.Address()
}

// open connects and speaks the endpoint's preamble, if it has one. Then conn is
// ready for a ClientHello, and the phase is that of the handshake. end has to be
// called afterwards, in any case.
func (a *attempt) open(ctx context.Context) error {
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	a.conn = conn
	if a.endpoint.StartTLS != "" {
		a.phase = PhaseStartTLS
		if err := a.upgrade(ctx); err != nil {
			return err
		}
	}
	a.phase, a.start = PhaseHandshake, time.Now()
	return nil
}

// upgrade speaks the preamble.
func (a *attempt) upgrade(ctx context.Context) error {
	conn, err := starttls.Upgrade(a.conn, string(a.endpoint.StartTLS), a.endpoint.Name())
	if err != nil {
		if cause := ctx.Err(); cause != nil && !isTimeout(err) {
			// It was closed meanwhile.
			err = fmt.Errorf("%w: %w", cause, err)
		}
		return err
	}
	a.conn = conn
	return nil
}
