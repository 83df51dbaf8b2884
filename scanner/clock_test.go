package scanner

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestClock: a pause is one for what began before it ended, noticed or not, and
// none for what began later.
func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClock(nil)
		c.look()
		before := time.Now()
		for range 10 {
			time.Sleep(clockTick + maxLate) // late, but no pause
			c.look()
		}
		if c.pausedSince(before) {
			t.Error("a pause that was none")
		}
		time.Sleep(clockTick + maxLate + 1)
		if !c.pausedSince(before) {
			t.Error("no pause before it is noticed")
		}
		c.look()
		after := time.Now()
		if !c.pausedSince(before) || c.pausedSince(after) {
			t.Errorf("a pause for what began before it: %v, after it: %v", c.pausedSince(before), c.pausedSince(after))
		}
	})
}
