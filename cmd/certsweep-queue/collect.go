package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"certsweep/cmd/certsweep-queue/queue"
	"certsweep/cmd/internal/flags"
	"certsweep/cmd/internal/process"
	"certsweep/cmd/internal/scan"
)

// collectOptions holds the flags of collect.
type collectOptions struct {
	common
	connection
	output                  string
	follow, ordered, delete bool
	progress                string
}

func (e *environment) collect() (*flags.Command, *common, func() error) {
	o := &collectOptions{connection: newConnection(), progress: "auto"}
	c := describe("collect", "certsweep-queue collect writes the records of a job as JSON Lines, each once. The same command with -o goes on where it was ended, whatever ended it.")
	c.Usage = []flags.Line{{Text: "certsweep-queue collect --job NAME [flags]"}}
	c.Groups = []string{groupJob, groupServer}
	c.Flags = slices.Concat([]flags.Flag{
		o.jobFlag("the job"),
		{Name: "output", Shorthand: "o", Argument: "FILE", To: &o.output, Group: groupJob, Kind: flags.File, Common: scan.OfScan, Brief: "write records to FILE; go on where it ends",
			Text: "write to FILE, and to FILE.collected how far it is; `-` is standard output", More: "If both are there, it goes on with them."},
		{Name: "follow", To: &o.follow, Group: groupJob, Common: scan.OfScan, Text: "wait until all batches are there"},
		{Name: "ordered", To: &o.ordered, Group: groupJob, Common: scan.OfScan, Text: "batches in the order of the list, instead of as they come"},
		{Name: "delete", To: &o.delete, Group: groupJob, Common: scan.OfScan, Text: "take away from the server what is safe in FILE"},
		{Name: "progress", Argument: "WHEN", To: &o.progress, Group: groupJob, Choices: progressChoices, Text: progressText},
		o.quietFlag("say only what is wrong"),
	}, o.connection.flags(), o.common.flags(groupJob))
	c.Exit = []flags.Line{
		{Text: "0", Meaning: "every target of the job is there"},
		{Text: "2", Meaning: "wrong usage, or FILE is of another job"},
		{Text: "3", Meaning: "some are missing, which is said, or writing failed"},
	}
	c.Examples = []flags.Line{{Text: "certsweep-queue collect --job march --follow -o march.jsonl --delete"}}
	return c, &o.common, func() error { return o.run(e, c) }
}

func (o *collectOptions) run(e *environment, c *flags.Command) error {
	if args := c.Args(); len(args) > 0 {
		return process.Usage("collect takes no %q: name the job with --job, and where to write with -o", args[0])
	}
	if err := o.checkJob(); err != nil {
		return err
	}
	toFile := o.output != "" && o.output != "-"
	if o.delete && !toFile {
		return process.Usage("--delete needs -o FILE: what goes into a pipe may be lost on its way")
	}
	client, err := o.connect(e.stop, e, o.follow)
	if err != nil {
		return err
	}
	defer client.Close()
	job, err := o.open(e, client)
	if err != nil {
		return err
	}
	collector := &queue.Collector{Job: job, Ordered: o.ordered, Follow: o.follow, Delete: o.delete}
	out := newStream(e.stdout)
	if toFile {
		if out, err = openCollected(o.output, job, o.ordered); err != nil {
			return err
		}
		collector.Have = out.have
	}
	collector.Write, collector.Sync = out.write, out.sync
	bar := startBar(e, o.progress, o.quiet)
	collector.Progress = bar.set
	missing, err := collector.Collect(e.stop)
	bar.stop()
	if closed := out.close(); err == nil {
		err = closed
	}
	if err != nil {
		return ended(e.stop, err)
	}
	if !o.quiet {
		e.sayf("job %s: %d records of %d batches%s", job.Name, out.records, out.batches, out.before())
	}
	return o.tellMissing(e, job, missing)
}

// open opens the job; with --follow it is waited for.
func (o *collectOptions) open(e *environment, client *queue.Client) (*queue.Job, error) {
	for said := false; ; {
		job, err := client.Open(e.stop, o.job)
		switch {
		case err == nil:
			return job, nil
		case context.Cause(e.stop) != nil:
			return nil, context.Cause(e.stop)
		case errors.Is(err, queue.ErrNoJob) && !o.follow:
			return nil, process.Fail(process.StatusIncomplete, noJob(o.job))
		case !errors.Is(err, queue.ErrNoJob) && !(o.follow && queue.Transient(err)):
			return nil, ended(e.stop, err)
		}
		if !said {
			said = true
			e.sayf("%v: waiting for it", noJob(o.job))
		}
		select {
		case <-time.After(lookAgain):
		case <-e.stop.Done():
		}
	}
}

func noJob(name string) error { return fmt.Errorf("there is no job %s", name) }

// tellMissing says which batches are not there, and why.
func (o *collectOptions) tellMissing(e *environment, job *queue.Job, m *queue.Missing) error {
	if m.Whole && len(m.Paths) == 0 && m.Elsewhere == 0 {
		return nil
	}
	if !m.Whole {
		e.sayf("the list is not put as a whole: %d batches are there up to now", m.Batches)
	}
	if m.Elsewhere > 0 {
		e.sayf("the records of %d batches were collected with --delete into another file", m.Elsewhere)
	}
	if len(m.Paths) > 0 {
		why := "the server did not say why"
		if status, err := job.Status(e.stop); err == nil {
			why = reasons(status)
		}
		e.sayf("%d batches with %d targets are missing: %s", len(m.Paths), m.Targets, m.Summary())
		e.say(why)
	}
	return process.Fail(process.StatusIncomplete, errors.New("not all is there: --follow waits for it"))
}

// reasons says what missing batches are waiting for.
func reasons(s *queue.Status) string {
	if s.Lost > 0 {
		return fmt.Sprintf("%d of them were done, and the server has lost their results: put the list again, and they are scanned again", s.Lost)
	}
	text := fmt.Sprintf("%d of them wait, %d are in work by %d workers", s.Batches.Waiting, s.Batches.InWork, len(s.Workers))
	if len(s.Workers) == 0 {
		text += ": start some with certsweep-queue work --job " + s.Job
	}
	return text
}
