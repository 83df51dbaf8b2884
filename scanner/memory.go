package scanner

import (
	"context"
	"errors"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

const (
	// watchInterval is how often the memory is looked at. A handshake can take
	// some megabytes in this time, and there is the margin below the limit.
	watchInterval = 50 * time.Millisecond
	// Above pressureShare of the limit targets are cut, and not tried again
	// before it is down to calmShare.
	pressureShare = 0.80
	calmShare     = 0.65
	// cutShare is the part of the targets in flight that is cut at a time,
	// before the next collection shows what it brought.
	cutShare = 32
)

// errMemoryCap is the cause with which a target is cut.
var errMemoryCap = errors.New("cut to keep the process below its memory limit")

// heap is what the runtime says of the memory in use.
type heap struct {
	used   uint64 // live after the last collection, and stacks
	cycles uint64 // collections so far
}

func readHeap() heap {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}, {Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(samples)
	return heap{used: samples[0].Value.Uint64() + samples[1].Value.Uint64(), cycles: samples[2].Value.Uint64()}
}

// memory cuts the targets that are longest in flight when the process nears
// its limit. The garbage collector keeps garbage down (see GOMEMLIMIT); what is
// left is what peers make us hold, and no collection helps against that.
type memory struct {
	limit    uint64
	read     func() heap
	flights  []atomic.Pointer[flight] // one for each worker
	pressure atomic.Bool
}

// flight is a target in flight.
type flight struct {
	began time.Time
	cut   context.CancelCauseFunc
}

func newMemory(limit int64, workers int, read func() heap) *memory {
	return &memory{limit: uint64(limit), read: read, flights: make([]atomic.Pointer[flight], workers)}
}

// watch cuts until done is closed.
func (m *memory) watch(done <-chan struct{}) {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	var seen uint64
	for {
		select {
		case <-ticker.C:
		case <-done:
			return
		}
		h := m.read()
		switch used := float64(h.used); {
		case used > pressureShare*float64(m.limit):
			m.pressure.Store(true)
			// The figure is the last collection's. What was cut since shows
			// only after the next.
			if h.cycles != seen {
				m.cutOldest()
				seen = h.cycles
			}
		case used < calmShare*float64(m.limit):
			m.pressure.Store(false)
		}
	}
}

// cutOldest cuts a share of the targets in flight, the oldest first.
func (m *memory) cutOldest() {
	inFlight := 0
	for i := range m.flights {
		if m.flights[i].Load() != nil {
			inFlight++
		}
	}
	for range inFlight/cutShare + 1 {
		oldest := -1
		var began time.Time
		for i := range m.flights {
			if f := m.flights[i].Load(); f != nil && (oldest < 0 || f.began.Before(began)) {
				oldest, began = i, f.began
			}
		}
		if oldest < 0 {
			return
		}
		if f := m.flights[oldest].Swap(nil); f != nil {
			f.cut(errMemoryCap)
		}
	}
}

// enter notes that a worker's target is in flight. It returns a context that
// ends when the target is cut.
func (m *memory) enter(ctx context.Context, worker int) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	m.flights[worker].Store(&flight{began: time.Now(), cut: cancel})
	return ctx, func() {
		m.flights[worker].Store(nil)
		cancel(nil)
	}
}

// calm blocks until there is room again, or ctx is done.
func (m *memory) calm(ctx context.Context) {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for m.pressure.Load() && ctx.Err() == nil {
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}
