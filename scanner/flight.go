package scanner

import (
	"context"
	"slices"
	"sync"
	"time"
)

// flight is the context of one try at a target. One of package context costs a
// timer for its deadline, a channel, and a place among its parent's children;
// but a probe mostly asks for the deadline, to give it to a connection, and is
// never canceled. So the first two are made when they are asked for, and who may
// cancel flights has them in a list (see flights).
type flight struct {
	parent   context.Context // has the values
	job      *job            // that it is a try of; nil if it is none
	began    time.Time
	deadline time.Time

	next, previous *flight // of flights

	mu      sync.Mutex
	err     error // why it is done, as Err has it
	cause   error
	done    chan struct{} // nil until it is asked for
	timer   *time.Timer   // nil until somebody waits for the deadline
	waiters []*waiter
}

// waiter is somebody to be told that a flight is done.
type waiter struct {
	call func()
	// canceled: only if it was canceled.
	canceled bool
}

func (f *flight) Deadline() (time.Time, bool) { return f.deadline, true }

// flightKey has a context say which flight it came from.
type flightKey struct{}

func (f *flight) Value(key any) any {
	if key == (flightKey{}) {
		return f
	}
	return f.parent.Value(key)
}

func (f *flight) Err() error {
	f.mu.Lock()
	err := f.err
	f.mu.Unlock()
	if err == nil && !time.Now().Before(f.deadline) {
		f.end(context.DeadlineExceeded, context.DeadlineExceeded)
		return f.Err()
	}
	return err
}

func (f *flight) Done() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.done == nil {
		f.done = make(chan struct{})
		if f.err != nil {
			close(f.done)
		}
		f.arm()
	}
	return f.done
}

// arm has the flight end at its deadline even if nobody asks. f.mu is held.
func (f *flight) arm() {
	if f.timer == nil && f.err == nil {
		f.timer = time.AfterFunc(time.Until(f.deadline), func() { f.end(context.DeadlineExceeded, context.DeadlineExceeded) })
	}
}

// AfterFunc is for package context, which has to start a goroutine for a child of
// a context without it.
func (f *flight) AfterFunc(call func()) (stop func() bool) { return f.wait(&waiter{call, false}) }

// OnCancel calls f when the flight is canceled, and not at its deadline. It is
// what package dialer asks of a context whose deadline it keeps by itself.
func (f *flight) OnCancel(call func()) (stop func()) {
	undo := f.wait(&waiter{call, true})
	return func() { undo() }
}

func (f *flight) wait(w *waiter) (stop func() bool) {
	f.mu.Lock()
	if !w.canceled {
		f.arm()
	}
	err := f.err
	if err == nil {
		f.waiters = append(f.waiters, w)
	}
	f.mu.Unlock()
	if err != nil && (!w.canceled || err == context.Canceled) {
		w.call()
	}
	return func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		i := slices.Index(f.waiters, w)
		if i >= 0 {
			f.waiters = slices.Delete(f.waiters, i, i+1)
		}
		return i >= 0
	}
}

// cancel ends the flight before its time.
func (f *flight) cancel(cause error) { f.end(context.Canceled, cause) }

// causeOf returns why the flight is done, nil if it is not.
func (f *flight) causeOf() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cause
}

// end ends the flight, unless something has before.
func (f *flight) end(err, cause error) {
	f.mu.Lock()
	if f.err != nil {
		f.mu.Unlock()
		return
	}
	f.err, f.cause = err, cause
	if f.timer != nil {
		f.timer.Stop()
	}
	if f.done != nil {
		close(f.done)
	}
	waiters := f.waiters
	f.waiters = nil
	f.mu.Unlock()
	for _, w := range waiters {
		if !w.canceled || err == context.Canceled {
			w.call()
		}
	}
}

// flights are the tries in flight, the oldest first.
type flights struct {
	mu             sync.Mutex
	oldest, newest *flight
	n              int
	ended          error // set when no more shall be
}

// begin adds a flight. It is canceled at once if the scan is.
func (fs *flights) begin(parent context.Context, timeout time.Duration) *flight {
	now := time.Now()
	f := &flight{parent: parent, began: now, deadline: now.Add(timeout)}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.ended != nil {
		f.cancel(fs.ended)
	}
	f.previous = fs.newest
	if fs.newest != nil {
		fs.newest.next = f
	} else {
		fs.oldest = f
	}
	fs.newest = f
	fs.n++
	return f
}

// done takes a flight away that has ended.
func (fs *flights) done(f *flight) {
	fs.mu.Lock()
	if f.previous != nil {
		f.previous.next = f.next
	} else {
		fs.oldest = f.next
	}
	if f.next != nil {
		f.next.previous = f.previous
	} else {
		fs.newest = f.previous
	}
	f.next, f.previous = nil, nil
	fs.n--
	fs.mu.Unlock()
	// What was derived from it ends too.
	f.cancel(context.Canceled)
}

func (fs *flights) count() int {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.n
}

// cancelNewest cancels up to n flights, the newest first.
func (fs *flights) cancelNewest(n int, cause error) {
	for _, f := range fs.last(n) {
		f.cancel(cause)
	}
}

// end cancels all flights, and those that begin later.
func (fs *flights) end(cause error) {
	fs.mu.Lock()
	fs.ended = cause
	n := fs.n
	fs.mu.Unlock()
	fs.cancelNewest(n, cause)
}

// last returns up to n flights, the newest first. They may end meanwhile.
func (fs *flights) last(n int) []*flight {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	list := make([]*flight, 0, min(n, fs.n))
	for f := fs.newest; f != nil && len(list) < n; f = f.previous {
		list = append(list, f)
	}
	return list
}
