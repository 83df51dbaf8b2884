package scanner

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"certsweep/dialer"
)

// TestMemory has probes that hold more and more until they end, five seconds each,
// and a heap that is as full as they make it.
func TestMemory(t *testing.T) {
	const limit = 100 << 20
	for name, test := range map[string]struct {
		holds   int // bytes, at the end
		targets int
		capped  bool
		most    time.Duration
	}{
		"what fits":               {1 << 18, 200, false, 6 * time.Second},
		"what fits one by one":    {50 << 20, 20, false, 150 * time.Second},
		"too many at once":        {2 << 20, 400, false, 5 * 400 / 20 * time.Second},
		"each of them is too big": {2 * limit, 10, true, 150 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sc := newScan(&Scanner{Timeout: 30 * time.Second, Workers: 200}, t.Context(), t.Context())
				var mu sync.Mutex
				held, peak := 0, 0
				hold := func(n int) {
					mu.Lock()
					defer mu.Unlock()
					held += n
					peak = max(peak, held)
				}
				sc.memory = newMemory(limit, 200, &sc.flights, func() uint64 {
					mu.Lock()
					defer mu.Unlock()
					return uint64(held)
				}, func() {})
				const steps = 50
				sc.Probe = func(ctx context.Context, _ dialer.Endpoint, _ *dialer.Handshake) error {
					for i := range steps {
						select {
						case <-time.After(5 * time.Second / steps):
							hold(test.holds / steps)
						case <-ctx.Done():
							hold(-i * (test.holds / steps))
							return &dialer.Error{Phase: dialer.PhaseHandshake, Code: dialer.CodeCanceled, Err: ctx.Err()}
						}
					}
					hold(-steps * (test.holds / steps))
					return nil
				}
				done := make(chan struct{})
				var watch, workers sync.WaitGroup
				watch.Go(func() { sc.memory.watch(done) })
				codes := make(map[string]int)
				watch.Go(func() {
					for o := range sc.found {
						if o.record.Error != nil {
							codes[o.record.Error.Code]++
						} else {
							codes["ok"]++
						}
					}
				})
				started := time.Now()
				for i := range test.targets {
					workers.Go(func() {
						j := &job{scan: sc, target: &Target{Line: i + 1, Endpoint: dialer.Endpoint{Host: fmt.Sprint(i), Port: 443}}}
						j.run()
					})
				}
				workers.Wait()
				close(sc.found)
				close(done)
				watch.Wait()
				want := "ok"
				if test.capped {
					want = "memory_cap"
				}
				if codes[want] != test.targets {
					t.Errorf("codes %v, want %d of %s", codes, test.targets, want)
				}
				if took := time.Since(started); took > test.most {
					t.Errorf("it took %v, want %v at most", took, test.most)
				}
				if peak > limit {
					t.Errorf("%d MiB held, the limit is %d", peak>>20, limit>>20)
				}
				if sc.memory.inFlight != 0 || len(sc.memory.line) != 0 || held != 0 {
					t.Errorf("%d in flight, %d wait, %d held when all is over", sc.memory.inFlight, len(sc.memory.line), held)
				}
			})
		})
	}
}

// TestMemoryWaitEnds: who waits for memory is let go when no more shall begin, and
// has no record.
func TestMemoryWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns, stop := context.WithCancel(t.Context())
		sc := newScan(&Scanner{Workers: 3}, t.Context(), turns)
		sc.memory = newMemory(1<<20, 1, &sc.flights, func() uint64 { return 0 }, func() {})
		release := make(chan struct{})
		sc.Probe = func(context.Context, dialer.Endpoint, *dialer.Handshake) error {
			<-release
			return nil
		}
		records := 0
		var workers, reader sync.WaitGroup
		reader.Go(func() {
			for range sc.found {
				records++
			}
		})
		gone := make(chan bool, 3)
		for range 3 {
			workers.Go(func() {
				j := &job{scan: sc, target: &Target{Line: 1, Endpoint: dialer.Endpoint{Host: "h", Port: 443}}}
				j.run()
				gone <- j.gone
			})
		}
		synctest.Wait()
		stop()
		for range 2 {
			if !<-gone {
				t.Error("a target that waits is not let go")
			}
		}
		close(release)
		workers.Wait()
		close(sc.found)
		reader.Wait()
		if records != 1 || <-gone || sc.memory.inFlight != 0 || len(sc.memory.line) != 0 {
			t.Errorf("%d records, %d in flight, %d wait", records, sc.memory.inFlight, len(sc.memory.line))
		}
	})
}

func TestLandedCauses(t *testing.T) {
	sc := newScan(new(Scanner), t.Context(), t.Context())
	failed := &dialer.Error{Phase: dialer.PhaseStartTLS, Code: dialer.CodeCanceled, Err: context.Canceled}
	for cause, want := range map[error]dialer.Code{errMemoryCap: dialer.CodeMemoryCap, errors.New("else"): dialer.CodeCanceled} {
		j := &job{scan: sc}
		j.begin()
		j.flight.cancel(cause)
		if err := j.landed(failed); codeOf(err) != want || err.(*dialer.Error).Phase != dialer.PhaseStartTLS {
			t.Errorf("%v: %v", cause, err)
		}
	}
	j := &job{scan: sc}
	j.begin()
	j.flight.cancel(errMemoryCut)
	if err := j.landed(failed); err != errMemoryCut {
		t.Errorf("%v, want that it is tried again", err)
	}
}
