//go:build !race

package capture

import (
	"runtime"
	"testing"
	"time"

	"certsweep/results"
)

// The race detector's memory is its own.

// TestFloodMemory: whatever comes, what is held is within the caps, as the heap has it.
func TestFloodMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	const maxTotal = 8 << 20
	for name, flooding := range floods {
		r := &Reader{MaxTotal: maxTotal}
		before := heap()
		records := 0
		r.emit = func(*results.Record) error { records++; return nil }
		const segments = 400_000
		began := time.Now()
		flood(r, func(i int, s *segment) bool { flooding(i, s); return i < segments })
		held := heap() - before
		t.Logf("%s: counted %d, held %d, %v, %d records", name, r.table.total, held, time.Since(began).Round(time.Millisecond), records)
		if r.table.total > maxTotal || held > maxTotal*5/4+1<<20 {
			t.Errorf("%s: counted %d, and the heap has %d", name, r.table.total, held)
		}
		if r.Counts.PeakBufferedBytes > maxTotal+maxRecordHeld {
			t.Errorf("%s: at most %d were counted", name, r.Counts.PeakBufferedBytes)
		}
		runtime.KeepAlive(r)
	}
}

// TestFlowCostMemory: a flow is counted with what it takes of the heap.
func TestFlowCostMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	for _, flows := range []int{10_000, 60_000, 200_000} {
		for _, name := range []string{"half-open", "a begun hello"} {
			r := &Reader{MaxTotal: 1 << 40}
			before := heap()
			flood(r, func(i int, s *segment) bool { floods[name](i, s); return i < flows })
			held := heap() - before
			t.Logf("%s: %d flows: %d bytes each of the heap, counted %d", name, flows, held/int64(flows), r.table.total/int64(flows))
			if r.table.total < held || r.table.total > 2*held {
				t.Errorf("%s: %d flows: counted %d, held %d", name, flows, r.table.total, held)
			}
			runtime.KeepAlive(r)
		}
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
