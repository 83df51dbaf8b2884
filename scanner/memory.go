package scanner

import (
	"context"
	"errors"
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
	// letInShare is the part of the targets in flight that is let in at a time
	// where others wait.
	letInShare = 16
)

// errMemoryCap is the cause with which a target is cut.
var errMemoryCap = errors.New("cut to keep the process below its memory limit")

// readHeap returns the bytes in objects, dead ones too as long as they are not
// collected, and in stacks.
func readHeap() uint64 {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64() + samples[1].Value.Uint64()
}

// memory cuts the targets that are longest in flight when the process nears
// its limit, and lets none begin until there is room again. The garbage
// collector keeps garbage down (see GOMEMLIMIT); what is left is what peers make
// us hold, and no collection helps against that.
type memory struct {
	limit   uint64
	read    func() uint64
	collect func()
	flights *flights
	closed  atomic.Bool // targets wait for room before they begin
	room    chan struct{}
}

func newMemory(limit int64, flights *flights, read func() uint64, collect func()) *memory {
	return &memory{limit: uint64(limit), read: read, collect: collect, flights: flights, room: make(chan struct{})}
}

// watch cuts and lets in until done is closed.
func (m *memory) watch(done <-chan struct{}) {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-done:
			return
		}
		high, low := uint64(pressureShare*float64(m.limit)), uint64(calmShare*float64(m.limit))
		used := m.read()
		if used > high || m.closed.Load() && used > low {
			// Much of it may be garbage, and where everybody waits, nobody
			// allocates, and no collection would come by itself.
			m.collect()
			used = m.read()
		}
		switch inFlight := m.flights.count(); {
		case used > high:
			m.closed.Store(true)
			// As many as bring it down, if each holds as much as the others.
			m.flights.cancelOldest(int(float64(inFlight)*(1-float64(low)/float64(used)))+1, errMemoryCap)
		case used <= low || inFlight == 0:
			// With nothing in flight, what is held is not the peers', and does
			// not get less by waiting.
			m.letIn(inFlight/letInShare + 1)
		}
	}
}

// letIn lets up to n of those that wait begin, and opens the door when nobody
// does.
func (m *memory) letIn(n int) {
	for range n {
		select {
		case m.room <- struct{}{}:
		default:
			m.closed.Store(false)
			return
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
