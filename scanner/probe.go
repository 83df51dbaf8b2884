package scanner

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"certsweep/dialer"
)

// job is a target that a worker has.
type job struct {
	scan   *scan
	target *Target

	// last is set when nothing of the target's follows but a drain.
	last bool
	// drains: it has a place among the drains in place of a worker's.
	drains bool
	// entered: it is in flight as far as memory goes.
	entered bool
	// pauses is how often it was tried again for a pause of this process.
	pauses int
	// gone: it was given up, and has no record.
	gone bool

	endpoint *dialer.Endpoint  // the present one
	flight   *flight           // of the present try
	showing  *dialer.Handshake // what that shows
	steps    Steps             // of the present try, if it goes on in steps
	// What the tries at the endpoint showed.
	began   time.Time
	shown   *dialer.Handshake
	err     error
	retries int // tries beyond the first
	// Of what is tried again for no fault of the peer's.
	tried   time.Time
	backOff time.Duration
}

// run makes the records of the job's target. It reports whether that goes on in
// steps.
func (j *job) run() (away bool) {
	defer j.contain()
	t := j.target
	j.began = time.Now()
	switch {
	case t.Err != nil:
		j.fail(0, t.Err)
	case j.scan.Lookup != nil:
		j.probeAll()
	default:
		j.last = j.scan.Survey == nil
		j.probe(&t.Endpoint, 0)
	}
	return j.steps != nil
}

// contain makes a record of a panic, which may come of an odd certificate.
func (j *job) contain() {
	value := recover()
	if value == nil {
		return
	}
	if j.flight != nil {
		j.scan.flights.done(j.flight)
	}
	j.leaveMemory()
	j.steps = nil
	j.fail(0, errPanic{value})
}

// fail emits the record of a target of which nothing is known.
//
//go:noinline
func (j *job) fail(resolve time.Duration, err error) {
	r := j.scan.Recorder.Record(j.target, j.began.Add(-resolve), &dialer.Handshake{Timing: dialer.Timing{Resolve: resolve}}, err)
	j.scan.found <- outcome{record: r}
}

// report emits the record of the present endpoint, after what is asked beyond
// its probe. resolve is the time of a look-up that was made before.
//
//go:noinline
func (j *job) report(resolve time.Duration, err error) {
	sc := j.scan
	j.shown.Timing.Resolve += resolve
	used := time.Since(j.began)
	waited := sc.survey(sc.ctx, j.endpoint, j.shown, err)
	r, paths := sc.Recorder.record(j.target, j.began.Add(-resolve), j.shown, err)
	// The record has what is kept of it, and may have to wait for its turn.
	j.shown, j.showing = nil, nil
	j.leaveMemory()
	r.Timing.Total -= milliseconds(waited)
	r.Retries = j.retries
	sc.revoked(sc.ctx, r, paths, used)
	sc.found <- outcome{record: r}
}

// probeAll makes a record for each address of the target.
//
//go:noinline
func (j *job) probeAll() {
	began := time.Now()
	var addrs []netip.Addr
	err := j.outlast(func(j *job) (err error) {
		j.flight = j.scan.flights.begin(j.scan.ctx, j.scan.timeout())
		addrs, err = j.scan.Lookup(j.flight, j.target.Endpoint.Host)
		return j.landed(err)
	})
	j.leaveMemory()
	resolve := time.Since(began)
	if j.gone {
		return
	}
	if err != nil {
		j.began = time.Now()
		j.fail(resolve, err)
		return
	}
	for i, addr := range addrs {
		e := j.target.Endpoint
		e.Host, e.ServerName = addr.String(), j.target.Endpoint.Name()
		j.last = i == len(addrs)-1 && j.scan.Survey == nil
		j.probe(&e, resolve)
	}
}

// probe makes the record of one endpoint of the target, unless that goes on in steps.
func (j *job) probe(e *dialer.Endpoint, resolve time.Duration) {
	j.endpoint = e
	err := j.outlast((*job).try)
	if j.steps == nil && !j.gone {
		j.report(resolve, err)
	}
}

// Draining says that nothing is left of a probe but the drain of its connection. A
// Probe calls it with the context that it was given, so that the worker's place is
// free for another target; see [Scanner.Drains] and [dialer.Dialer.BeforeDrain].
func Draining(ctx context.Context) {
	f, ok := ctx.Value(flightKey{}).(*flight)
	if !ok || f.job == nil || !f.job.last || f.job.drains {
		return
	}
	j := f.job
	select {
	case j.scan.drains <- struct{}{}:
		j.drains = true
		<-j.scan.places
	default:
	}
}

// errPanic is what a panic in a target's probe becomes.
type errPanic struct{ value any }

func (e errPanic) Error() string { return fmt.Sprintf("panic: %v", e.value) }
