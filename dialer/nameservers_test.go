package dialer

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestNameServers follows a server that falls silent and comes back.
func TestNameServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := nameServers{fixed: []string{"a", "b"}}
		turn := func() (servers []string) {
			for range 4 {
				servers = append(servers, s.choose(s.begin()))
			}
			return servers
		}
		check := func(when string, want ...string) {
			t.Helper()
			if got := turn(); !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", when, got, want)
			}
		}
		check("at first", "a", "b", "a", "b")
		for range silences - 1 {
			s.report("b", false)
		}
		check("before the last silence", "a", "b", "a", "b")
		s.report("b", false)
		check("b is silent", "a", "a", "a", "a")
		time.Sleep(silenceCheck + 1)
		check("b is asked once more", "a", "b", "a", "a")
		s.report("b", false)
		check("b is still silent", "a", "a", "a", "a")
		for range silences {
			s.report("a", false)
		}
		check("all are silent", "a", "b", "a", "b")
		s.report("b", true)
		check("b answers", "b", "b", "b", "b")
	})
}

// TestSystemServers has a zero Resolver know whom to ask.
func TestSystemServers(t *testing.T) {
	var s nameServers
	first := s.choose(s.begin())
	if _, err := netip.ParseAddrPort(first); err != nil {
		t.Errorf("%q is no server: %v", first, err)
	}
	if again := s.choose(s.begin()); again != first {
		t.Errorf("begins with %q, then with %q", first, again)
	}
}
