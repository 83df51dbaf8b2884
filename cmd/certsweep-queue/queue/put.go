package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"certsweep/scanner"
)

// Defaults of a Spec.
const (
	DefaultBatchTargets = 1000
	DefaultAckWait      = 30 * time.Second
	// batchBytes bounds what a list with long lines and many tags puts in one
	// message, and in the memory of a worker.
	batchBytes = 512 << 10
)

// putAhead is how many batches are on their way to the server at a time.
const putAhead = 64

// recordBytes is what a record takes in the store, more or less.
const recordBytes = 200

// PutReport is what a put did.
type PutReport struct {
	Job *Job
	// Batches and Targets are those of the list, Found the batches that an earlier
	// put had brought.
	Batches, Targets, Found int
	// Again says that the server had lost results, and their batches are to be
	// scanned again.
	Again bool
}

// Put makes the job, cuts the targets into batches and sends them as they come.
// If the job is there, spec's flags and the list's batches must be the same, or
// the error is an ErrOther; what is there already is not sent again. Several may
// put the same at once. complete is asked once when the list has ended, and its
// error keeps the job from being called whole.
//
// If the server goes away or its store is full Put waits. It returns with the
// error of the sequence, or ctx's cause; a later Put goes on from there.
func (c *Client) Put(ctx context.Context, name string, spec Spec, targets iter.Seq2[scanner.Target, error], complete func() error) (*PutReport, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	if spec.AckWait == 0 {
		spec.AckWait = DefaultAckWait
	}
	if spec.BatchTargets == 0 {
		spec.BatchTargets = DefaultBatchTargets
	}
	spec.BatchBytes = min(batchBytes, int(c.nc.MaxPayload())-headRoom)
	j, err := c.create(ctx, name, spec)
	if err != nil {
		return nil, err
	}
	if !spec.same(&j.Spec) {
		return nil, fmt.Errorf("%w: job %s was put with other flags (%q): give these, choose another --job, or drop it", ErrOther, name, j.Spec.Flags)
	}
	if _, err := j.consumer(ctx); err != nil {
		return nil, err
	}
	p := &putter{job: j, ctx: ctx, report: PutReport{Job: j}}
	if err := p.resume(); err != nil {
		return nil, err
	}
	if err := p.put(targets); err != nil {
		return &p.report, err
	}
	if err := complete(); err != nil {
		return &p.report, err
	}
	return &p.report, p.finish()
}

// putter puts a list.
type putter struct {
	job    *Job
	ctx    context.Context
	report PutReport
	// there has what the batches hash to that an earlier put brought, and last is
	// the greatest of their numbers.
	there map[int]string
	last  int
	// whole is the end of a list that was put before; nil if none was.
	whole *end
	chain string
	// flight is what is on its way, the oldest first.
	flight []flight
	room   room
}

// flight is a batch on its way.
type flight struct {
	batch  *batch
	msg    *nats.Msg
	future jetstream.PubAckFuture
}

// resume finds out what there is already.
func (p *putter) resume() (err error) {
	if p.whole, err = p.job.end(p.ctx); err != nil {
		return err
	}
	p.there = make(map[int]string)
	return p.job.watch(p.ctx, watching{
		filter: []string{"work.*"},
		each: func(h heading) error {
			n := batchNumber(h.path)
			p.there[n], p.last = h.header.Get(headerChain), max(p.last, n)
			return nil
		},
		caughtUp: func() error { return errEnough },
	})
}

// put cuts the list.
func (p *putter) put(targets iter.Seq2[scanner.Target, error]) error {
	b, err := &batch{}, error(nil)
	for t, failed := range targets {
		if failed != nil {
			return failed
		}
		if p.ctx.Err() != nil {
			return context.Cause(p.ctx)
		}
		before := len(b.plain)
		if b.plain, err = appendTarget(b.plain, &t); err != nil {
			return err
		}
		if before > 0 && len(b.plain) > p.job.Spec.BatchBytes {
			next := append([]byte(nil), b.plain[before:]...)
			b.plain = b.plain[:before]
			if err := p.add(b); err != nil {
				return err
			}
			b = &batch{plain: next}
		}
		if b.targets++; b.targets == p.job.Spec.BatchTargets {
			if err := p.add(b); err != nil {
				return err
			}
			b = &batch{plain: make([]byte, 0, len(b.plain)+len(b.plain)/8)}
		}
	}
	if b.targets > 0 {
		if err := p.add(b); err != nil {
			return err
		}
	}
	for len(p.flight) > 0 {
		if err := p.land(); err != nil {
			return err
		}
	}
	return nil
}

// add sends the next batch of the list, or finds that it is there.
func (p *putter) add(b *batch) error {
	p.report.Batches++
	n := p.report.Batches
	b.path, b.before = strconv.Itoa(n), p.report.Targets
	p.report.Targets += b.targets
	p.chain = chained(p.chain, b.plain)
	b.chain = p.chain
	if p.whole != nil && n > p.whole.Batches {
		return p.other("the list has grown since it was put")
	}
	if there, ok := p.there[n]; ok {
		if there != b.chain {
			return p.other("the list is not the one that it was put with")
		}
		p.report.Found++
		return nil
	}
	if err := p.room.wait(p.ctx, p.job, p.report.Targets); err != nil {
		return err
	}
	msg := p.job.workMessage(b)
	future, err := p.job.js.PublishMsgAsync(msg)
	if err != nil && !transient(err) {
		return err
	}
	// What could not even be sent is sent again when its turn comes.
	p.flight = append(p.flight, flight{b, msg, future})
	if len(p.flight) < putAhead {
		return nil
	}
	return p.land()
}

func (p *putter) other(why string) error {
	return fmt.Errorf("%w: job %s: %s: give the same again, choose another --job, or drop it", ErrOther, p.job.Name, why)
}

// land waits until the oldest batch on its way is there.
func (p *putter) land() error {
	f := p.flight[0]
	p.flight = p.flight[1:]
	var err error = nats.ErrTimeout
	if f.future != nil {
		select {
		case <-f.future.Ok():
			return nil
		case err = <-f.future.Err():
		case <-p.ctx.Done():
			return context.Cause(p.ctx)
		}
	}
	if transient(err) || isFull(err) {
		err = p.job.publish(p.ctx, f.msg)
	}
	if !isTaken(err) {
		return err
	}
	// Another put brought it, or ours did and we did not hear of it.
	msg, err := p.job.last(p.ctx, "work", f.batch.path)
	if err != nil || msg == nil {
		return err
	}
	if msg.Header.Get(headerChain) != f.batch.chain {
		return p.other("the list is not the one that it was put with")
	}
	return nil
}

// finish says that the list is there as a whole, and looks whether the server
// has lost any of it.
func (p *putter) finish() error {
	e := end{p.report.Batches, p.report.Targets, p.chain}
	if p.whole != nil {
		if *p.whole != e {
			return p.other("the list is shorter than it was when it was put")
		}
		return p.repair()
	}
	if p.last > p.report.Batches {
		return p.other("the list is shorter than it was when it was put")
	}
	data, err := json.Marshal(&e)
	if err != nil {
		return err
	}
	if err := p.job.publish(p.ctx, &nats.Msg{Subject: p.job.subject("end"), Data: data}); !isTaken(err) {
		return err
	}
	there, err := p.job.end(p.ctx)
	if err == nil && *there != e {
		err = p.other("another put of a longer or shorter list ended first")
	}
	return err
}

// workMessage returns the message of a batch.
func (j *Job) workMessage(b *batch) *nats.Msg {
	header := nats.Header{
		headerJob: {j.Spec.ID}, headerTargets: {strconv.Itoa(b.targets)}, headerBefore: {strconv.Itoa(b.before)},
	}
	if b.chain != "" {
		header.Set(headerChain, b.chain)
	}
	return &nats.Msg{Subject: j.subject("work", b.path), Header: header, Data: compress(nil, b.plain)}
}

// publish sends a message and waits until the server has it, however long it is
// away or its store full. The error is one that isTaken, another refusal, or
// ctx's cause.
func (j *Job) publish(ctx context.Context, msg *nats.Msg) error {
	return j.publishUntil(ctx, msg, nil)
}

// publishUntil is publish, but that the error isFull as soon as enough says so of
// the time that the store was full; nil never does.
func (j *Job) publishUntil(ctx context.Context, msg *nats.Msg, enough func(time.Duration) bool) error {
	said := false
	var since time.Time
	for wait := minPause; ; wait = min(2*wait, maxPause) {
		err := j.attempt(ctx, func(ctx context.Context) error {
			_, err := j.js.PublishMsg(ctx, msg)
			return err
		})
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case isFull(err):
			if since.IsZero() {
				since = time.Now()
			}
			if enough != nil && enough(time.Since(since)) {
				return err
			}
			if !said {
				said = true
				j.say("the server's store is full (%v): waiting for room; certsweep-queue collect --job %s --delete makes some", err, j.Name)
			}
		case errors.Is(err, nats.ErrNoResponders), errors.Is(err, jetstream.ErrNoStreamResponse):
			// A server that begins says that too; but if it is there and the job is not,
			// nobody will ever answer.
			if _, gone := j.js.Stream(ctx, streamPrefix+j.Name); errors.Is(gone, jetstream.ErrStreamNotFound) {
				return j.gone()
			}
		case !transient(err):
			return err
		}
		if pause(ctx, wait) != nil {
			return context.Cause(ctx)
		}
	}
}
