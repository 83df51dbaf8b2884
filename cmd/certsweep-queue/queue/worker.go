package queue

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"certsweep/results"
	"certsweep/scanner"
)

const (
	// Tries is how often a batch is begun before it is split, and a single target
	// before it is given up.
	Tries = 5
	// aloneFrom is the try from which on a batch has the worker to itself, so that
	// it takes no other down with it, nor another it.
	aloneFrom = Tries - 1
	// publishers is how many results are on their way to the server at a time.
	publishers = 4
	// idleAfter is how long nothing may come before the worker looks whether there
	// is anything to wait for.
	idleAfter = time.Second
	// defaultMemory is what the results that wait may take.
	defaultMemory = 128 << 20
)

// Worker works at a job. Job and Scanner must be set. Run may be called once.
type Worker struct {
	Job *Job
	// Scanner scans as the job's flags say. Its Stop and Idle are the Worker's.
	Scanner *scanner.Scanner
	// Name tells people which worker it is.
	Name string
	// Memory is what finished records may take until their batch is done, in bytes;
	// above it, no batch is taken. 0 means 128 MiB.
	Memory int64
	// Stop, once it is closed, ends Run early: no more targets begin, those in flight
	// are finished, batches that are done are published, and the others given back.
	Stop <-chan struct{}
	// Idle is asked, about once a second, when there is nothing to take; it ends Run
	// by returning true. Nil never does.
	Idle func(context.Context) bool
	// Emit is called with each record, on one goroutine. It must not keep it.
	Emit func(*results.Record)
	// Finished is called when a batch was published or found to be done by another.
	Finished func(targets int, ours bool)
}

// session is a run of a Worker.
type session struct {
	*Worker
	items chan *item
	// publish takes items that are done.
	publish chan *item
	held    atomic.Int64
	done    atomic.Int64 // targets
	rate    rate

	late sync.WaitGroup // for batches that come when nobody waits for them any longer

	// full says that the server's store has no room for a result of refused bytes.
	full    atomic.Bool
	refused atomic.Int64
	deaf    atomic.Bool // the server does not answer to what unmark asks

	mu       sync.Mutex
	open     map[string]*item
	slots    [maxOpen]*item
	changed  chan struct{} // gets a value when an item is settled
	consumer jetstream.Consumer
	again    bool // the consumer was made anew
}

// Run takes batches of the job, scans them, and publishes what comes of it, until
// Stop or Idle end it, or the job is gone, which is an ErrNoJob. If ctx is done
// targets in flight are dropped, and all batches given back at once; the error is
// ctx's cause then.
func (w *Worker) Run(ctx context.Context) error {
	s, err := w.session(ctx)
	if err != nil {
		return err
	}
	answers, err := s.answer()
	if err != nil {
		return err
	}
	defer answers.Unsubscribe()
	scan := *w.Scanner
	scan.Stop = w.Stop
	scan.Idle = nil

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	taking, endTaking := context.WithCancel(ctx)
	defer endTaking()
	var claims, rest sync.WaitGroup
	var taken error
	claims.Go(func() {
		defer close(s.items)
		taken = s.take(taking)
	})
	rest.Go(func() {
		select {
		case <-w.Stop:
			endTaking()
		case <-taking.Done():
		}
	})
	beats, endBeats := context.WithCancel(context.Background())
	rest.Go(func() { s.heartbeat(beats) })
	var published sync.WaitGroup
	for range publishers {
		published.Go(func() {
			for it := range s.publish {
				s.settle(ctx, it)
			}
		})
	}
	err = scan.Scan(ctx, s.targets(taking), s.emit)
	if err != nil {
		cancel(err)
	}
	endTaking()
	for it := range s.items {
		s.giveBack(it)
	}
	claims.Wait()
	s.giveBackUnfinished()
	s.late.Wait()
	close(s.publish)
	published.Wait()
	s.giveBackAll()
	endBeats()
	rest.Wait()
	s.flush()
	return cmp.Or(err, taken)
}

// flush waits a little until the server has what was sent. What does not arrive
// it takes back by itself.
func (s *session) flush() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.Job.nc.FlushWithContext(ctx)
}

// session returns a run that is about to begin.
func (w *Worker) session(ctx context.Context) (*session, error) {
	if w.Memory == 0 {
		w.Memory = defaultMemory
	}
	s := &session{
		Worker: w, items: make(chan *item), publish: make(chan *item, maxOpen), open: make(map[string]*item),
		changed: make(chan struct{}, 1),
	}
	return s, s.bind(ctx)
}

// bind finds the job's consumer.
func (s *session) bind(ctx context.Context) error {
	consumer, err := s.Job.consumer(ctx)
	if err != nil {
		return err
	}
	s.consumer, s.again = consumer, consumer.CachedInfo().Config.Metadata[metadataAgain] != ""
	return nil
}

// targets yields what there is to scan. The Line of each is the item's slot and
// the target's place in it, since nothing else in a record says of which batch it
// is; emit puts the line's number back.
func (s *session) targets(taking context.Context) iter.Seq2[scanner.Target, error] {
	return func(yield func(scanner.Target, error) bool) {
		for {
			var it *item
			var ok bool
			select {
			case it, ok = <-s.items:
			case <-taking.Done():
				return
			}
			if !ok {
				return
			}
			done := func() { s.targetDone(it) }
			for i := range it.targets {
				t := it.targets[i]
				t.Line, t.Done = it.slot<<slotBits|i, done
				if !yield(t, nil) {
					s.giveBack(it)
					return
				}
			}
		}
	}
}

// emit puts a record to its batch.
func (s *session) emit(r *results.Record) error {
	s.mu.Lock()
	it := s.slots[r.Line>>slotBits]
	given := it == nil || it.given
	s.mu.Unlock()
	if given {
		return nil
	}
	r.Line = it.targets[r.Line&(1<<slotBits-1)].Line
	if s.Emit != nil {
		s.Emit(r)
	}
	return it.add(r, s.Memory)
}

// targetDone notes that a target has had its last record.
func (s *session) targetDone(it *item) {
	s.done.Add(1)
	if it.left.Add(-1) == 0 {
		s.publish <- it // has room for all
	}
}

// settle publishes the records of an item, and acknowledges it.
func (s *session) settle(ctx context.Context, it *item) {
	packed, err := it.finish()
	ours := false
	if err == nil {
		ours, err = s.Job.store(ctx, it.path, packed, len(it.targets), it.records, s.Name, s.impatient)
	}
	if isFull(err) {
		s.foundFull(len(packed))
		s.giveBackFor(it, s.Job.Spec.AckWait)
		it.release()
		return
	}
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, ErrNoJob) {
			s.Job.say("batch %s cannot be published and goes back: %v", it.path, err)
		}
		s.giveBack(it)
		it.release()
		return
	}
	s.mu.Lock()
	it.msg.Ack()
	s.forget(it)
	s.mu.Unlock()
	it.release()
	if it.delivery > 1 {
		s.unmark(it.path, "*")
	}
	if s.Finished != nil {
		s.Finished(len(it.targets), ours)
	}
}

// forget takes an item out of what is open. The mutex must be held.
func (s *session) forget(it *item) {
	it.given = true
	if s.open[it.path] == it {
		delete(s.open, it.path)
		s.slots[it.slot] = nil
	}
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// heartbeat tells the server that what is open is in work, and counts the rate.
func (s *session) heartbeat(ctx context.Context) {
	beat := time.NewTicker(max(s.Job.Spec.AckWait/3, 10*time.Millisecond))
	defer beat.Stop()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-beat.C:
			s.mu.Lock()
			for _, it := range s.open {
				it.msg.InProgress()
			}
			s.mu.Unlock()
		case <-second.C:
			s.rate.tick(s.done.Load())
		case <-ctx.Done():
			return
		}
	}
}
