package scanner

import (
	"sync/atomic"
	"time"
)

const (
	// clockTick is how often the clock is looked at, and maxLate how late a look
	// may be before it counts as a pause: of a process that was stopped, a machine
	// that was suspended, a container without its share of a processor.
	clockTick = 500 * time.Millisecond
	maxLate   = time.Second
	// maxPauses is how often a target is tried again for pauses, on a machine that
	// does nothing but pause.
	maxPauses = 3
)

// clock notices when this process did not run. Deadlines pass meanwhile, and
// peers give up; neither is their doing.
type clock struct {
	start time.Time
	idle  *idle // is asked to look as often; nil if there is none
	// In nanoseconds from start; that a machine was suspended shows in the wall
	// clock alone.
	seen, seenWall, paused atomic.Int64
}

func newClock(idle *idle) *clock { return &clock{start: time.Now(), idle: idle} }

// watch looks at the clock until done is closed.
func (c *clock) watch(done <-chan struct{}) {
	ticker := time.NewTicker(clockTick)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			c.look()
			if c.idle != nil {
				c.idle.look()
			}
		case <-done:
			return
		}
	}
}

// look notes a pause if the last look was too long ago.
func (c *clock) look() {
	now := time.Now()
	if c.late(now) {
		c.paused.Store(int64(now.Sub(c.start)))
	}
	c.seen.Store(int64(now.Sub(c.start)))
	c.seenWall.Store(int64(now.Round(0).Sub(c.start.Round(0))))
}

func (c *clock) late(now time.Time) bool {
	const most = int64(clockTick + maxLate)
	return int64(now.Sub(c.start))-c.seen.Load() > most || int64(now.Round(0).Sub(c.start.Round(0)))-c.seenWall.Load() > most
}

// pausedSince reports whether there was a pause after a time, or is one that was
// not yet noticed.
func (c *clock) pausedSince(t time.Time) bool {
	return c.late(time.Now()) || c.paused.Load() > int64(t.Sub(c.start))
}
