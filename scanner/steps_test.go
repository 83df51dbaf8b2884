package scanner

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"certsweep/dialer"
	"certsweep/results"
)

// scriptedSteps are waits of a second each, and an end.
type scriptedSteps struct {
	ctx    context.Context
	h      *dialer.Handshake
	waits  int
	err    *dialer.Error
	blocks bool
	panics string // where
	waited *atomic.Int64
}

func (s *scriptedSteps) Wait() {
	s.waited.Add(1)
	defer s.waited.Add(-1)
	select {
	case <-time.After(time.Second):
	case <-s.ctx.Done():
	}
}

func (s *scriptedSteps) Step() bool {
	if s.panics == "step" {
		panic("in a step")
	}
	if s.ctx.Err() != nil {
		return false
	}
	s.waits--
	return s.waits > 0
}

func (s *scriptedSteps) Blocks() bool { return s.blocks }

func (s *scriptedSteps) Finish() error {
	if s.panics == "finish" {
		panic("in the end")
	}
	if s.blocks {
		time.Sleep(time.Second)
	}
	switch err := s.ctx.Err(); {
	case err != nil:
		code := dialer.CodeTimeout
		if err == context.Canceled {
			code = dialer.CodeCanceled
		}
		return &dialer.Error{Phase: dialer.PhaseHandshake, Code: code, Err: err}
	case s.err != nil:
		return s.err
	}
	s.h.Method, s.h.Addr = dialer.MethodFast12, netip.MustParseAddrPort("127.0.0.1:443")
	return nil
}

// failure is one of a handshake.
func failure(code dialer.Code) *dialer.Error {
	return &dialer.Error{Phase: dialer.PhaseHandshake, Code: code, Err: errors.New("scripted")}
}

// TestSteps has 100 targets whose probes go on in steps, and counts their records.
func TestSteps(t *testing.T) {
	const targets = 100
	for name, test := range map[string]struct {
		scanner Scanner
		list    string // of each target
		// steps returns those of a target's n-th try, or nil.
		steps func(try int) *scriptedSteps
		codes map[string]int
		took  time.Duration
		tries int64 // of all targets
	}{
		"certificates":      {steps: func(int) *scriptedSteps { return &scriptedSteps{waits: 3} }, codes: map[string]int{"": targets}, took: 30 * time.Second, tries: targets},
		"no steps":          {steps: func(int) *scriptedSteps { return nil }, codes: map[string]int{"probed": targets}, tries: targets},
		"failures":          {steps: func(int) *scriptedSteps { return &scriptedSteps{waits: 1, err: failure(dialer.CodeEOF)} }, codes: map[string]int{"eof": targets}, took: 10 * time.Second, tries: targets},
		"ends that block":   {steps: func(int) *scriptedSteps { return &scriptedSteps{waits: 1, blocks: true} }, codes: map[string]int{"": targets}, took: 20 * time.Second, tries: targets},
		"time-outs":         {scanner: Scanner{Timeout: 5 * time.Second}, steps: func(int) *scriptedSteps { return &scriptedSteps{waits: 1000} }, codes: map[string]int{"timeout": targets}, took: 50 * time.Second, tries: targets},
		"panics in a step":  {steps: func(int) *scriptedSteps { return &scriptedSteps{panics: "step"} }, codes: map[string]int{"internal": targets}, took: 10 * time.Second, tries: targets},
		"panics at the end": {steps: func(int) *scriptedSteps { return &scriptedSteps{waits: 1, panics: "finish"} }, codes: map[string]int{"internal": targets}, took: 10 * time.Second, tries: targets},
		"retries": {scanner: Scanner{Retries: 2}, steps: func(try int) *scriptedSteps {
			if try < 3 {
				return &scriptedSteps{waits: 1, err: failure(dialer.CodeReset)}
			}
			return &scriptedSteps{waits: 1}
		}, codes: map[string]int{"": targets}, tries: 3 * targets},
		"retries used up": {scanner: Scanner{Retries: 2}, steps: func(int) *scriptedSteps { return &scriptedSteps{waits: 1, err: failure(dialer.CodeReset)} },
			codes: map[string]int{"reset": targets}, tries: 3 * targets},
		"a shortage of our own": {steps: func(try int) *scriptedSteps {
			if try < 5 {
				return &scriptedSteps{waits: 1, err: failure(dialer.CodeShortage)}
			}
			return &scriptedSteps{waits: 1}
		}, codes: map[string]int{"": targets}, tries: 5 * targets},
		"a retry without steps": {scanner: Scanner{Retries: 1}, steps: func(try int) *scriptedSteps {
			if try == 1 {
				return &scriptedSteps{waits: 1, err: failure(dialer.CodeTimeout)}
			}
			return nil
		}, codes: map[string]int{"probed": targets}, tries: 2 * targets},
		"one host": {scanner: Scanner{PerHost: 2}, list: "a.test:%d", steps: func(int) *scriptedSteps { return &scriptedSteps{waits: 1} },
			codes: map[string]int{"": targets}, took: 50 * time.Second, tries: targets},
		"a rate": {scanner: Scanner{Rate: 5}, steps: func(int) *scriptedSteps { return &scriptedSteps{waits: 1} },
			codes: map[string]int{"": targets}, took: 20*time.Second + 800*time.Millisecond, tries: targets},
		"a survey": {scanner: Scanner{Survey: func(context.Context, dialer.Endpoint, *dialer.Handshake, error, dialer.Pace) { time.Sleep(time.Second) }},
			steps: func(int) *scriptedSteps { return &scriptedSteps{waits: 1} }, codes: map[string]int{"": targets}, tries: targets},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var waited, begun atomic.Int64
				tries := make(map[dialer.Endpoint]*atomic.Int64)
				s := test.scanner
				s.Workers = 10
				s.Probe = func(context.Context, dialer.Endpoint, *dialer.Handshake) error { return failure("probed") }
				s.Begin = func(ctx context.Context, e *dialer.Endpoint, h *dialer.Handshake) Steps {
					begun.Add(1)
					steps := test.steps(int(tries[*e].Add(1)))
					if steps == nil {
						return nil
					}
					steps.ctx, steps.h, steps.waited = ctx, h, &waited
					return steps
				}
				form := test.list
				if form == "" {
					form = "%d.test:443"
				}
				var list []Target
				for i := range targets {
					for target := range ReadTargets(strings.NewReader(fmt.Sprintf(form, i+1)), nil) {
						target.Line = i + 1
						list = append(list, target)
						tries[target.Endpoint] = new(atomic.Int64)
					}
				}
				codes, lines := make(map[string]int), make(map[int]int)
				started := time.Now()
				err := s.Scan(t.Context(), func(yield func(Target, error) bool) {
					for _, target := range list {
						if !yield(target, nil) {
							return
						}
					}
				}, func(r *results.Record) error {
					code := ""
					if r.Error != nil {
						code = r.Error.Code
					}
					codes[code]++
					lines[r.Line]++
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				if fmt.Sprint(codes) != fmt.Sprint(test.codes) || len(lines) != targets {
					t.Errorf("codes %v of %d targets, want %v", codes, len(lines), test.codes)
				}
				if took := time.Since(started); test.took != 0 && took != test.took {
					t.Errorf("it took %v, want %v", took, test.took)
				}
				if n := begun.Load(); n != test.tries {
					t.Errorf("%d tries, want %d", n, test.tries)
				}
				if n := waited.Load(); n != 0 {
					t.Errorf("%d still wait", n)
				}
			})
		})
	}
}

// TestStepsEnd ends a scan while its probes go on in steps.
func TestStepsEnd(t *testing.T) {
	const targets = 50
	for name, test := range map[string]struct {
		abort   bool
		records int
	}{"stopped": {false, 10}, "aborted": {true, 0}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				stop := make(chan struct{})
				var waited atomic.Int64
				s := Scanner{Workers: 10, Stop: stop, Probe: func(context.Context, dialer.Endpoint, *dialer.Handshake) error { return nil }}
				s.Begin = func(ctx context.Context, _ *dialer.Endpoint, h *dialer.Handshake) Steps {
					return &scriptedSteps{ctx: ctx, h: h, waits: 5, waited: &waited}
				}
				reason := errors.New("enough")
				go func() {
					time.Sleep(1500 * time.Millisecond)
					if test.abort {
						cancel(reason)
					} else {
						close(stop)
					}
				}()
				records := 0
				err := s.Scan(ctx, ReadTargets(strings.NewReader(strings.Repeat("a.test\n", targets)), nil), func(*results.Record) error {
					records++
					return nil
				})
				if records != test.records || test.abort != errors.Is(err, reason) {
					t.Errorf("%d records and %v, want %d", records, err, test.records)
				}
				if n := waited.Load(); n != 0 {
					t.Errorf("%d still wait", n)
				}
			})
		})
	}
}

// TestStepsAreCutForMemory: what is in flight in steps is cut, and tried again.
func TestStepsAreCutForMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const targets, limit = 100, 100 << 20
		var waited atomic.Int64
		sc := newScan(&Scanner{Timeout: 30 * time.Second, Workers: targets}, t.Context(), t.Context())
		sc.Begin = func(ctx context.Context, _ *dialer.Endpoint, h *dialer.Handshake) Steps {
			return &scriptedSteps{ctx: ctx, h: h, waits: 5, waited: &waited}
		}
		// 20 fit.
		sc.memory = newMemory(limit, targets, &sc.flights, func() uint64 { return uint64(waited.Load()) * limit * 6 / 10 / 20 }, func() {})
		done := make(chan struct{})
		go sc.memory.watch(done)
		stop := sc.startMovers()
		codes := make(map[string]int)
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			for o := range sc.found {
				if o.record.Error != nil {
					codes[o.record.Error.Code]++
				} else {
					codes["ok"]++
				}
			}
		}()
		for i := range targets {
			sc.places <- struct{}{}
			sc.dispatch(&Target{Line: i + 1, Endpoint: dialer.Endpoint{Host: fmt.Sprint(i), Port: 443}})
		}
		close(sc.work)
		sc.pool.Wait()
		stop()
		close(sc.found)
		<-drained
		close(done)
		if codes["ok"] != targets {
			t.Errorf("codes %v, want %d ok", codes, targets)
		}
	})
}
