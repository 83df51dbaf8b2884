package dialer

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

func TestCacheIsBounded(t *testing.T) {
	var c cache
	found := func() ([]netip.Addr, bool, error) { return nil, true, nil }
	for i := range 2 * cacheNames {
		c.get(t.Context(), fmt.Sprintf("%d.test", i), found)
	}
	if len(c.lookups) != cacheNames {
		t.Errorf("%d names in the cache, want %d", len(c.lookups), cacheNames)
	}
	c.get(t.Context(), fmt.Sprintf("%d.test", 2*cacheNames-1), func() ([]netip.Addr, bool, error) {
		t.Error("the last answer is not in the cache")
		return nil, false, nil
	})
}

// TestCacheMerges has many ask for one name at the same time.
func TestCacheMerges(t *testing.T) {
	addrs := []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	failure := errors.New("failure")
	for _, test := range []struct {
		addrs []netip.Addr
		keep  bool
		err   error
		again int // questions after the first
	}{
		{addrs, true, nil, 0},
		{nil, true, failure, 0},
		{nil, false, failure, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			var c cache
			asked := 0
			ask := func() ([]netip.Addr, bool, error) {
				asked++
				time.Sleep(time.Second)
				return test.addrs, test.keep, test.err
			}
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() {
					got, err := c.get(t.Context(), "a.test", ask)
					if !slices.Equal(got, test.addrs) || err != test.err {
						t.Errorf("%v, %v; want %v, %v", got, err, test.addrs, test.err)
					}
				})
			}
			wg.Wait()
			if asked != 1 {
				t.Errorf("asked %d times at once, want once", asked)
			}
			c.get(t.Context(), "a.test", ask)
			if asked != 1+test.again {
				t.Errorf("asked %d times later, want %d", asked-1, test.again)
			}
			time.Sleep(cacheTime)
			c.get(t.Context(), "a.test", ask)
			if asked != 2+test.again {
				t.Error("an answer was kept for ever")
			}
		})
	}
}

// TestCacheAsksAgain has the target that asks run out of time while another
// waits for its answer.
func TestCacheAsksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c cache
		first := within(t, time.Second)
		go c.get(first, "a.test", func() ([]netip.Addr, bool, error) {
			<-first.Done()
			return nil, false, first.Err()
		})
		synctest.Wait()
		short, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		if _, err := c.get(short, "a.test", nil); err != context.DeadlineExceeded {
			t.Errorf("a target that waits: %v", err)
		}
		asked := false
		_, err := c.get(t.Context(), "a.test", func() ([]netip.Addr, bool, error) {
			asked = true
			return nil, true, nil
		})
		if err != nil || !asked {
			t.Errorf("%v; asked: %v", err, asked)
		}
	})
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
			r.cache.lookups[test.name].expires = time.Now()
			if _, err := r.Lookup(within(t, patience), test.name); err != nil {
				t.Error(err)
			}
			if len(s.questions()) == 0 {
				t.Error("an answer was kept for ever")
			}
		})
	}
}
