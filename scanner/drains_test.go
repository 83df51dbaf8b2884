package scanner

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"certsweep/dialer"
	"certsweep/results"
)

// TestDrainPlaces has probes that take a second, and then drain for a little
// less.
func TestDrainPlaces(t *testing.T) {
	const drain = 900 * time.Millisecond
	many := slices.Repeat([]netip.Addr{netip.MustParseAddr("192.0.2.1")}, 2)
	for name, test := range map[string]struct {
		scanner Scanner
		list    string
		took    time.Duration
		probing int // the most at a time
		drains  int // the most at a time
	}{
		"as many as workers": {Scanner{}, "a.test\nb.test\n", 10*time.Second + drain, 10, 10},
		"half as many":       {Scanner{Drains: 5}, "a.test\nb.test\n", 0, 10, 10},
		"none":               {Scanner{Drains: -1}, "a.test\nb.test\n", 10*time.Second + 10*drain, 10, 10},
		// A host keeps its place, so that it has two connections at most.
		"one host": {Scanner{PerHost: 2}, "a.test\n", 50*time.Second + 50*drain, 2, 2},
		// Before its last address, a target is not done with its worker.
		"two addresses": {Scanner{Lookup: func(context.Context, string) ([]netip.Addr, error) { return many, nil }},
			"a.test\nb.test\n", 20*time.Second + 11*drain, 10, 20},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				probing, draining, most, mostDrains, records := 0, 0, 0, 0, 0
				add := func(n *int, most *int, by int) {
					mu.Lock()
					defer mu.Unlock()
					*n += by
					*most = max(*most, *n)
				}
				s := test.scanner
				s.Workers = 10
				s.Probe = func(ctx context.Context, _ dialer.Endpoint, _ *dialer.Handshake) error {
					add(&probing, &most, 1)
					time.Sleep(time.Second)
					add(&probing, &most, -1)
					Draining(context.WithValue(ctx, t, "a context derived from the scan's"))
					add(&draining, &mostDrains, 1)
					time.Sleep(drain)
					add(&draining, &mostDrains, -1)
					return nil
				}
				started := time.Now()
				list := strings.Repeat(test.list, 100/strings.Count(test.list, "\n"))
				if err := s.Scan(t.Context(), ReadTargets(strings.NewReader(list), nil), func(*results.Record) error {
					records++
					return nil
				}); err != nil {
					t.Fatal(err)
				}
				took := time.Since(started)
				if test.took == 0 && (took <= 11*time.Second || took >= 19*time.Second) || test.took != 0 && took != test.took {
					t.Errorf("it took %v, want %v", took, test.took)
				}
				if most > test.probing || mostDrains > test.drains {
					t.Errorf("%d probes and %d drains at a time, want no more than %d and %d", most, mostDrains, test.probing, test.drains)
				}
				if want := 100 * max(1, len(many)*strings.Count(name, "addresses")); records != want {
					t.Errorf("%d records, want %d", records, want)
				}
			})
		})
	}
}

// TestDrainingElsewhere: a context that is none of a scan's has no place to give
// up.
func TestDrainingElsewhere(t *testing.T) {
	Draining(t.Context())
}
