package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"certsweep/cmd/internal/flags"
	"certsweep/cmd/internal/process"
	"certsweep/cmd/internal/scan"
	"certsweep/results"
	"certsweep/results/policy"
	"certsweep/results/report"
	"certsweep/scanner"
)

// checkOptions holds the flags of a check: those of a scan, but for what it
// writes, and its own.
type checkOptions struct {
	scan options
	gate gateOptions

	from    []string
	format  string
	output  string
	reports []string
	all     bool

	scanning []string // flags that say how to scan
}

// sharedFlags are flags of a scan that mean something without one too.
var sharedFlags = []string{"target", "input-format", "port", "names", "progress", "quiet", "version", "help", "h"}

// newCheckOptions returns the options of a check with the defaults.
func newCheckOptions() *checkOptions {
	o := &checkOptions{scan: *newOptions(), format: string(report.Text)}
	// A gate that looks at one of several certificates can be passed with the
	// others.
	o.scan.AllCertificates = true
	for _, f := range o.scan.flags() {
		if (f.In == 0 || f.In&scan.OfCheck != 0) && !slices.Contains(sharedFlags, f.Name) {
			o.scanning = append(o.scanning, f.Name)
		}
	}
	return o
}

// check scans, or reads saved records, judges every record, and ends with the
// status that the worst of them asks for.
func (e *environment) check(args []string) error {
	o := newCheckOptions()
	described := o.command()
	if err := parse(described, args); err != nil {
		return o.unknown(e.stdout, err)
	}
	if done, err := e.inform(described, &o.scan); done {
		return err
	}
	c, err := e.openCheck(described, o)
	if err != nil {
		return o.unknown(e.stdout, err)
	}
	defer c.close()
	err = c.finish(c.run())
	if c.list.in != nil && !o.scan.quiet {
		c.list.in.Remarks.Tell(e.stderr)
	}
	return err
}

// openCheck reads and opens all that a check needs before anything is dialed.
func (e *environment) openCheck(described *flags.Command, o *checkOptions) (*check, error) {
	if err := o.validate(described); err != nil {
		return nil, err
	}
	c := &check{environment: e, options: o}
	o.scan.Chain = o.showsChain()
	var err error
	if len(o.from) == 0 {
		if c.scanner, _, err = e.newScanner(&o.scan); err != nil {
			return nil, err
		}
	}
	if c.policy, err = o.gate.policy(); err != nil {
		return nil, err
	}
	c.policy.Unverified = o.scan.Trust == "none"
	if c.policy.Baseline, err = e.readBaseline(o.gate.baseline); err != nil {
		return nil, err
	}
	if c.list, err = e.openList(o); err != nil {
		return nil, err
	}
	c.policy.Expectations = &c.list.expectations
	if err := c.openReports(); err != nil {
		c.list.Close()
		return nil, err
	}
	return c, nil
}

// openReports opens what the next run writes to.
func (c *check) openReports() (err error) {
	options := report.Options{
		Now: time.Now(), Locate: c.list.locate, Color: c.color(), Width: c.width(), Fold: term.IsTerminal(int(c.stdout.Fd())),
		ASCII: isASCII(os.Getenv), All: c.options.all,
	}
	c.reports, err = process.Await(c.stop, func() (*reports, error) { return openReports(c.options, c.screen.above(c.stdout), options) })
	return err
}

// run judges every endpoint once, and returns what ended that early. With its
// reports opened anew, a check may run and finish again.
func (c *check) run() error {
	c.summary = policy.Summary{}
	c.policy.Baseline.Reset()
	if len(c.options.from) > 0 {
		return c.readSaved()
	}
	return c.scan()
}

// close gives up what was not finished.
func (c *check) close() {
	c.reports.abort()
	c.list.Close()
}

// validate checks what no single flag can, before anything is read.
func (o *checkOptions) validate(c *flags.Command) error {
	if err := o.scan.validate(c); err != nil {
		return err
	}
	for _, name := range c.Given() {
		if len(o.from) > 0 && slices.Contains(o.scanning, name) {
			return usageError("--%s says how to scan, and --from scans nothing: leave one of them out", name)
		}
	}
	if len(o.from) > 0 && len(o.scan.Ports) > 0 && len(o.scan.Files)+len(o.scan.Targets) == 0 {
		return usageError("--port completes a list, and --from was given without one")
	}
	if len(o.from) > 0 && o.scan.Names != "" && len(o.scan.Files)+len(o.scan.Targets) == 0 {
		return usageError("--names completes a list, and --from was given without one")
	}
	readers := 0
	for _, name := range slices.Concat(o.from, o.scan.Files, []string{o.gate.baseline, o.scan.Names}) {
		if name == "-" {
			readers++
		}
	}
	if readers > 1 {
		return usageError("standard input can be read once: as a list (-), or as --from -, --baseline - or --names -")
	}
	if err := o.checkCollisions(); err != nil {
		return err
	}
	if o.gate.requireTLS != 0 && o.scan.MaxTLS != 0 && o.gate.requireTLS > o.scan.MaxTLS {
		return usageError("--require-tls %s asks for more than --max-tls %s offers", &o.gate.requireTLS, &o.scan.MaxTLS)
	}
	if o.gate.requirePQ && o.scan.NoPQ {
		return usageError("--require-pq and --no-pq exclude each other")
	}
	return nil
}

func (o *checkOptions) checkCollisions() error {
	inputs := append(o.scan.inputs(), usedFile{"--baseline", o.gate.baseline})
	for _, name := range o.from {
		inputs = append(inputs, usedFile{"--from", name})
	}
	outputs := []usedFile{{"--output", o.output}}
	for _, spec := range o.reports {
		if _, name, ok := strings.Cut(spec, "="); ok {
			outputs = append(outputs, usedFile{"--report", name})
		}
	}
	return checkCollisions(inputs, outputs)
}

// showsChain reports whether any report shows the chain.
func (o *checkOptions) showsChain() bool {
	formats := []string{o.format}
	for _, spec := range o.reports {
		format, _, _ := strings.Cut(spec, "=")
		formats = append(formats, format)
	}
	return slices.ContainsFunc(formats, func(name string) bool { return report.Format(name).ShowsChain() })
}

// check is what a run of the command needs, and what it has come to.
type check struct {
	*environment
	options *checkOptions
	scanner *scanner.Scanner // nil with --from
	list    *targetList
	policy  *policy.Policy
	reports *reports
	summary policy.Summary
}

// judge takes one record. The clock is read for each: a certificate that was
// issued while a long scan went on is not from the future.
func (c *check) judge(r *results.Record) error {
	v := c.policy.Judge(r, time.Now())
	return c.add(&v)
}

func (c *check) add(v *policy.Verdict) error {
	c.summary.Add(v)
	return c.reports.add(v)
}

// scan judges what it finds at the targets of the list.
func (c *check) scan() error {
	o := &c.options.scan
	targets, err := c.list.targets(o.CompleteRemarking(&c.list.in.Remarks))
	if err != nil {
		return err
	}
	o.Fit(c.stderr, c.scanner)
	progress := c.startProgress(o, func() (int, error) { return c.list.count(o.Complete()) })
	defer progress.stop()
	c.scanner.Stop = c.stop.Done()
	err = c.scanner.Scan(c.abort, targets, func(r *results.Record) error {
		progress.add(r)
		return c.judge(r)
	})
	var exit *process.Exit
	if err != nil && !errors.As(err, &exit) && context.Cause(c.stop) == nil {
		err = usageError("reading targets: %w", err)
	}
	return err
}

// finish writes what is left of the reports and returns what the exit status
// comes from. err is what ended the judging early.
func (c *check) finish(err error) error {
	interrupted := context.Cause(c.stop)
	if err == nil && interrupted == nil {
		err = c.addGone()
	}
	written := c.reports.finish(err == nil && interrupted == nil)

	var exit *process.Exit
	switch {
	case interrupted != nil && !errors.As(err, &exit):
		fmt.Fprintf(c.stderr, "certsweep: %v: the rest was not checked, and no report file is written\n", interrupted)
		return interrupted
	case err != nil:
		return c.options.unknown(c.stdout, err)
	}
	status := c.summary.ExitStatus()
	if c.options.nagios() {
		status = c.summary.NagiosStatus()
	}
	switch {
	case written != nil:
		return process.Fail(cmp.Or(status, process.StatusIncomplete), written)
	case c.summary.Endpoints == c.summary.Gone:
		return process.Fail(status, errors.New("no targets in the input"))
	case status != 0:
		return process.Fail(status, nil)
	}
	return nil
}

// addGone adds what only the baseline has.
func (c *check) addGone() error {
	for gone := range c.policy.Gone() {
		if err := c.add(&gone); err != nil {
			return err
		}
	}
	return nil
}

func (o *checkOptions) nagios() bool { return o.format == string(report.Nagios) }

// unknown is err, which kept the check from its end, and where a monitoring
// plugin was asked for, UNKNOWN on standard output, since nobody reads a
// plugin's standard error.
func (o *checkOptions) unknown(stdout io.Writer, err error) error {
	var exit *process.Exit
	if !o.nagios() || !errors.As(err, &exit) {
		return err
	}
	// A bar begins performance data, and a line's end the long output.
	fmt.Fprintf(stdout, "CERTSWEEP UNKNOWN - %s\n", strings.NewReplacer("|", "¦", "\n", "; ").Replace(exit.Error()))
	return process.Fail(process.StatusIncomplete, exit.Err)
}

// color reports whether standard output takes colours.
func (e *environment) color() bool { return takesColor(e.stdout) }

// takesColor reports whether a file is a terminal that takes colours, and
// nobody asked for none (https://no-color.org).
func takesColor(file *os.File) bool {
	return term.IsTerminal(int(file.Fd())) && os.Getenv("NO_COLOR") == "" && process.TakesANSI(file)
}
