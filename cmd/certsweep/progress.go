package main

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"certsweep/cmd/internal/scan"
	"certsweep/results"
	"certsweep/scanner"
)

const (
	// barInterval is how often a terminal is drawn on.
	barInterval = 200 * time.Millisecond
	// lineInterval is how often a log gets a line.
	lineInterval = 10 * time.Second
)

// progress shows how a scan gets on. One goroutine owns what is drawn; the
// scan only counts.
type progress struct {
	done, failed, total atomic.Int64 // total is 0 while it is not known
	started             time.Time
	stderr              *os.File
	stopped             chan struct{}
	wait                sync.WaitGroup
}

// startProgress begins to show progress where the flags and the terminal say
// so. count, where it is not nil, counts the targets meanwhile.
func startProgress(stderr *os.File, o *options, count func() (int, error)) *progress {
	p := &progress{started: time.Now(), stderr: stderr, stopped: make(chan struct{})}
	terminal := term.IsTerminal(int(stderr.Fd()))
	if o.quiet || o.progress == "never" || o.progress == "auto" && !terminal {
		return p
	}
	if count != nil {
		// It ends by itself, at the latest with the process: a scan is not
		// kept waiting for a number.
		go func() {
			if n, err := count(); err == nil {
				p.total.Store(int64(n))
			}
		}()
	}
	if terminal {
		p.wait.Go(func() { p.drawBar() })
	} else {
		p.wait.Go(func() { p.writeLines() })
	}
	return p
}

func (p *progress) add(r *results.Record) {
	p.done.Add(1)
	if r.Status != results.StatusOK {
		p.failed.Add(1)
	}
}

// stop ends the display and waits for it.
func (p *progress) stop() {
	close(p.stopped)
	p.wait.Wait()
}

// ticks yields until the display is stopped.
func (p *progress) ticks(interval time.Duration) iter.Seq[time.Time] {
	return func(yield func(time.Time) bool) {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case t := <-ticker.C:
				if !yield(t) {
					return
				}
			case <-p.stopped:
				return
			}
		}
	}
}

func (p *progress) drawBar() {
	bar := progressbar.NewOptions64(-1,
		progressbar.OptionSetWriter(p.stderr),
		progressbar.OptionUseANSICodes(true),
		progressbar.OptionSetSpinnerChangeInterval(0),
		progressbar.OptionShowCount(),
		progressbar.OptionShowIts(),
		progressbar.OptionSetItsString("targets"),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionSetElapsedTime(true),
		progressbar.OptionFullWidth(),
	)
	for range p.ticks(barInterval) {
		if total := p.total.Load(); total > 0 && bar.GetMax64() != total {
			bar.ChangeMax64(total)
		}
		bar.Describe(fmt.Sprintf("%d failed", p.failed.Load()))
		bar.Set64(p.done.Load())
	}
	// Not Finish: that would claim 100 % of a scan that was interrupted.
	bar.Clear()
}

// writeLines is the bar of a log file.
func (p *progress) writeLines() {
	for range p.ticks(lineInterval) {
		done, total := p.done.Load(), p.total.Load()
		rate := float64(done) / time.Since(p.started).Seconds()
		of, eta := "", ""
		if total > 0 {
			of = fmt.Sprintf("/%d", total)
			if rate > 0 && total >= done {
				left := time.Duration(float64(total-done) / rate * float64(time.Second))
				eta = fmt.Sprintf(", %v left", left.Round(time.Second))
			}
		}
		fmt.Fprintf(p.stderr, "certsweep: %d%s done, %d failed, %.0f/s%s\n", done, of, p.failed.Load(), rate, eta)
	}
}

// maxCount is where counting ends: a prefix of millions of addresses would take
// longer to count than a bar without an end is a nuisance.
const maxCount = 20_000_000

// countInput returns the number of targets of a list that can be read twice.
func countInput(in *scan.Input, complete func(iter.Seq2[scanner.Target, error]) iter.Seq2[scanner.Target, error]) (int, error) {
	again, err := in.Again()
	if err != nil {
		return 0, err
	}
	defer again.Close()
	return count(complete(again.Targets()))
}

// count returns the number of targets, unless they are too many.
func count(targets iter.Seq2[scanner.Target, error]) (int, error) {
	n := 0
	for _, err := range targets {
		if err != nil {
			return 0, err
		}
		if n++; n == maxCount {
			return 0, errors.New("too many to be worth counting")
		}
	}
	return n, nil
}
