package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"runtime/debug"
	"time"

	"golang.org/x/crypto/x509roots/fallback/bundle"
	"golang.org/x/term"

	"certsweep/cmd/internal/flags"
	"certsweep/dialer"
	"certsweep/results"
	"certsweep/scanner"
)

// environment is what a command may use of the process it runs in.
type environment struct {
	stdin          *os.File
	stdout, stderr *os.File
	// stop is done when no more targets shall be taken, abort when those in
	// flight shall be dropped too.
	stop, abort context.Context
}

// width returns the columns of the terminal that standard output is, or those of
// a common one.
func (e *environment) width() int {
	if width, _, err := term.GetSize(int(e.stdout.Fd())); err == nil && width > 0 {
		return width
	}
	return 80
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
	in, err := openInput(e.stop, o, e.stdin, term.IsTerminal(int(e.stdin.Fd())))
	if err != nil {
		return err
	}
	defer in.Close()
	if o.resume && !in.countable {
		return usageError("--resume reads the list twice: name its files instead of standard input or a pipe")
	}
	s, d, err := e.newScanner(o)
	if err != nil {
		return err
	}
	e.fit(o, s)
	complete := o.complete()
	var count func() (int, error)
	if in.countable {
		count = func() (int, error) { return in.count(complete) }
	}
	targets := complete(notEmpty(scanner.ReadTargets(in, knownAttribute)))
	out, err := await(e.stop, func() (*output, error) { return openOutput(o, e.stdout) })
	if err != nil {
		return err
	}
	if o.resume {
		journal, total, err := e.resume(o, in, out)
		if err != nil {
			return err
		}
		targets = journal.Rest(targets)
		count = func() (int, error) { return total - journal.Len(), nil }
	}
	return e.sweep(o, s, d, targets, count, out)
}

// errNoTargets ends a list without a target, which lines that make no sense are
// not. A shard or the rest of a list may well be empty, the list itself is never
// a success then.
var errNoTargets = &exitError{exitIncomplete, errors.New("no targets in the input")}

func notEmpty(targets iter.Seq2[scanner.Target, error]) iter.Seq2[scanner.Target, error] {
	return func(yield func(scanner.Target, error) bool) {
		empty := true
		for t, err := range targets {
			empty = empty && t.Err != nil
			if !yield(t, err) {
				return
			}
		}
		if empty {
			yield(scanner.Target{}, errNoTargets)
		}
	}
}

// inform answers --help, -h and --version.
func (e *environment) inform(described *flags.Command, o *options) (done bool, err error) {
	switch {
	case o.help:
		_, err = io.WriteString(e.stdout, described.Help(e.width()))
	case o.shortHelp:
		_, err = io.WriteString(e.stdout, described.Short())
	case o.version:
		_, err = fmt.Fprintln(e.stdout, "certsweep", version())
	default:
		return false, nil
	}
	return true, err
}

// version returns the version that the go command recorded in the binary.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(unknown version)"
	}
	return info.Main.Version + " " + info.GoVersion
}

// sweep scans, and writes records to out, progress and summary. count says how
// many targets there are; nil where only the end can tell.
func (e *environment) sweep(o *options, s *scanner.Scanner, d *dialer.Dialer, targets iter.Seq2[scanner.Target, error], count func() (int, error), out *output) error {
	summaryFile, err := await(e.stop, func() (*replacement, error) { return openSummary(o) })
	if err != nil {
		return errors.Join(err, out.Close())
	}
	encoder := results.NewEncoder(out)
	summary := results.Summary{Resumed: out.resumed}
	progress := startProgress(e.stderr, o, count)
	stopDebug, err := startDebug(o.debugAddr, s, progress)
	if err != nil {
		progress.stop()
		return errors.Join(err, out.Close())
	}
	defer stopDebug()

	defer context.AfterFunc(e.stop, func() {
		fmt.Fprintf(e.stderr, "\ncertsweep: %v: finishing what is in flight; once more to drop it\n", context.Cause(e.stop))
	})()
	s.Stop = e.stop.Done()
	s.Idle = encoder.Flush
	err = s.Scan(e.abort, targets, func(r *results.Record) error {
		progress.add(r)
		summary.Add(r)
		return writeFailure(encoder.Encode(r))
	})
	progress.stop()
	// Whatever ended the scan, what is done is kept.
	failure := writeFailure(errors.Join(encoder.Flush(), out.Close()))
	if failure == nil {
		failure = err
	}

	summary.Seconds = time.Since(progress.started).Seconds()
	summary.Lookups, summary.Rescues, summary.PeakRSS = d.Resolver.Lookups(), d.Rescues(), peakRSS()
	interrupted := context.Cause(e.stop)
	summary.Interrupted = interrupted != nil || failure != nil && failure != errNoTargets
	if !o.quiet {
		summary.WriteText(e.stderr)
		if summary.Interrupted && out.regular && count != nil {
			fmt.Fprintln(e.stderr, "certsweep: to go on, give the same command with --resume")
		}
	}
	if err := writeSummary(summaryFile, &summary); err != nil && failure == nil {
		failure = &exitError{exitIncomplete, fmt.Errorf("writing the summary: %w", err)}
	}
	return outcome(failure, interrupted)
}

// outcome is the error that the scan's exit status comes from.
func outcome(failure, interrupted error) error {
	var exit *exitError
	switch {
	case errors.As(failure, &exit):
		return failure
	case interrupted != nil:
		return interrupted
	case failure != nil:
		// The scan has no errors but those of its input and its output.
		return &exitError{exitUsage, fmt.Errorf("reading targets: %w", failure)}
	}
	return nil
}

// complete returns what the flags make of the targets of a list.
func (o *options) complete() func(iter.Seq2[scanner.Target, error]) iter.Seq2[scanner.Target, error] {
	d := scanner.Defaults{Ports: o.ports, ServerName: o.sni, StartTLS: dialer.Protocol(o.startTLS)}
	return func(targets iter.Seq2[scanner.Target, error]) iter.Seq2[scanner.Target, error] {
		return scanner.Shard(o.shard).Apply(d.Apply(targets))
	}
}

// newScanner builds the scanner that the flags describe. One of its files may be
// a pipe, which is waited for until the process is to stop.
func (e *environment) newScanner(o *options) (*scanner.Scanner, *dialer.Dialer, error) {
	type built struct {
		scanner *scanner.Scanner
		dialer  *dialer.Dialer
	}
	b, err := await(e.stop, func() (b built, err error) {
		b.scanner, b.dialer, err = o.scanner()
		return b, err
	})
	return b.scanner, b.dialer, err
}

// scanner builds the scanner that the flags describe, and the dialer it has.
func (o *options) scanner() (*scanner.Scanner, *dialer.Dialer, error) {
	config := dialer.WideConfig()
	config.NextProtos = o.alpn
	if o.minTLS != 0 {
		config.MinVersion = uint16(o.minTLS)
	}
	config.MaxVersion = uint16(o.maxTLS)
	if o.noPQ {
		config.CurvePreferences = dialer.ClassicGroups()
	}
	if o.cert != "" {
		key := o.key
		if key == "" {
			key = o.cert
		}
		pair, err := tls.LoadX509KeyPair(o.cert, key)
		if err != nil {
			return nil, nil, usageError("--cert: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	if o.startTLS != "" {
		protocol, err := dialer.ParseProtocol(o.startTLS)
		if err != nil {
			return nil, nil, usageError("--starttls: %w", err)
		}
		o.startTLS = string(protocol)
	}
	verifier, err := o.verifier()
	if err != nil {
		return nil, nil, err
	}
	d := &dialer.Dialer{
		Config:          config,
		Resolver:        &dialer.Resolver{Servers: o.resolvers, Network: o.network()},
		NoSNI:           o.noSNI,
		PublicOnly:      o.publicOnly,
		AllCertificates: o.allCertificates,
		NoRescue:        o.noRescue,
		ConnectTimeout:  time.Duration(o.connectTimeout),
		DrainTimeout:    o.drain(),
		DrainBytes:      int64(o.drainBytes),
	}
	s := &scanner.Scanner{
		Probe:    d.Probe,
		Workers:  o.concurrency,
		Timeout:  time.Duration(o.timeout),
		Recorder: scanner.Recorder{Verifier: verifier, Chain: o.chain, PEM: o.pem},
		Retries:  o.retries,
		Rate:     o.rate,
		PerHost:  o.perHost,
	}
	if o.allIPs {
		s.Lookup = d.Lookup
	}
	return s, d, nil
}

// verifier returns the trust anchors that --trust and --ca-file name; nil
// where nothing is to be verified.
func (o *options) verifier() (*results.Verifier, error) {
	roots := x509.NewCertPool()
	if o.caFile != "" {
		pem, err := os.ReadFile(o.caFile)
		if err != nil {
			return nil, usageError("--ca-file: %w", err)
		}
		if !roots.AppendCertsFromPEM(pem) {
			return nil, usageError("--ca-file: no certificate in PEM form in %s", o.caFile)
		}
		if !o.trustSet {
			return &results.Verifier{Roots: roots}, nil
		}
	}
	switch o.trust {
	case "none":
		if o.caFile != "" {
			return nil, usageError("--ca-file and --trust none exclude each other")
		}
		return nil, nil
	case "mozilla":
		constrained := make(map[string]bool) // by the certificate
		for root := range bundle.Roots() {
			cert, err := x509.ParseCertificate(root.Certificate)
			if err != nil {
				return nil, fmt.Errorf("the built-in root certificates: %w", err)
			}
			if root.Constraint == nil {
				roots.AddCert(cert)
			} else {
				roots.AddCertWithConstraint(cert, root.Constraint)
				constrained[string(cert.Raw)] = true
			}
		}
		return &results.Verifier{Roots: roots, Public: o.caFile == "", Constrained: func(anchor *x509.Certificate) bool { return constrained[string(anchor.Raw)] }}, nil
	case "system":
		system, err := x509.SystemCertPool()
		if err != nil || system.Equal(x509.NewCertPool()) {
			return nil, usageError("this system has no trust anchors: install ca-certificates, or use --trust mozilla or none")
		}
		if o.caFile != "" {
			pem, _ := os.ReadFile(o.caFile)
			system.AppendCertsFromPEM(pem)
		}
		roots = system
	}
	return &results.Verifier{Roots: roots, Public: o.caFile == ""}, nil
}
