package main

import (
	"os"

	"certsweep/cmd/internal/flags"
	"certsweep/cmd/internal/process"
	"certsweep/cmd/internal/scan"
	"certsweep/results"
)

// options holds the flags of a scan.
type options struct {
	scan.Options

	format string
	fields []string
	picked *results.Fields // of fields; nil for all
	// about says what a target is, if it is one of the demo's.
	about func(*results.Record) string

	output    string
	resume    bool
	progress  string
	quiet     bool
	summary   string
	debugAddr string

	version, shortHelp, help bool
}

// newOptions returns the options of a scan with the defaults.
func newOptions() *options {
	return &options{Options: scan.New(), progress: "auto", format: formatAuto}
}

// usageError says what is wrong with the command line.
func usageError(format string, args ...any) error {
	return process.Usage(format, args...)
}

// parse reads a command line and the environment.
func parse(c *flags.Command, args []string) error {
	if err := c.Parse(args, os.LookupEnv); err != nil {
		return process.Fail(process.StatusUsage, err)
	}
	return nil
}

// validate checks what no single flag can, before anything is dialed.
func (o *options) validate(c *flags.Command) error {
	if err := o.Validate(c); err != nil {
		return err
	}
	switch {
	case o.resume && (o.output == "" || o.output == "-"):
		return usageError("--resume needs --output FILE, which it continues")
	case o.resume && o.format != formatAuto && o.format != formatJSONL:
		return usageError("--resume continues JSON Lines: leave out --format %s", o.format)
	case o.resume && o.AllIPs:
		return usageError("--resume and --all-ips exclude each other: how many records a name has is known only when it was looked up")
	}
	return o.pickFields()
}
