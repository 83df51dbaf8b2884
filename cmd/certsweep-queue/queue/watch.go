package queue

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// watchAtOnce is how many messages are asked for at a time.
	watchAtOnce = 1000
	// watchWait is how long the server may have nothing new before it is asked
	// again.
	watchWait = 5 * time.Second
)

// heading is a message of a job without its body.
type heading struct {
	// what is the subject's first token behind the job's name, and path the rest.
	what, path string
	header     nats.Header
	sequence   uint64
	time       time.Time
}

// watching says what of a job is looked at.
type watching struct {
	// filter has the subjects, without the job's.
	filter []string
	// each is called for every message, in the order in which they are in the
	// stream.
	each func(heading) error
	// caughtUp is called when there is nothing more at the moment, and again after
	// each message that came later.
	caughtUp func() error
}

// errEnough ends a watch without an error.
var errEnough = errors.New("enough")

// watch looks at a job's messages until a function returns an error or ctx is
// done. While the server is away, it waits.
func (j *Job) watch(ctx context.Context, w watching) error {
	var filter []string
	for _, f := range w.filter {
		filter = append(filter, j.subject(f))
	}
	next := uint64(1)
	for wait := minPause; ; wait = min(2*wait, maxPause) {
		before := next
		err := j.watchFrom(ctx, filter, &next, w)
		switch {
		case errors.Is(err, errEnough):
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, jetstream.ErrStreamNotFound):
			return j.gone()
		case !transient(err) && !errors.Is(err, errLost):
			return err
		}
		if next > before {
			wait = minPause
		}
		if pause(ctx, wait) != nil {
			return context.Cause(ctx)
		}
	}
}

// errLost says that a consumer is of no use any longer.
var errLost = errors.New("the consumer is lost")

// watchFrom looks at the messages from next on and keeps next up to date, until
// there is an error.
func (j *Job) watchFrom(ctx context.Context, filter []string, next *uint64, w watching) error {
	consumer, err := j.stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: *next, FilterSubjects: filter,
		AckPolicy: jetstream.AckNonePolicy, HeadersOnly: true, MemoryStorage: true, Replicas: 1, InactiveThreshold: time.Minute,
	})
	if err != nil {
		return err
	}
	defer func() {
		// Whatever ended it; if this does not come through, the server tidies up.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		j.stream.DeleteConsumer(ctx, consumer.CachedInfo().Name)
	}()
	if consumer.CachedInfo().NumPending == 0 {
		if err := w.caughtUp(); err != nil {
			return err
		}
	}
	for delivered := uint64(0); ; {
		if err := j.look(ctx, consumer, &delivered, next, w); err != nil {
			return err
		}
	}
}

// look looks at what a consumer has within watchWait.
func (j *Job) look(ctx context.Context, consumer jetstream.Consumer, delivered, next *uint64, w watching) error {
	fetching, cancel := context.WithTimeout(ctx, watchWait)
	defer cancel()
	batch, err := consumer.Fetch(watchAtOnce, jetstream.FetchContext(fetching))
	if err != nil {
		return err
	}
	for msg := range batch.Messages() {
		meta, err := msg.Metadata()
		if err != nil {
			return err
		}
		if *delivered++; meta.Sequence.Consumer != *delivered {
			return errLost
		}
		rest := strings.TrimPrefix(msg.Subject(), j.subject(""))
		what, path, _ := strings.Cut(rest, ".")
		if err := w.each(heading{what, path, msg.Headers(), meta.Sequence.Stream, meta.Timestamp}); err != nil {
			return err
		}
		*next = meta.Sequence.Stream + 1
		if meta.NumPending == 0 {
			if err := w.caughtUp(); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	switch err := batch.Error(); {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil, errors.Is(err, nats.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return nil
	case errors.Is(err, jetstream.ErrConsumerDeleted), errors.Is(err, jetstream.ErrConsumerNotFound):
		return errLost
	default:
		return err
	}
}
