package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"syscall"
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

// fitDescriptors returns the number of targets in flight: what was asked for,
// or less where this process may not open that many sockets. The Go runtime has
// raised the soft limit to the hard one at this point.
func (e *environment) fitDescriptors(o *options) int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return o.concurrency
	}
	// Files, standard streams and the poller take some; name servers' sockets,
	// two to a look-up, get up to a quarter.
	const files = 32
	reserve := files + min(256, limit.Cur/4)
	if limit.Cur <= reserve || uint64(o.concurrency) <= limit.Cur-reserve {
		return o.concurrency
	}
	fit := int(limit.Cur - reserve)
	fmt.Fprintf(e.stderr, "certsweep: %d targets in flight instead of %d: this process may open %d files (raise it with ulimit -n)\n",
		fit, o.concurrency, limit.Cur)
	return fit
}
