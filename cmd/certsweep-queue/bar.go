package main

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"certsweep/cmd/internal/process"
)

const (
	// barInterval is how often a terminal is drawn on, lineInterval how often a log
	// gets a line.
	barInterval  = 200 * time.Millisecond
	lineInterval = 10 * time.Second
)

var progressChoices = []string{"auto", "always", "never"}

const progressText = "progress on standard error: `auto` (only on a terminal), `always` (without one, a plain line now and then), `never`"

// bar shows how many targets of how many are done. One goroutine draws it.
type bar struct {
	done, known atomic.Int64
	whole       atomic.Bool // known is all
	ended       chan struct{}
	wait        sync.WaitGroup
}

func startBar(e *environment, when string, quiet bool) *bar {
	b := &bar{ended: make(chan struct{})}
	terminal := term.IsTerminal(int(e.stderr.Fd())) && process.TakesANSI(e.stderr)
	switch {
	case quiet || when == "never" || when == "auto" && !terminal:
	case terminal:
		b.wait.Go(func() { b.draw(e) })
	default:
		b.wait.Go(func() { b.lines(e) })
	}
	return b
}

func (b *bar) set(done, known int, whole bool) {
	b.done.Store(int64(done))
	b.known.Store(int64(known))
	b.whole.Store(whole)
}

func (b *bar) draw(e *environment) {
	shown := progressbar.NewOptions64(-1,
		progressbar.OptionSetWriter(e.stderr), progressbar.OptionUseANSICodes(true), progressbar.OptionSetSpinnerChangeInterval(0),
		progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("targets"),
		progressbar.OptionSetPredictTime(true), progressbar.OptionSetElapsedTime(true), progressbar.OptionFullWidth(),
	)
	b.every(barInterval, func() {
		if known := b.known.Load(); known > 0 && shown.GetMax64() != known {
			shown.ChangeMax64(known)
		}
		if b.whole.Load() {
			shown.Describe("")
		} else {
			shown.Describe("the list is being put")
		}
		shown.Set64(b.done.Load())
	})
	// Not Finish: that would claim 100 % of what was interrupted.
	shown.Clear()
}

func (b *bar) lines(e *environment) {
	began := time.Now()
	first := int64(-1)
	b.every(lineInterval, func() {
		done := b.done.Load()
		if first < 0 {
			first = done
		}
		e.sayf("%d of %d targets done, %.0f/s", done, b.known.Load(), float64(done-first)/time.Since(began).Seconds())
	})
}

// every calls do again and again until the bar is stopped.
func (b *bar) every(interval time.Duration, do func()) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			do()
		case <-b.ended:
			return
		}
	}
}

func (b *bar) stop() {
	close(b.ended)
	b.wait.Wait()
}
