package dialer

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"certsweep/dialer/errno"
)

// try is one attempt at a look-up: the questions for both families to one
// server. net.Resolver knows it by the context that it dials with, and may end
// after the look-up was given up.
type try struct {
	server   string
	deadline time.Time

	// What net.DNSError does not tell: whether anything was answered, and what
	// this machine lacked.
	answered atomic.Bool
	shortage atomic.Int64 // the error number
}

// tryKey is the key of a context's *try.
type tryKey struct{}

// dialNobody leaves net.Resolver with what it knows from files.
func dialNobody(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("no name server is asked")
}

// dialServer opens the socket for a query of the try that ctx is of.
func dialServer(ctx context.Context, network, _ string) (net.Conn, error) {
	t, ok := ctx.Value(tryKey{}).(*try)
	if !ok {
		// The context hands out nothing any more once it has ended.
		return nil, context.Canceled
	}
	// net.Resolver repeats a question; here that is Resolver.ask's business.
	if !time.Now().Before(t.deadline) {
		return nil, context.DeadlineExceeded
	}
	dialer := net.Dialer{Deadline: t.deadline, KeepAlive: -1}
	conn, err := dialer.DialContext(ctx, network, t.server)
	if err != nil {
		t.failed(err)
		return nil, err
	}
	q := query{conn, t, context.AfterFunc(ctx, func() { conn.Close() })}
	if _, ok := conn.(*net.UDPConn); ok {
		return packetQuery{q}, nil
	}
	return q, nil
}

// failed keeps a shortage, of which net.DNSError would keep only the text.
func (t *try) failed(err error) {
	number := errno.Of(err)
	if !isShortage(number) {
		return
	}
	if number == syscall.EADDRNOTAVAIL {
		// No address here to reach that server from is not going to pass.
		if server, err := netip.ParseAddrPort(t.server); err == nil && !hasSource(server) {
			return
		}
	}
	t.shortage.Store(int64(number))
}

// query is the connection of one query. It ends with its try and with its
// context: net.Resolver would leave that of a look-up that was given up open
// for the 5 s of its own limit, outside of all that counts look-ups in flight.
type query struct {
	net.Conn
	try  *try
	stop func() bool
}

func (q query) Read(b []byte) (int, error) {
	n, err := q.Conn.Read(b)
	if err == nil {
		q.try.answered.Store(true)
	}
	return n, err
}

func (q query) Write(b []byte) (int, error) {
	n, err := q.Conn.Write(b)
	if err != nil {
		q.try.failed(err)
	}
	return n, err
}

func (q query) SetDeadline(t time.Time) error {
	if q.try.deadline.Before(t) {
		t = q.try.deadline
	}
	return q.Conn.SetDeadline(t)
}

func (q query) Close() error {
	q.stop()
	return q.Conn.Close()
}

// packetQuery is a query over UDP, which net.Resolver tells by its methods.
type packetQuery struct{ query }

func (q packetQuery) ReadFrom(b []byte) (int, net.Addr, error) {
	return q.Conn.(net.PacketConn).ReadFrom(b)
}

func (q packetQuery) WriteTo(b []byte, to net.Addr) (int, error) {
	return q.Conn.(net.PacketConn).WriteTo(b, to)
}
