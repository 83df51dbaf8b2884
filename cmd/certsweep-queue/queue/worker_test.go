package queue

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
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

// blocking returns a scanner whose probes call began and then wait for block.
func blocking(began func(), block <-chan struct{}) *scanner.Scanner {
	return &scanner.Scanner{Workers: 20, Timeout: time.Minute, Probe: func(ctx context.Context, e dialer.Endpoint, h *dialer.Handshake) error {
		began()
		select {
		case <-block:
		case <-ctx.Done():
		}
		return refuse(ctx, e, h)
	}}
}

// counting returns a scanner that counts its probes.
func counting(n *atomic.Int64) *scanner.Scanner {
	return &scanner.Scanner{Workers: 20, Probe: func(ctx context.Context, e dialer.Endpoint, h *dialer.Handshake) error {
		n.Add(1)
		return refuse(ctx, e, h)
	}}
}

// TestStopGivesBack: a worker that is stopped finishes what is in flight, and
// others have the rest at once, long before the time for the silent is over.
func TestStopGivesBack(t *testing.T) {
	t.Parallel()
	b := startBroker(t, server.Options{})
	c := b.connect(Options{})
	const n = 1000
	report := put(t, c, "a", Spec{BatchTargets: 100, AckWait: time.Hour}, hosts(n))
	block, began := make(chan struct{}), make(chan struct{})
	stop := make(chan struct{})
	first := make(chan error)
	go func() {
		w := &Worker{Job: report.Job, Stop: stop, Scanner: blocking(sync.OnceFunc(func() { close(began) }), block)}
		first <- w.Run(t.Context())
	}()
	<-began
	close(stop)
	close(block)
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	work(t, &Worker{Job: report.Job})
	collect(t, &Collector{Job: report.Job}).once(t, n)
}

// TestAbortGivesBack: what is dropped is given back at once too.
func TestAbortGivesBack(t *testing.T) {
	t.Parallel()
	b := startBroker(t, server.Options{})
	c := b.connect(Options{})
	report := put(t, c, "a", Spec{BatchTargets: 100, AckWait: time.Hour}, hosts(1000))
	began := make(chan struct{})
	ctx, abort := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	first := make(chan error)
	go func() {
		w := &Worker{Job: report.Job, Scanner: blocking(sync.OnceFunc(func() { close(began) }), nil)}
		first <- w.Run(ctx)
	}()
	<-began
	abort(cause)
	if err := <-first; !errors.Is(err, cause) {
		t.Fatal(err)
	}
	work(t, &Worker{Job: report.Job})
	collect(t, &Collector{Job: report.Job}).once(t, 1000)
}

// take takes a batch as a worker does that then dies.
func take(t *testing.T, j *Job) jetstream.Msg {
	t.Helper()
	consumer, err := j.consumer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	msg, err := consumer.Next(jetstream.FetchMaxWait(10 * time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

// TestKilledBeforeAck: a worker that dies between its result and its word of it
// has its batch done; nobody scans it again.
func TestKilledBeforeAck(t *testing.T) {
	t.Parallel()
	b := startBroker(t, server.Options{})
	c := b.connect(Options{})
	report := put(t, c, "a", Spec{BatchTargets: 100, AckWait: 200 * time.Millisecond}, hosts(200))
	j := report.Job
	msg := take(t, j)
	path := strings.TrimPrefix(msg.Subject(), j.subject("work", ""))
	var mine []byte
	for i := range 100 {
		mine = fmt.Appendf(mine, `{"schema":1,"line":%d,"input":"host-%06d.test","host":"host-%06d.test","port":443,"time":"2026-01-01T00:00:00Z","status":"error","findings":[]}`+"\n", i+1, i+1, i+1)
	}
	if stored, err := j.store(t.Context(), path, compress(nil, mine), 100, 100, "dead", nil); !stored || err != nil {
		t.Fatal(stored, err)
	}
	var probes atomic.Int64
	work(t, &Worker{Job: j, Scanner: counting(&probes)})
	if probes.Load() != 100 {
		t.Errorf("%d probes, want those of the other batch", probes.Load())
	}
	collect(t, &Collector{Job: j}).once(t, 200)
}

// TestSecondResult: whoever comes second with a result is refused, also with one
// in parts, of which nothing is left.
func TestSecondResult(t *testing.T) {
	t.Parallel()
	b := startBroker(t, server.Options{})
	c := b.connect(Options{})
	j := put(t, c, "a", Spec{}, hosts(1)).Job
	random := make([]byte, 20<<20)
	for i := range random {
		random[i] = byte(i * i >> 3)
	}
	if stored, err := j.store(t.Context(), "1", []byte("first"), 1, 1, "a", nil); !stored || err != nil {
		t.Fatal(stored, err)
	}
	for _, data := range [][]byte{[]byte("second"), random} {
		if stored, err := j.store(t.Context(), "1", data, 1, 1, "b", nil); stored || err != nil {
			t.Error(stored, err)
		}
	}
	msg, err := j.last(t.Context(), "result", "1")
	if err != nil || string(msg.Data) != "first" {
		t.Error(err)
	}
	if part, err := j.last(t.Context(), "part", ">"); part != nil || err != nil {
		t.Errorf("a part is left: %v", err)
	}
}

// TestParts: a result that is longer than a message is in several.
func TestParts(t *testing.T) {
	t.Parallel()
	b := startBroker(t, server.Options{MaxPayload: leastPayload})
	c := b.connect(Options{})
	const n = 400
	j := put(t, c, "a", Spec{}, hosts(n)).Job
	tags := &scanner.Scanner{Workers: 10, Probe: func(ctx context.Context, e dialer.Endpoint, h *dialer.Handshake) error {
		// A message that does not compress.
		text := make([]byte, 500)
		rand.NewChaCha8(sha256.Sum256([]byte(e.Host))).Read(text)
		return &dialer.Error{Phase: dialer.PhaseConnect, Code: dialer.CodeRefused, Err: errors.New(hex.EncodeToString(text))}
	}}
	work(t, &Worker{Job: j, Scanner: tags})
	msg, err := j.last(t.Context(), "result", "1")
	if err != nil || kind(msg.Header.Get(headerKind)) != kindParts {
		t.Fatalf("%v, %v", msg.Header, err)
	}
	collect(t, &Collector{Job: j}).once(t, n)
	collect(t, &Collector{Job: j, Delete: true}).once(t, n)
	if part, err := j.last(t.Context(), "part", ">"); part != nil || err != nil {
		t.Errorf("a part is left: %v", err)
	}
	// The place is taken for ever.
	if stored, err := j.store(t.Context(), "1", []byte("late"), n, n, "late", nil); stored || err != nil {
		t.Error(stored, err)
	}
	if missing, err := (&Collector{Job: j}).Collect(t.Context()); err != nil || missing.Elsewhere != 1 {
		t.Errorf("%+v, %v", missing, err)
	}
}

// TestPoison: a target that no worker survives is found and gets a record, and
// so does every other.
func TestPoison(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	b := startBroker(t, server.Options{})
	const n, poison = 40, 13
	c := b.connect(Options{})
	j := put(t, c, "a", Spec{BatchTargets: 8, AckWait: 150 * time.Millisecond}, hosts(n)).Job
	deaths := 0
	for done := false; !done; deaths++ {
		if deaths > 100 {
			t.Fatal("it never ends")
		}
		mortal := b.connect(Options{Say: func(s string) { t.Log(s) }})
		job, err := mortal.Open(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		ctx, die := context.WithCancel(t.Context())
		w := &Worker{Job: job, Idle: untilDone(job), Scanner: &scanner.Scanner{Workers: 2, Probe: func(ctx context.Context, e dialer.Endpoint, h *dialer.Handshake) error {
			if e.Host == fmt.Sprintf("host-%06d.test", poison) {
				// As if the process was no more: the server hears nothing any longer.
				mortal.Close()
				die()
			}
			return refuse(ctx, e, h)
		}}}
		_ = w.Run(ctx) // it dies, or has nothing to say
		if done, err = j.Done(t.Context()); err != nil {
			t.Fatal(err)
		}
		die()
	}
	got := collect(t, &Collector{Job: j, Ordered: true})
	got.once(t, n)
	for line, r := range got.records {
		want := results.CodeRefused
		if line == poison {
			want = results.CodeInternal
		}
		if r.Error == nil || r.Error.Code != want {
			t.Errorf("line %d: %+v", line, r.Error)
		}
	}
	status, err := j.Status(t.Context())
	if err != nil || status.Failed != 1 || status.Split != 3 || status.Lost != 0 || status.Targets.Done != n {
		t.Errorf("%+v, %v", status, err)
	}
	t.Logf("after %d deaths: %s", deaths, got.records[poison].Error.Message)
}

// TestAwayServer: a server that goes away and comes back, and a worker that goes
// on meanwhile.
func TestAwayServer(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	b := startBroker(t, server.Options{})
	back := make(chan struct{}, 2)
	c := b.connect(Options{Say: func(s string) {
		t.Log(s)
		if strings.Contains(s, "lost the server") {
			go func() {
				b.start()
				back <- struct{}{}
			}()
		}
	}})
	const n = 3000
	j := put(t, c, "a", Spec{BatchTargets: 50, AckWait: 500 * time.Millisecond}, hosts(n)).Job
	var probes atomic.Int64
	w := &Worker{Job: j, Scanner: &scanner.Scanner{Workers: 20, Probe: func(ctx context.Context, e dialer.Endpoint, h *dialer.Handshake) error {
		if n := probes.Add(1); n == 500 || n == 1500 {
			b.stop()
		}
		return refuse(ctx, e, h)
	}}}
	work(t, w)
	<-back
	<-back
	collect(t, &Collector{Job: j}).once(t, n)
	t.Logf("%d probes", probes.Load())
}

// TestDropped: a job that is dropped ends its workers.
func TestDropped(t *testing.T) {
	t.Parallel()
	b := startBroker(t, server.Options{})
	c := b.connect(Options{})
	j := put(t, c, "a", Spec{BatchTargets: 10}, hosts(1000)).Job
	block, began := make(chan struct{}), make(chan struct{})
	ended := make(chan error)
	go func() {
		ended <- (&Worker{Job: j, Scanner: blocking(sync.OnceFunc(func() { close(began) }), block)}).Run(t.Context())
	}()
	<-began
	if dropped, err := c.Drop(t.Context(), "a"); !dropped || err != nil {
		t.Fatal(dropped, err)
	}
	// Another one of that name is none of its business.
	put(t, c, "a", Spec{BatchTargets: 10, Flags: []string{"--pem=true"}}, hosts(1000))
	close(block)
	if err := <-ended; !errors.Is(err, ErrNoJob) {
		t.Error(err)
	}
	if _, err := (&Collector{Job: j, Write: func(string, int, []byte) error { return nil }}).Collect(t.Context()); err != nil && !errors.Is(err, ErrNoJob) {
		t.Error(err)
	}
}

// TestLostResults: results that the server has lost are scanned again, and only
// these.
func TestLostResults(t *testing.T) {
	t.Parallel()
	b := startBroker(t, server.Options{})
	c := b.connect(Options{})
	j := put(t, c, "a", Spec{BatchTargets: 10}, hosts(100)).Job
	work(t, &Worker{Job: j})
	for _, path := range []string{"3", "7"} {
		o, err := j.outcome(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if err := j.stream.DeleteMsg(t.Context(), o.sequence); err != nil {
			t.Fatal(err)
		}
	}
	if status, err := j.Status(t.Context()); err != nil || status.Lost != 2 || status.Batches.Waiting != 0 {
		t.Errorf("%+v, %v", status, err)
	}
	missing := collect(t, &Collector{Job: j}).missing
	if strings.Join(missing.Paths, " ") != "3 7" || missing.Targets != 20 || !missing.Whole {
		t.Errorf("%+v", missing)
	}
	if again := put(t, c, "a", Spec{BatchTargets: 10}, hosts(100)); !again.Again || again.Found != 10 {
		t.Errorf("%+v", again)
	}
	var probes atomic.Int64
	work(t, &Worker{Job: j, Scanner: counting(&probes)})
	if probes.Load() != 20 {
		t.Errorf("%d probes", probes.Load())
	}
	collect(t, &Collector{Job: j}).once(t, 100)
	if again := put(t, c, "a", Spec{BatchTargets: 10}, hosts(100)); again.Again {
		t.Errorf("%+v", again)
	}
}

// TestLaterFormat: a job of a later version is left alone.
func TestLaterFormat(t *testing.T) {
	t.Parallel()
	b := startBroker(t, server.Options{})
	c := b.connect(Options{})
	j := put(t, c, "a", Spec{}, hosts(1)).Job
	_, err := j.js.PublishMsg(t.Context(), &nats.Msg{
		Subject: j.subject("job"), Header: nats.Header{jetstream.MsgRollup: {jetstream.MsgRollupSubject}}, Data: []byte(`{"format":2,"flags":{}}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Open(t.Context(), "a"); !errors.Is(err, ErrFormat) {
		t.Error(err)
	}
	if _, err := c.Put(t.Context(), "a", Spec{}, hosts(1), whole); !errors.Is(err, ErrFormat) {
		t.Error(err)
	}
}
