package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// take gets batches from the server and hands them over, until ctx is done, Idle
// says that it is enough, or the job is gone.
func (s *session) take(ctx context.Context) error {
	for wait := minPause; ; {
		if s.room(ctx, false) != nil {
			return nil
		}
		if s.full.Load() {
			switch err := s.awaitRoom(ctx); {
			case ctx.Err() != nil:
				return nil
			case err != nil && !transient(err):
				return err
			}
			continue
		}
		it, err := s.next(ctx)
		if it != nil && s.full.Load() {
			s.giveBackFor(it, s.Job.Spec.AckWait)
			continue
		}
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
				if meta, err := msg.Metadata(); err == nil && meta.NumDelivered == 1 {
					s.alive(strings.TrimPrefix(msg.Subject(), s.Job.subject("work", "")), 1)
				}
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
	delivery, tries := int(meta.NumDelivered), 1
	if s.again || delivery > 1 {
		if tries, err = s.tries(ctx, path, delivery); err != nil {
			return nil, err
		}
		settled, err := s.settled(ctx, b, msg, tries, targets)
		if settled || err != nil {
			return nil, err
		}
	}
	if delivery > 1 {
		err := s.Job.mark(ctx, path, delivery)
		if isFull(err) {
			s.foundFull(0)
			msg.NakWithDelay(s.Job.Spec.AckWait)
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
	}
	it := newItem(b, targets, msg, tries, &s.held)
	it.delivery = delivery
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
