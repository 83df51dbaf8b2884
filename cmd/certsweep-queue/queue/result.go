package queue

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// kind says what became of a batch.
type kind string

const (
	kindRecords kind = "records" // they are in the message
	kindParts   kind = "parts"   // they are in several others
	kindSplit   kind = "split"   // the batch's halves have results of their own
	// kindCollected stands for records that a collect has taken away. It keeps the
	// place, so that no late worker can bring them again.
	kindCollected kind = "collected"
)

// outcome is the heading of a result.
type outcome struct {
	kind     kind
	sequence uint64
	records  int
	targets  int
}

func outcomeOf(header nats.Header, sequence uint64) outcome {
	records, _ := strconv.Atoi(header.Get(headerRecords))
	targets, _ := strconv.Atoi(header.Get(headerTargets))
	return outcome{kind(header.Get(headerKind)), sequence, records, targets}
}

// parts is the body of a result of that kind.
type parts struct {
	ID    string `json:"id"`
	Parts int    `json:"parts"`
}

// outcome returns what became of a batch, or nil if nothing did yet.
func (j *Job) outcome(ctx context.Context, path string) (*outcome, error) {
	msg, err := j.last(ctx, "result", path)
	if err != nil || msg == nil {
		return nil, err
	}
	o := outcomeOf(msg.Header, msg.Sequence)
	return &o, nil
}

// store makes the records of a batch its result. It returns false if the batch
// has one already, and then keeps nothing. It waits for a server that is away, and
// for one that is full until enough; then the error isFull.
func (j *Job) store(ctx context.Context, path string, packed []byte, targets, records int, worker string, enough func(time.Duration) bool) (stored bool, err error) {
	header := nats.Header{
		headerJob: {j.Spec.ID}, headerKind: {string(kindRecords)}, headerTargets: {strconv.Itoa(targets)},
		headerRecords: {strconv.Itoa(records)}, headerWorker: {worker},
	}
	msg := &nats.Msg{Subject: j.subject("result", path), Header: header, Data: packed}
	most := j.payload()
	p := parts{ID: nuid.Next()}
	if len(packed) > most {
		// First the parts, which nobody looks at, then the one message that counts.
		for ; len(packed) > 0 && err == nil; p.Parts++ {
			n := min(most, len(packed))
			part := &nats.Msg{Subject: j.subject("part", path, p.ID, strconv.Itoa(p.Parts)), Data: packed[:n]}
			// One that is taken is ours, and we did not hear of it.
			if err = j.publishUntil(ctx, part, enough); isTaken(err) {
				err = nil
			}
			packed = packed[n:]
		}
		if err != nil {
			j.removeParts(ctx, path, p.ID)
			return false, err
		}
		header.Set(headerKind, string(kindParts))
		if msg.Data, err = json.Marshal(p); err != nil {
			return false, err
		}
	}
	err = j.publishUntil(ctx, msg, enough)
	if err != nil && p.Parts > 0 {
		// Whatever it says: an attempt before may have come through unheard, and then
		// the parts are what counts.
		there, unknown := j.last(ctx, "result", path)
		switch {
		case unknown != nil:
		case there != nil && bytes.Equal(there.Data, msg.Data):
			return true, nil
		default:
			j.removeParts(ctx, path, p.ID)
		}
	}
	if isTaken(err) {
		return false, nil
	}
	return err == nil, err
}

// payload is the most that the body of a message may have.
func (j *Job) payload() int { return int(j.nc.MaxPayload()) - headRoom }

// removeParts takes parts away that are no result. Should this fail, they lie about
// until the job is dropped.
func (j *Job) removeParts(ctx context.Context, path, id string) {
	_ = j.stream.Purge(ctx, jetstream.WithPurgeSubject(j.subject("part", path, id, "*")))
}

// storeSplit makes it the result of a batch that its halves have results. It
// returns false if the batch has another one.
func (j *Job) storeSplit(ctx context.Context, b *batch) (split bool, err error) {
	err = j.publish(ctx, &nats.Msg{Subject: j.subject("result", b.path), Header: nats.Header{
		headerJob: {j.Spec.ID}, headerKind: {string(kindSplit)}, headerTargets: {strconv.Itoa(b.targets)},
	}})
	if !isTaken(err) {
		return err == nil, err
	}
	o, err := j.outcome(ctx, b.path)
	return err == nil && o != nil && o.kind == kindSplit, err
}

// fetch returns the compressed records of a result.
func (j *Job) fetch(ctx context.Context, path string, sequence uint64) (io.Reader, error) {
	msg, err := j.stream.GetMsg(ctx, sequence)
	if err != nil {
		return nil, fmt.Errorf("the result of batch %s: %w", path, err)
	}
	if kind(msg.Header.Get(headerKind)) != kindParts {
		return &frames{data: msg.Data}, nil
	}
	var p parts
	if err := json.Unmarshal(msg.Data, &p); err != nil {
		return nil, fmt.Errorf("the result of batch %s: %w", path, err)
	}
	// One after the other: together they may be of any size.
	return &frames{more: func(i int) ([]byte, error) {
		if i >= p.Parts {
			return nil, io.EOF
		}
		part, err := j.stream.GetLastMsgForSubject(ctx, j.subject("part", path, p.ID, strconv.Itoa(i)))
		if err != nil {
			return nil, fmt.Errorf("the result of batch %s, part %d of %d: %w", path, i+1, p.Parts, err)
		}
		return part.Data, nil
	}}, nil
}

// frames reads what is in one message, or in several.
type frames struct {
	data []byte
	more func(i int) ([]byte, error) // nil if there is no more
	i    int
}

func (f *frames) Read(p []byte) (n int, err error) {
	for len(f.data) == 0 {
		if f.more == nil {
			return 0, io.EOF
		}
		if f.data, err = f.more(f.i); err != nil {
			return 0, err
		}
		f.i++
	}
	n = copy(p, f.data)
	f.data = f.data[n:]
	return n, nil
}

// remove takes the records of a result away and leaves its place taken.
func (j *Job) remove(ctx context.Context, path string, o outcome) error {
	if o.kind == kindParts {
		// All of them, those of workers too that came second.
		if err := j.stream.Purge(ctx, jetstream.WithPurgeSubject(j.subject("part", path, "*", "*"))); err != nil {
			return err
		}
	}
	msg := &nats.Msg{Subject: j.subject("result", path), Header: nats.Header{
		headerJob: {j.Spec.ID}, headerKind: {string(kindCollected)}, headerTargets: {strconv.Itoa(o.targets)},
		headerRecords: {strconv.Itoa(o.records)},
		// Put in place of what is there, in one step.
		jetstream.MsgRollup: {jetstream.MsgRollupSubject},
	}}
	_, err := j.js.PublishMsg(ctx, msg)
	if isFull(err) {
		// Room first. Should a late worker come in between, its result is one that was
		// collected already.
		if err := j.stream.DeleteMsg(ctx, o.sequence); err != nil {
			return err
		}
		_, err = j.js.PublishMsg(ctx, msg)
	}
	return err
}
