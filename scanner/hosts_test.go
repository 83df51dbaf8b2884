package scanner

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"certsweep/dialer"
	"certsweep/results"
)

func TestPerHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// The list has all of a's ports before b's, as lists do.
		list := strings.Repeat("a\n", 50) + strings.Repeat("b\n", 50)
		var mu sync.Mutex
		busy, most, running := make(map[string]int), make(map[string]int), 0
		s := Scanner{Workers: 10, PerHost: 2, Probe: func(_ context.Context, e dialer.Endpoint, _ *dialer.Handshake) error {
			mu.Lock()
			busy[e.Host]++
			running++
			most[e.Host] = max(most[e.Host], busy[e.Host])
			most["all"] = max(most["all"], running)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			busy[e.Host]--
			running--
			mu.Unlock()
			return nil
		}}
		records, started := 0, time.Now()
		err := s.Scan(t.Context(), Defaults{}.Apply(ReadTargets(strings.NewReader(list), nil)), func(*results.Record) error {
			records++
			return nil
		})
		if err != nil || records != 100 {
			t.Errorf("%d records, %v", records, err)
		}
		// Both hosts go on side by side: a's waiting targets hold no worker.
		if most["a"] != 2 || most["b"] != 2 || most["all"] != 4 || time.Since(started) != 25*time.Second {
			t.Errorf("most in flight %v, in %v", most, time.Since(started))
		}
	})
}

func TestHostsBoundWhoWaits(t *testing.T) {
	h := newHosts(1)
	target := &Target{Endpoint: dialer.Endpoint{Host: "a"}}
	if ok, err := h.admit(t.Context(), target); !ok || err != nil {
		t.Fatal(ok, err)
	}
	for range maxWaiting {
		if ok, err := h.admit(t.Context(), target); ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	if _, err := h.admit(ctx, target); err != enough {
		t.Errorf("one too many: %v", err)
	}
	for range maxWaiting {
		if _, ok := h.done(target); !ok {
			t.Fatal("a waiting target is lost")
		}
	}
	if _, ok := h.done(target); ok || len(h.busy)+len(h.waiting)+h.total != 0 {
		t.Errorf("something is left: %+v", h)
	}
}

func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Scanner{Workers: 100, Rate: 10, Probe: func(context.Context, dialer.Endpoint, *dialer.Handshake) error {
			return nil
		}}
		started := time.Now()
		list := strings.Repeat("a\n", 101) + strings.Repeat("no target\n", 1000)
		if err := s.Scan(t.Context(), ReadTargets(strings.NewReader(list), nil), func(*results.Record) error { return nil }); err != nil {
			t.Fatal(err)
		}
		// Lines that are never dialed cost no turn.
		if took := time.Since(started); took != 10*time.Second {
			t.Errorf("101 targets at 10 a second took %v", took)
		}
	})
}

func TestRetries(t *testing.T) {
	for name, test := range map[string]struct {
		codes   []dialer.Code // of the tries, "" for success
		probes  int
		retries int
		code    string
	}{
		"mended":           {[]dialer.Code{dialer.CodeReset, dialer.CodeDNSTimeout, ""}, 3, 2, ""},
		"not mendable":     {[]dialer.Code{dialer.CodeRefused}, 1, 0, "refused"},
		"turns worse":      {[]dialer.Code{dialer.CodeTimeout, dialer.CodeNotTLS}, 2, 1, "not_tls"},
		"used up":          {[]dialer.Code{"timeout", "timeout", "timeout", "timeout", ""}, 4, 3, "timeout"},
		"good at once":     {[]dialer.Code{""}, 1, 0, ""},
		"its share":        {[]dialer.Code{"slow", ""}, 2, 1, ""},
		"out of time":      {[]dialer.Code{"slow", "slow", "slow", "slow", ""}, 4, 3, "timeout"},
		"shortage between": {[]dialer.Code{dialer.CodeReset, dialer.CodeShortage, dialer.CodeReset, ""}, 4, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				probes := 0
				s := Scanner{Workers: 1, Retries: 3, Timeout: 5 * time.Second, Probe: func(ctx context.Context, _ dialer.Endpoint, _ *dialer.Handshake) error {
					code := test.codes[probes]
					probes++
					switch code {
					case "":
						return nil
					case "slow":
						<-ctx.Done()
						code = dialer.CodeTimeout
					}
					return &dialer.Error{Phase: dialer.PhaseConnect, Code: code, Err: errors.New(string(code))}
				}}
				var got *results.Record
				if err := s.Scan(t.Context(), ReadTargets(strings.NewReader("a\n"), nil), func(r *results.Record) error {
					got = r
					return nil
				}); err != nil {
					t.Fatal(err)
				}
				code := ""
				if got.Error != nil {
					code = got.Error.Code
				}
				if code != test.code || got.Retries != test.retries || probes != test.probes {
					t.Errorf("%q after %d retries and %d probes, want %q, %d, %d", code, got.Retries, probes, test.code, test.retries, test.probes)
				}
			})
		})
	}
}

func TestReadHeap(t *testing.T) {
	if used := readHeap(); used < 100<<10 || used > 1<<40 {
		t.Errorf("%d bytes in use", used)
	}
}
