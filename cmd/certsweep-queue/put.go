package main

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"runtime/debug"
	"slices"

	"golang.org/x/term"

	"certsweep/cmd/certsweep-queue/queue"
	"certsweep/cmd/internal/flags"
	"certsweep/cmd/internal/process"
	"certsweep/cmd/internal/scan"
	"certsweep/scanner"
)

// The flags of a scan are put's, the workers', or each worker's own.
var (
	// putOwn say what the targets are; in a batch they are complete.
	putOwn = []string{"target", "input-format", "strict", "names", "port", "sni", "starttls", "shard", "shards", "shard-index"}
	// workOwn are a worker's own: its machine is not another's, and no private key
	// lies in a queue.
	workOwn = []string{"concurrency", "max-memory", "resolver", "cert", "key"}
)

// putPercent is the collector's, for put.
const putPercent = 50

// putOptions holds the flags of put.
type putOptions struct {
	common
	connection
	scan     scan.Options
	batch    int
	ackWait  flags.Duration
	replicas int
}

func (e *environment) put() (*flags.Command, *common, func() error) {
	o := &putOptions{connection: newConnection(), scan: scan.New(), batch: queue.DefaultBatchTargets, ackWait: flags.Duration(queue.DefaultAckWait), replicas: 1}
	c := describe("put", "certsweep-queue put cuts a list into batches and sends them to the server as it reads. The flags of the scan are the job's: every worker scans with them.")
	c.Usage = []flags.Line{{Text: "certsweep-queue put --job NAME [flags] [FILE|-]..."}}
	c.Groups = slices.Concat([]string{groupJob, groupServer}, scan.Groups)
	c.Flags = slices.Concat([]flags.Flag{
		o.jobFlag("name of the job: letters, digits, - and _; an unfinished one of the same list and flags goes on"),
		{Name: "batch", Argument: "N", To: &o.batch, Group: groupJob, Text: "maximum targets in a batch: what a worker takes at a time"},
		{Name: "ack-wait", Argument: "D", To: &o.ackWait, Group: groupJob, Text: "how long a worker may be silent before its batches go to others"},
		{Name: "replicas", Argument: "N", To: &o.replicas, Group: groupJob, Text: "servers of a cluster that hold the job"},
		o.quietFlag("say nothing when it is done"),
	}, o.connection.flags(), scanFlags(&o.scan, func(name string) bool { return !slices.Contains(workOwn, name) }), o.common.flags(groupJob))
	c.Examples = []flags.Line{
		{Text: "certsweep-queue put --job march targets.txt"},
		{Text: "certsweep-queue put --job march --trust mozilla --timeout 5s top-1m.csv"},
	}
	return c, &o.common, func() error { return o.run(e, c) }
}

// scanFlags are the flags of a scan whose names are wanted.
func scanFlags(o *scan.Options, wanted func(name string) bool) []flags.Flag {
	var rows []flags.Flag
	for _, f := range o.Flags() {
		if (f.In == 0 || f.In&scan.OfScan != 0) && wanted(f.Name) {
			f.Common = 0
			rows = append(rows, f)
		}
	}
	return rows
}

func (o *putOptions) run(e *environment, c *flags.Command) error {
	if err := o.scan.Validate(c); err != nil {
		return err
	}
	if err := o.checkJob(); err != nil {
		return err
	}
	const mostTargets, leastWait = 100_000, 100_000_000 // of a batch; nanoseconds
	switch {
	case o.batch < 1 || o.batch > mostTargets:
		return process.Usage("--batch must be from 1 to %d", mostTargets)
	case o.ackWait < leastWait:
		return process.Usage("--ack-wait must be at least 100ms")
	case o.replicas < 1:
		return process.Usage("--replicas must be at least 1")
	}
	spec, err := o.spec(c)
	if err != nil {
		return err
	}
	// What no worker could do is said here, and not by each of them.
	if _, _, err := o.scan.Scanner(); err != nil {
		return err
	}
	before := stamps(append([]string{o.scan.Names}, o.scan.Files...))
	in, err := o.scan.OpenInput(e.stop, e.stdin, term.IsTerminal(int(e.stdin.Fd())))
	if err != nil {
		return err
	}
	defer in.Close()
	in.Ordered = true // a second put finds what the first has brought
	if o.scan.Strict {
		if err := in.CheckStrictly(e.stop); err != nil {
			return err
		}
	}
	client, err := o.connect(e.stop, e, false)
	if err != nil {
		return err
	}
	defer client.Close()
	if os.Getenv("GOGC") == "" {
		// What is read is sent and forgotten: the heap need not grow for it.
		debug.SetGCPercent(putPercent)
	}
	targets := o.scan.Complete()(scan.NotEmpty(in.Targets()))
	report, err := client.Put(e.stop, o.job, spec, readable(targets), func() error { return unchanged(before) })
	if !o.quiet {
		in.Remarks.Tell(e.stderr)
	}
	if report != nil && !o.quiet && (err == nil || report.Batches > 0) {
		e.sayf("job %s: %d targets in %d batches, %d of them were there%s", o.job, report.Targets, report.Batches, report.Found, again(report.Again))
	}
	if err != nil && report != nil && report.Batches > 0 && !errors.Is(err, queue.ErrOther) {
		e.say("the job is not whole: the same command goes on")
	}
	return ended(e.stop, err)
}

// spec says what the job is.
func (o *putOptions) spec(c *flags.Command) (queue.Spec, error) {
	spec := queue.Spec{By: process.Version(version, commit), BatchTargets: o.batch, AckWait: timeOf(o.ackWait), Replicas: o.replicas, Flags: jobFlags(c)}
	if o.scan.CAFile != "" {
		pem, err := os.ReadFile(o.scan.CAFile)
		if err != nil {
			return spec, process.Usage("--ca-file: %w", err)
		}
		spec.Roots = string(pem)
	}
	return spec, nil
}

func again(lost bool) string {
	if lost {
		return "; the server has lost results, and their batches are scanned again"
	}
	return ""
}

// jobFlags are the flags that go to the workers.
func jobFlags(c *flags.Command) []string {
	own := slices.Concat(putOwn, []string{"ca-file"})
	args := c.Arguments(func(f *flags.Flag) bool {
		return f.Group != groupJob && f.Group != groupServer && !slices.Contains(own, f.Name)
	})
	if args == nil {
		args = []string{}
	}
	return args
}

// readable marks an error of the list as one of its reading.
func readable(targets iter.Seq2[scanner.Target, error]) iter.Seq2[scanner.Target, error] {
	return func(yield func(scanner.Target, error) bool) {
		for t, err := range targets {
			if err != nil {
				var exit *process.Exit
				if !errors.As(err, &exit) {
					err = process.Fail(process.StatusUsage, fmt.Errorf("reading targets: %w", err))
				}
			}
			if !yield(t, err) {
				return
			}
		}
	}
}

// stamp is what a file was like before it was read.
type stamp struct {
	name string
	info os.FileInfo
}

func stamps(names []string) []stamp {
	var all []stamp
	for _, name := range names {
		if info, err := os.Stat(name); name != "-" && err == nil && info.Mode().IsRegular() {
			all = append(all, stamp{name, info})
		}
	}
	return all
}

// unchanged returns an error if a list was written to while it was read: what was
// put may be half of the one and half of the other.
func unchanged(before []stamp) error {
	for _, s := range before {
		now, err := os.Stat(s.name)
		if err != nil || !os.SameFile(now, s.info) || now.Size() != s.info.Size() || !now.ModTime().Equal(s.info.ModTime()) {
			return process.Fail(process.StatusIncomplete, fmt.Errorf(
				"%s was changed while it was put: put it again if it only grew; else drop the job, and put it when it is at rest", s.name))
		}
	}
	return nil
}
