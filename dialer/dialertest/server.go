package dialertest

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"certsweep/dialer/errno"
)

// loopback is where servers listen unless told otherwise.
const loopback = "127.0.0.1:0"

// Server listens on one loopback address and serves every connection on a
// goroutine of its own. Its methods are safe for concurrent use.
type Server struct {
	listener net.Listener
	serve    func(net.Conn)
	accepted atomic.Int64
	resets   atomic.Int64

	closing chan struct{}
	workers sync.WaitGroup
	mu      sync.Mutex
	ended   *sync.Cond // a connection has ended, or a Wait has
	live    map[*conn]struct{}
	closed  bool
}

// NewTLS starts a well-behaved TLS server: see [ServeTLS]. It panics if it
// cannot listen.
func NewTLS(config *tls.Config) *Server {
	return NewRaw(func(c net.Conn) { ServeTLS(c, config) })
}

// NewRaw starts a server that runs serve for every connection and closes the
// connection when serve returns. Serve must return when the connection is
// closed under it. NewRaw panics if it cannot listen.
func NewRaw(serve func(net.Conn)) *Server {
	s, err := Listen(loopback, serve)
	must(err)
	return s
}

// Listen is [NewRaw] on an address of the caller's choice, such as
// "127.0.0.2:0" or "[::1]:0", and returns an error if it cannot listen.
func Listen(address string, serve func(net.Conn)) (*Server, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	s := &Server{listener: l, serve: serve, closing: make(chan struct{}), live: make(map[*conn]struct{})}
	s.ended = sync.NewCond(&s.mu)
	s.workers.Go(s.accept)
	return s, nil
}

// Addr returns the address the server listens on.
func (s *Server) Addr() netip.AddrPort { return addrPort(s.listener.Addr()) }

func addrPort(a net.Addr) netip.AddrPort {
	ap := a.(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// Accepted returns how many connections were accepted so far.
func (s *Server) Accepted() int64 { return s.accepted.Load() }

// Resets returns how many connections the client has ended with a TCP reset,
// as far as the server tried to read or write after it. A server of [NewTLS]
// reads until the client's end of stream, so that none is missed. Call
// [Server.Wait] first: after Close the count may lack connections that were
// cut.
func (s *Server) Resets() int64 { return s.resets.Load() }

// Wait blocks until no connection is open or ctx ends, and returns ctx's error
// in that case. The server goes on accepting.
func (s *Server) Wait(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ended.Broadcast()
	})
	defer stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.live) > 0 && ctx.Err() == nil {
		s.ended.Wait()
	}
	if len(s.live) > 0 {
		return ctx.Err()
	}
	return nil
}

// Close stops listening, closes the open connections and waits for all the
// server's goroutines. Calling it again does nothing.
func (s *Server) Close() {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.closing)
		s.listener.Close()
		for c := range s.live {
			c.Close()
		}
	}
	s.mu.Unlock()
	s.workers.Wait()
}

func (s *Server) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			if !retry(err, s.closing) {
				return
			}
			continue
		}
		s.accepted.Add(1)
		s.start(&conn{TCPConn: c.(*net.TCPConn), server: s})
	}
}

// retry reports whether accepting may go on after err. A process that is out
// of descriptors gets some back with time.
func retry(err error, closing <-chan struct{}) bool {
	if errors.Is(err, net.ErrClosed) {
		return false
	}
	again := time.NewTimer(5 * time.Millisecond)
	defer again.Stop()
	select {
	case <-again.C:
		return true
	case <-closing:
		return false
	}
}

func (s *Server) start(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		c.Close()
		return
	}
	s.live[c] = struct{}{}
	s.workers.Go(func() {
		s.serve(c)
		c.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.live, c)
		s.ended.Broadcast()
	})
}

// conn is one accepted connection; it notes whether the client has reset it.
type conn struct {
	*net.TCPConn
	server *Server
	reset  atomic.Bool
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	c.note(err)
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.TCPConn.Write(p)
	c.note(err)
	return n, err
}

func (c *conn) note(err error) {
	// EPIPE is what a reset looks like to a writer that had the client's FIN before it.
	if errno.Is(err, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE) {
		if !c.reset.Swap(true) {
			c.server.resets.Add(1)
		}
	}
}

// ServeTLS is a well-behaved server on one connection, which may have carried
// other things before (STARTTLS): it completes the handshake, reads until the
// client's close_notify, answers it, and reads on until the client closes. It
// returns when the connection has ended and leaves closing it to the caller.
func ServeTLS(c net.Conn, config *tls.Config) {
	if t := tls.Server(c, config); t.Handshake() == nil {
		waitForGoodbye(t)
	}
	finish(c)
}

// waitForGoodbye reads until the client's close_notify and answers it.
func waitForGoodbye(t *tls.Conn) {
	if _, err := io.Copy(io.Discard, t); err == nil {
		t.CloseWrite()
	}
}

// finish half-closes and reads until the client closes too. To close with
// unread data would send a reset, which may overtake what was written.
func finish(c net.Conn) {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
	discard(c)
}

// discard reads until the connection ends.
func discard(c net.Conn) {
	// The struct hides WriteTo, which would pass by conn.Read.
	io.Copy(io.Discard, struct{ io.Reader }{c})
}

// abort ends a connection with a TCP reset.
func abort(c net.Conn) {
	if l, ok := c.(interface{ SetLinger(int) error }); ok {
		l.SetLinger(0)
	}
	c.Close()
}
