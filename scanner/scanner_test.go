package scanner_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"certsweep/dialer"
	"certsweep/dialer/dialertest"
	"certsweep/results"
	"certsweep/scanner"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// list yields n targets, "h1" to "hn".
func list(n int) iter.Seq2[scanner.Target, error] {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "h%d\n", i+1)
	}
	return scanner.Defaults{}.Apply(scanner.ReadTargets(strings.NewReader(b.String()), nil))
}

// instant is a probe that succeeds at once with nothing.
func instant(context.Context, dialer.Endpoint, *dialer.Handshake) error {
	return nil
}

// untilDone is a probe that waits for its context, as a silent peer makes it.
func untilDone(ctx context.Context, _ dialer.Endpoint, _ *dialer.Handshake) error {
	<-ctx.Done()
	code := dialer.CodeTimeout
	if errors.Is(ctx.Err(), context.Canceled) {
		code = dialer.CodeCanceled
	}
	return &dialer.Error{Phase: dialer.PhaseHandshake, Code: code, Err: ctx.Err()}
}

func TestScanHasOneRecordForEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var inFlight, most atomic.Int64
		s := scanner.Scanner{Workers: 7, Probe: func(ctx context.Context, e dialer.Endpoint, _ *dialer.Handshake) error {
			most.Store(max(most.Load(), inFlight.Add(1)))
			defer inFlight.Add(-1)
			time.Sleep(time.Duration(len(e.Host)) * time.Millisecond) // fake time
			return nil
		}}
		seen := make(map[int]int)
		err := s.Scan(t.Context(), list(1000), func(r *results.Record) error {
			seen[r.Line]++
			if want := fmt.Sprintf("h%d", r.Line); r.Input != want || r.Host != want || r.Port != 443 || r.Status != results.StatusOK {
				t.Errorf("line %d: %+v", r.Line, r)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for line := 1; line <= 1000; line++ {
			if seen[line] != 1 {
				t.Errorf("line %d has %d records", line, seen[line])
			}
		}
		if most.Load() != 7 {
			t.Errorf("%d targets in flight, want 7", most.Load())
		}
	})
}

func TestScanEndsEveryTargetAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scanner.Scanner{Workers: 10, Timeout: 3 * time.Second, Probe: untilDone}
		started, records := time.Now(), 0
		err := s.Scan(t.Context(), list(25), func(r *results.Record) error {
			records++
			if r.Error == nil || r.Error.Code != "timeout" || r.Timing.Total != 3000 {
				t.Errorf("got %+v, total %v ms", r.Error, r.Timing.Total)
			}
			return nil
		})
		if err != nil || records != 25 {
			t.Errorf("%d records, %v", records, err)
		}
		if took := time.Since(started); took != 9*time.Second {
			t.Errorf("25 silent targets, 10 at a time, 3 s each took %v", took)
		}
	})
}

func TestScanKeepsAPanicToItsTarget(t *testing.T) {
	s := scanner.Scanner{Workers: 3, Probe: func(_ context.Context, e dialer.Endpoint, _ *dialer.Handshake) error {
		if e.Host == "h5" {
			panic("odd certificate")
		}
		return nil
	}}
	codes := make(map[int]string)
	if err := s.Scan(t.Context(), list(9), func(r *results.Record) error {
		codes[r.Line] = string(r.Status)
		if r.Error != nil {
			codes[r.Line] = r.Error.Phase + " " + r.Error.Code + " " + r.Error.Message
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for line := 1; line <= 9; line++ {
		want := "ok"
		if line == 5 {
			want = "local internal panic: odd certificate"
		}
		if codes[line] != want {
			t.Errorf("line %d: %q, want %q", line, codes[line], want)
		}
	}
}

// TestScanWaitsOutAShortage: what this machine lacks is no word about the
// target, and does not cost the target's time.
func TestScanWaitsOutAShortage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started := time.Now()
		s := scanner.Scanner{Workers: 1, Timeout: time.Second, Probe: func(ctx context.Context, _ dialer.Endpoint, _ *dialer.Handshake) error {
			if time.Since(started) < 30*time.Second {
				return &dialer.Error{Phase: dialer.PhaseLocal, Code: dialer.CodeShortage, Err: errors.New("too many open files")}
			}
			if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) != time.Second {
				t.Errorf("the target has %v left of 1s", time.Until(deadline))
			}
			return nil
		}}
		if err := s.Scan(t.Context(), list(1), func(r *results.Record) error {
			if r.Status != results.StatusOK || r.Timing.Total != 0 {
				t.Errorf("got %+v", r)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	})
}

func TestScanAllAddresses(t *testing.T) {
	addrs := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}
	s := scanner.Scanner{
		Lookup: func(_ context.Context, host string) ([]netip.Addr, error) {
			switch host {
			case "h1":
				return addrs, nil
			case "h2":
				return nil, &dialer.Error{Phase: dialer.PhaseResolve, Code: dialer.CodeDNSNotFound, Err: errors.New("no such host")}
			}
			panic("look-up of " + host)
		},
		Probe: func(_ context.Context, e dialer.Endpoint, h *dialer.Handshake) error {
			h.Addr, h.ServerName = netip.AddrPortFrom(netip.MustParseAddr(e.Host), e.Port), e.ServerName
			return nil
		},
	}
	got := make(map[string]int)
	if err := s.Scan(t.Context(), list(3), func(r *results.Record) error {
		code := ""
		if r.Error != nil {
			code = r.Error.Code
		}
		got[fmt.Sprintf("%d %s %s %s %s", r.Line, r.Host, r.IP, r.SNI, code)]++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := []string{"1 h1 192.0.2.1 h1 ", "1 h1 2001:db8::1 h1 ", "2 h2   dns_not_found", "3 h3   internal"}
	for _, w := range want {
		if got[w] != 1 {
			t.Errorf("missing %q in %v", w, got)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %v", got)
	}
}

func TestScanReportsTheInputsError(t *testing.T) {
	broken := errors.New("broken pipe or so")
	input := io.MultiReader(strings.NewReader("h1\nh2\n"), errorReader{broken})
	s := scanner.Scanner{Probe: instant}
	records := 0
	err := s.Scan(t.Context(), scanner.ReadTargets(input, nil), func(*results.Record) error {
		records++
		return nil
	})
	if !errors.Is(err, broken) || records != 2 {
		t.Errorf("%d records, then %v; want 2, then %v", records, err, broken)
	}
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

func TestScanEndsWhenEmitFails(t *testing.T) {
	full := errors.New("disk full")
	for _, idle := range []bool{false, true} {
		s := scanner.Scanner{Workers: 5, Probe: untilDone}
		if idle {
			s.Idle = func() error { return full }
		} else {
			s.Probe = instant
		}
		if err := s.Scan(t.Context(), list(100000), func(*results.Record) error { return full }); err != full {
			t.Errorf("got %v, want %v", err, full)
		}
	}
}

func TestScanAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		enough := errors.New("second signal")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(enough) })
		s := scanner.Scanner{Workers: 10, Timeout: time.Hour, Probe: untilDone}
		started, records := time.Now(), 0
		err := s.Scan(ctx, list(100), func(*results.Record) error { records++; return nil })
		if err != enough || time.Since(started) != time.Second || records != 0 {
			t.Errorf("%v after %v with %d records", err, time.Since(started), records)
		}
	})
}

// TestScanStop: the first signal ends the sequence, and what is in flight is
// finished.
func TestScanStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop, cancel := context.WithCancel(t.Context())
		time.AfterFunc(1500*time.Millisecond, cancel)
		s := scanner.Scanner{Workers: 10, Timeout: time.Second, Probe: untilDone, Stop: stop.Done()}
		records := 0
		err := s.Scan(t.Context(), list(1000), func(r *results.Record) error {
			if r.Error.Code != "timeout" {
				t.Errorf("a target in flight was not finished: %v", r.Error)
			}
			records++
			return nil
		})
		// Two rounds of ten are taken, and the one that the feeder had in hand.
		if err != nil || records < 20 || records > 21 {
			t.Errorf("%d records, %v", records, err)
		}
	})
}

// TestScanIdle: a reader behind a pipe sees results as they come.
func TestScanIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		waiting, calls := 0, 0
		s := scanner.Scanner{Workers: 2, Timeout: time.Second, Probe: untilDone}
		s.Idle = func() error {
			waiting, calls = 0, calls+1
			return nil
		}
		if err := s.Scan(t.Context(), list(8), func(*results.Record) error {
			if waiting++; waiting > 2 {
				t.Errorf("%d records without a flush", waiting)
			}
			return nil
		}); err != nil || calls < 4 {
			t.Errorf("%v, %d flushes", err, calls)
		}
	})
}

func ExampleScanner_Scan() {
	d := new(dialer.Dialer)
	s := scanner.Scanner{Probe: d.Probe, Workers: 10, Timeout: 5 * time.Second}
	targets := scanner.Defaults{Ports: []uint16{8443}}.Apply(scanner.ReadTargets(strings.NewReader("not a target\n"), nil))
	err := s.Scan(context.Background(), targets, func(r *results.Record) error {
		fmt.Println(r.Line, r.Status, r.Error.Phase, r.Error.Code)
		return nil
	})
	fmt.Println(err)
	// Output:
	// 1 error input bad_target
	// <nil>
}

// TestScanDone: a target is done once, after its last record, and one that
// begins no more is never.
func TestScanDone(t *testing.T) {
	for name, test := range map[string]struct {
		list     string
		scanner  scanner.Scanner
		records  int
		stopFrom int // records
	}{
		"lines of all kinds": {"a.test\nnot a target\n192.0.2.0/30\n", scanner.Scanner{}, 6, 0},
		"all addresses": {"a.test\nb.test\n", scanner.Scanner{Lookup: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")}, nil
		}}, 4, 0},
		"one host": {strings.Repeat("a.test\n", 10), scanner.Scanner{PerHost: 1}, 10, 0},
		"stopped":  {strings.Repeat("a.test\n", 10), scanner.Scanner{PerHost: 1, Workers: 1}, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stop := make(chan struct{})
				s := test.scanner
				s.Stop = stop
				s.Probe = func(context.Context, dialer.Endpoint, *dialer.Handshake) error {
					time.Sleep(time.Second)
					return nil
				}
				records, taken, done := make(map[int]int), 0, make(map[int]int)
				targets := func(yield func(scanner.Target, error) bool) {
					for target, err := range scanner.ReadTargets(strings.NewReader(test.list), nil) {
						id := taken
						taken++
						target.Done = func() {
							if records[target.Line] == 0 {
								t.Errorf("target %d is done before it has a record", id)
							}
							done[id]++
						}
						if !yield(target, err) {
							return
						}
					}
				}
				total := 0
				if err := s.Scan(t.Context(), targets, func(r *results.Record) error {
					records[r.Line]++
					if total++; total == test.stopFrom {
						close(stop)
					}
					return nil
				}); err != nil {
					t.Fatal(err)
				}
				for id, n := range done {
					if n != 1 {
						t.Errorf("target %d was done %d times", id, n)
					}
				}
				if test.stopFrom == 0 && (total != test.records || len(done) != taken) {
					t.Errorf("%d records, %d of %d targets done", total, len(done), taken)
				}
				if test.stopFrom > 0 && len(done) != total {
					t.Errorf("%d records, %d targets done", total, len(done))
				}
			})
		})
	}
}

// TestScanResetsNobody scans 2,000 well-behaved servers: those that say goodbye
// in time see an orderly end.
func TestScanResetsNobody(t *testing.T) {
	if testing.Short() {
		t.Skip("scans 2,000 servers")
	}
	farm, err := dialertest.Start("good")
	if err != nil {
		t.Fatal(err)
	}
	defer farm.Close()
	good := farm.Endpoint("good")
	for name, d := range map[string]*dialer.Dialer{
		"handshake": {BeforeDrain: scanner.Draining},
		"fast":      {BeforeDrain: scanner.Draining, Fast: true},
		"fast, 1.3": {BeforeDrain: scanner.Draining, Fast: true, Config: &tls.Config{MinVersion: tls.VersionTLS13}},
	} {
		t.Run(name, func(t *testing.T) { scanResetsNobody(t, good, d) })
	}
}

func scanResetsNobody(t *testing.T, good *dialertest.Endpoint, d *dialer.Dialer) {
	s := scanner.Scanner{Probe: d.Probe, Workers: 100}
	if d.Fast {
		s.Begin = func(ctx context.Context, e *dialer.Endpoint, h *dialer.Handshake) scanner.Steps {
			return d.Begin(ctx, e, h)
		}
	}
	targets := scanner.ReadTargets(strings.NewReader(strings.Repeat(good.Addr.String()+"\n", 2000)), nil)
	before, late := good.Server.Resets(), int64(0)
	if err := s.Scan(t.Context(), targets, func(r *results.Record) error {
		if r.Status != results.StatusOK || d.Fast != strings.HasPrefix(r.TLS.Method, "fast") {
			t.Errorf("%+v", r)
		}
		switch {
		case d.Fast && r.Timing.Drain > 200 || !d.Fast && r.Drain.End == "deadline": // this machine is busy
			late++
		case !d.Fast && r.Drain.End == "reset":
			t.Errorf("%+v", r)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := good.Server.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if resets := good.Server.Resets() - before; resets > late {
		t.Errorf("%d resets, %d drains that were too late", resets, late)
	}
}
