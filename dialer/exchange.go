package dialer

import (
	"context"
	"net"
	"net/netip"
	"time"

	"certsweep/dialer/hello"
)

// fetch makes a connection of its own for one hello. The answer takes a place as
// soon as it begins, and not before: who never answers has none.
func (d *Dialer) fetch(ctx context.Context, e *Endpoint, addr netip.AddrPort, client *hello.Client, places chan struct{}) (*hello.Result, error) {
	got := new(hello.Result)
	err := d.exchange(ctx, e, addr, func(conn net.Conn) (err error) {
		answer := newAnswerConn(ctx, conn, places)
		*got, err = client.Fetch(answer)
		answer.leave()
		return err
	})
	return got, err
}

// exchange has use send something on a connection of its own, and read.
func (d *Dialer) exchange(ctx context.Context, e *Endpoint, addr netip.AddrPort, use func(net.Conn) error) error {
	a := d.newExchange(ctx, e, addr)
	err := a.open(ctx)
	if err == nil {
		err = use(a.conn)
	}
	if failure := a.end(ctx, err); failure != nil {
		return failure
	}
	return nil
}

//go:noinline
func (d *Dialer) newExchange(ctx context.Context, e *Endpoint, addr netip.AddrPort) *attempt {
	a := d.newAttempt(ctx, e, &Handshake{Addr: addr})
	if limit := time.Now().Add(rescueTimeout); a.deadline.IsZero() || limit.Before(a.deadline) {
		a.deadline = limit
	}
	return a
}

// answerConn is a connection whose answer takes a place when it begins, and has
// rescueTimeout from then on: waiting for a place is not the peer's doing.
type answerConn struct {
	net.Conn
	ctx    context.Context
	places chan struct{}
	taken  bool
}

//go:noinline
func newAnswerConn(ctx context.Context, conn net.Conn, places chan struct{}) *answerConn {
	return &answerConn{Conn: conn, ctx: ctx, places: places}
}

// AwaitRead waits for the answer to begin, and for a place.
func (c *answerConn) AwaitRead() error {
	if patient, ok := c.Conn.(interface{ AwaitRead() error }); ok {
		if err := patient.AwaitRead(); err != nil {
			return err
		}
	}
	return c.enter()
}

// enter takes a place.
//
//go:noinline
func (c *answerConn) enter() error {
	if c.places == nil {
		return nil
	}
	select {
	case c.places <- struct{}{}:
		c.taken = true
		limit := time.Now().Add(rescueTimeout)
		if end, ok := c.ctx.Deadline(); ok && end.Before(limit) {
			limit = end
		}
		return c.SetDeadline(limit)
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
}

// leave gives the place up.
func (c *answerConn) leave() {
	if c.taken {
		<-c.places
		c.taken = false
	}
}
