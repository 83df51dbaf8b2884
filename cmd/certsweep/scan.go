package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"time"

	"golang.org/x/term"

	"certsweep/cmd/internal/flags"
	"certsweep/cmd/internal/process"
	"certsweep/cmd/internal/scan"
	"certsweep/dialer"
	"certsweep/results"
	"certsweep/results/report"
	"certsweep/scanner"
)

// environment is what a command may use of the process it runs in.
type environment struct {
	stdin          *os.File
	stdout, stderr *os.File
	// stop is done when no more targets shall be taken, abort when those in
	// flight shall be dropped too.
	stop, abort context.Context
	screen      screen
}

// scan is the command without a name.
func (e *environment) scan(args []string) error {
	o := newOptions()
	described := o.command()
	if err := parse(described, args); err != nil {
		return err
	}
	if done, err := e.inform(described, o); done {
		return err
	}
	if err := o.validate(described); err != nil {
		return err
	}
	if err := checkCollisions(o.inputs(), []usedFile{{"--output", o.output}, {"--summary", o.summary}}); err != nil {
		return err
	}
	in, err := e.openScanned(o)
	if err != nil {
		return err
	}
	defer in.Close()
	s, d, err := e.newScanner(o)
	if err != nil {
		return err
	}
	o.Fit(e.stderr, s)
	complete := o.Complete()
	e.chooseFormat(o)
	// Who types targets wants to see each at once.
	typing := term.IsTerminal(int(e.stdin.Fd())) && o.ReadsStdin(true)
	if o.format == formatAuto && (typing || several(in, complete)) {
		o.format = formatTable
	}
	var count func() (int, error)
	if in.Countable {
		count = func() (int, error) { return countInput(in, complete) }
	}
	targets := o.CompleteRemarking(&in.Remarks)(scan.NotEmpty(in.Targets()))
	out, err := process.Await(e.stop, func() (*output, error) { return openOutput(o, e.stdout) })
	if err != nil {
		return err
	}
	if out.stdout && goesNowhere(e.stdout) {
		fmt.Fprintln(e.stderr, "certsweep: standard output is closed, or /dev/null: the records go nowhere (--output FILE keeps them)")
	}
	if o.resume {
		journal, total, err := e.resume(o, in, out)
		if err != nil {
			return err
		}
		targets = journal.Rest(targets)
		count = func() (int, error) { return total - journal.Len(), nil }
	}
	err = e.sweep(o, s, d, targets, count, out)
	if !o.quiet {
		in.Remarks.Tell(e.stderr)
	}
	return err
}

// openScanned opens what names the targets of a scan. On success Close has to be called.
func (e *environment) openScanned(o *options) (*scan.Input, error) {
	in, err := o.OpenInput(e.stop, e.stdin, term.IsTerminal(int(e.stdin.Fd())))
	if err != nil {
		return nil, err
	}
	if o.Strict {
		err = in.CheckStrictly(e.stop)
	}
	if err == nil && o.resume && !in.Countable {
		err = usageError("--resume reads the list twice: name its files instead of standard input or a pipe")
	}
	if err != nil {
		in.Close()
		return nil, err
	}
	return in, nil
}

// inform answers --help, -h and --version.
func (e *environment) inform(described *flags.Command, o *options) (done bool, err error) {
	switch {
	case o.help:
		_, err = io.WriteString(e.stdout, described.Help(e.width()))
	case o.shortHelp:
		_, err = io.WriteString(e.stdout, described.Short())
	case o.version:
		_, err = fmt.Fprintln(e.stdout, "certsweep", process.Version(version, commit))
	default:
		return false, nil
	}
	return true, err
}

// sweep scans, and writes records to out, progress and summary. count says how
// many targets there are; nil where only the end can tell.
func (e *environment) sweep(o *options, s *scanner.Scanner, d *dialer.Dialer, targets iter.Seq2[scanner.Target, error], count func() (int, error), out *output) error {
	summaryFile, err := process.Await(e.stop, func() (*replacement, error) { return openSummary(o) })
	if err != nil {
		return errors.Join(err, out.Close())
	}
	var w io.Writer = out
	if out.stdout {
		w = e.screen.above(e.stdout)
	}
	encoder := e.newSink(o, w)
	// Whoever sees a card wants to see the chain.
	s.Recorder.Chain = o.Chain || o.format == formatCard || o.format == formatAuto
	summary := results.Summary{Resumed: out.resumed}
	progress := e.startProgress(o, count)
	stopDebug, err := startDebug(o.debugAddr, s, progress)
	if err != nil {
		progress.stop()
		return errors.Join(err, out.Close())
	}
	defer stopDebug()

	told := e.tellStop()
	s.Stop = e.stop.Done()
	s.Idle = encoder.Flush
	err = s.Scan(e.abort, targets, func(r *results.Record) error {
		progress.add(r)
		summary.Add(r)
		return writeFailure(encoder.Encode(r))
	})
	told()
	progress.stop()
	// Whatever ended the scan, what is done is kept.
	failure := writeFailure(errors.Join(encoder.Close(), out.Close()))
	if failure == nil {
		failure = err
	}

	summary.Seconds = time.Since(progress.started).Seconds()
	summary.Lookups, summary.Rescues, summary.PeakRSS = d.Resolver.Lookups(), d.Rescues(), scan.PeakRSS()
	interrupted := context.Cause(e.stop)
	summary.Interrupted = interrupted != nil || failure != nil && failure != scan.ErrNoTargets
	if !o.quiet {
		// A card says it all.
		if summary.Targets != 1 || !o.forPeople() || summary.Interrupted {
			report.WriteSummary(e.stderr, &summary, e.summaryOptions())
		}
		if summary.Interrupted && out.regular && count != nil {
			fmt.Fprintln(e.stderr, "certsweep: to go on, give the same command with --resume")
		}
	}
	if err := writeSummary(summaryFile, &summary); err != nil && failure == nil {
		failure = process.Fail(process.StatusIncomplete, fmt.Errorf("writing the summary: %w", err))
	}
	return outcome(failure, interrupted)
}

// tellStop says, once the scan is to stop, what that means. The function that it
// returns ends that, and waits until what is being said was said.
func (e *environment) tellStop() (end func()) {
	told := make(chan struct{})
	cancel := context.AfterFunc(e.stop, func() {
		defer close(told)
		before := ""
		if term.IsTerminal(int(e.stderr.Fd())) && process.TakesANSI(e.stderr) {
			before = eraseBelow // the terminal's ^C
		}
		fmt.Fprintf(e.screen.above(e.stderr), "%scertsweep: %v: finishing what has begun; once more to drop it\n", before, context.Cause(e.stop))
	})
	return func() {
		if !cancel() {
			<-told
		}
	}
}

// summaryOptions says how a summary is shown on standard error.
func (e *environment) summaryOptions() report.Options {
	options := report.Options{ASCII: isASCII(os.Getenv), Color: takesColor(e.stderr)}
	if width, _, err := term.GetSize(int(e.stderr.Fd())); err == nil {
		options.Width = width
	}
	return options
}

// outcome is the error that the scan's exit status comes from.
func outcome(failure, interrupted error) error {
	var exit *process.Exit
	switch {
	case errors.As(failure, &exit):
		return failure
	case interrupted != nil:
		return interrupted
	case failure != nil:
		// The scan has no errors but those of its input and its output.
		return process.Fail(process.StatusUsage, fmt.Errorf("reading targets: %w", failure))
	}
	return nil
}

// newScanner builds the scanner that the flags describe. One of its files may be
// a pipe, which is waited for until the process is to stop.
func (e *environment) newScanner(o *options) (*scanner.Scanner, *dialer.Dialer, error) {
	type built struct {
		scanner *scanner.Scanner
		dialer  *dialer.Dialer
	}
	b, err := process.Await(e.stop, func() (b built, err error) {
		b.scanner, b.dialer, err = o.Scanner()
		return b, err
	})
	if err == nil {
		o.TellTrust(e.stderr, "certsweep")
	}
	return b.scanner, b.dialer, err
}
