package dialertest

import (
	"net"
	"net/netip"
	"sync"
)

// Silent accepts connections on one or more addresses, keeps them open and
// never reads or writes. A connection costs its descriptor and about 300 bytes,
// no goroutine. Connections are held until Close, also those the client has
// closed.
type Silent struct {
	listeners []net.Listener
	workers   sync.WaitGroup
	closing   chan struct{}
	mu        sync.Mutex
	held      []net.Conn
}

// NewSilent starts listening on the given addresses, by default on one port of
// 127.0.0.1. It returns an error, and leaves nothing open, where it cannot
// listen on one.
func NewSilent(addresses ...string) (*Silent, error) {
	if len(addresses) == 0 {
		addresses = []string{loopback}
	}
	s := &Silent{closing: make(chan struct{})}
	for _, address := range addresses {
		l, err := net.Listen("tcp", address)
		if err != nil {
			s.Close()
			return nil, err
		}
		s.listeners = append(s.listeners, l)
		s.workers.Go(func() { s.accept(l) })
	}
	return s, nil
}

// Addrs returns the addresses the server listens on, in the order in which
// they were given.
func (s *Silent) Addrs() []netip.AddrPort {
	var addrs []netip.AddrPort
	for _, l := range s.listeners {
		addrs = append(addrs, addrPort(l.Addr()))
	}
	return addrs
}

// Held returns how many connections were accepted so far.
func (s *Silent) Held() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.held)
}

// Close stops listening and closes all connections. It may be called once.
func (s *Silent) Close() {
	close(s.closing)
	for _, l := range s.listeners {
		l.Close()
	}
	s.workers.Wait()
	for _, c := range s.held {
		c.Close()
	}
}

func (s *Silent) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err == nil {
			s.mu.Lock()
			s.held = append(s.held, c)
			s.mu.Unlock()
		} else if !retry(err, s.closing) {
			return
		}
	}
}
