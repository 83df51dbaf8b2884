package scanner

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestFlightIsAContext holds a flight to what package context promises: for
// those who ask for Done, and for contexts that are derived from it.
func TestFlightIsAContext(t *testing.T) {
	const timeout = time.Minute
	enough := errors.New("enough")
	for name, test := range map[string]struct {
		end   func(*flights, *flight)
		after time.Duration
		err   error
		cause error // of the flight
		told  bool  // of its cancellation
	}{
		"its deadline": {func(*flights, *flight) {}, timeout, context.DeadlineExceeded, context.DeadlineExceeded, false},
		"canceled":     {func(_ *flights, f *flight) { f.cancel(enough) }, time.Second, context.Canceled, enough, true},
		"done":         {func(fs *flights, f *flight) { fs.done(f) }, time.Second, context.Canceled, context.Canceled, true},
		"scan ended":   {func(fs *flights, _ *flight) { fs.end(enough) }, time.Second, context.Canceled, enough, true},
		"cut":          {func(fs *flights, _ *flight) { fs.cancelNewest(1, enough) }, time.Second, context.Canceled, enough, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				type key struct{}
				var fs flights
				f := fs.begin(context.WithValue(t.Context(), key{}, name), timeout)
				if f.Value(key{}) != name || f.Err() != nil || f.causeOf() != nil || fs.count() != 1 {
					t.Errorf("value %v, error %v, %d in flight", f.Value(key{}), f.Err(), fs.count())
				}
				child, cancel := context.WithCancel(f)
				defer cancel()
				told, undone, after := false, false, false
				f.OnCancel(func() { told = true })
				f.OnCancel(func() { undone = true })()
				context.AfterFunc(f, func() { after = true })
				started := time.Now()
				time.AfterFunc(time.Second, func() { test.end(&fs, f) })
				<-child.Done()
				<-f.Done()
				synctest.Wait()
				if took := time.Since(started); took != test.after {
					t.Errorf("done after %v, want %v", took, test.after)
				}
				if f.Err() != test.err || f.causeOf() != test.cause || told != test.told || undone || !after {
					t.Errorf("%v because of %v, told %v, a waiter that left %v, after it %v", f.Err(), f.causeOf(), told, undone, after)
				}
				late := 0
				f.OnCancel(func() { late++ })
				context.AfterFunc(f, func() { late++ })
				synctest.Wait()
				if want := map[bool]int{false: 1, true: 2}[test.told]; late != want {
					t.Errorf("%d calls after the end, want %d", late, want)
				}
			})
		})
	}
}

// TestFlightAsksNobody: that the deadline is over shows without a timer, as in a
// probe that gave it to its connection.
func TestFlightAsksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fs flights
		f := fs.begin(t.Context(), time.Second)
		time.Sleep(2 * time.Second)
		if f.timer != nil || f.done != nil || f.Err() != context.DeadlineExceeded {
			t.Errorf("%v, with a timer: %v", f.Err(), f.timer != nil)
		}
		select {
		case <-f.Done():
		default:
			t.Error("not done, though it says why")
		}
	})
}

// TestFlightsKeepTheirOrder: the newest are cut first, whichever have left.
func TestFlightsKeepTheirOrder(t *testing.T) {
	var fs flights
	all := make([]*flight, 5)
	for i := range all {
		all[i] = fs.begin(t.Context(), time.Hour)
	}
	for _, i := range []int{2, 0, 4} {
		fs.done(all[i])
	}
	if last := fs.last(9); len(last) != 2 || last[0] != all[3] || last[1] != all[1] {
		t.Errorf("%v, want the fourth and the second of %v", last, all)
	}
	fs.end(context.Canceled)
	if late := fs.begin(t.Context(), time.Hour); late.Err() != context.Canceled || fs.count() != 3 {
		t.Errorf("a flight of a scan that is over: %v; %d in flight", late.Err(), fs.count())
	}
}
