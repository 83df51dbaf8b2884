package scan

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"syscall"

	"certsweep/cmd/internal/flags"
	"certsweep/scanner"
)

// tuneCollector lets the heap of a small scan grow further between two
// collections: each has to walk the stack of every worker, and a dead target
// leaves little else to collect. With thousands in flight, memory counts for
// more. GOGC in the environment wins.
func tuneCollector(inFlight int) {
	const (
		smallScan    = 2000
		smallPercent = 200
	)
	if os.Getenv("GOGC") == "" && inFlight <= smallScan {
		debug.SetGCPercent(smallPercent)
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
	// outsideMemory is resident but not the Go runtime's, and what it overshoots
	// its limit by where peers send faster than it collects.
	outsideMemory = 28 << 20
)

// Fit adapts the scan, and the collector, to what this process may use.
// GOMEMLIMIT in the environment wins over the limit that --max-memory implies.
func (o *Options) Fit(stderr io.Writer, s *scanner.Scanner) {
	s.Workers = o.fitDescriptors(stderr)
	if o.MaxMemory != 0 {
		s.MemoryLimit = int64(o.MaxMemory) - outsideMemory
		s.Workers = o.fitMemory(stderr, s.Workers)
		if os.Getenv("GOMEMLIMIT") == "" {
			debug.SetMemoryLimit(s.MemoryLimit)
		}
	}
	tuneCollector(s.Workers)
}

// fitMemory returns the number of targets in flight that --max-memory allows.
func (o *Options) fitMemory(stderr io.Writer, inFlight int) int {
	fit := max(1, int(o.MaxMemory-baseMemory)/flightMemory)
	if inFlight <= fit {
		return inFlight
	}
	fmt.Fprintf(stderr, "certsweep: %d targets in flight instead of %d: --max-memory %v allows no more\n", fit, inFlight, &o.MaxMemory)
	return fit
}

// PeakRSS returns the most resident memory that this process had, in bytes, or
// 0 where the system does not say. getrusage would count what the parent had
// before it became this process.
func PeakRSS() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	return 0
}

// fitDescriptors returns the number of targets in flight: what was asked for,
// or less where this process may not open that many sockets. The Go runtime has
// raised the soft limit to the hard one at this point.
func (o *Options) fitDescriptors(stderr io.Writer) int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return o.Concurrency
	}
	// Files, standard streams and the poller take some. Each of the 512 look-ups
	// that may be in flight holds two sockets, one for each family, while its
	// target holds none yet: that is one more than the target's own. These get up
	// to a quarter.
	const (
		files         = 32
		lookupSockets = 512
	)
	reserve := files + min(lookupSockets, limit.Cur/4)
	fit := 1
	if limit.Cur > reserve {
		fit = max(1, int(min(limit.Cur-reserve, 1<<30)/o.Survey.sockets()))
	}
	if o.Concurrency <= fit {
		return o.Concurrency
	}
	fmt.Fprintf(stderr, "certsweep: %d targets in flight instead of %d: this process may open %d files (raise it with ulimit -n)\n",
		fit, o.Concurrency, limit.Cur)
	return fit
}
