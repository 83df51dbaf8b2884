package queue

import (
	"context"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The server counts how often it gave a batch to somebody. That is no measure of
// how many workers the batch has killed, since those that are stopped, or find
// the store full, give batches back in good health. So whoever begins a batch
// that had been given out before leaves a mark, and takes it away when it gives
// the batch back: what stays is from the dead. The first of all leaves none,
// since nearly all batches are begun once; it leaves word if it gives the batch back.

// markAlive is the mark of the first that had a batch and gave it back.
const markAlive = "alive"

// mark says that the delivery of a batch is begun. The error isFull if the store
// has no room for that.
func (j *Job) mark(ctx context.Context, path string, delivery int) error {
	err := j.publishUntil(ctx, &nats.Msg{Subject: j.subject("try", path, strconv.Itoa(delivery))},
		func(time.Duration) bool { return true })
	if isTaken(err) { // by ourselves, or before the server lost its count
		return nil
	}
	return err
}

// tries returns which try of a batch this is, not counting those that it was
// given back from.
func (s *session) tries(ctx context.Context, path string, delivery int) (int, error) {
	if delivery < aloneFrom {
		return delivery, nil // it makes no difference yet
	}
	info, err := s.Job.stream.Info(ctx, jetstream.WithSubjectFilter(s.Job.subject("try", path, "*")))
	if err != nil {
		return 0, err
	}
	marks := len(info.State.Subjects)
	if info.State.Subjects[s.Job.subject("try", path, markAlive)] > 0 {
		marks -= 2
	}
	return min(delivery, 1+marks+1), nil
}

// alive notes that a delivery of a batch was not the end of its worker.
func (s *session) alive(path string, delivery int) {
	if delivery > 1 {
		s.unmark(path, strconv.Itoa(delivery))
		return
	}
	// Nobody waits for it: should it not arrive, that is one try more on its account.
	_ = s.Job.nc.PublishMsg(&nats.Msg{Subject: s.Job.subject("try", path, markAlive)})
}

// unmark takes marks of a batch away. A full store lets it.
func (s *session) unmark(path, which string) {
	if s.deaf.Load() || !s.Job.nc.IsConnected() {
		return // the dead will have one more
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := s.Job.stream.Purge(ctx, jetstream.WithPurgeSubject(s.Job.subject("try", path, which))); err != nil {
		s.deaf.Store(ctx.Err() != nil)
	}
}
