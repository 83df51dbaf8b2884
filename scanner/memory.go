package scanner

import (
	"context"
	"errors"
	"runtime/metrics"
	"sync"
	"time"
)

const (
	// watchInterval is how often the memory is looked at.
	watchInterval = 20 * time.Millisecond
	// Above pressureShare of the limit fewer targets may be in flight, and below
	// calmShare more. The rest of the limit is for what arrives between two looks,
	// and for garbage: a message is gathered in a buffer that doubles. A target
	// that is alone may have loneShare.
	pressureShare = 0.50
	calmShare     = 0.40
	loneShare     = 0.85
	// Every raiseInterval a share of 1/raisePart more may be in flight, if those
	// that may are: peers take their time to send what they are let in for.
	raiseInterval = 100 * time.Millisecond
	raisePart     = 32
	// The first targets are as many as fit if each makes the process hold
	// startMemory, and twice as many every raiseInterval until the first pressure:
	// peers that send at once what they have leave no time to cut them.
	startMemory = 4 << 20
)

var (
	// errMemoryCut is the cause with which a target is cut that is tried again.
	errMemoryCut = errors.New("cut to keep the process below its memory limit")
	// errMemoryCap is that of a target that was cut though it was alone.
	errMemoryCap = errors.New("it alone takes the process to its memory limit")
)

// readHeap returns the bytes in objects, dead ones too as long as they are not
// collected, and in stacks.
func readHeap() uint64 {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64() + samples[1].Value.Uint64()
}

// memory bounds the targets in flight by what they make the process hold: if it
// nears its limit, half as many may be, and the youngest are cut; then more and
// more again. The garbage collector keeps garbage down (see GOMEMLIMIT); what is left
// is what peers make us hold, and no collection helps against that. Those that have
// been in flight for longest go on, so that some always end.
type memory struct {
	limit   uint64
	most    int // workers
	read    func() uint64
	collect func()
	flights *flights

	mu       sync.Mutex
	allowed  int
	doubling bool // there was no pressure yet
	inFlight int
	line     []chan struct{} // those who wait, each for its channel to be closed
	raised   time.Time
}

func newMemory(limit int64, workers int, flights *flights, read func() uint64, collect func()) *memory {
	return &memory{
		limit: uint64(limit), most: workers, allowed: max(1, min(workers, int(limit/startMemory))), doubling: true,
		read: read, collect: collect, flights: flights,
	}
}

// watch cuts and lets in until done is closed.
func (m *memory) watch(done <-chan struct{}) {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			m.look()
		case <-done:
			return
		}
	}
}

// look adapts the number of those that may be in flight.
func (m *memory) look() {
	used := m.read()
	if used > m.share(pressureShare) {
		// Much of it may be garbage, and where everybody waits, nobody
		// allocates, and no collection would come by itself.
		m.collect()
		used = m.read()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case used > m.share(pressureShare):
		m.raised, m.doubling = time.Now(), false
		if m.inFlight > 1 {
			m.allowed = max(1, m.inFlight/2)
			// They may have ended meanwhile, or not have begun: what is held is
			// looked at again soon.
			m.flights.cancelNewest(m.inFlight-m.allowed, errMemoryCut)
		} else if m.allowed = 1; used > m.share(loneShare) {
			m.flights.cancelNewest(1, errMemoryCap)
		}
	case used <= m.share(calmShare) && m.inFlight >= m.allowed && time.Since(m.raised) >= raiseInterval:
		m.raised = time.Now()
		more := max(1, m.allowed/raisePart)
		if m.doubling {
			more = m.allowed
		}
		m.allowed = min(m.most, m.allowed+more)
	}
	m.letIn()
}

func (m *memory) share(of float64) uint64 { return uint64(of * float64(m.limit)) }

// letIn lets in who waits, as many as may. m.mu is held.
func (m *memory) letIn() {
	for len(m.line) > 0 && m.inFlight < m.allowed {
		m.inFlight++
		close(m.line[0])
		m.line = m.line[1:]
	}
}

// enter waits at the end of the line until one more target may be in flight, and
// reports whether it may; it may not if ctx is done. The target holds nothing of
// its peer's until then, and leave has to be called afterwards. A nil memory lets
// everybody in.
func (m *memory) enter(ctx context.Context) bool {
	if m == nil {
		return true
	}
	m.mu.Lock()
	if len(m.line) == 0 && m.inFlight < m.allowed {
		m.inFlight++
		m.mu.Unlock()
		return true
	}
	turn := make(chan struct{})
	m.line = append(m.line, turn)
	m.mu.Unlock()
	select {
	case <-turn:
		return true
	case <-ctx.Done():
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, waiting := range m.line {
		if waiting == turn {
			m.line = append(m.line[:i:i], m.line[i+1:]...)
			return false
		}
	}
	// It was let in at the same moment.
	m.inFlight--
	m.letIn()
	return false
}

// leave says that a target that had entered is not in flight any more.
func (m *memory) leave() {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inFlight--
	m.letIn()
}
