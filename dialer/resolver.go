package dialer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
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
	// lookupPause follows a try that failed at once, and twice as long the
	// second: a name server that is restarted, or has too much to do, gets over
	// it.
	lookupPause = 100 * time.Millisecond
	// lookupsInFlight bounds what name servers are asked at a time, and the
	// sockets for it, two to a look-up, which makes 1,024; a target that waits for
	// one has no other socket yet. With answers after 50 ms it lets 10,000 a second through;
	// where one name in twenty has no answer, which takes 6 s, 1,500.
	lookupsInFlight = 512
	// lookupWait is the longest wait for a place among those in flight, and
	// lookupWaitPart the longest as a part of the time that the target has left.
	// Its clock runs meanwhile, so it has to begin anew after that.
	lookupWait     = time.Second
	lookupWaitPart = 10
)

// Resolver looks up the addresses of names. The zero value asks the name
// servers that the system is configured with, and /etc/hosts before them. It is
// safe for concurrent use and must not be changed or copied once it was used.
type Resolver struct {
	// Servers are the name servers to ask, as address:port. Each look-up begins
	// with the next of them, and each try after the first goes to the one after
	// that; servers that do not answer anybody are passed over. Empty means the
	// system's.
	Servers []string
	// Network is "ip", "ip4" or "ip6": which addresses are wanted. Empty means
	// "ip".
	Network string

	once    sync.Once
	strict  *net.Resolver
	lenient *net.Resolver
	files   *net.Resolver
	servers nameServers
	slots   chan struct{}
	lookups atomic.Int64
	cache   cache
}

// Lookups returns how many times name servers were asked so far, each try
// counted. Answers from the cache, and addresses, which need no look-up, do not
// count.
func (r *Resolver) Lookups() int64 { return r.lookups.Load() }

func (r *Resolver) init() {
	r.once.Do(func() {
		r.slots = make(chan struct{}, lookupsInFlight)
		r.servers.fixed = r.Servers
		// Go's own resolver holds no thread while it waits, as cgo's does.
		r.strict = &net.Resolver{PreferGo: true, StrictErrors: true, Dial: dialServer}
		r.lenient = &net.Resolver{PreferGo: true, Dial: dialServer}
		r.files = &net.Resolver{PreferGo: true, Dial: dialNobody}
	})
}

// Lookup returns the addresses of host, in the order in which to try them
// (RFC 6724); they are shared and must not be changed. An address is returned
// as it is. Concurrent look-ups of one name are one question. Lookup blocks
// until ctx is done at the latest. A lack of descriptors, and of a place among
// the look-ups in flight, is an [*Error] with CodeShortage: look it up again,
// with fresh time.
func (r *Resolver) Lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		if r.Network == "ip4" && !addr.Is4() || r.Network == "ip6" && addr.Is4() {
			return nil, &net.DNSError{Err: "the address is of the family that was excluded", Name: host, IsNotFound: true}
		}
		return []netip.Addr{addr}, nil
	}
	r.init()
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	addrs, err := r.cache.get(ctx, name, func() ([]netip.Addr, bool, error) {
		if err := r.acquire(ctx); err != nil {
			return nil, false, err
		}
		defer r.release()
		return r.ask(ctx, name)
	})
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return nil, fmt.Errorf("looking up %s: %w (%v)", host, ctx.Err(), err)
	}
	return addrs, err
}

// acquire takes a place among the look-ups in flight.
func (r *Resolver) acquire(ctx context.Context) error {
	select {
	case r.slots <- struct{}{}:
		return nil
	default:
	}
	wait := lookupWait
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(deadline)/lookupWaitPart)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case r.slots <- struct{}{}:
		return nil
	case <-timer.C:
	case <-ctx.Done():
	}
	return &Error{Phase: PhaseLocal, Code: CodeShortage, Err: errors.New("too many look-ups in flight")}
}

func (r *Resolver) release() { <-r.slots }

// ask puts the question to the name servers, again where no answer came, and
// says whether the answer is worth keeping: failures are not.
//
// net.Resolver in its strict form wants an answer for both families. Without
// that, it would report that a name does not exist where nothing came of the
// question for its IPv4 address and it has none of IPv6. But there are names
// whose servers never answer for IPv6, so the second try takes what there is.
func (r *Resolver) ask(ctx context.Context, name string) (addrs []netip.Addr, keep bool, err error) {
	if !strings.Contains(name, ".") {
		// With a final dot, package net does not find "localhost" in /etc/hosts,
		// and without one it would go through the search list.
		if addrs, err := r.files.LookupNetIP(ctx, r.network(), name); err == nil {
			return unmapped(addrs), true, nil
		}
	}
	place := r.servers.begin()
	for i := range lookupTries {
		if i > 0 && !pause(ctx, time.Duration(i)*lookupPause) {
			break
		}
		resolver := r.strict
		if i == 1 {
			resolver = r.lenient
		}
		t := &try{server: r.servers.choose(place), deadline: time.Now().Add(lookupTry)}
		addrs, failure := r.lookUp(ctx, resolver, t, name)
		if failure == nil {
			r.servers.report(t.server, true)
			return addrs, true, nil
		}
		if number := syscall.Errno(t.shortage.Load()); number != 0 {
			return nil, false, &Error{Phase: PhaseLocal, Code: CodeShortage, Err: fmt.Errorf("looking up %s: %w", name, number)}
		}
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, false, failure
		}
		r.servers.report(t.server, t.answered.Load())
		// net.Resolver believes to have asked the system's.
		failure.Server = t.server
		switch {
		case !failure.IsNotFound:
			// A server that cannot be reached is one that does not answer.
			failure.IsTimeout = failure.IsTimeout || !t.answered.Load()
			err = failure
			place++
		case resolver == r.strict:
			return nil, true, failure
		}
	}
	return nil, false, err
}

// pause waits and reports true, or false where ctx ends before.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// lookUp is one try.
func (r *Resolver) lookUp(ctx context.Context, resolver *net.Resolver, t *try, name string) ([]netip.Addr, *net.DNSError) {
	r.lookups.Add(1)
	// The final dot keeps the search list out of it.
	addrs, err := resolver.LookupNetIP(context.WithValue(ctx, tryKey{}, t), r.network(), name+".")
	if err != nil {
		if failure, ok := errors.AsType[*net.DNSError](err); ok {
			return nil, failure
		}
		// A *net.AddrError: /etc/hosts has the name, but not in this family.
		return nil, &net.DNSError{UnwrapErr: err, Err: err.Error(), Name: name, IsNotFound: true}
	}
	return unmapped(addrs), nil
}

func (r *Resolver) network() string {
	if r.Network == "" {
		return "ip"
	}
	return r.Network
}

// unmapped changes addresses from the form in which package net has those of
// IPv4.
func unmapped(addrs []netip.Addr) []netip.Addr {
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	return addrs
}
