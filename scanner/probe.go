package scanner

import (
	"context"
	"net/netip"
	"time"

	"certsweep/dialer"
	"certsweep/results"
)

// probe makes the records of one target.
func (sc *scan) probe(ctx context.Context, t *Target, emit func(*results.Record)) {
	began := time.Now()
	defer func() {
		if value := recover(); value != nil {
			emit(sc.Recorder.Record(t, began, new(dialer.Handshake), errPanic{value}))
		}
	}()
	if t.Err != nil {
		emit(sc.Recorder.Record(t, began, new(dialer.Handshake), t.Err))
		return
	}
	if sc.Lookup == nil {
		emit(sc.probeEndpoint(ctx, t, &t.Endpoint, 0))
		return
	}
	sc.probeAll(ctx, t, emit)
}

// probeAll makes a record for each address of the target.
func (sc *scan) probeAll(ctx context.Context, t *Target, emit func(*results.Record)) {
	began := time.Now()
	var addrs []netip.Addr
	err := sc.outlastShortage(ctx, func(ctx context.Context) (err error) {
		addrs, err = sc.Lookup(ctx, t.Endpoint.Host)
		return err
	})
	resolve := time.Since(began)
	if err != nil {
		emit(sc.Recorder.Record(t, began, &dialer.Handshake{Timing: dialer.Timing{Resolve: resolve}}, err))
		return
	}
	for _, addr := range addrs {
		e := t.Endpoint
		e.Host, e.ServerName = addr.String(), t.Endpoint.Name()
		emit(sc.probeEndpoint(ctx, t, &e, resolve))
	}
}

// probeEndpoint makes the record of one endpoint of a target. resolve is the
// time of a look-up that was made before.
func (sc *scan) probeEndpoint(ctx context.Context, t *Target, e *dialer.Endpoint, resolve time.Duration) *results.Record {
	shown := new(tried)
	err := sc.outlastShortage(ctx, func(ctx context.Context) error {
		// What a shortage interrupted says nothing, nor does its time.
		shown.began = time.Now()
		return sc.retry(ctx, e, shown)
	})
	shown.Timing.Resolve += resolve
	used := time.Since(shown.began)
	waited := sc.survey(ctx, e, shown, err)
	r, paths := sc.Recorder.record(t, shown.began.Add(-resolve), &shown.Handshake, err)
	r.Timing.Total -= milliseconds(waited)
	r.Retries = shown.retries
	sc.revoked(ctx, r, paths, used)
	return r
}

// tried is what the tries at an endpoint showed.
type tried struct {
	dialer.Handshake
	began   time.Time
	retries int // tries beyond the first
}
