package reach

import (
	"context"
	"sync"
	"testing"
	"time"

	"certsweep/dialer"
	"certsweep/dialer/dialertest"
)

// farmConnections are the connections that a scan without further flags makes to
// those servers of the farm that take more than one. In brackets is what the
// version of 24 November made: what was added since shows certificates of servers
// that had given none, and costs something at those that never give one. No other
// server may get one more.
var farmConnections = map[string]int64{
	// No answer is a refusal of all that a hello may be refused for: the protocol,
	// the suites, the form, the name.
	"eof-at-accept":     5, // [3]
	"reset-at-accept":   5, // [3]
	"reset-after-hello": 5, // [3]
	"handshake-failure": 5, // [3]
	"internal-error":    5, // [4]
	"protocol-version":  5, // [3], the last one for SSL 2.0
	"eof-after-hello":   5, // [3]
	"unoffered-suite":   4, // [3]
	// What drops a hello of two segments says as little.
	"silent":                  2, // [1]
	"slow":                    2, // [1]
	"stall-after-hello":       2, // [1]
	"stall-after-certificate": 2, // [1]
	// A hello made by hand, once.
	"empty-certificate": 2, "eof-after-certificate": 2, "malformed": 2, "no-certificate": 2, "oversized-record": 2, "retry-loop": 2, "too-large": 2,
	"unsupported": 2, "unsupported-intermediate": 2, "warning-flood": 2,
	// Without the name, once.
	"unrecognized-name": 2,
}

// TestFarmConnections counts at the servers.
func TestFarmConnections(t *testing.T) {
	farm, err := dialertest.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer farm.Close()
	met := make(map[string]bool)
	var probes sync.WaitGroup
	for _, e := range farm.Endpoints {
		if e.Server == nil {
			continue // a port that refuses
		}
		met[e.Name] = true
		target, err := dialer.ParseEndpoint(e.Target())
		if err != nil {
			t.Fatal(err)
		}
		probes.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
			defer cancel()
			var h dialer.Handshake
			failure := (&dialer.Dialer{Config: dialer.WideConfig()}).Probe(ctx, target, &h)
			t.Logf("%s: %d, %q, %v", e.Name, e.Server.Accepted(), h.Method, failure)
		})
	}
	probes.Wait()
	for _, e := range farm.Endpoints {
		if e.Server == nil {
			continue
		}
		most, ok := farmConnections[e.Name]
		if !ok {
			most = 1
		}
		// Less may be chance: a reset may come before the hello.
		if got := e.Server.Accepted(); got > most {
			t.Errorf("%s: %d connections, want %d", e.Name, got, most)
		}
	}
	for name := range farmConnections {
		if !met[name] {
			t.Errorf("the farm has no %s", name)
		}
	}
}
