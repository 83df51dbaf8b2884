package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"certsweep/cmd/certsweep-queue/queue"
	"certsweep/cmd/internal/flags"
	"certsweep/cmd/internal/process"
	"certsweep/cmd/internal/scan"
	"certsweep/results"
)

// statusOptions holds the flags of status.
type statusOptions struct {
	common
	connection
	json, follow bool
}

func (e *environment) status() (*flags.Command, *common, func() error) {
	o := &statusOptions{connection: newConnection()}
	c := describe("status", "certsweep-queue status says how a job stands, or all of them.")
	c.Usage = []flags.Line{{Text: "certsweep-queue status [--job NAME] [flags]"}}
	c.Groups = []string{groupJob, groupServer}
	c.Flags = slices.Concat([]flags.Flag{
		o.jobFlag("the job; without it, all of them"),
		{Name: "json", To: &o.json, Group: groupJob, Common: scan.OfScan, Text: "a JSON object for each job, a line each"},
		{Name: "follow", To: &o.follow, Group: groupJob, Common: scan.OfScan, Text: "show the job's progress until it is done"},
	}, o.connection.flags(), o.common.flags(groupJob))
	return c, &o.common, func() error { return o.run(e, c) }
}

func (o *statusOptions) run(e *environment, c *flags.Command) error {
	if args := c.Args(); len(args) > 0 {
		return process.Usage("status takes no %q: name the job with --job", args[0])
	}
	if o.job != "" || o.follow {
		if err := o.checkJob(); err != nil {
			return err
		}
	}
	client, err := o.connect(e.stop, e, o.follow)
	if err != nil {
		return err
	}
	defer client.Close()
	if o.follow {
		return ended(e.stop, o.watch(e, client))
	}
	names := []string{o.job}
	if o.job == "" {
		if names, err = client.Jobs(e.stop); err != nil {
			return ended(e.stop, err)
		}
		if len(names) == 0 && !o.json {
			_, err := fmt.Fprintln(e.stdout, "no jobs")
			return err
		}
	}
	for i, name := range names {
		s, err := statusOf(e.stop, client, name)
		if err != nil {
			if o.job == "" && (errors.Is(err, queue.ErrFormat) || errors.Is(err, queue.ErrNoJob)) {
				e.say(err.Error())
				continue
			}
			return ended(e.stop, err)
		}
		if o.json {
			err = json.NewEncoder(e.stdout).Encode(s)
		} else {
			if i > 0 {
				fmt.Fprintln(e.stdout)
			}
			err = writeStatus(e.stdout, s)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func statusOf(ctx context.Context, client *queue.Client, name string) (*queue.Status, error) {
	job, err := client.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	return job.Status(ctx)
}

// mostShown is how many workers are shown.
const mostShown = 10

// writeStatus writes a status for people.
func writeStatus(w io.Writer, s *queue.Status) error {
	var b strings.Builder
	fmt.Fprintf(&b, "job %s", s.Job)
	if len(s.Flags) > 0 {
		fmt.Fprintf(&b, "  %s", strings.Join(s.Flags, " "))
	}
	if !s.Put {
		b.WriteString("  (the list is not put as a whole)")
	}
	percent := 0.0
	if s.Targets.Total > 0 {
		percent = 100 * float64(s.Targets.Done) / float64(s.Targets.Total)
	}
	fmt.Fprintf(&b, "\ntargets  %d done (%.1f%%), %d in work, %d waiting, of %d; %d given up\n", s.Targets.Done, percent, s.Targets.InWork, s.Targets.Waiting, s.Targets.Total, s.Failed)
	fmt.Fprintf(&b, "batches  %d done, %d in work, %d waiting, of %d; %d were split, %d collected\n", s.Batches.Done, s.Batches.InWork, s.Batches.Waiting, s.Batches.Total, s.Split, s.Collected)
	if s.Lost > 0 {
		fmt.Fprintf(&b, "lost     the results of %d batches: put the list again, and they are scanned again\n", s.Lost)
	}
	fmt.Fprintf(&b, "store    %.1f MB\n", float64(s.StoreBytes)/1e6)
	fmt.Fprintf(&b, "speed    %.0f targets a second", s.TargetsPerSecond)
	if s.SecondsLeft > 0 {
		fmt.Fprintf(&b, ", %v left", seconds(s.SecondsLeft))
	}
	fmt.Fprintf(&b, "\nworkers  %d", len(s.Workers))
	if len(s.Workers) > mostShown {
		fmt.Fprintf(&b, ", the slowest %d", mostShown)
	}
	b.WriteString("\n")
	for _, worker := range s.Workers[:min(mostShown, len(s.Workers))] {
		fmt.Fprintf(&b, "  %s  %.0f/s, %d targets in %v", results.Visible(worker.Name), worker.TargetsPerSecond, worker.Targets, seconds(worker.Since))
		for i, batch := range worker.Batches {
			if i == 0 {
				b.WriteString("; has")
			}
			fmt.Fprintf(&b, " %s (%d of %d left, %v", results.Visible(batch.Batch), batch.Left, batch.Targets, seconds(batch.Seconds))
			if batch.Tries > 1 {
				fmt.Fprintf(&b, ", try %d", batch.Tries)
			}
			b.WriteString(")")
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func seconds(s float64) time.Duration {
	return time.Duration(s * float64(time.Second)).Round(time.Second)
}

// watch shows a bar until the job is done.
func (o *statusOptions) watch(e *environment, client *queue.Client) error {
	job, err := client.Open(e.stop, o.job)
	if err != nil {
		return err
	}
	bar := startBar(e, "always", false)
	defer bar.stop()
	return job.Follow(e.stop, bar.set)
}
