package scanner_test

import (
	"context"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"certsweep/dialer"
	"certsweep/results"
	"certsweep/scanner"
)

// at is a probe whose targets are all at one address.
func at(addr string) func(context.Context, dialer.Endpoint, *dialer.Handshake) error {
	return func(_ context.Context, _ dialer.Endpoint, h *dialer.Handshake) error {
		*h = dialer.Handshake{Addr: netip.MustParseAddrPort(addr)}
		return nil
	}
}

// TestSurveyLanes: surveys make no more than two connections to one address at a
// time, over all targets, one with --per-host 1, and --rate counts each. Waiting
// for a lane is no time of the target's.
func TestSurveyLanes(t *testing.T) {
	for _, test := range []struct {
		perHost int
		rate    float64
		most    int64
		seconds float64
	}{{0, 0, 2, 20 * 6.0 / 2}, {1, 0, 1, 20 * 6}, {5, 0, 2, 20 * 6.0 / 2}, {0, 0.1, 1, 139 * 10}} {
		synctest.Test(t, func(t *testing.T) {
			var inFlight, most, connections atomic.Int64
			s := scanner.Scanner{Workers: 10, PerHost: test.perHost, Rate: test.rate, Probe: at("192.0.2.1:443")}
			s.Survey = func(ctx context.Context, _ dialer.Endpoint, _ *dialer.Handshake, _ error, pace dialer.Pace) {
				var tasks []func()
				for range 6 {
					tasks = append(tasks, func() {
						if pace.Turn(ctx) != nil {
							return
						}
						connections.Add(1)
						most.Store(max(most.Load(), inFlight.Add(1)))
						time.Sleep(time.Second) // fake time
						inFlight.Add(-1)
					})
				}
				pace.Parallel(tasks...)
			}
			start := time.Now()
			err := s.Scan(t.Context(), list(20), func(r *results.Record) error {
				if test.rate == 0 && r.Timing.Total > 6000 {
					t.Errorf("total %v", r.Timing.Total)
				}
				return nil
			})
			if took := time.Since(start).Seconds(); err != nil || took > test.seconds+10 || took < test.seconds-10 {
				t.Errorf("%+v: %v s, %v", test, took, err)
			}
			if connections.Load() != 120 || most.Load() != test.most {
				t.Errorf("%+v: %d connections, %d at a time", test, connections.Load(), most.Load())
			}
		})
	}
}

// TestSurveyPanics: a panic in a survey is one target's.
func TestSurveyPanics(t *testing.T) {
	s := scanner.Scanner{Workers: 3, Probe: at("192.0.2.1:443")}
	s.Survey = func(_ context.Context, _ dialer.Endpoint, _ *dialer.Handshake, _ error, pace dialer.Pace) {
		pace.Parallel(func() {}, func() { panic("for the test") })
	}
	n := 0
	err := s.Scan(t.Context(), list(5), func(r *results.Record) error {
		n++
		if r.Error == nil || r.Error.Code != results.CodeInternal {
			t.Errorf("%+v", r.Error)
		}
		return nil
	})
	if n != 5 || err != nil {
		t.Errorf("%d records, %v", n, err)
	}
}
