package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"certsweep/cmd/certsweep-queue/queue"
	"certsweep/cmd/internal/flags"
	"certsweep/cmd/internal/process"
	"certsweep/cmd/internal/scan"
	"certsweep/results"
	"certsweep/scanner"
)

const (
	// clockWarning and clockLimit are how far a worker's clock may be from the
	// server's: the days that a certificate has left are counted by it.
	clockWarning = 10 * time.Second
	clockLimit   = 5 * time.Minute
	// lookAgain is how long a worker waits before it looks for a job again.
	lookAgain = time.Second
)

// workOptions holds the flags of work.
type workOptions struct {
	common
	connection
	scan    scan.Options
	any     bool
	metrics string
}

func (e *environment) work() (*flags.Command, *common, func() error) {
	o := &workOptions{connection: newConnection(), scan: scan.New()}
	c := describe("work", "certsweep-queue work takes batches, scans them, and hands in the results. It waits for the server and for the job, and ends with the job; with --any it stays.")
	c.Usage = []flags.Line{
		{Text: "certsweep-queue work --job NAME [flags]", Meaning: "work at one job, until it is done"},
		{Text: "certsweep-queue work --any [flags]", Meaning: "work at all jobs, the oldest first, for ever"},
	}
	c.Groups = slices.Concat([]string{groupJob, groupServer}, scan.Groups)
	c.Flags = slices.Concat([]flags.Flag{
		o.jobFlag("the job"),
		{Name: "any", To: &o.any, Group: groupJob, Common: scan.OfScan, Text: "work at whatever job there is"},
		{Name: "metrics", Argument: "HOST:PORT", To: &o.metrics, Group: groupJob, Text: "serve metrics for Prometheus there"},
		o.quietFlag("say only what is wrong"),
	}, o.connection.flags(), scanFlags(&o.scan, func(name string) bool { return slices.Contains(workOwn, name) }), o.common.flags(groupJob))
	c.Notes = append(c.Notes, flags.Note{Title: "Signals", Text: "The first SIGTERM or SIGINT takes no more batches, finishes the targets in flight, and gives back what is not done; " +
		"the second gives back everything at once. What a killed worker had goes to others after the job's --ack-wait."})
	c.Examples = []flags.Line{{Text: "certsweep-queue work --any --nats tls://queue.example.com --creds worker.creds"}}
	return c, &o.common, func() error { return o.run(e, c) }
}

func (o *workOptions) run(e *environment, c *flags.Command) error {
	if args := c.Args(); len(args) > 0 {
		return process.Usage("work takes no %q: the list is put's, and the job is named with --job", args[0])
	}
	if o.any == (o.job != "") {
		return process.Usage("either --job NAME or --any")
	}
	if !o.any {
		if err := o.checkJob(); err != nil {
			return err
		}
	}
	own := c.Arguments(func(f *flags.Flag) bool { return slices.Contains(workOwn, f.Name) })
	if _, err := o.options(&queue.Spec{}, own, ""); err != nil {
		return err
	}
	client, err := o.connect(e.stop, e, true)
	if err != nil {
		return err
	}
	defer client.Close()
	w := &worker{workOptions: o, environment: e, client: client, own: own, told: make(map[string]string)}
	host, _ := os.Hostname()
	w.name = fmt.Sprintf("%s:%d", host, os.Getpid())
	stopMetrics, err := serveMetrics(o.metrics, e, w.counts.metrics())
	if err != nil {
		return err
	}
	defer stopMetrics()
	defer context.AfterFunc(e.stop, func() {
		if !o.quiet {
			e.sayf("%v: finishing what is in flight, giving back the rest; once more to drop it", context.Cause(e.stop))
		}
	})()
	return w.work()
}

// options are those of a scan as the job wants it, with the worker's own.
func (o *workOptions) options(spec *queue.Spec, own []string, caFile string) (*scan.Options, error) {
	options := scan.New()
	c := describe("work", "")
	c.Groups, c.Flags = scan.Groups, scanFlags(&options, func(string) bool { return true })
	for _, arg := range spec.Flags {
		name, _, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		// A job must not make a worker send its files to where it likes.
		if slices.Contains(slices.Concat(putOwn, workOwn, []string{"ca-file"}), name) {
			return nil, fmt.Errorf("the job sets --%s, which is not a job's to set", name)
		}
	}
	args := slices.Concat(spec.Flags, own)
	if caFile != "" {
		args = append(args, "--ca-file="+caFile)
	}
	if err := c.Parse(args, nil); err != nil {
		return nil, fmt.Errorf("this version of %s cannot do what the job asks for: %w", program, err)
	}
	if err := options.Validate(c); err != nil {
		return nil, err
	}
	return &options, nil
}

// worker is a process that works.
type worker struct {
	*workOptions
	*environment
	client *queue.Client
	own    []string
	name   string
	counts counts
	told   map[string]string // what was said of each job
}

// counts are what a worker has done.
type counts struct {
	targets, failed, batches, refused atomic.Int64
}

// tell says something of a job, once.
func (w *worker) tell(job, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if w.told[job] != text {
		w.told[job] = text
		w.say(text)
	}
}

// work works until there is no more to do, or it is told to stop.
func (w *worker) work() error {
	for {
		worked, err := w.once()
		switch {
		case context.Cause(w.stop) != nil:
			return context.Cause(w.stop)
		case err != nil || worked && !w.any:
			return ended(w.stop, err)
		}
		if worked {
			continue
		}
		select {
		case <-time.After(lookAgain):
		case <-w.stop.Done():
		}
	}
}

// once works at one job, and reports whether there was one with something to do.
func (w *worker) once() (worked bool, err error) {
	names := []string{w.job}
	if w.any {
		if names, err = w.client.Jobs(w.stop); err != nil {
			return false, w.patience(err)
		}
	}
	for _, name := range names {
		if context.Cause(w.stop) != nil {
			return false, nil
		}
		job, err := w.client.Open(w.stop, name)
		switch {
		case errors.Is(err, queue.ErrNoJob):
			if !w.any {
				w.tell(name, "there is no job %s: waiting for it", name)
			}
			continue
		case errors.Is(err, queue.ErrFormat) && w.any:
			w.tell(name, "%v", err)
			continue
		case errors.Is(err, queue.ErrFormat):
			return false, err
		case err != nil:
			return false, w.patience(err)
		}
		if w.any {
			waiting, _, err := job.Pending(w.stop)
			if err != nil || waiting == 0 {
				continue
			}
		}
		if done, err := w.at(job); done || err != nil {
			return done, err
		}
	}
	return false, nil
}

// patience tells an error of the server's that time may mend from others.
func (w *worker) patience(err error) error {
	if context.Cause(w.stop) != nil || queue.Transient(err) {
		return nil
	}
	return err
}

// at works at a job, and reports whether it did.
func (w *worker) at(job *queue.Job) (worked bool, err error) {
	if err := w.checkClock(job); err != nil {
		return false, err
	}
	s, memory, err := w.scanner(job)
	if err != nil {
		if !w.any {
			return false, err
		}
		w.tell(job.Name, "job %s: %v", job.Name, err)
		return false, nil
	}
	if !w.quiet {
		w.sayf("working at job %s", job.Name)
	}
	run := &queue.Worker{
		Job: job, Scanner: s, Name: w.name, Memory: memory, Stop: w.stop.Done(), Idle: w.idle(job),
		Emit: func(r *results.Record) {
			w.counts.targets.Add(1)
			if r.Status != results.StatusOK {
				w.counts.failed.Add(1)
			}
		},
		Finished: func(_ int, ours bool) {
			w.counts.batches.Add(1)
			if !ours {
				w.counts.refused.Add(1)
			}
		},
	}
	err = run.Run(w.abort)
	switch {
	case errors.Is(err, queue.ErrNoJob) && w.any:
		w.say(err.Error())
		return true, nil
	case err != nil:
		return true, err
	}
	if !w.quiet && context.Cause(w.stop) == nil {
		w.sayf("nothing more to do at job %s", job.Name)
	}
	return true, nil
}

// idle returns what ends the work at a job: that it is done, or for one of any
// jobs, that it has nothing and another has.
func (w *worker) idle(job *queue.Job) func(context.Context) bool {
	return func(ctx context.Context) bool {
		if !w.any {
			done, err := job.Done(ctx)
			return err == nil && done
		}
		waiting, _, err := job.Pending(ctx)
		return err == nil && waiting == 0
	}
}

// checkClock refuses to work with a clock that is wrong, and warns of one that is
// not right.
func (w *worker) checkClock(job *queue.Job) error {
	ahead, err := job.Clock(w.stop)
	if err != nil {
		return w.patience(err)
	}
	remark, err := judgeClock(ahead)
	if remark != "" {
		w.tell("", "%s", remark)
	}
	return err
}

// judgeClock says what to make of a clock that is ahead of the server's.
func judgeClock(ahead time.Duration) (remark string, err error) {
	off, way := ahead.Abs().Round(time.Second), "ahead of"
	if ahead < 0 {
		way = "behind"
	}
	switch {
	case off > clockLimit:
		return "", process.Fail(process.StatusIncomplete, fmt.Errorf(
			"this machine's clock is %v %s the server's, and what a certificate has left is counted by it: set it right (NTP)", off, way))
	case off > clockWarning:
		remark = fmt.Sprintf("this machine's clock is %v %s the server's", off, way)
	}
	return remark, nil
}

// scanner builds the job's scanner.
func (w *worker) scanner(job *queue.Job) (s *scanner.Scanner, memory int64, err error) {
	caFile := ""
	if job.Spec.Roots != "" {
		file, err := os.CreateTemp("", "certsweep-queue-*.pem")
		if err != nil {
			return nil, 0, err
		}
		defer os.Remove(file.Name())
		_, err = file.WriteString(job.Spec.Roots)
		if err = errors.Join(err, file.Close()); err != nil {
			return nil, 0, err
		}
		caFile = file.Name()
	}
	o, err := w.options(&job.Spec, w.own, caFile)
	if err != nil {
		return nil, 0, err
	}
	if s, _, err = o.Scanner(); err != nil {
		return nil, 0, err
	}
	o.TellTrust(w.stderr, program)
	o.Fit(w.stderr, s)
	// A part of what the process may take is for the records of unfinished batches.
	return s, int64(o.MaxMemory) / 4, nil
}

func timeOf(d flags.Duration) time.Duration { return time.Duration(d) }
