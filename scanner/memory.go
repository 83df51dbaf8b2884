package scanner

import (
	"context"
	"errors"
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

const (
	// watchInterval is how often the memory is looked at.
	watchInterval = 20 * time.Millisecond
	// Above pressureShare of the limit targets are cut, and none begins before
	// it is down to calmShare. The rest of the limit is for what arrives
	// between two looks, and for garbage: a message is gathered in a buffer
	// that doubles.
	pressureShare = 0.60
	calmShare     = 0.45
	// maxStale is how many looks without a collection a closed door stands.
	maxStale = 4
	// cutShare is the part of the targets in flight that is cut, or let in, at
	// a time, before the next collection shows what it brought.
	cutShare = 16
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
// its limit, and lets none begin until there is room again. The garbage
// collector keeps garbage down (see GOMEMLIMIT); what is left is what peers make
// us hold, and no collection helps against that.
type memory struct {
	limit   uint64
	read    func() heap
	flights []atomic.Pointer[flight] // one for each worker
	closed  atomic.Bool              // targets wait for room before they begin
	room    chan struct{}
}

// flight is a target in flight.
type flight struct {
	began time.Time
	cut   context.CancelCauseFunc
}

func newMemory(limit int64, workers int, read func() heap) *memory {
	return &memory{limit: uint64(limit), read: read, flights: make([]atomic.Pointer[flight], workers), room: make(chan struct{})}
}

// watch cuts and lets in until done is closed.
func (m *memory) watch(done <-chan struct{}) {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	var seen uint64
	stale := 0
	for {
		select {
		case <-ticker.C:
		case <-done:
			return
		}
		h := m.read()
		// The figure is the last collection's. What was cut or let in since
		// shows only after the next.
		fresh := h.cycles != seen
		seen = h.cycles
		used := float64(h.used)
		high, low := used > pressureShare*float64(m.limit), used < calmShare*float64(m.limit)
		if high {
			m.closed.Store(true)
		}
		switch {
		case high && fresh:
			m.cutOldest()
		case low && fresh || !m.closed.Load() || m.share() == 1:
			// With hardly anything in flight, what is held is not the peers',
			// and does not get less by waiting.
			m.letIn()
		}
		// Where everybody waits, nobody allocates, and no collection would
		// come by itself to show that there is room.
		if stale++; fresh || !m.closed.Load() {
			stale = 0
		} else if stale == maxStale {
			stale = 0
			runtime.GC()
		}
	}
}

// share is the number of targets to cut or to let in at a time.
func (m *memory) share() int {
	inFlight := 0
	for i := range m.flights {
		if m.flights[i].Load() != nil {
			inFlight++
		}
	}
	return inFlight/cutShare + 1
}

// letIn lets a share of those that wait begin, and all once nobody waits.
func (m *memory) letIn() {
	for range m.share() {
		select {
		case m.room <- struct{}{}:
		default:
			m.closed.Store(false)
			return
		}
	}
}

// cutOldest cuts a share of the targets in flight, the oldest first.
func (m *memory) cutOldest() {
	for range m.share() {
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

// wait blocks until there is room for a target, or ctx is done.
func (m *memory) wait(ctx context.Context) {
	if !m.closed.Load() {
		return
	}
	select {
	case <-m.room:
	case <-ctx.Done():
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
