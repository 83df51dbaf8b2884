package dialer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// lookupCode is the code a probe would report for a look-up.
func lookupCode(err error) Code {
	if err == nil {
		return ""
	}
	return classify(PhaseResolve, err).Code
}

func texts(addrs []netip.Addr) []string {
	var all []string
	for _, a := range addrs {
		all = append(all, a.String())
	}
	slices.Sort(all)
	return all
}

func TestLookup(t *testing.T) {
	s := newDNSServer(t, zone{
		"both.test.":  {addrs: []string{"127.0.0.1", "127.0.0.2", "::1"}},
		"four.test.":  {addrs: []string{"127.0.0.1"}},
		"six.test.":   {addrs: []string{"::1"}},
		"long.test.":  {addrs: []string{"127.0.0.1", "::1"}, long: true},
		"empty.test.": {},
		"fails.test.": {rcode: dnsmessage.RCodeServerFailure},
		"drops.test.": {drop: true},
	})
	const a, aaaa = dnsmessage.TypeA, dnsmessage.TypeAAAA
	for _, test := range []struct {
		host, network string
		want          []string
		code          Code
		kinds         []dnsmessage.Type // asked for
		lookups       int64
	}{
		{"both.test", "", []string{"127.0.0.1", "127.0.0.2", "::1"}, "", []dnsmessage.Type{a, aaaa}, 1},
		{"both.test", "ip", []string{"127.0.0.1", "127.0.0.2", "::1"}, "", []dnsmessage.Type{a, aaaa}, 1},
		{"both.test", "ip4", []string{"127.0.0.1", "127.0.0.2"}, "", []dnsmessage.Type{a}, 1},
		{"both.test", "ip6", []string{"::1"}, "", []dnsmessage.Type{aaaa}, 1},
		{"four.test", "ip6", nil, CodeDNSNotFound, []dnsmessage.Type{aaaa}, 1},
		{"six.test", "", []string{"::1"}, "", []dnsmessage.Type{a, aaaa}, 1},
		{"long.test", "", []string{"127.0.0.1", "::1"}, "", []dnsmessage.Type{a, aaaa}, 1},
		{"none.test", "", nil, CodeDNSNotFound, []dnsmessage.Type{a, aaaa}, 1},
		{"empty.test", "", nil, CodeDNSNotFound, []dnsmessage.Type{a, aaaa}, 1},
		{"fails.test", "", nil, CodeDNSFailure, []dnsmessage.Type{a, aaaa}, lookupTries},
		{"drops.test", "", nil, CodeDNSTimeout, []dnsmessage.Type{a, aaaa}, 1},

		{"192.0.2.1", "", []string{"192.0.2.1"}, "", nil, 0},
		{"2001:db8::1", "", []string{"2001:db8::1"}, "", nil, 0},
		{"192.0.2.1", "ip4", []string{"192.0.2.1"}, "", nil, 0},
		{"2001:db8::1", "ip4", nil, CodeDNSNotFound, nil, 0},
		{"192.0.2.1", "ip6", nil, CodeDNSNotFound, nil, 0},
		{"2001:db8::1", "ip6", []string{"2001:db8::1"}, "", nil, 0},
	} {
		t.Run(test.host+" "+test.network, func(t *testing.T) {
			r := &Resolver{Servers: []string{s.addr}, Network: test.network}
			limit := patience
			if test.code == CodeDNSTimeout {
				limit = impatience
			}
			addrs, err := r.Lookup(within(t, limit), test.host)
			if got := lookupCode(err); got != test.code {
				t.Fatalf("%v, want %q", err, test.code)
			}
			if got := texts(addrs); !slices.Equal(got, test.want) {
				t.Errorf("%q, want %q", got, test.want)
			}
			if got := r.Lookups(); got != test.lookups {
				t.Errorf("%d look-ups, want %d", got, test.lookups)
			}
			asked := s.questions()
			if got := kinds(asked); !slices.Equal(got, test.kinds) {
				t.Errorf("asked for %v, want %v", got, test.kinds)
			}
			for _, q := range asked {
				// The name with its final dot: no search list was tried.
				if q.name != test.host+"." {
					t.Errorf("asked for %q", q.name)
				}
			}
		})
	}
}

func TestLookupTriesTCP(t *testing.T) {
	s := newDNSServer(t, zone{"long.test.": {addrs: []string{"127.0.0.1"}, long: true}})
	r := &Resolver{Servers: []string{s.addr}, Network: "ip4"}
	if _, err := r.Lookup(within(t, patience), "long.test"); err != nil {
		t.Fatal(err)
	}
	var networks []string
	for _, q := range s.questions() {
		networks = append(networks, q.network)
	}
	if want := []string{"udp", "tcp"}; !slices.Equal(networks, want) {
		t.Errorf("asked over %q, want %q", networks, want)
	}
}

// TestLookupCache has answers and absences kept, and nothing else.
func TestLookupCache(t *testing.T) {
	good := answer{addrs: []string{"127.0.0.1"}}
	s := newDNSServer(t, zone{})
	for _, test := range []struct {
		name   string
		first  answer
		kept   bool
		second Code // of a look-up after the name has its address
	}{
		{"found.test", good, true, ""},
		{"absent.test", answer{rcode: dnsmessage.RCodeNameError}, true, CodeDNSNotFound},
		{"fails.test", answer{rcode: dnsmessage.RCodeServerFailure}, false, ""},
		{"drops.test", answer{drop: true}, false, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &Resolver{Servers: []string{s.addr}, Network: "ip4"}
			s.set(test.name+".", test.first)
			limit := patience
			if test.first.drop {
				limit = impatience
			}
			r.Lookup(within(t, limit), test.name)
			if len(s.questions()) == 0 {
				t.Fatal("the first look-up asked nothing")
			}
			s.set(test.name+".", good)
			_, err := r.Lookup(within(t, patience), test.name)
			if got := lookupCode(err); got != test.second {
				t.Errorf("second look-up: %v, want %q", err, test.second)
			}
			if kept := len(s.questions()) == 0; kept != test.kept {
				t.Errorf("kept: %v, want %v", kept, test.kept)
			}
			if !test.kept {
				return
			}
			// Time passes.
			r.mu.Lock()
			entry := r.cache[test.name]
			entry.expires = time.Now()
			r.cache[test.name] = entry
			r.mu.Unlock()
			if _, err := r.Lookup(within(t, patience), test.name); err != nil {
				t.Error(err)
			}
			if len(s.questions()) == 0 {
				t.Error("an answer was kept for ever")
			}
		})
	}
}

func TestLookupCacheIsBounded(t *testing.T) {
	var r Resolver
	r.init()
	for i := range 2 * cacheNames {
		r.store(fmt.Sprintf("%d.test", i), nil, nil)
	}
	if len(r.cache) != cacheNames {
		t.Errorf("%d names in the cache, want %d", len(r.cache), cacheNames)
	}
	if _, ok := r.cached(fmt.Sprintf("%d.test", 2*cacheNames-1)); !ok {
		t.Error("the last answer is not in the cache")
	}
}

// TestLookupServers takes turns, and a server that fails costs no answer.
func TestLookupServers(t *testing.T) {
	names := zone{"a.test.": {addrs: []string{"127.0.0.1"}}, "b.test.": {addrs: []string{"127.0.0.1"}}}
	one, two := newDNSServer(t, names), newDNSServer(t, names)
	r := &Resolver{Servers: []string{one.addr, two.addr}, Network: "ip4"}
	for _, name := range []string{"a.test", "b.test"} {
		if _, err := r.Lookup(within(t, patience), name); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := len(one.questions()), len(two.questions()); a != 1 || b != 1 {
		t.Errorf("asked %d and %d questions, want 1 and 1", a, b)
	}

	broken := newDNSServer(t, zone{"a.test.": {rcode: dnsmessage.RCodeServerFailure}})
	r = &Resolver{Servers: []string{broken.addr, two.addr}, Network: "ip4"}
	if addrs, err := r.Lookup(within(t, patience), "a.test"); err != nil || len(addrs) != 1 {
		t.Errorf("%v, %v", addrs, err)
	}
	if len(broken.questions()) != 1 {
		t.Error("the first server was not asked")
	}
}

func TestLookupsInFlight(t *testing.T) {
	s := newDNSServer(t, zone{"a.test.": {addrs: []string{"127.0.0.1"}}})
	r := &Resolver{Servers: []string{s.addr}}
	r.init()
	for range lookupsInFlight {
		r.slots <- struct{}{}
	}
	for _, test := range []struct {
		cut  func(context.Context) (context.Context, context.CancelFunc)
		want Code
	}{
		{func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, impatience)
		}, CodeDNSTimeout},
		{func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx, cancel
		}, CodeCanceled},
	} {
		ctx, cancel := test.cut(t.Context())
		defer cancel()
		if _, err := r.Lookup(ctx, "a.test"); lookupCode(err) != test.want || r.Lookups() != 0 {
			t.Errorf("no slot free: %v after %d look-ups, want %s", err, r.Lookups(), test.want)
		}
	}
	<-r.slots
	if _, err := r.Lookup(within(t, patience), "a.test"); err != nil {
		t.Errorf("a slot free: %v", err)
	}
	if len(r.slots) != lookupsInFlight-1 {
		t.Errorf("%d slots taken, want %d", len(r.slots), lookupsInFlight-1)
	}
}

func TestLookupCanceled(t *testing.T) {
	s := newDNSServer(t, zone{"drops.test.": {drop: true}})
	ctx, cancel := context.WithCancel(t.Context())
	r := &Resolver{Servers: []string{s.addr}}
	r.init()
	dial := r.resolver.Dial
	r.resolver.Dial = func(ctx context.Context, network, address string) (conn net.Conn, err error) {
		defer cancel()
		return dial(ctx, network, address)
	}
	_, err := r.Lookup(ctx, "drops.test")
	if lookupCode(err) != CodeCanceled || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want canceled", err)
	}
}

// TestProbeResolves has the failure of a look-up and the address it gave.
func TestProbeResolves(t *testing.T) {
	s := newDNSServer(t, zone{})
	d := &Dialer{Resolver: &Resolver{Servers: []string{s.addr}}}
	h, err := d.Probe(within(t, patience), Endpoint{Host: "none.test", Port: 443})
	var failure *Error
	if !errors.As(err, &failure) || failure.Phase != PhaseResolve || failure.Code != CodeDNSNotFound {
		t.Errorf("Probe: %v", err)
	}
	if h.Addr.IsValid() || h.ServerName != "none.test" || h.Timing.Resolve <= 0 {
		t.Errorf("handshake %+v", h)
	}
	if _, err := d.Lookup(within(t, patience), "none.test"); !errors.As(err, &failure) || failure.Code != CodeDNSNotFound {
		t.Errorf("Lookup: %v", err)
	}
	addrs, err := d.Lookup(within(t, patience), "::1")
	if err != nil || !slices.Equal(texts(addrs), []string{"::1"}) {
		t.Errorf("Lookup: %v, %v", addrs, err)
	}
}
