package queue

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
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
	if w.Memory == 0 {
		w.Memory = defaultMemory
	}
	s := &session{
		Worker: w, items: make(chan *item), publish: make(chan *item, maxOpen), open: make(map[string]*item),
		changed: make(chan struct{}, 1),
	}
	if err := s.bind(ctx); err != nil {
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
	flush, cancelFlush := context.WithTimeout(context.Background(), time.Second)
	defer cancelFlush()
	_ = w.Job.nc.FlushWithContext(flush) // what does not arrive, the server takes back by itself
	if err == nil {
		err = taken
	}
	return err
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
		ours, err = s.Job.store(ctx, it.path, packed, len(it.targets), it.records, s.Name)
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

// giveBack lets others have an item at once.
func (s *session) giveBack(it *item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if it.given {
		return
	}
	it.msg.Nak()
	s.forget(it)
}

// giveBackUnfinished gives back what has targets without a record, when none is in
// flight any longer.
func (s *session) giveBackUnfinished() {
	s.mu.Lock()
	var unfinished []*item
	for _, it := range s.open {
		if it.left.Load() > 0 {
			unfinished = append(unfinished, it)
		}
	}
	s.mu.Unlock()
	for _, it := range unfinished {
		s.giveBack(it)
	}
}

func (s *session) giveBackAll() {
	s.mu.Lock()
	var all []*item
	for _, it := range s.open {
		all = append(all, it)
	}
	s.mu.Unlock()
	for _, it := range all {
		s.giveBack(it)
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

// rate is how many targets a second are done, over the last seconds.
type rate struct {
	mu     sync.Mutex
	counts [11]int64 // at the last ticks; the oldest is at next
	next   int
	filled int
}

func (r *rate) tick(count int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[r.next] = count
	r.next = (r.next + 1) % len(r.counts)
	r.filled = min(r.filled+1, len(r.counts))
}

func (r *rate) perSecond() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.filled < 2 {
		return 0
	}
	newest := r.counts[(r.next+len(r.counts)-1)%len(r.counts)]
	oldest := r.counts[(r.next+len(r.counts)-r.filled)%len(r.counts)]
	return float64(newest-oldest) / float64(r.filled-1)
}

// take gets batches from the server and hands them over, until ctx is done, Idle
// says that it is enough, or the job is gone.
func (s *session) take(ctx context.Context) error {
	for wait := minPause; ; {
		if s.room(ctx, false) != nil {
			return nil
		}
		it, err := s.next(ctx)
		switch {
		case ctx.Err() != nil:
			if it != nil {
				s.giveBack(it)
			}
			return nil
		case errors.Is(err, errNothing):
			wait = minPause
			if s.Idle != nil && s.Idle(ctx) {
				return nil
			}
			continue
		case errors.Is(err, errLost):
			// Was it made anew, or is the job gone?
			if err = s.bind(ctx); err == nil {
				continue
			}
		}
		if err != nil {
			if !transient(err) {
				return err
			}
			if pause(ctx, wait) != nil {
				return nil
			}
			wait = min(2*wait, maxPause)
			continue
		}
		wait = minPause
		if it == nil {
			continue
		}
		if err := s.hand(ctx, it); err != nil {
			s.giveBack(it)
			return nil
		}
	}
}

// hand hands an item to the scan.
func (s *session) hand(ctx context.Context, it *item) error {
	alone := it.tries >= aloneFrom
	if alone {
		if err := s.room(ctx, true, it); err != nil {
			return err
		}
	}
	select {
	case s.items <- it:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if alone {
		return s.room(ctx, true)
	}
	return nil
}

// room waits until there is room for another batch, or, if it shall be alone,
// until nothing but the items given is open.
func (s *session) room(ctx context.Context, alone bool, but ...*item) error {
	for {
		s.mu.Lock()
		open := len(s.open)
		s.mu.Unlock()
		if alone && open <= len(but) || !alone && open < maxOpen && s.held.Load() <= s.Memory {
			return nil
		}
		if !alone && open == 0 {
			return nil // what is held is in no item, and will not get less
		}
		select {
		case <-s.changed:
		case <-time.After(maxPause): // memory gets less without a change, too
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// errNothing says that there was no batch for a while.
var errNothing = errors.New("no batch to take")

// next takes a batch. It returns nil if it was one that needs no scan.
func (s *session) next(ctx context.Context) (*item, error) {
	fetched, err := s.consumer.Fetch(1, jetstream.FetchMaxWait(idleAfter))
	if err != nil {
		return nil, err
	}
	var msg jetstream.Msg
	select {
	case msg = <-fetched.Messages():
	case <-ctx.Done():
		s.late.Go(func() {
			for msg := range fetched.Messages() {
				msg.Nak()
			}
		})
		return nil, context.Cause(ctx)
	}
	if msg == nil {
		err := fetched.Error()
		switch {
		case err == nil || errors.Is(err, nats.ErrTimeout):
			if s.Job.nc.IsConnected() {
				return nil, errNothing
			}
			return nil, nats.ErrDisconnected
		case errors.Is(err, jetstream.ErrConsumerDeleted), errors.Is(err, jetstream.ErrConsumerNotFound), errors.Is(err, nats.ErrNoResponders):
			return nil, errLost
		}
		return nil, err
	}
	return s.admit(ctx, msg)
}

// admit looks at a batch, and returns it if it is to be scanned.
func (s *session) admit(ctx context.Context, msg jetstream.Msg) (*item, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return nil, err
	}
	path := strings.TrimPrefix(msg.Subject(), s.Job.subject("work", ""))
	if id := msg.Headers().Get(headerJob); id != s.Job.Spec.ID {
		msg.Nak()
		return nil, fmt.Errorf("%w any longer: another one was put under the name %s", ErrNoJob, s.Job.Name)
	}
	s.mu.Lock()
	if it := s.open[path]; it != nil {
		// The server did not hear of us for a while, and gives it to us once more.
		it.msg = msg
		s.mu.Unlock()
		return nil, nil
	}
	s.mu.Unlock()
	plain, err := decompressBatch(msg.Data())
	if err != nil {
		return nil, s.refuse(ctx, msg, path, err)
	}
	targets, err := decodeTargets(plain)
	if err != nil || len(targets) == 0 || len(targets) > 1<<slotBits {
		return nil, s.refuse(ctx, msg, path, err)
	}
	b := &batch{path: path, targets: len(targets), plain: plain}
	if s.again || meta.NumDelivered > 1 {
		settled, err := s.settled(ctx, b, msg, int(meta.NumDelivered), targets)
		if settled || err != nil {
			return nil, err
		}
	}
	it := newItem(b, targets, msg, int(meta.NumDelivered), &s.held)
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.slots[it.slot] != nil {
		it.slot++
	}
	s.slots[it.slot], s.open[path] = it, it
	return it, nil
}

// refuse leaves a batch alone that cannot be read: another version may.
func (s *session) refuse(_ context.Context, msg jetstream.Msg, path string, err error) error {
	msg.NakWithDelay(s.Job.Spec.AckWait)
	s.Job.say("batch %s cannot be read, and goes back: %v", path, err)
	return nil
}

// settled reports whether a batch that is not new needs no scan: it has its
// result, or was begun so often that it is split, or given up.
func (s *session) settled(ctx context.Context, b *batch, msg jetstream.Msg, tries int, targets []scanner.Target) (bool, error) {
	o, err := s.Job.outcome(ctx, b.path)
	if err != nil {
		return false, err
	}
	switch {
	case o != nil && o.kind == kindSplit:
		return true, s.halve(ctx, b, msg)
	case o != nil:
		msg.Ack()
		return true, nil
	case tries <= Tries:
		return false, nil
	case b.targets > 1:
		split, err := s.Job.storeSplit(ctx, b)
		if err != nil {
			return true, err
		}
		if !split { // just now somebody finished it after all
			msg.Ack()
			return true, nil
		}
		s.Job.say("batch %s was begun %d times and never finished: trying its halves", b.path, tries-1)
		return true, s.halve(ctx, b, msg)
	}
	return true, s.giveUp(ctx, b, msg, tries-1, &targets[0])
}

// halve puts the halves of a batch to work that was split.
func (s *session) halve(ctx context.Context, b *batch, msg jetstream.Msg) error {
	first, second := split(b)
	for _, half := range []*batch{first, second} {
		if err := s.Job.publish(ctx, s.Job.workMessage(half)); err != nil && !isTaken(err) {
			return err
		}
	}
	msg.Ack()
	return nil
}

// giveUp gives a target its record that no worker survives.
func (s *session) giveUp(ctx context.Context, b *batch, msg jetstream.Msg, tries int, t *scanner.Target) error {
	if err := s.Job.publish(ctx, &nats.Msg{Subject: s.Job.subject("failed", b.path)}); err != nil && !isTaken(err) {
		return err
	}
	r := t.Entry().Record()
	r.Time, r.SNI = time.Now().UTC().Truncate(time.Millisecond), t.Endpoint.ServerName
	r.Error = &results.Error{
		Phase: results.PhaseLocal, Code: results.CodeInternal,
		Message: fmt.Sprintf("begun by %d workers one after the other, none of which lived to report it", tries),
	}
	it := newItem(b, []scanner.Target{*t}, msg, tries, &s.held)
	defer it.release()
	if err := it.add(r, s.Memory); err != nil {
		return err
	}
	packed, err := it.finish()
	if err != nil {
		return err
	}
	s.Job.say("gave up %q on line %d: begun %d times, and never finished", results.Visible(t.Text), t.Line, tries)
	if _, err := s.Job.store(ctx, b.path, packed, 1, 1, s.Name); err != nil {
		return err
	}
	msg.Ack()
	return nil
}
