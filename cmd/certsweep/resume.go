package main

import (
	"context"
	"errors"
	"fmt"

	"certsweep/cmd/internal/process"
	"certsweep/cmd/internal/scan"
	"certsweep/results"
	"certsweep/scanner"
)

// resume reads the records that out holds already and returns the journal of
// them, with the number of the list's targets. Nothing has been changed where
// it fails; else a record that was cut off is gone from out's end.
func (e *environment) resume(o *options, in *scan.Input, out *output) (*scanner.Journal, int, error) {
	journal := &scanner.Journal{Ports: o.Ports, Names: in.Names()}
	whole, err := results.ReadJournal(out, func(entry results.Entry) error {
		if e.stop.Err() != nil {
			return context.Cause(e.stop)
		}
		return journal.Add(entry)
	})
	if e.stop.Err() != nil {
		return nil, 0, context.Cause(e.stop)
	}
	if err != nil {
		return nil, 0, notResumed(o, err)
	}
	total, err := e.checkJournal(o, in, journal)
	if err != nil {
		return nil, 0, err
	}
	if err := out.cut(whole); err != nil {
		return nil, 0, process.Fail(process.StatusIncomplete, err)
	}
	out.resumed = journal.Len()
	if !o.quiet && out.resumed > 0 {
		fmt.Fprintf(e.stderr, "certsweep: resumed: %d of %d targets were done\n", out.resumed, total)
	}
	return journal, total, nil
}

// checkJournal reads the whole list, to see that it has not changed, before
// anything is dialed.
func (e *environment) checkJournal(o *options, in *scan.Input, journal *scanner.Journal) (total int, err error) {
	again, err := in.Again()
	if err != nil {
		return 0, process.Fail(process.StatusUsage, err)
	}
	defer again.Close()
	targets := o.Complete()(again.Targets())
	total, err = journal.Check(func(yield func(scanner.Target, error) bool) {
		for t, err := range targets {
			if e.stop.Err() != nil || !yield(t, err) {
				return
			}
		}
	})
	switch {
	case e.stop.Err() != nil:
		return 0, context.Cause(e.stop)
	case errors.Is(err, scanner.ErrNotThisList):
		return 0, notResumed(o, err)
	case err != nil:
		return 0, process.Fail(process.StatusUsage, fmt.Errorf("reading targets: %w", err))
	}
	return total, nil
}

// notResumed says why the records that are there cannot be gone on with.
func notResumed(o *options, err error) error {
	if !errors.Is(err, scanner.ErrNotThisList) {
		return usageError("--resume: %s: %w", o.output, err)
	}
	return usageError("--resume: %s: %w: the list, or a flag that chooses its targets (--port, --starttls, --shard, --shard-index, --exclude, --names, ...), is not what it was\n"+
		"give the same again, or another --output for a new scan", o.output, err)
}
