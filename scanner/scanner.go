// Package scanner probes many targets at once and reports one record for each.
//
// [Scanner.Scan] is the whole of it: it takes targets from a sequence, such as
// that of [ReadTargets], as its workers become free, and hands every record to
// a callback. Neither the targets nor the records are ever held in memory
// beyond those in flight.
package scanner

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"certsweep/dialer"
	"certsweep/results"
	"certsweep/results/revocation"
)

// Defaults of a Scanner.
const (
	DefaultWorkers = 1000
	DefaultTimeout = 10 * time.Second
)

// Scanner probes targets with a fixed number of workers. Probe must be set;
// other zero fields have useful meanings. A Scanner holds no state of a scan:
// Scan may be called again, and concurrently.
type Scanner struct {
	// Probe learns what there is to know of an endpoint, before ctx is done, and
	// fills h with it; usually the method of a [dialer.Dialer].
	Probe func(ctx context.Context, e dialer.Endpoint, h *dialer.Handshake) error
	// Lookup, where it is set, is asked for the addresses of each target, and
	// each address is probed and has its own record.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// Survey, where it is set, goes on where Probe ended, with what that returned:
	// it adds to the Handshake what takes more connections, which it makes at the
	// pace given; usually the method of a [dialer.Dialer]. It has no part in
	// Timeout.
	Survey func(ctx context.Context, e dialer.Endpoint, h *dialer.Handshake, err error, pace dialer.Pace)
	// Workers is the number of targets in flight; 0 means DefaultWorkers.
	Workers int
	// Timeout is the hard limit for one target, look-up included; 0 means
	// DefaultTimeout.
	Timeout time.Duration
	// Recorder makes the records of what Probe learns.
	Recorder Recorder
	// Revocation, where it is set, is asked whether the certificates of a verified
	// chain were revoked, within what Timeout leaves; what it fetches goes on
	// until the scan ends.
	Revocation *revocation.Checker
	// Retries is how often a target is tried again, within its Timeout, after a
	// failure that another try can mend: a time-out, a reset, a name server that
	// failed.
	Retries int
	// Rate is the most targets to begin in a second, further tries and each of
	// Survey's connections included; 0 means as many as the workers can.
	Rate float64
	// PerHost is the most targets of one host, a name or an address, that are in
	// flight together; 0 means no limit. The others wait without a worker.
	PerHost int
	// MemoryLimit is the most memory in bytes that the process may come to hold
	// in its heap and stacks. When it nears the limit, the targets longest in
	// flight are cut; they are tried once more when there is room again, and
	// fail with [dialer.CodeMemoryCap] if they are cut again. 0 means no limit.
	MemoryLimit int64
	// Stop, once it is closed, ends the scan early without losing a record:
	// no more targets begin, also of those that were taken and wait for their
	// host or their turn, and those in flight are finished. A sequence that
	// blocks must be ended as well.
	Stop <-chan struct{}
	// Idle, where it is set, is called by Scan, as emit is, whenever no record
	// is waiting: the moment to flush what was buffered.
	Idle func() error
}

// Scan probes the targets and calls emit, on the caller's goroutine, with one
// record for each, in the order in which they are done; for a prefix, several
// ports or several addresses with one for each of them.
//
// It returns when every target has its record: with the error of the sequence
// where that ended with one, after the records of the targets before it. It
// returns early where emit or Idle fails, with their error, or ctx is done,
// with its cause; then the targets in flight are abandoned and have no record.
// To end a scan without losing any, close Stop. Nothing of
// Scan outlives it but a sequence that blocks.
func (s *Scanner) Scan(ctx context.Context, targets iter.Seq2[Target, error], emit func(*results.Record) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	sc := newScan(s)
	defer sc.askFor(ctx)()
	turns, endTurns := context.WithCancel(ctx)
	defer endTurns()
	work := make(chan *Target)
	found := make(chan outcome)
	var pool errgroup.Group
	pool.Go(func() error {
		defer close(work)
		return sc.feed(ctx, turns, targets, work)
	})
	emitter := func(o outcome) { found <- o }
	for range s.workers() {
		pool.Go(func() error {
			for t := range work {
				// Scan reads to the end whatever happens, so this never hangs.
				sc.serve(ctx, turns, t, emitter)
			}
			return nil
		})
	}
	var fed error
	go func() {
		fed = pool.Wait()
		close(found)
	}()
	defer context.AfterFunc(ctx, func() { sc.flights.end(context.Cause(ctx)) })()
	done := make(chan struct{})
	var watch sync.WaitGroup
	if sc.memory != nil {
		watch.Go(func() { sc.memory.watch(done) })
	}
	watch.Go(func() {
		select {
		case <-s.Stop:
			endTurns()
		case <-done:
		}
	})
	defer watch.Wait()
	defer close(done)

	if err := s.drain(ctx, found, emit); err != nil {
		cancel(err)
		for range found {
		}
		return err
	}
	return fed
}

// outcome is what a worker hands to the goroutine that emits: a record, or
// that a target has had its last.
type outcome struct {
	record *results.Record
	done   func()
}

// scan is the state of one call of Scan.
type scan struct {
	*Scanner
	flights flights
	limiter *rate.Limiter // nil without a limit
	hosts   *hosts        // nil without a limit
	memory  *memory       // nil without a limit
	lanes   lanes
	spawn   revocation.Spawn
}

func newScan(s *Scanner) *scan {
	sc := &scan{Scanner: s}
	if s.Rate > 0 {
		// A burst of 10 ms spares a timer for each target of a fast scan.
		sc.limiter = rate.NewLimiter(rate.Limit(s.Rate), max(1, int(s.Rate/100)))
	}
	if s.PerHost > 0 {
		sc.hosts = newHosts(s.PerHost)
	}
	if s.MemoryLimit > 0 {
		sc.memory = newMemory(s.MemoryLimit, &sc.flights, readHeap, runtime.GC)
	}
	return sc
}

// begin waits for the target's turn under the rate limit.
func (sc *scan) begin(ctx context.Context) error {
	if sc.limiter == nil {
		return nil
	}
	return sc.limiter.Wait(ctx)
}

// feed hands targets to the workers, until turns is done.
func (sc *scan) feed(ctx, turns context.Context, targets iter.Seq2[Target, error], work chan<- *Target) error {
	for t, err := range targets {
		if turns.Err() != nil {
			return ended(ctx)
		}
		if err != nil {
			return err
		}
		if t.Err == nil {
			if sc.hosts != nil {
				admitted, err := sc.hosts.admit(turns, &t)
				if err != nil {
					return ended(ctx)
				}
				if !admitted {
					continue
				}
			}
			if sc.begin(turns) != nil {
				return ended(ctx)
			}
		}
		select {
		case work <- &t:
		case <-turns.Done():
			return ended(ctx)
		}
	}
	return nil
}

// ended returns why a scan was cut off, or nil where it was only stopped.
func ended(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// serve makes the records of a target, and of those that waited for its host.
// It and what it calls pass targets and handshakes by pointer: while a peer is
// silent, all of these frames are on the stack of its worker, and above 8 KiB
// the collector cannot halve the 32 KiB that ML-KEM's key generation took.
func (sc *scan) serve(ctx, turns context.Context, t *Target, emit func(outcome)) {
	for {
		sc.probe(ctx, t, func(r *results.Record) { emit(outcome{record: r}) })
		if t.Done != nil {
			emit(outcome{done: t.Done})
		}
		if sc.hosts == nil || t.Err != nil {
			return
		}
		next, ok := sc.hosts.done(t)
		if !ok || turns.Err() != nil || sc.begin(turns) != nil {
			return
		}
		t = next
	}
}

func (s *Scanner) workers() int {
	if s.Workers > 0 {
		return s.Workers
	}
	return DefaultWorkers
}

// drain gives records to emit until there are no more.
func (s *Scanner) drain(ctx context.Context, found <-chan outcome, emit func(*results.Record) error) error {
	for {
		o, open, err := s.next(ctx, found)
		if err != nil {
			return err
		}
		// What comes after the end was cut short by it.
		if !open || ctx.Err() != nil {
			return ended(ctx)
		}
		if o.done != nil {
			o.done()
		} else if err := emit(o.record); err != nil {
			return err
		}
	}
}

// next returns what is next, and calls Idle before it waits for it.
func (s *Scanner) next(ctx context.Context, found <-chan outcome) (o outcome, open bool, err error) {
	for range 2 {
		select {
		case o, open = <-found:
			return o, open, nil
		default:
			// Workers that are ready to run may have more in a moment. Without
			// the second look, a busy scan would flush record by record.
			runtime.Gosched()
		}
	}
	if s.Idle != nil {
		if err := s.Idle(); err != nil {
			return o, false, err
		}
	}
	select {
	case o, open = <-found:
		return o, open, nil
	case <-ctx.Done():
		return o, false, context.Cause(ctx)
	}
}

func (s *Scanner) timeout() time.Duration {
	if s.Timeout > 0 {
		return s.Timeout
	}
	return DefaultTimeout
}

// errPanic is what a panic in a target's probe becomes.
type errPanic struct{ value any }

func (e errPanic) Error() string { return fmt.Sprintf("panic: %v", e.value) }
