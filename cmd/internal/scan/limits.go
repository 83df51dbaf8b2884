package scan

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"

	"certsweep/cmd/internal/flags"
	"certsweep/scanner"
)

// tuneCollector lets the heap of a small scan grow further between two
// collections: each has to walk the stack of every worker, and a dead target
// leaves little else to collect. With thousands in flight, memory counts for
// more. GOGC in the environment wins.
func tuneCollector(inFlight int, fast bool) {
	const (
		smallScan    = 2000
		smallPercent = 200
		fastPercent  = 50 // of what is little for each target
	)
	switch {
	case os.Getenv("GOGC") != "":
	case inFlight <= smallScan:
		debug.SetGCPercent(smallPercent)
	case fast:
		debug.SetGCPercent(fastPercent)
	}
}

// What a process with a memory limit is reckoned to need, in bytes.
const (
	// leastMemory is what a scan of a few targets at a time takes.
	leastMemory flags.Size = 64 << 20
	// baseMemory is the binary, the trust anchors and the runtime's own.
	baseMemory = 48 << 20
	// flightMemory is what a peer that stays silent makes us hold: 14 KB of
	// heap for a hello with ML-KEM shares, 16 KB of stack, and what the
	// collector leaves lying about until the next round.
	flightMemory = 56 << 10
	// fastMemory is the same with --fast, which holds a tenth of that for a peer that
	// is silent, and for one that answers what it sent.
	fastMemory = 16 << 10
	// outsideMemory is resident but not the Go runtime's, and what it overshoots
	// its limit by where peers send faster than it collects.
	outsideMemory = 28 << 20
	// answerMemory is what an answer of 2 MiB to a hello made by hand takes, which
	// is gathered in a buffer that doubles, and copied.
	answerMemory = 8 << 20
)

// answers returns how many answers to hellos made by hand may be read at a time, 0
// for the dialer's own limit: they may take half of the memory.
func (o *Options) answers() int {
	if o.MaxMemory == 0 {
		return 0
	}
	const most = 64
	return min(most, max(1, int(o.MaxMemory/2/answerMemory)))
}

// drainsPerProcessor is how many connections are drained beside the targets in
// flight. A processor completes less than 2,000 handshakes a second, and few of
// their connections drain for longer than a tenth of one; with more places, memory
// grows by some 80 KB each, and the scan is no faster.
const drainsPerProcessor = 256

// Fit adapts the scan, and the collector, to what this process may use.
// GOMEMLIMIT in the environment wins over the limit that --max-memory implies.
func (o *Options) Fit(stderr io.Writer, s *scanner.Scanner) {
	fit, files := o.fitDescriptors()
	if o.Concurrency > fit {
		fmt.Fprintf(stderr, "certsweep: %d targets in flight instead of %d: this process may open %d files (raise it with ulimit -n)\n",
			fit, o.Concurrency, files)
	}
	s.Workers = min(o.Concurrency, fit)
	if o.MaxMemory != 0 {
		s.MemoryLimit = int64(o.MaxMemory) - outsideMemory
		inMemory := max(1, int(o.MaxMemory-baseMemory)/o.flightMemory())
		if s.Workers > inMemory {
			fmt.Fprintf(stderr, "certsweep: %d targets in flight instead of %d: --max-memory %v allows no more\n", inMemory, s.Workers, &o.MaxMemory)
		}
		fit, s.Workers = min(fit, inMemory), min(s.Workers, inMemory)
		if os.Getenv("GOMEMLIMIT") == "" {
			debug.SetMemoryLimit(s.MemoryLimit)
		}
	}
	// What drains beside the workers' has what they leave of both. One target at
	// a time is for records in the order of the list.
	s.Drains = min(s.Workers, fit-s.Workers)
	if !o.Fast {
		s.Drains = min(s.Drains, drainsPerProcessor*runtime.GOMAXPROCS(0))
	}
	if s.Drains == 0 || s.Workers == 1 {
		s.Drains = -1
	}
	tuneCollector(s.Workers, o.Fast)
}

// flightMemory returns what a target in flight is reckoned to need, in bytes.
func (o *Options) flightMemory() int {
	if o.Fast {
		return fastMemory
	}
	return flightMemory
}

// fitDescriptors returns how many targets this process may have sockets for, and
// how many files it may open. The Go runtime has raised the soft limit to the
// hard one at this point.
func (o *Options) fitDescriptors() (fit int, files uint64) {
	limit, limited := descriptorLimit()
	if !limited {
		return 1 << 30, 0
	}
	// Files, standard streams and the poller take some. Each of the 512 look-ups
	// that may be in flight holds two sockets, one for each family, while its
	// target holds none yet: that is one more than the target's own. These get up
	// to a quarter.
	const (
		others        = 32
		lookupSockets = 512
	)
	reserve := others + min(lookupSockets, limit/4)
	fit = 1
	if limit > reserve {
		fit = max(1, int(min(limit-reserve, 1<<30)/o.Survey.sockets()))
	}
	return fit, limit
}
