package queue

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// giveBack lets others have an item at once.
func (s *session) giveBack(it *item) { s.giveBackFor(it, 0) }

// giveBackFor lets others have an item after a while.
func (s *session) giveBackFor(it *item, delay time.Duration) {
	s.mu.Lock()
	given := it.given
	s.mu.Unlock()
	if given {
		return
	}
	s.alive(it.path, it.delivery) // before somebody else can have it
	s.mu.Lock()
	defer s.mu.Unlock()
	if it.given {
		return
	}
	it.msg.NakWithDelay(delay)
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

// impatient reports whether a result that has waited that long for room in the
// store goes back instead: its records are made again by whoever gets the batch.
func (s *session) impatient(waited time.Duration) bool {
	select {
	case <-s.Stop:
		return true
	default:
	}
	return s.full.Load() || waited >= s.Job.Spec.AckWait
}

// foundFull notes that the store has no room for so many bytes. No batch is taken
// until it has.
func (s *session) foundFull(size int) {
	size = min(size, s.Job.payload())
	s.mu.Lock()
	again := s.full.Swap(true)
	if !again || s.refused.Load() < int64(size) {
		s.refused.Store(int64(size))
	}
	s.mu.Unlock()
	if !again {
		s.Job.say("the server's store is full: giving back what is done, and taking nothing until there is room; certsweep-queue collect --job %s --delete makes some", s.Job.Name)
	}
}

// awaitRoom waits until the store has room for what it refused. It tries with a
// message of that size, since the limit may be an account's, a stream's or a
// disk's, and not all of them can be asked for.
func (s *session) awaitRoom(ctx context.Context) error {
	subject := s.Job.subject("room")
	err := s.Job.publish(ctx, &nats.Msg{
		Subject: subject, Data: make([]byte, s.refused.Load()),
		Header: nats.Header{jetstream.MsgRollup: {jetstream.MsgRollupSubject}},
	})
	if err != nil {
		return err
	}
	if err := s.Job.stream.Purge(ctx, jetstream.WithPurgeSubject(subject)); err != nil {
		return err
	}
	s.full.Store(false)
	return nil
}
