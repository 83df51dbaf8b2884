package queue

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"certsweep/results"
	"certsweep/scanner"
)

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
	if _, err := s.Job.store(ctx, b.path, packed, 1, 1, s.Name, nil); err != nil {
		return err
	}
	msg.Ack()
	return nil
}
