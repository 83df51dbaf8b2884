package scanner

import (
	"runtime"
	"sync"

	"certsweep/dialer"
)

// Steps is a probe in steps, which was begun: Wait and Step follow each other until
// Step returns false, and then Finish ends it. The calls are made by different
// goroutines, one after the other. The probe ends soon if its context is done.
type Steps interface {
	// Wait blocks until there is a step to take. Its frames are few and small: it is
	// on a stack of its own for each peer that is waited for.
	Wait()
	// Step takes a step, and does not block. It returns false after the last.
	Step() (more bool)
	// Blocks reports, after the last step, whether Finish blocks.
	Blocks() bool
	// Finish returns what Probe does.
	Finish() error
}

// beginSteps begins a try in steps, and reports whether it did.
//
//go:noinline
func (j *job) beginSteps() bool {
	if j.scan.Begin == nil || j.scan.Lookup != nil {
		return false
	}
	j.steps = j.scan.Begin(j.flight, j.endpoint, j.showing)
	return j.steps != nil
}

// depart leaves a job to its steps.
func (sc *scan) depart(j *job) {
	sc.pool.Add(1)
	go sc.await(j)
}

// await waits for a job's next step. Whoever takes it has the stack for it: one
// whose stack has grown keeps that for long, and there is a waiter for each peer.
func (sc *scan) await(j *job) {
	j.steps.Wait()
	sc.ready <- j
}

// startMovers starts the goroutines that take steps, as many as can run at a time.
// stop ends them, when nobody waits any more.
func (sc *scan) startMovers() (stop func()) {
	if sc.Begin == nil {
		return func() {}
	}
	var movers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		movers.Go(func() {
			for j := range sc.ready {
				sc.move(j)
			}
		})
	}
	return func() {
		close(sc.ready)
		movers.Wait()
	}
}

// move takes a job's next step. What may block has a goroutine of its own.
func (sc *scan) move(j *job) {
	if j.step() {
		go sc.await(j)
		return
	}
	if j.steps != nil && (j.steps.Blocks() || sc.Survey != nil || sc.Revocation != nil) {
		go func() {
			j.finish()
			sc.conclude(j)
		}()
		return
	}
	if j.finish(); j.mayGoOn() {
		go sc.conclude(j)
		return
	}
	sc.conclude(j)
}

// step takes a step, and reports whether there are more.
func (j *job) step() (more bool) {
	defer j.contain()
	return j.steps.Step()
}

// finish ends the present try.
func (j *job) finish() {
	if j.steps == nil {
		return // it panicked, and has its record
	}
	defer j.contain()
	j.err = j.landed(j.steps.Finish())
}

// mayGoOn reports whether there may be another try at the present endpoint.
func (j *job) mayGoOn() bool {
	if j.steps == nil || j.err == nil {
		return false
	}
	code := codeOf(j.err)
	return j.isMendable(j.err) || j.err == errMemoryCut || code == dialer.CodeShortage || j.paused(code)
}

// conclude makes the record of a job whose steps are at their end, or another try.
func (sc *scan) conclude(j *job) {
	if j.concludes() {
		go sc.await(j)
		return
	}
	if next := sc.leave(j, false); next != nil {
		sc.pool.Go(func() {
			if sc.begin(next) {
				sc.serve(next, false)
			}
		})
	}
	sc.pool.Done()
}

// concludes does so, and reports whether that goes on in steps again.
func (j *job) concludes() (away bool) {
	if j.steps == nil {
		return false // it panicked, and has its record
	}
	defer j.contain()
	failure := j.err
	j.steps = nil
	var err error
	if j.another(failure) {
		err = j.tries()
	} else {
		err = j.err
	}
	if j.steps == nil && j.unsettled(err) {
		err = j.outlast((*job).try)
	}
	if j.steps != nil {
		return true
	}
	if !j.gone {
		j.report(0, err)
	}
	return false
}
