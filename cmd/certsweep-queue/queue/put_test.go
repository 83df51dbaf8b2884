package queue

import (
	"context"
	"errors"
	"iter"
	"os"
	"strings"
	"sync"
	"testing"

	"certsweep/cmd/certsweep-queue/server"
	"certsweep/scanner"
)

// cutOff yields the first n targets, and then calls end.
func cutOff(targets iter.Seq2[scanner.Target, error], n int, end func()) iter.Seq2[scanner.Target, error] {
	return func(yield func(scanner.Target, error) bool) {
		for t, err := range targets {
			if n--; n < 0 {
				end()
			}
			if !yield(t, err) {
				return
			}
		}
	}
}

// TestPutGoesOn: a put that was ended goes on, and doubles nothing.
func TestPutGoesOn(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	b := startBroker(t, server.Options{})
	c := b.connect(Options{})
	const n, spec = 5000, 10
	for _, at := range []int{5, 1234, 3456} {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := c.Put(ctx, "a", Spec{BatchTargets: spec}, cutOff(hosts(n), at, cancel), whole)
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		j, err := c.Open(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		if done, err := j.Done(t.Context()); done || err != nil {
			t.Fatal("half a list is a whole one")
		}
	}
	// The rest of it with another connection, and while the server goes away.
	c = b.connect(Options{})
	report := put(t, c, "a", Spec{BatchTargets: spec}, cutOff(hosts(n), 4000, sync.OnceFunc(func() {
		b.stop()
		b.start()
	})))
	if report.Batches != n/spec || report.Found < 3456/spec-putAhead {
		t.Errorf("%+v", report)
	}
	work(t, &Worker{Job: report.Job})
	collect(t, &Collector{Job: report.Job}).once(t, n)
}

// TestPutAtOnce: two put the same at once, and it is there once.
func TestPutAtOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	b := startBroker(t, server.Options{})
	const n = 3000
	var wait sync.WaitGroup
	for range 3 {
		c := b.connect(Options{})
		wait.Go(func() {
			if _, err := c.Put(t.Context(), "a", Spec{BatchTargets: 10}, hosts(n), whole); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	j, err := b.connect(Options{}).Open(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if status, err := j.Status(t.Context()); err != nil || status.Batches.Total != n/10 || status.Targets.Total != n || !status.Put {
		t.Fatalf("%+v, %v", status, err)
	}
	work(t, &Worker{Job: j})
	collect(t, &Collector{Job: j}).once(t, n)
}

// TestPutOthersAtOnce: two put different lists under one name at once. Not both
// can be told that all is well, and what is there is called whole only if it is
// one list.
func TestPutOthersAtOnce(t *testing.T) {
	t.Parallel()
	b := startBroker(t, server.Options{})
	const n = 2000
	failures := make(chan error, 2)
	for i := range 2 {
		c := b.connect(Options{})
		go func() {
			_, err := c.Put(t.Context(), "a", Spec{BatchTargets: 10}, func(yield func(scanner.Target, error) bool) {
				line := 0
				for target := range hosts(n) {
					// They differ from the second batch on.
					if line++; line > 10 {
						target.Tag = strings.Repeat("x", i+1)
					}
					if !yield(target, nil) {
						return
					}
				}
			}, whole)
			failures <- err
		}()
	}
	failed := 0
	for range 2 {
		if err := <-failures; errors.Is(err, ErrOther) {
			failed++
		} else if err != nil {
			t.Error(err)
		}
	}
	if failed == 0 {
		t.Error("both lists are in one job")
	}
}

func TestPutOther(t *testing.T) {
	t.Parallel()
	b := startBroker(t, server.Options{})
	c := b.connect(Options{})
	const n = 100
	put(t, c, "a", Spec{BatchTargets: 10, Flags: []string{"--pem=true"}}, hosts(n))
	spec := Spec{BatchTargets: 10, Flags: []string{"--pem=true"}}
	for name, test := range map[string]struct {
		spec    Spec
		targets iter.Seq2[scanner.Target, error]
	}{
		"flags":   {Spec{BatchTargets: 10}, hosts(n)},
		"roots":   {Spec{BatchTargets: 10, Flags: []string{"--pem=true"}, Roots: "x"}, hosts(n)},
		"shorter": {spec, hosts(n - 1)},
		"longer":  {spec, hosts(n + 1)},
		"half":    {spec, hosts(n / 2)},
		"changed": {spec, cutTag(hosts(n), n-1)},
	} {
		if _, err := c.Put(t.Context(), "a", test.spec, test.targets, whole); !errors.Is(err, ErrOther) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Other sizes do not matter: the job has its own.
	if again := put(t, c, "a", Spec{BatchTargets: 7, Flags: []string{"--pem=true"}}, hosts(n)); again.Found != n/10 {
		t.Errorf("%+v", again)
	}
}

// cutTag gives the i-th target a tag.
func cutTag(targets iter.Seq2[scanner.Target, error], i int) iter.Seq2[scanner.Target, error] {
	return func(yield func(scanner.Target, error) bool) {
		for t, err := range targets {
			if t.Line == i+1 {
				t.Tag = "other"
			}
			if !yield(t, err) {
				return
			}
		}
	}
}

// TestPutErrors: what ends a list ends its put, and the job is not whole.
func TestPutErrors(t *testing.T) {
	t.Parallel()
	b := startBroker(t, server.Options{})
	c := b.connect(Options{})
	broken := errors.New("broken")
	for name, put := range map[string]func() error{
		"list": func() error {
			_, err := c.Put(t.Context(), "list", Spec{}, func(yield func(scanner.Target, error) bool) {
				for target := range hosts(2000) {
					if !yield(target, nil) {
						return
					}
				}
				yield(scanner.Target{}, broken)
			}, whole)
			return err
		},
		"changed": func() error {
			_, err := c.Put(t.Context(), "changed", Spec{}, hosts(2000), func() error { return broken })
			return err
		},
	} {
		if err := put(); !errors.Is(err, broken) {
			t.Errorf("%s: %v", name, err)
		}
		j, err := c.Open(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if e, err := j.end(t.Context()); e != nil || err != nil {
			t.Errorf("%s is whole: %v", name, err)
		}
	}
	if _, err := c.Put(t.Context(), "a b", Spec{}, hosts(1), whole); err == nil {
		t.Error("any name will do")
	}
}

// TestPutLongLines: batches are cut by their bytes too.
func TestPutLongLines(t *testing.T) {
	t.Parallel()
	b := startBroker(t, server.Options{})
	c := b.connect(Options{})
	const n = 3000
	tag := strings.Repeat("tag ", 250)
	report := put(t, c, "a", Spec{}, func(yield func(scanner.Target, error) bool) {
		for target := range hosts(n) {
			target.Tag = tag
			if !yield(target, nil) {
				return
			}
		}
	})
	if least := n * len(tag) / batchBytes; report.Batches < least || report.Batches > 2*least {
		t.Errorf("%d batches", report.Batches)
	}
	work(t, &Worker{Job: report.Job})
	collect(t, &Collector{Job: report.Job}).once(t, n)
}

// TestFullStore: put waits for room, and goes on when a collect has made some.
func TestFullStore(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	b := startBroker(t, server.Options{MaxStore: 400 << 10})
	waiting := make(chan struct{})
	once := sync.OnceFunc(func() { close(waiting) })
	c := b.connect(Options{Say: func(s string) {
		t.Log(s)
		if strings.Contains(s, "waiting") {
			once()
		}
	}})
	const n = 20000
	var wait sync.WaitGroup
	wait.Go(func() {
		if _, err := c.Put(t.Context(), "a", Spec{BatchTargets: 100}, hosts(n), whole); err != nil {
			t.Error(err)
		}
	})
	<-waiting
	other := b.connect(Options{})
	j, err := other.Open(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	wait.Go(func() { work(t, &Worker{Job: j}) })
	collect(t, &Collector{Job: j, Follow: true, Delete: true}).once(t, n)
	wait.Wait()
	info, err := j.stream.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes left of %d records", info.State.Bytes, n)
}

// TestLostStore: a server that comes back without its store has no jobs, and
// says so.
func TestLostStore(t *testing.T) {
	t.Parallel()
	b := startBroker(t, server.Options{})
	c := b.connect(Options{})
	report := put(t, c, "a", Spec{BatchTargets: 10}, hosts(1000))
	block := make(chan struct{})
	began := make(chan struct{})
	once := sync.OnceFunc(func() { close(began) })
	ended := make(chan error)
	go func() {
		ended <- (&Worker{Job: report.Job, Scanner: blocking(once, block)}).Run(t.Context())
	}()
	<-began
	b.stop()
	if err := os.RemoveAll(b.options.Store); err != nil {
		t.Fatal(err)
	}
	b.start()
	close(block)
	if err := <-ended; !errors.Is(err, ErrNoJob) {
		t.Error(err)
	}
	// The same command begins again, with another job.
	again := put(t, c, "a", Spec{BatchTargets: 10}, hosts(1000))
	if again.Found != 0 || again.Job.Spec.ID == report.Job.Spec.ID {
		t.Errorf("%+v", again)
	}
	work(t, &Worker{Job: again.Job})
	collect(t, &Collector{Job: again.Job}).once(t, 1000)
}
