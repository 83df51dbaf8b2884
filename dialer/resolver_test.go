package dialer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
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

// TestLookupServers takes turns, with both families of a name at one server.
func TestLookupServers(t *testing.T) {
	names := zone{"a.test.": {addrs: []string{"127.0.0.1"}}, "b.test.": {addrs: []string{"127.0.0.1"}}}
	one, two := newDNSServer(t, names), newDNSServer(t, names)
	r := &Resolver{Servers: []string{one.addr, two.addr}}
	for _, name := range []string{"a.test", "b.test"} {
		if _, err := r.Lookup(within(t, patience), name); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range []*dnsServer{one, two} {
		if got := kinds(s.questions()); !slices.Equal(got, []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA}) {
			t.Errorf("one of two servers was asked for %v", got)
		}
	}
}

// TestLookupFailsOver has a server of two that is of no use, and every name
// found.
func TestLookupFailsOver(t *testing.T) {
	if testing.Short() {
		t.Skip("waits out name servers in real time")
	}
	t.Parallel()
	good := answer{addrs: []string{"127.0.0.1"}}
	for _, test := range []struct {
		name string
		bad  answer
	}{
		{"silent", answer{drop: true}},
		{"failing", answer{rcode: dnsmessage.RCodeServerFailure}},
		{"refusing", answer{rcode: dnsmessage.RCodeRefused}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			bad, working := newDNSServer(t, zone{}), newDNSServer(t, zone{})
			var names []string
			for i := range 20 {
				name := fmt.Sprintf("%d.test", i)
				bad.set(name+".", test.bad)
				working.set(name+".", good)
				names = append(names, name)
			}
			r := &Resolver{Servers: []string{bad.addr, working.addr}}
			var wg sync.WaitGroup
			for _, name := range names {
				wg.Go(func() {
					if _, err := r.Lookup(within(t, patience), name); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if len(bad.questions()) == 0 {
				t.Error("the bad server was not asked")
			}
			if !test.bad.drop {
				return
			}
			// By now the silent one is passed over.
			for i := range 4 {
				name := fmt.Sprintf("later-%d.test", i)
				working.set(name+".", good)
				if _, err := r.Lookup(within(t, patience), name); err != nil {
					t.Error(err)
				}
			}
			if asked := bad.questions(); len(asked) != 0 {
				t.Errorf("the silent server was asked %v", asked)
			}
		})
	}
}

// TestLookupOneFamily has servers that do not answer for one of the families.
func TestLookupOneFamily(t *testing.T) {
	if testing.Short() {
		t.Skip("waits out name servers in real time")
	}
	t.Parallel()
	const a, aaaa = dnsmessage.TypeA, dnsmessage.TypeAAAA
	for _, test := range []struct {
		name string
		answer
		want []string
		code Code
	}{
		{"no answer for IPv6", answer{addrs: []string{"127.0.0.1"}, dropKind: aaaa}, []string{"127.0.0.1"}, ""},
		{"failure for IPv6", answer{addrs: []string{"127.0.0.1"}, failKind: aaaa}, []string{"127.0.0.1"}, ""},
		{"no answer for IPv4", answer{addrs: []string{"::1"}, dropKind: a}, []string{"::1"}, ""},
		// There is no IPv6 address, but that says nothing of IPv4.
		{"no answer for IPv4, no IPv6", answer{dropKind: a}, nil, CodeDNSTimeout},
		{"failure for IPv4, no IPv6", answer{failKind: a}, nil, CodeDNSFailure},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newDNSServer(t, zone{"a.test.": test.answer})
			r := &Resolver{Servers: []string{s.addr}}
			addrs, err := r.Lookup(within(t, patience), "a.test")
			if got := lookupCode(err); got != test.code || !slices.Equal(texts(addrs), test.want) {
				t.Errorf("%q, %v; want %q, %q", texts(addrs), err, test.want, test.code)
			}
		})
	}
}

// TestLookupWithoutServer has nobody at the name server's address.
func TestLookupWithoutServer(t *testing.T) {
	s := newDNSServer(t, zone{})
	s.udp.Close()
	s.tcp.Close()
	r := &Resolver{Servers: []string{s.addr}}
	if _, err := r.Lookup(within(t, patience), "a.test"); lookupCode(err) != CodeDNSTimeout {
		t.Errorf("%v, want %s", err, CodeDNSTimeout)
	}
	if r.Lookups() != lookupTries {
		t.Errorf("%d look-ups, want %d", r.Lookups(), lookupTries)
	}
}

// TestLookupShortage has no descriptor left for the question.
func TestLookupShortage(t *testing.T) {
	s := newDNSServer(t, zone{"a.test.": {addrs: []string{"127.0.0.1"}}})
	r := &Resolver{Servers: []string{s.addr}}
	// What package net reads from files, it reads now.
	if _, err := r.Lookup(within(t, patience), "none.test"); lookupCode(err) != CodeDNSNotFound {
		t.Fatal(err)
	}
	var err error
	withoutDescriptors(t, func() { _, err = r.Lookup(within(t, patience), "a.test") })
	if failure := classify(PhaseResolve, err); failure.Code != CodeShortage || failure.Phase != PhaseLocal || !errors.Is(err, syscall.EMFILE) {
		t.Errorf("%v, want a shortage", err)
	}
	if _, err := r.Lookup(within(t, patience), "a.test"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestLookupHosts has a name that no name server is asked for.
func TestLookupHosts(t *testing.T) {
	hosts, err := os.ReadFile("/etc/hosts")
	if err != nil || !regexp.MustCompile(`(?m)^127\.0\.0\.1\s+localhost`).Match(hosts) {
		t.Skip("/etc/hosts has no 127.0.0.1 localhost")
	}
	s := newDNSServer(t, zone{})
	for _, name := range []string{"localhost", "LOCALHOST.", "localhost."} {
		r := &Resolver{Servers: []string{s.addr}, Network: "ip4"}
		addrs, err := r.Lookup(within(t, patience), name)
		if err != nil || !slices.Contains(texts(addrs), "127.0.0.1") {
			t.Errorf("%s: %v, %v", name, addrs, err)
		}
	}
	if asked := s.questions(); len(asked) != 0 {
		t.Errorf("asked %v", asked)
	}
}

// TestLookupsInFlight has no place free for a look-up.
func TestLookupsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Resolver
		r.init()
		for range lookupsInFlight {
			if err := r.acquire(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		for _, test := range []struct {
			parent context.Context
			limit  time.Duration
			want   Code
			waited time.Duration
		}{
			{t.Context(), time.Minute, CodeShortage, lookupWait},
			{t.Context(), time.Second, CodeShortage, time.Second / lookupWaitPart},
			{canceled, time.Minute, CodeCanceled, 0},
		} {
			ctx, cancel := context.WithTimeout(test.parent, test.limit)
			defer cancel()
			start := time.Now()
			_, err := r.Lookup(ctx, "a.test")
			if lookupCode(err) != test.want || r.Lookups() != 0 {
				t.Errorf("no place free: %v after %d look-ups, want %s", err, r.Lookups(), test.want)
			}
			if waited := time.Since(start); waited != test.waited {
				t.Errorf("waited %v, want %v", waited, test.waited)
			}
		}
		time.AfterFunc(lookupWait/2, r.release)
		if err := r.acquire(t.Context()); err != nil {
			t.Errorf("a place became free: %v", err)
		}
	})
}

func TestLookupCanceled(t *testing.T) {
	s := newDNSServer(t, zone{"drops.test.": {drop: true}})
	ctx, cancel := context.WithCancel(t.Context())
	r := &Resolver{Servers: []string{s.addr}}
	r.init()
	r.strict.Dial = func(ctx context.Context, network, address string) (conn net.Conn, err error) {
		defer cancel()
		return dialServer(ctx, network, address)
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
	h, err := probe(d, within(t, patience), Endpoint{Host: "none.test", Port: 443})
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
