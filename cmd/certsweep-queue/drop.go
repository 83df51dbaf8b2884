package main

import (
	"slices"

	"certsweep/cmd/internal/flags"
	"certsweep/cmd/internal/process"
)

func (e *environment) drop() (*flags.Command, *common, func() error) {
	var o struct {
		common
		connection
	}
	o.connection = newConnection()
	c := describe("drop", "certsweep-queue drop ends a job: its batches and its results are gone. Workers notice.")
	c.Usage = []flags.Line{{Text: "certsweep-queue drop --job NAME [flags]"}}
	c.Groups = []string{groupJob, groupServer}
	c.Flags = slices.Concat([]flags.Flag{o.jobFlag("the job"), o.quietFlag("say nothing when it is done")}, o.connection.flags(), o.common.flags(groupJob))
	return c, &o.common, func() error {
		if args := c.Args(); len(args) > 0 {
			return process.Usage("drop takes no %q: name the job with --job", args[0])
		}
		if err := o.checkJob(); err != nil {
			return err
		}
		client, err := o.connect(e.stop, e, false)
		if err != nil {
			return err
		}
		defer client.Close()
		// Also one of a later version, and one whose put was killed.
		dropped, err := client.Drop(e.stop, o.job)
		if err == nil && !dropped {
			return process.Fail(process.StatusIncomplete, noJob(o.job))
		}
		if err == nil && !o.quiet {
			e.sayf("dropped job %s", o.job)
		}
		return ended(e.stop, err)
	}
}
