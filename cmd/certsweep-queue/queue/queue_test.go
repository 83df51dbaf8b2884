package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"certsweep/cmd/certsweep-queue/server"
	"certsweep/dialer"
	"certsweep/results"
	"certsweep/scanner"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// broker is a server that can be ended and started again. Clients reach it
// without the network.
type broker struct {
	t       *testing.T
	options server.Options
	life    sync.Mutex // of who starts or ends it
	mu      sync.Mutex
	server  *server.Server
}

func startBroker(t *testing.T, options server.Options) *broker {
	t.Helper()
	if options.Store == "" {
		options.Store = t.TempDir()
	}
	options.Listen = "127.0.0.1:0"
	b := &broker{t: t, options: options}
	b.start()
	t.Cleanup(b.stop)
	return b
}

func (b *broker) start() {
	b.t.Helper()
	b.life.Lock()
	defer b.life.Unlock()
	s, err := server.Start(b.t.Context(), b.options)
	if err != nil {
		b.t.Fatal(err)
	}
	b.mu.Lock()
	b.server = s
	b.mu.Unlock()
}

func (b *broker) stop() {
	b.life.Lock()
	defer b.life.Unlock()
	b.mu.Lock()
	s := b.server
	b.server = nil
	b.mu.Unlock()
	if s != nil {
		s.Close()
	}
}

// Dial is that of a nats.CustomDialer.
func (b *broker) Dial(_, _ string) (net.Conn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.server == nil {
		return nil, errors.New("the server is away")
	}
	return b.server.InProcessConn()
}

// connect connects, with options besides those of the broker.
func (b *broker) connect(options Options) *Client {
	b.t.Helper()
	options.Dialer = b
	if options.Say == nil {
		options.Say = func(s string) { b.t.Log(s) }
	}
	c, err := Connect(b.t.Context(), options)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(c.Close)
	return c
}

// hosts yields n targets, from the line on.
func hosts(n int) iter.Seq2[scanner.Target, error] {
	return func(yield func(scanner.Target, error) bool) {
		for i := range n {
			host := fmt.Sprintf("host-%06d.test", i+1)
			if !yield(scanner.Target{Line: i + 1, Text: host, Endpoint: dialer.Endpoint{Host: host, Port: 443}}, nil) {
				return
			}
		}
	}
}

func whole() error { return nil }

func put(t *testing.T, c *Client, name string, spec Spec, targets iter.Seq2[scanner.Target, error]) *PutReport {
	t.Helper()
	report, err := c.Put(t.Context(), name, spec, targets, whole)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// refuse is the probe of a scanner that finds every port closed.
func refuse(context.Context, dialer.Endpoint, *dialer.Handshake) error {
	return &dialer.Error{Phase: dialer.PhaseConnect, Code: dialer.CodeRefused, Err: errors.New("closed")}
}

// untilDone returns an Idle for workers that end with the job.
func untilDone(j *Job) func(context.Context) bool {
	return func(ctx context.Context) bool {
		done, err := j.Done(ctx)
		return err == nil && done
	}
}

func work(t *testing.T, w *Worker) {
	t.Helper()
	if w.Scanner == nil {
		w.Scanner = &scanner.Scanner{Probe: refuse, Workers: 50}
	}
	if w.Idle == nil {
		w.Idle = untilDone(w.Job)
	}
	if err := w.Run(t.Context()); err != nil {
		t.Error(err)
	}
}

// collected are the records of a job, by line.
type collected struct {
	lines   []int
	records map[int]*results.Record
	missing *Missing
}

func collect(t *testing.T, c *Collector) collected {
	t.Helper()
	got := collected{records: make(map[int]*results.Record)}
	if c.Write == nil {
		c.Write = func(path string, n int, lines []byte) error {
			for r, err := range results.Decode(bytes.NewReader(lines)) {
				if err != nil {
					return err
				}
				got.lines = append(got.lines, r.Line)
				got.records[r.Line] = r
			}
			return nil
		}
	}
	var err error
	if got.missing, err = c.Collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	return got
}

// once checks that every one of n targets is there once.
func (c collected) once(t *testing.T, n int) {
	t.Helper()
	lines := slices.Sorted(slices.Values(c.lines))
	want := make([]int, n)
	for i := range want {
		want[i] = i + 1
	}
	if !slices.Equal(lines, want) {
		t.Fatalf("%d records of %d lines; missing: %+v", len(lines), n, c.missing)
	}
	for line, r := range c.records {
		if host := fmt.Sprintf("host-%06d.test", line); r.Input != host || r.Host != host {
			t.Fatalf("line %d: %q, %q", line, r.Input, r.Host)
		}
	}
}

func TestJob(t *testing.T) {
	t.Parallel()
	b := startBroker(t, server.Options{})
	c := b.connect(Options{})
	const n = 2345
	began := time.Now()
	report := put(t, c, "a", Spec{BatchTargets: 100}, hosts(n))
	if report.Batches != 24 || report.Targets != n || report.Found != 0 {
		t.Errorf("%+v", report)
	}
	t.Log("put", time.Since(began))
	// Once more changes nothing.
	if again := put(t, c, "a", Spec{BatchTargets: 100}, hosts(n)); again.Found != 24 || again.Again {
		t.Errorf("%+v", again)
	}
	var wait sync.WaitGroup
	for i := range 3 {
		wait.Go(func() { work(t, &Worker{Job: report.Job, Name: fmt.Sprint("worker-", i)}) })
	}
	wait.Wait()
	t.Log("worked", time.Since(began))
	for _, ordered := range []bool{false, true} {
		got := collect(t, &Collector{Job: report.Job, Ordered: ordered, Follow: true})
		got.once(t, n)
		if ordered && !slices.IsSortedFunc(got.lines, func(a, b int) int { return (a-1)/100 - (b-1)/100 }) {
			t.Error("not in order")
		}
		t.Log("collected", time.Since(began))
	}
	if jobs, err := c.Jobs(t.Context()); err != nil || strings.Join(jobs, " ") != "a" {
		t.Errorf("%v, %v", jobs, err)
	}
	if dropped, err := c.Drop(t.Context(), "a"); !dropped || err != nil {
		t.Error(dropped, err)
	}
	if _, err := c.Open(t.Context(), "a"); !errors.Is(err, ErrNoJob) {
		t.Error(err)
	}
}
