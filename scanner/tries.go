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

func codeOf(err error) dialer.Code {
	if e, ok := errors.AsType[*dialer.Error](err); ok {
		return e.Code
	}
	return ""
}

// outlastShortage calls try with the target's full time until it ends with anything but
// a failure of our own: a shortage is waited out, and a target that was cut for
// want of memory gets one more chance. The worker that waits takes no other
// target, so that both also lower the number in flight.
func (sc *scan) outlastShortage(ctx context.Context, try func(context.Context) error) error {
	cut := false
	for wait := minBackOff; ; wait = min(2*wait, maxBackOff) {
		if sc.memory != nil {
			sc.memory.wait(ctx)
		}
		err := sc.underLimits(ctx, try)
		switch code := codeOf(err); {
		case code == dialer.CodeShortage:
			pause(ctx, wait)
		case code == dialer.CodeMemoryCap && !cut:
			cut = true
		default:
			return err
		}
		if ctx.Err() != nil {
			return err
		}
	}
}

// underLimits calls try once, under the target's deadline, and where there is a
// memory limit under that too.
func (sc *scan) underLimits(ctx context.Context, try func(context.Context) error) error {
	f := sc.flights.begin(ctx, sc.timeout())
	defer sc.flights.done(f)
	err := try(f)
	if err != nil && f.causeOf() == errMemoryCap {
		capped := &dialer.Error{Phase: dialer.PhaseHandshake, Code: dialer.CodeMemoryCap, Err: errMemoryCap}
		if e, ok := errors.AsType[*dialer.Error](err); ok {
			capped.Phase = e.Phase
		}
		return capped
	}
	return err
}

// retry probes an endpoint until it succeeds, another try would not mend its
// failure, or the tries or the time are used up. What stays in shown is the try
// that showed most.
func (sc *scan) retry(ctx context.Context, e *dialer.Endpoint, shown *tried) error {
	shown.retries = 0
	err := sc.Probe(ctx, *e, &shown.Handshake)
	for shown.retries < sc.Retries && slices.Contains(mendable, codeOf(err)) {
		pause(ctx, retryPause)
		if ctx.Err() != nil || sc.begin(ctx) != nil {
			break
		}
		shown.retries++
		again := new(dialer.Handshake)
		if failure := sc.Probe(ctx, *e, again); failure == nil || len(again.Certificates) >= len(shown.Certificates) {
			shown.Handshake, err = *again, failure
		}
	}
	return err
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
