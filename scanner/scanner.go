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
	"fmt"
	"iter"
	"net/netip"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"certsweep/dialer"
	"certsweep/results"
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
	// Probe learns what there is to know of an endpoint, before ctx is done;
	// usually the method of a [dialer.Dialer].
	Probe func(ctx context.Context, e dialer.Endpoint) (dialer.Handshake, error)
	// Lookup, where it is set, is asked for the addresses of each target, and
	// each address is probed and has its own record.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// Workers is the number of targets in flight; 0 means DefaultWorkers.
	Workers int
	// Timeout is the hard limit for one target, look-up included; 0 means
	// DefaultTimeout.
	Timeout time.Duration
	// Verifier checks chains and names. Nil leaves out the verification, and
	// the findings that need it.
	Verifier *results.Verifier
	// Chain adds the certificates after the leaf to the record, and PEM the
	// encoded form of every certificate in it.
	Chain, PEM bool
	// NoPostQuantum says that the hello offers no post-quantum group, so that
	// its absence is no finding.
	NoPostQuantum bool
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
// To end a scan without losing any, end the sequence (see [Until]). Nothing of
// Scan outlives it but a sequence that blocks.
func (s *Scanner) Scan(ctx context.Context, targets iter.Seq2[Target, error], emit func(*results.Record) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	work := make(chan Target)
	found := make(chan *results.Record)
	var pool errgroup.Group
	pool.Go(func() error {
		defer close(work)
		return feed(ctx, targets, work)
	})
	for range s.workers() {
		pool.Go(func() error {
			for t := range work {
				// Scan reads to the end whatever happens, so this never hangs.
				s.probe(ctx, t, func(r *results.Record) { found <- r })
			}
			return nil
		})
	}
	var fed error
	go func() {
		fed = pool.Wait()
		close(found)
	}()

	if err := s.drain(ctx, found, emit); err != nil {
		cancel(err)
		for range found {
		}
		return err
	}
	return fed
}

func (s *Scanner) workers() int {
	if s.Workers > 0 {
		return s.Workers
	}
	return DefaultWorkers
}

// feed hands targets to the workers.
func feed(ctx context.Context, targets iter.Seq2[Target, error], work chan<- Target) error {
	for t, err := range targets {
		if err != nil {
			return err
		}
		select {
		case work <- t:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// drain gives records to emit until there are no more.
func (s *Scanner) drain(ctx context.Context, found <-chan *results.Record, emit func(*results.Record) error) error {
	for {
		r, open, err := s.next(ctx, found)
		if err != nil {
			return err
		}
		if !open {
			return context.Cause(ctx)
		}
		if err := emit(r); err != nil {
			return err
		}
	}
}

// next returns the next record, and calls Idle before it waits for one.
func (s *Scanner) next(ctx context.Context, found <-chan *results.Record) (r *results.Record, open bool, err error) {
	for range 2 {
		select {
		case r, open = <-found:
			return r, open, nil
		default:
			// Workers that are ready to run may have more in a moment. Without
			// the second look, a busy scan would flush record by record.
			runtime.Gosched()
		}
	}
	if s.Idle != nil {
		if err := s.Idle(); err != nil {
			return nil, false, err
		}
	}
	select {
	case r, open = <-found:
		return r, open, nil
	case <-ctx.Done():
		return nil, false, context.Cause(ctx)
	}
}

// The back-off of a target that this machine could not serve: short at first,
// since another connection's end frees what is lacking, and never so long that
// the scan seems to stand.
const (
	minBackOff = 20 * time.Millisecond
	maxBackOff = time.Second
)

// shortageFree calls try until it ends with anything but a shortage of our
// own, each time with the target's full time. The worker that waits takes no
// other target, so a shortage also lowers the number in flight.
func (s *Scanner) shortageFree(ctx context.Context, try func(context.Context) error) error {
	for wait := minBackOff; ; wait = min(2*wait, maxBackOff) {
		limited, cancel := context.WithTimeout(ctx, s.timeout())
		err := try(limited)
		cancel()
		if e, ok := errors.AsType[*dialer.Error](err); !ok || e.Code != dialer.CodeShortage {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
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
