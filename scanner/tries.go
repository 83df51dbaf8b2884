package scanner

import (
	"context"
	"errors"
	"slices"
	"time"

	"certsweep/dialer"
)

const (
	// The back-off of a target that this machine could not serve: short at
	// first, since another connection's end frees what is lacking, and never so
	// long that the scan seems to stand.
	minBackOff = 20 * time.Millisecond
	maxBackOff = time.Second

	// retryPause is the time before a target is tried again.
	retryPause = 200 * time.Millisecond
)

// mendable are the failures that another try can mend.
var mendable = []dialer.Code{dialer.CodeTimeout, dialer.CodeReset, dialer.CodeDNSTimeout, dialer.CodeDNSFailure}

// pausable are the failures that may come of a pause of this process.
var pausable = append(slices.Clone(mendable), dialer.CodeEOF)

func codeOf(err error) dialer.Code {
	if e, ok := errors.AsType[*dialer.Error](err); ok {
		return e.Code
	}
	return ""
}

// errGone is why a target has no record: it waited for memory when the scan was
// told to begin no more.
var errGone = errors.New("given up before it began")

// outlast calls try until it ends with anything but a failure of our own: a
// shortage is waited out, what failed while this process did not run is tried
// again, and a target that was cut for want of memory goes to the end of the line.
// The worker that waits takes no other target, so that all of that also lowers the
// number in flight. It returns early if the try goes on in steps.
func (j *job) outlast(try func(*job) error) error {
	for {
		if !j.scan.memory.enter(j.scan.turns) {
			j.gone = true
			return errGone
		}
		j.entered = true
		j.tried = time.Now()
		err := try(j)
		if j.steps != nil {
			return nil
		}
		if !j.unsettled(err) {
			return err
		}
	}
}

// unsettled reports whether what a try ended with is a failure of our own, when the
// time has come to try again.
//
//go:noinline
func (j *job) unsettled(err error) bool {
	code, paused := codeOf(err), time.Duration(0)
	switch {
	case err == errMemoryCut:
		// Nothing is held of it while it waits.
		j.shown, j.showing = nil, nil
	case j.paused(code):
		j.pauses++
	case code == dialer.CodeShortage:
		j.backOff = min(max(2*j.backOff, minBackOff), maxBackOff)
		paused = j.backOff
	default:
		// What it was shown is held until it is a record.
		return false
	}
	j.leaveMemory()
	if paused > 0 {
		pause(j.scan.ctx, paused)
	}
	if j.scan.ctx.Err() != nil {
		j.gone = j.shown == nil
		return false
	}
	return true
}

// paused reports whether the present try may have failed for a pause of this process.
func (j *job) paused(code dialer.Code) bool {
	return slices.Contains(pausable, code) && j.pauses < maxPauses && j.scan.clock.pausedSince(j.tried)
}

// leaveMemory says that the job holds nothing of a peer's any more.
func (j *job) leaveMemory() {
	if j.entered {
		j.entered = false
		j.scan.memory.leave()
	}
}

// try probes the present endpoint until it succeeds, another try would not mend its
// failure, or the tries or the time are used up. What stays in shown is the try
// that showed most.
func (j *job) try() error {
	// What a shortage interrupted says nothing, nor does its time.
	j.began, j.shown, j.retries = time.Now(), new(dialer.Handshake), 0
	j.showing = j.shown
	return j.tries()
}

// tries makes the next try and those after it, and returns early if one goes on in
// steps.
func (j *job) tries() error {
	for {
		j.begin()
		if j.beginSteps() {
			return nil
		}
		if !j.another(j.landed(j.scan.Probe(j.flight, *j.endpoint, j.showing))) {
			return j.err
		}
	}
}

// another notes how a try ended, and reports whether there is another, when its time
// has come.
func (j *job) another(failure error) bool {
	if j.retries == 0 || failure == nil || len(j.showing.Certificates) >= len(j.shown.Certificates) {
		j.shown, j.err = j.showing, failure
	}
	if !j.again(failure) {
		return false
	}
	j.retries++
	j.showing = new(dialer.Handshake)
	return true
}

// begin begins a try.
//
//go:noinline
func (j *job) begin() {
	j.flight = j.scan.flights.begin(j.scan.ctx, j.share())
	j.flight.job = j
}

// share returns the time of the next try: that of the target is shared out among
// the tries that it may come to, so that a peer that is silent does not use up
// those that may find it awake.
func (j *job) share() time.Duration {
	left := j.scan.timeout() - time.Since(j.began)
	return left / time.Duration(1+j.scan.Retries-j.retries)
}

// again reports whether a failure calls for another try, when its time has come.
//
//go:noinline
func (j *job) again(failure error) bool {
	if !j.isMendable(failure) {
		return false
	}
	left := j.scan.timeout() - time.Since(j.began)
	if left <= retryPause {
		return false
	}
	pause(j.scan.ctx, retryPause)
	ctx, cancel := context.WithTimeout(j.scan.ctx, left-retryPause)
	defer cancel()
	return ctx.Err() == nil && j.scan.turn(ctx) == nil
}

// isMendable reports whether another try may be made after a failure.
func (j *job) isMendable(failure error) bool {
	return j.retries < j.scan.Retries && slices.Contains(mendable, codeOf(failure))
}

// landed ends the present flight, and says what its error means.
//
//go:noinline
func (j *job) landed(err error) error {
	f := j.flight
	cause := f.causeOf()
	j.flight = nil
	j.scan.flights.done(f)
	switch {
	case err == nil:
		return nil
	case cause == errMemoryCut:
		return errMemoryCut
	case cause != errMemoryCap:
		return err
	}
	capped := &dialer.Error{Phase: dialer.PhaseHandshake, Code: dialer.CodeMemoryCap, Err: errMemoryCap}
	if e, ok := errors.AsType[*dialer.Error](err); ok {
		capped.Phase = e.Phase
	}
	return capped
}

// pause waits for d, or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
