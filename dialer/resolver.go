package dialer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// lookupTry is one try's time. A name server answers within a second or
	// not at all; net.Resolver alone would spend 5 s on each of its tries.
	lookupTry = 2 * time.Second
	// lookupTries within the target's deadline: as UDP loses packets.
	lookupTries = 3
	// lookupsInFlight bounds the sockets that look-ups hold: each query opens
	// one or two.
	lookupsInFlight = 128
	// cacheNames and cacheTime bound the cache. It is there for lists that
	// name a host several times in a row (ports, duplicates), not to be a
	// name server.
	cacheNames = 4096
	cacheTime  = time.Minute
)

// Resolver looks up the addresses of names. The zero value asks the name
// servers that the system is configured with. It is safe for concurrent use
// and must not be changed or copied once it was used.
type Resolver struct {
	// Servers are the name servers to ask, as host:port, each question the next
	// of them. Empty means the system's.
	Servers []string
	// Network is "ip", "ip4" or "ip6": which addresses are wanted. Empty means
	// "ip".
	Network string

	once      sync.Once
	resolver  *net.Resolver
	slots     chan struct{}
	next      atomic.Uint32
	shortages atomic.Uint64
	lookups   atomic.Int64

	mu    sync.Mutex
	cache map[string]lookup
}

// lookup is an answer in the cache.
type lookup struct {
	addrs   []netip.Addr
	err     error
	expires time.Time
}

// Lookups returns how many questions were put to name servers so far. Answers
// from the cache, and addresses, which need no look-up, do not count.
func (r *Resolver) Lookups() int64 { return r.lookups.Load() }

func (r *Resolver) init() {
	r.once.Do(func() {
		r.slots = make(chan struct{}, lookupsInFlight)
		r.cache = make(map[string]lookup)
		// Go's own resolver holds no thread while it waits, as cgo's does.
		r.resolver = &net.Resolver{PreferGo: true, Dial: r.dial}
	})
}

// dial opens the socket for a query. net.DNSError keeps only the text of a
// failure here, so a shortage is counted where it can still be seen.
func (r *Resolver) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if len(r.Servers) > 0 {
		address = r.Servers[int(r.next.Add(1)-1)%len(r.Servers)]
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		if errno, ok := errors.AsType[syscall.Errno](err); ok && isShortage(errno) {
			r.shortages.Add(1)
		}
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	if udp, ok := conn.(*net.UDPConn); ok {
		// net.Resolver tells the two apart by their methods.
		return packetQuery{udp, stop}, nil
	}
	return streamQuery{conn, stop}, nil
}

// packetQuery and streamQuery are connections to a name server that end with
// their context. net.Resolver leaves those of a look-up that was given up open
// for the 5 s of its own limit, outside of all that counts look-ups in flight.
type (
	packetQuery struct {
		*net.UDPConn
		stop func() bool
	}
	streamQuery struct {
		net.Conn
		stop func() bool
	}
)

func (q packetQuery) Close() error {
	q.stop()
	return q.UDPConn.Close()
}

func (q streamQuery) Close() error {
	q.stop()
	return q.Conn.Close()
}

// Lookup returns the addresses of host, in the order in which to try them
// (RFC 6724). An address is returned as it is. It blocks until ctx is done at
// the latest.
func (r *Resolver) Lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		if r.Network == "ip4" && !addr.Is4() || r.Network == "ip6" && addr.Is4() {
			return nil, &net.DNSError{Err: "the address is of the family that was excluded", Name: host, IsNotFound: true}
		}
		return []netip.Addr{addr}, nil
	}
	r.init()
	if answer, ok := r.cached(host); ok {
		return answer.addrs, answer.err
	}
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for a look-up of %s: %w", host, ctx.Err())
	}
	return r.ask(ctx, host)
}

// ask puts the question to the name servers, again where no answer came.
func (r *Resolver) ask(ctx context.Context, host string) ([]netip.Addr, error) {
	network := r.Network
	if network == "" {
		network = "ip"
	}
	var err error
	for range lookupTries {
		var addrs []netip.Addr
		before := r.shortages.Load()
		r.lookups.Add(1)
		try, cancel := context.WithTimeout(ctx, lookupTry)
		// The final dot keeps the search list out of it.
		addrs, err = r.resolver.LookupNetIP(try, network, host+".")
		cancel()
		if err == nil {
			for i := range addrs {
				addrs[i] = addrs[i].Unmap()
			}
			r.store(host, addrs, nil)
			return addrs, nil
		}
		if r.shortages.Load() != before {
			return nil, &Error{Phase: PhaseLocal, Code: CodeShortage, Err: err}
		}
		var dns *net.DNSError
		if errors.As(err, &dns) && dns.IsNotFound {
			r.store(host, nil, err)
			return nil, err
		}
		if ctx.Err() != nil {
			// The target's own time is up, or the scan's.
			return nil, fmt.Errorf("%w (%v)", ctx.Err(), err)
		}
	}
	return nil, err
}

func (r *Resolver) cached(host string) (lookup, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	answer, ok := r.cache[host]
	return answer, ok && time.Now().Before(answer.expires)
}

// store keeps an answer. A full cache drops an arbitrary entry: map order is
// random, and a list is scanned once.
func (r *Resolver) store(host string, addrs []netip.Addr, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.cache) >= cacheNames {
		for name := range r.cache {
			delete(r.cache, name)
			break
		}
	}
	r.cache[host] = lookup{addrs: addrs, err: err, expires: time.Now().Add(cacheTime)}
}
