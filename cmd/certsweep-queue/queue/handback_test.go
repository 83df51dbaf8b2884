package queue

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"certsweep/cmd/certsweep-queue/server"
	"certsweep/dialer"
	"certsweep/results"
	"certsweep/scanner"
)

// fill fills a job's store, until there is no room for any message; the function
// makes room again.
func fill(t *testing.T, j *Job) (empty func()) {
	t.Helper()
	for n, size := 0, 64<<10; size > 0; n++ {
		_, err := j.js.PublishMsg(t.Context(), &nats.Msg{Subject: j.subject("filler", strconv.Itoa(n)), Data: make([]byte, size)})
		switch {
		case isFull(err):
			size /= 2
		case err != nil:
			t.Fatal(err)
		}
	}
	return func() {
		if err := j.stream.Purge(t.Context(), jetstream.WithPurgeSubject(j.subject("filler", ">"))); err != nil {
			t.Error(err)
		}
	}
}

// TestFullGivesBack: a worker whose results find no room gives the batches back
// after a while, takes nothing while there is none, and goes on when there is.
func TestFullGivesBack(t *testing.T) {
	t.Parallel()
	b := startBroker(t, server.Options{MaxStore: 1 << 20})
	const n = 1000
	report := put(t, b.connect(Options{}), "a", Spec{BatchTargets: 100, AckWait: 300 * time.Millisecond}, hosts(n))
	empty := fill(t, report.Job)
	var back atomic.Int64
	var waited sync.Once
	c := b.connect(Options{Say: func(s string) {
		t.Log(s)
		switch {
		case strings.Contains(s, "giving back"):
			back.Add(1)
		case strings.Contains(s, "waiting for room") && back.Load() > 0:
			waited.Do(empty)
		}
	}})
	j, err := c.Open(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	var probes atomic.Int64
	work(t, &Worker{Job: j, Scanner: counting(&probes)})
	if back.Load() != 1 {
		t.Errorf("said %d times that it gives back", back.Load())
	}
	if probes.Load() <= n || probes.Load() > 2*n {
		t.Errorf("%d probes for %d targets that were given back at most once", probes.Load(), n)
	}
	collect(t, &Collector{Job: j}).once(t, n)
	if msg, err := j.last(t.Context(), "room"); msg != nil || err != nil {
		t.Errorf("what was to find room is left: %v", err)
	}
}

// TestGivenBackIsNoTry: a target that healthy workers give back, however often, is
// not blamed for it.
func TestGivenBackIsNoTry(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		full  bool
		again func(t *testing.T, b *broker)
	}{
		{"aborted", false, func(t *testing.T, b *broker) {
			j, err := b.connect(Options{}).Open(t.Context(), "a")
			if err != nil {
				t.Fatal(err)
			}
			patience, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			ctx, abort := context.WithCancelCause(patience)
			enough := errors.New("enough")
			w := &Worker{Job: j, Scanner: blocking(func() { abort(enough) }, nil)}
			if err := w.Run(ctx); !errors.Is(err, enough) {
				t.Fatal(err)
			}
		}},
		{"full", true, func(t *testing.T, b *broker) {
			stop := make(chan struct{})
			end := sync.OnceFunc(func() { close(stop) })
			c := b.connect(Options{Say: func(s string) {
				if strings.Contains(s, "full") {
					end()
				}
			}})
			j, err := c.Open(t.Context(), "a")
			if err != nil {
				t.Fatal(err)
			}
			patience, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if err := (&Worker{Job: j, Stop: stop, Scanner: &scanner.Scanner{Probe: refuse}}).Run(patience); err != nil {
				t.Fatal(err)
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := startBroker(t, server.Options{MaxStore: 1 << 20})
			j := put(t, b.connect(Options{}), "a", Spec{AckWait: 200 * time.Millisecond}, hosts(1)).Job
			empty := func() {}
			if test.full {
				empty = fill(t, j)
			}
			for range Tries + 1 {
				test.again(t, b)
			}
			empty()
			var tries atomic.Int64
			work(t, &Worker{Job: j, Name: "last", Scanner: &scanner.Scanner{Probe: func(ctx context.Context, e dialer.Endpoint, h *dialer.Handshake) error {
				status, err := j.Status(ctx)
				if err == nil && len(status.Workers) == 1 && len(status.Workers[0].Batches) == 1 {
					tries.Store(int64(status.Workers[0].Batches[0].Tries))
				}
				return refuse(ctx, e, h)
			}}})
			// Of a store that is full, the first cannot be told that it lives.
			if want := int64(1); tries.Load() != want && (!test.full || tries.Load() != want+1) {
				t.Errorf("try %d", tries.Load())
			}
			got := collect(t, &Collector{Job: j})
			got.once(t, 1)
			if r := got.records[1]; r.Error == nil || r.Error.Code != results.CodeRefused {
				t.Errorf("%+v", r.Error)
			}
			if info, err := j.stream.Info(t.Context(), jetstream.WithSubjectFilter(j.subject("try", ">"))); err != nil || len(info.State.Subjects) != 0 {
				t.Errorf("marks are left: %v, %v", info.State.Subjects, err)
			}
		})
	}
}
