// Package scanner probes many targets at once and reports one record for each.
//
// [Scanner.Scan] is the whole of it: it takes targets from a sequence, such as
// that of [ReadTargets], as its workers become free, and hands every record to
// a callback. Neither the targets nor the records are ever held in memory
// beyond those in flight.
package scanner

import (
	"context"
	"errors"
	"iter"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
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
	// Begin, if it is set, begins what Probe does, in steps: while a peer is waited for
	// there is hardly a stack for it. It may block as Probe does; nil is for a probe
	// that has to be made by Probe. It is not called if Lookup is set.
	Begin func(ctx context.Context, e *dialer.Endpoint, h *dialer.Handshake) Steps
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
	// Drains is how many targets beside these may have their connection
	// drained, if Probe tells when a drain begins (see [Draining]); 0 means as many
	// as Workers, negative none. A place of PerHost is kept meanwhile.
	Drains int
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
	// in its heap and stacks. When it nears the limit, the targets that are
	// youngest in flight are cut, and go to the end of the line; fewer are in flight
	// together then, for a while. One that is cut though it was alone fails with
	// [dialer.CodeMemoryCap]. 0 means no limit.
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

// ErrNoProbe says that a Scanner has no Probe.
var ErrNoProbe = errors.New("a Scanner without a Probe cannot scan")

// Scan probes the targets and calls emit, on the caller's goroutine, with one
// record for each, in the order in which they are done; for a prefix, several
// ports or several addresses with one for each of them. A target without a port is
// probed on that of its STARTTLS protocol, or on 443.
//
// It returns when every target has its record: with the error of the sequence
// where that ended with one, after the records of the targets before it. It
// returns early where emit or Idle fails, with their error, or ctx is done,
// with its cause; then the targets in flight are abandoned and have no record.
// To end a scan without losing any, close Stop. Nothing of
// Scan outlives it but a sequence that blocks.
func (s *Scanner) Scan(ctx context.Context, targets iter.Seq2[Target, error], emit func(*results.Record) error) error {
	if s.Probe == nil {
		return ErrNoProbe
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	turns, endTurns := context.WithCancel(ctx)
	defer endTurns()
	sc := newScan(s, ctx, turns)
	defer sc.askFor(ctx)()
	defer context.AfterFunc(ctx, func() { sc.flights.end(context.Cause(ctx)) })()
	var feeder errgroup.Group
	feeder.Go(func() error {
		defer close(sc.work)
		return sc.feed(targets)
	})
	var fed error
	stopMovers := sc.startMovers()
	go func() {
		fed = feeder.Wait()
		sc.pool.Wait()
		stopMovers()
		close(sc.found)
	}()
	done := make(chan struct{})
	var watch sync.WaitGroup
	if sc.memory != nil {
		watch.Go(func() { sc.memory.watch(done) })
	}
	watch.Go(func() { sc.clock.watch(done) })
	watch.Go(func() {
		select {
		case <-s.Stop:
			endTurns()
		case <-done:
		}
	})
	defer watch.Wait()
	defer close(done)

	if err := s.drain(ctx, sc.found, emit); err != nil {
		cancel(err)
		for range sc.found {
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
	ctx   context.Context // done when what is in flight is abandoned
	turns context.Context // done when no more begins
	// A target that begins takes a place, until it has ended or only drains.
	places, drains chan struct{}
	pool           sync.WaitGroup // of workers, which have no error
	work           chan *Target
	idle           atomic.Int64 // workers that wait for work, or soon will
	ready          chan *job    // whose next step is to be taken
	found          chan outcome // read to the end, whatever happens
	flights        flights
	limiter        *rate.Limiter // nil without a limit
	hosts          *hosts        // nil without a limit
	memory         *memory       // nil without a limit
	clock          *clock
	lanes          lanes
	spawn          revocation.Spawn
}

func newScan(s *Scanner, ctx, turns context.Context) *scan {
	sc := &scan{
		Scanner: s, ctx: ctx, turns: turns, work: make(chan *Target), found: make(chan outcome),
		places: make(chan struct{}, s.workers()), drains: make(chan struct{}, s.drainPlaces()),
		ready: make(chan *job),
	}
	sc.clock = newClock(newIdle(&sc.flights))
	if s.Rate > 0 {
		// A burst of 10 ms spares a timer for each target of a fast scan.
		sc.limiter = rate.NewLimiter(rate.Limit(s.Rate), max(1, int(s.Rate/100)))
	}
	if s.PerHost > 0 {
		sc.hosts = newHosts(s.PerHost)
	}
	if s.MemoryLimit > 0 {
		sc.memory = newMemory(s.MemoryLimit, s.workers(), &sc.flights, readHeap, runtime.GC)
	}
	return sc
}

// feed has workers take up targets, until turns is done.
func (sc *scan) feed(targets iter.Seq2[Target, error]) error {
	for t, err := range targets {
		if sc.turns.Err() != nil {
			return ended(sc.ctx)
		}
		if err != nil {
			return err
		}
		if t.Err == nil {
			t.Endpoint = t.Endpoint.WithDefaultPort(defaultPort)
		}
		if t.Err == nil && sc.hosts != nil {
			admitted, err := sc.hosts.admit(sc.turns, &t)
			if err != nil {
				return ended(sc.ctx)
			}
			if !admitted {
				continue
			}
		}
		if !sc.begin(&t) {
			return ended(sc.ctx)
		}
		sc.dispatch(&t)
	}
	return nil
}

// begin waits for a place for the target, and its turn under the rate limit. It
// reports whether the target may begin.
func (sc *scan) begin(t *Target) bool {
	select {
	case sc.places <- struct{}{}:
	case <-sc.turns.Done():
		return false
	}
	return t.Err != nil || sc.turn(sc.turns) == nil
}

// turn waits for a turn under the rate limit.
func (sc *scan) turn(ctx context.Context) error {
	if sc.limiter == nil {
		return nil
	}
	return sc.limiter.Wait(ctx)
}

// dispatch gives a target to a worker that has none, or to a new one. There are
// never more than there are places and, at the end of connections, drains.
func (sc *scan) dispatch(t *Target) {
	if sc.idle.Load() > 0 {
		sc.idle.Add(-1)
		sc.work <- t
		return
	}
	sc.pool.Go(func() {
		for ok := true; ok; t, ok = <-sc.work {
			sc.serve(t, true)
		}
	})
	if sc.Begin != nil {
		// A worker that only begins is free again in a moment, and has the stack for
		// the next.
		runtime.Gosched()
	}
}

// ended returns why a scan was cut off, or nil where it was only stopped.
func ended(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// serve makes the records of a target, and of those that waited for its host,
// unless that goes on in steps. It and what it calls pass everything by pointer and
// keep their frames small: while a peer is silent, all of them are on the stack of
// its worker. stays says that the worker goes on to other work.
func (sc *scan) serve(t *Target, stays bool) {
	for t != nil {
		j := &job{scan: sc, target: t}
		if j.run() {
			if stays {
				sc.idle.Add(1)
			}
			sc.depart(j)
			return
		}
		if t = sc.leave(j, stays); t != nil && !sc.begin(t) {
			if stays {
				sc.idle.Add(1)
			}
			return
		}
	}
}

// leave gives up what an ended target had, and returns the next of its host,
// which may begin when begin lets it.
func (sc *scan) leave(j *job, stays bool) (next *Target) {
	t := j.target
	if t.Done != nil && !j.gone {
		sc.found <- outcome{done: t.Done}
	}
	if sc.hosts != nil && t.Err == nil {
		next, _ = sc.hosts.done(t)
	}
	if next == nil && stays {
		sc.idle.Add(1)
	}
	if j.drains {
		<-sc.drains
	} else {
		<-sc.places
	}
	return next
}

func (s *Scanner) drainPlaces() int {
	if s.Drains == 0 {
		return s.workers()
	}
	return max(0, s.Drains)
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
