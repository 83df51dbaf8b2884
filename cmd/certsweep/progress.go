package main

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"certsweep/cmd/internal/process"
	"certsweep/cmd/internal/scan"
	"certsweep/results"
	"certsweep/scanner"
)

const (
	// barInterval is how often a terminal is drawn on.
	barInterval = 200 * time.Millisecond
	// lineInterval is when a log gets its first line, and maxLineInterval the
	// longest distance between two.
	lineInterval    = 10 * time.Second
	maxLineInterval = 10 * time.Minute
)

// progress shows how a scan gets on. One goroutine owns what is drawn; the
// scan only counts.
type progress struct {
	done, failed, unreachable, findings atomic.Int64
	total                               atomic.Int64 // 0 while it is not known
	// bytes says that bytes of files are counted, not targets.
	bytes bool

	started time.Time
	ascii   bool // draw with nothing else
	screen  *screen
	stderr  *os.File
	stopped chan struct{}
	wait    sync.WaitGroup
}

// startProgress begins to show progress if the flags and the terminal say so.
// count, if it is not nil, counts the targets meanwhile.
func (e *environment) startProgress(o *options, count func() (int, error)) *progress {
	p := &progress{started: time.Now(), screen: &e.screen, stderr: e.stderr, ascii: isASCII(os.Getenv), stopped: make(chan struct{})}
	p.start(o, count)
	return p
}

// startByteProgress does so for files that have total bytes; 0 if that is not known.
func (e *environment) startByteProgress(o *options, total int64) *progress {
	p := &progress{bytes: true, started: time.Now(), screen: &e.screen, stderr: e.stderr, ascii: isASCII(os.Getenv), stopped: make(chan struct{})}
	p.total.Store(total)
	p.start(o, nil)
	return p
}

func (p *progress) start(o *options, count func() (int, error)) {
	if o.quiet || o.progress == "never" {
		return
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
	if term.IsTerminal(int(p.stderr.Fd())) && process.TakesANSI(p.stderr) {
		p.wait.Go(func() { p.drawBar() })
	} else {
		p.wait.Go(func() { p.writeLines() })
	}
}

func (p *progress) add(r *results.Record) {
	if !p.bytes {
		p.done.Add(1)
	}
	if r.Status != results.StatusOK {
		p.failed.Add(1)
	}
	if r.Error.Unreachable() {
		p.unreachable.Add(1)
	}
	if results.HasFindings(r) {
		p.findings.Add(1)
	}
}

// stop ends the display and waits for it.
func (p *progress) stop() {
	close(p.stopped)
	p.wait.Wait()
}

func (p *progress) drawBar() {
	ticker := time.NewTicker(barInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			// The last column is left free: terminals differ in what follows it.
			p.screen.draw(p.stderr, p.line(columnsOf(p.stderr)-1, time.Since(p.started)))
		case <-p.stopped:
			// Not Finish of the bar's: that would claim 100 % of a scan that was
			// interrupted.
			p.screen.draw(p.stderr, "")
			return
		}
	}
}

const (
	shortestBar, longestBar = 8, 40
	// rateAfter is when a rate begins to mean something.
	rateAfter = time.Second
)

// line is the bar with what there is to tell, in at most a number of columns:
// what there is no room for is left out, the least important first.
func (p *progress) line(columns int, elapsed time.Duration) string {
	done, total := p.done.Load(), p.total.Load()
	known := total > 0 && total >= done
	percent := ""
	if known {
		percent = fmt.Sprintf("%4d%% ", done*100/total)
	}
	text := ""
	for _, part := range p.parts(done, total, elapsed) {
		longer := part
		if text != "" {
			longer = text + ", " + part
		}
		if len(percent)+shortestBar+2+len(longer) > columns {
			break
		}
		text = longer
	}
	if !known {
		return text[:min(len(text), max(0, columns))]
	}
	bar := p.bar(done, total, min(longestBar, columns-len(percent)-2-len(text)), text)
	// A terminal too narrow for a bar has room for a number.
	if shown := utf8.RuneCountInString(bar); shown > columns {
		return strings.TrimSpace(percent)[:min(len(strings.TrimSpace(percent)), max(0, columns))]
	}
	return bar
}

// parts are what there is to tell, the most important first.
func (p *progress) parts(done, total int64, elapsed time.Duration) []string {
	count := strconv.FormatInt(done, 10)
	if total > 0 {
		count += "/" + strconv.FormatInt(total, 10)
	}
	unit := ""
	if p.bytes {
		count, unit = fmt.Sprintf("%.1f", float64(done)/1e6), " MB"
		if total > 0 {
			count += fmt.Sprintf("/%.1f", float64(total)/1e6)
		}
	}
	parts := []string{count + unit}
	rate := float64(done) / elapsed.Seconds()
	if left := timeLeft(done, total, rate); left != "" && elapsed >= rateAfter {
		parts = append(parts, left)
	}
	if n := p.unreachable.Load(); n > 0 {
		parts = append(parts, fmt.Sprintf("%d unreachable", n))
	}
	if n := p.findings.Load(); n > 0 {
		parts = append(parts, fmt.Sprintf("%d findings", n))
	}
	if elapsed >= rateAfter {
		if p.bytes {
			rate /= 1e6
		}
		parts = append(parts, fmt.Sprintf("%.0f%s/s", rate, unit))
	}
	return parts
}

// timeLeft says how long the rest takes at a rate; "" if nobody knows.
func timeLeft(done, total int64, rate float64) string {
	if total <= done || rate <= 0 {
		return ""
	}
	left := time.Duration(float64(total-done) / rate * float64(time.Second)).Round(time.Second)
	if left >= time.Hour {
		left = left.Round(time.Minute)
		return strings.TrimSuffix(left.String(), "0s") + " left"
	}
	return left.String() + " left"
}

// bar is the library's: a percentage, the bar, and a text behind it.
func (p *progress) bar(done, total int64, columns int, text string) string {
	theme := progressbar.Theme{Saucer: "█", SaucerPadding: "░"}
	if p.ascii {
		theme = progressbar.Theme{Saucer: "#", SaucerPadding: "."}
	}
	b := progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(io.Discard),
		progressbar.OptionSetWidth(max(1, columns)),
		progressbar.OptionSetTheme(theme),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionShowDescriptionAtLineEnd(),
		progressbar.OptionSetDescription(text),
	)
	// It draws only what changes.
	b.RenderBlank()
	b.Set64(done)
	return strings.Join(strings.Fields(b.String()), " ")
}

// writeLines is the bar of a log: a line after lineInterval, and then at growing
// distances.
func (p *progress) writeLines() {
	interval := lineInterval
	for {
		select {
		case <-time.After(interval):
			fmt.Fprintf(p.stderr, "certsweep: %s\n", strings.Join(p.parts(p.done.Load(), p.total.Load(), time.Since(p.started)), ", "))
			interval = min(2*interval, maxLineInterval)
		case <-p.stopped:
			return
		}
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
