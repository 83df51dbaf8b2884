package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"golang.org/x/term"

	"certsweep/cmd/internal/flags"
	"certsweep/cmd/internal/process"
	"certsweep/cmd/internal/scan"
	"certsweep/results"
	"certsweep/results/report"
	"certsweep/scanner"
	"certsweep/scanner/capture"
)

// groupCapture is the heading of what says how to read a capture.
const groupCapture = "Capture"

// pcapOptions holds the flags of certsweep pcap: its own, and those of a scan that
// say what records have and where they go.
type pcapOptions struct {
	*options
	keylog        string
	clients       bool
	unique        bool
	asOf          string
	idle          flags.Duration
	perConnection flags.Size
	total         flags.Size
	maxMemory     flags.Size
}

func newPcapOptions() *pcapOptions {
	return &pcapOptions{
		options: newOptions(), asOf: "capture", idle: flags.Duration(capture.DefaultIdle),
		perConnection: capture.DefaultMaxPerConnection, total: capture.DefaultMaxTotal,
	}
}

// command describes certsweep pcap.
func (o *pcapOptions) command() *flags.Command {
	return &flags.Command{
		Name: "certsweep pcap", Bit: scan.OfPcap, Prefix: environmentPrefix,
		Summary: "certsweep pcap reads TLS handshakes out of packet captures and writes one JSON line for each, as a scan does. It sends nothing.",
		Usage: []flags.Line{
			{Text: "certsweep pcap [flags] FILE...", Meaning: "read captures, several of which are one"},
			{Text: "tcpdump -w - ... | certsweep pcap [flags] -", Meaning: "write records as they come"},
		},
		Groups: []string{groupCapture, scan.GroupTrust, scan.GroupOutput},
		Flags:  slices.Concat(o.flags(), o.RecordFlags(), o.outputFlags()),
		Notes: []flags.Note{
			{Title: "Captures", Text: "pcap and pcapng, also compressed with gzip or zstd. TLS 1.3 encrypts certificates: give --keylog, or a pcapng with the secrets in it (editcap --inject-secrets)."},
			environmentNote("CERTSWEEP_KEYLOG=keys.log"),
		},
		Exit: []flags.Line{
			{Text: "0", Meaning: "every handshake has its record"},
			{Text: "2", Meaning: "wrong usage, or a file that is not a capture"},
			{Text: "3", Meaning: "a capture was cut short, no handshake was seen, or writing failed"},
			{Text: "130, 143", Meaning: "ended by a signal"},
		},
		Elsewhere: elsewhereOf("pcap"),
		Examples: []flags.Line{
			{Text: "certsweep pcap --unique office.pcapng > seen.jsonl"},
			{Text: "certsweep pcap --keylog sslkeys.log browser.pcap | jq ."},
			{Text: "tcpdump -i eth0 -w - 'tcp' | certsweep pcap -"},
			{Text: "certsweep pcap office.pcapng | certsweep check --from -"},
		},
	}
}

func (o *pcapOptions) flags() []flags.Flag {
	own := []flags.Flag{
		{Name: "keylog", Argument: "FILE", To: &o.keylog, Kind: flags.File, Common: scan.OfPcap, Text: "TLS 1.3 secrets, as browsers write them for `SSLKEYLOGFILE`"},
		{Name: "unique", To: &o.unique, Common: scan.OfPcap, Text: "one record for each server, port, name and certificate, at the end",
			More: "`capture.seen` counts the connections."},
		{Name: "clients", To: &o.clients, Common: scan.OfPcap, Text: "add the certificates that clients showed"},
		{Name: "fingerprint", To: &o.Survey.Fingerprint, Text: "add JA3 of the client and JA3S of the server"},
		{Name: "as-of", Argument: "WHEN", To: &o.asOf, Common: scan.OfPcap, Text: "judge dates as of the `capture`, `now`, or a time such as 2026-11-26T12:00:00Z"},
		{Name: "idle", Argument: "D", To: &o.idle, Text: "how long a connection may be without a packet, by the packets' own time"},
		{Name: "max-buffered-per-connection", Argument: "SIZE", To: &o.perConnection, Text: "maximum memory for one connection"},
		{Name: "max-buffered-total", Argument: "SIZE", To: &o.total, Text: "maximum memory for all connections; the one longest without a packet is given up first"},
		{Name: "max-memory", Argument: "SIZE", To: &o.maxMemory, Default: "none", Text: "memory limit of the whole process; sets the two above if they are not given"},
	}
	for i := range own {
		own[i].Group, own[i].In = groupCapture, scan.OfPcap
	}
	return own
}

// What a process with a memory limit needs besides connections, in bytes.
const (
	// leastPcapMemory leaves room for some hundred handshakes at a time.
	leastPcapMemory flags.Size = 64 << 20
	// basePcapMemory is the binary, the trust anchors, the buffers of files and the
	// runtime's own.
	basePcapMemory = 40 << 20
	// outsideMemory is resident but not the Go runtime's.
	outsideMemory = 28 << 20
)

// validate checks the flags, and works out the caps.
func (o *pcapOptions) validate(c *flags.Command) error {
	o.Files = c.Args()
	o.TrustSet = c.Changed("trust")
	if o.maxMemory != 0 && o.maxMemory < leastPcapMemory {
		return usageError("--max-memory must be at least %v", new(leastPcapMemory))
	}
	if o.maxMemory != 0 && !c.Changed("max-buffered-total") {
		// The collector runs when as much garbage has come together as is in use.
		o.total = (o.maxMemory - basePcapMemory) / 2
		if !c.Changed("max-buffered-per-connection") {
			o.perConnection = min(o.perConnection, o.total/8)
		}
	}
	switch {
	case o.idle == 0:
		return usageError("--idle must be more than 0")
	case o.perConnection < capture.MinPerConnection:
		return usageError("--max-buffered-per-connection must be at least %v", new(flags.Size(capture.MinPerConnection)))
	case o.total < capture.MinTotal || o.total < 2*o.perConnection:
		return usageError("--max-buffered-total must be at least %v, and twice --max-buffered-per-connection", new(flags.Size(capture.MinTotal)))
	}
	if err := o.pickFields(); err != nil {
		return err
	}
	dashes := 0
	for _, name := range o.Files {
		if name == "-" {
			dashes++
		}
	}
	if dashes > 1 {
		return usageError("standard input can be read once: name - once")
	}
	return nil
}

// judgedAsOf returns the time of --as-of, zero for that of the capture.
func (o *pcapOptions) judgedAsOf() (time.Time, error) {
	switch o.asOf {
	case "capture":
		return time.Time{}, nil
	case "now":
		return time.Now(), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, o.asOf); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usageError("--as-of %s: write capture, now, a date such as 2026-11-26, or a time such as 2026-11-26T12:00:00Z", results.Visible(o.asOf))
}

// pcap reads captures.
func (e *environment) pcap(args []string) error {
	o := newPcapOptions()
	described := o.command()
	if err := parse(described, args); err != nil {
		return err
	}
	if done, err := e.inform(described, o.options); done {
		return err
	}
	if err := o.validate(described); err != nil {
		return err
	}
	if len(o.Files) == 0 {
		if term.IsTerminal(int(e.stdin.Fd())) {
			return usageError("no capture: name a FILE, or pipe one into standard input\nsee certsweep pcap --help")
		}
		o.Files = []string{"-"}
	}
	inputs := append(o.inputs(), usedFile{"--keylog", o.keylog})
	if err := checkCollisions(inputs, []usedFile{{"--output", o.output}, {"--summary", o.summary}}); err != nil {
		return err
	}
	reader, err := e.newCapture(o)
	if err != nil {
		return err
	}
	files, err := e.openCaptures(o.Files)
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	if err != nil {
		return err
	}
	out, err := process.Await(e.stop, func() (*output, error) { return openOutput(o.options, e.stdout) })
	if err != nil {
		return err
	}
	if e.chooseFormat(o.options); o.format == formatAuto {
		o.format = formatTable
	}
	if o.maxMemory != 0 && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(o.maxMemory) - outsideMemory)
	}
	return e.readCaptures(o, reader, files, out)
}

// newCapture builds the reader that the flags describe.
func (e *environment) newCapture(o *pcapOptions) (*capture.Reader, error) {
	asOf, err := o.judgedAsOf()
	if err != nil {
		return nil, err
	}
	verifier, err := o.Verifier()
	if err != nil {
		return nil, err
	}
	o.TellTrust(e.stderr, "certsweep")
	r := &capture.Reader{
		Recorder: scanner.Recorder{Verifier: verifier, Chain: o.Chain, PEM: o.PEM, AsOf: asOf},
		Clients:  o.clients, Fingerprint: o.Survey.Fingerprint, Unique: o.unique, Idle: time.Duration(o.idle),
		MaxPerConnection: int64(o.perConnection), MaxTotal: int64(o.total),
	}
	if o.keylog == "" {
		return r, nil
	}
	r.Keys = new(capture.KeyLog)
	known, err := process.Await(e.stop, func() (bool, error) {
		file, err := os.Open(o.keylog)
		if err != nil {
			return false, err
		}
		defer file.Close()
		return r.Keys.Read(file)
	})
	if err != nil {
		return nil, process.StoppedOr(e.stop, usageError("--keylog: %w", err))
	}
	if !known {
		fmt.Fprintf(e.stderr, "certsweep: --keylog %s has no line of a key log\n", results.Visible(o.keylog))
	}
	return r, nil
}

// openCaptures opens all files before anything is read.
func (e *environment) openCaptures(names []string) (files []*os.File, err error) {
	for _, name := range names {
		file := e.stdin
		if name != "-" {
			if file, err = process.Await(e.stop, func() (*os.File, error) { return os.Open(name) }); err != nil {
				return files, process.StoppedOr(e.stop, process.Fail(process.StatusUsage, err))
			}
		}
		files = append(files, file)
		info, err := file.Stat()
		if err == nil && info.IsDir() {
			err = &fs.PathError{Op: "read", Path: name, Err: errors.New("is a directory")}
		}
		if err == nil && name != "-" && info.Mode().IsRegular() {
			if err = capture.Check(file); err == nil {
				_, err = file.Seek(0, io.SeekStart)
			} else if errors.Is(err, capture.ErrNoCapture) {
				err = fmt.Errorf("%s: %w", name, err)
			}
		}
		if err != nil && !errors.Is(err, capture.ErrCut) {
			return files, process.Fail(process.StatusUsage, err)
		}
	}
	return files, nil
}

// readCaptures reads the files, and writes records to out, progress and summary.
func (e *environment) readCaptures(o *pcapOptions, reader *capture.Reader, files []*os.File, out *output) error {
	summaryFile, err := process.Await(e.stop, func() (*replacement, error) { return openSummary(o.options) })
	if err != nil {
		return errors.Join(err, out.Close())
	}
	var w io.Writer = out
	if out.stdout {
		w = e.screen.above(e.stdout)
	}
	encoder := e.newSink(o.options, w)
	summary := results.Summary{Capture: &reader.Counts}
	progress := e.startByteProgress(o.options, sizeOf(files))
	emit := func(r *results.Record) error {
		progress.add(r)
		summary.Add(r)
		return writeFailure(encoder.Encode(r))
	}
	var failure error
	for i, file := range files {
		in := &captureFile{file: file, stop: e.stop, progress: progress, flush: encoder.Flush}
		err := in.read(reader, i+1, o.Files[i], emit)
		if context.Cause(e.stop) != nil {
			break // whatever the reader made of that
		}
		if err != nil {
			failure = errors.Join(failure, err)
		}
		if err != nil && !errors.Is(err, capture.ErrCut) {
			break
		}
	}
	if context.Cause(e.abort) == nil {
		if err := reader.End(emit); err != nil && failure == nil {
			failure = err
		}
	}
	progress.stop()
	if err := writeFailure(errors.Join(encoder.Close(), out.Close())); err != nil {
		failure = err
	}
	interrupted := context.Cause(e.stop)
	if failure == nil && interrupted == nil && summary.Targets == 0 {
		failure = process.Fail(process.StatusIncomplete, errors.New("no TLS handshake in the capture"))
	}
	summary.Seconds, summary.PeakRSS = time.Since(progress.started).Seconds(), scan.PeakRSS()
	summary.Interrupted = interrupted != nil || failure != nil && summary.Targets > 0
	if !o.quiet {
		report.WriteSummary(e.stderr, &summary, e.summaryOptions())
	}
	if err := writeSummary(summaryFile, &summary); err != nil && failure == nil {
		failure = process.Fail(process.StatusIncomplete, fmt.Errorf("writing the summary: %w", err))
	}
	return captureOutcome(failure, interrupted)
}

// captureOutcome is the error that the exit status comes from.
func captureOutcome(failure, interrupted error) error {
	var exit *process.Exit
	switch {
	case errors.As(failure, &exit):
		return failure
	case interrupted != nil:
		return interrupted
	case errors.Is(failure, capture.ErrNoCapture):
		return process.Fail(process.StatusUsage, failure)
	case failure != nil:
		return process.Fail(process.StatusIncomplete, failure)
	}
	return nil
}

// sizeOf returns how many bytes files have together, 0 if one cannot tell.
func sizeOf(files []*os.File) (total int64) {
	for _, f := range files {
		info, err := f.Stat()
		if err != nil || !info.Mode().IsRegular() {
			return 0
		}
		total += info.Size()
	}
	return total
}

// captureFile is a file as it is read: counted, and ended by a signal. Records do
// not wait for a pipe that is silent.
type captureFile struct {
	file     *os.File
	stop     context.Context
	progress *progress
	flush    func() error
	in       io.Reader
	live     bool
}

func (c *captureFile) read(r *capture.Reader, line int, name string, emit func(*results.Record) error) error {
	c.in = c.file
	if info, err := c.file.Stat(); err != nil || !info.Mode().IsRegular() {
		c.in, c.live = process.Interruptible(c.stop, c.file), true
	}
	err := r.Read(line, name, c, emit)
	if errors.Is(err, capture.ErrNoCapture) || errors.Is(err, capture.ErrCut) {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return err
}

func (c *captureFile) Read(p []byte) (int, error) {
	if c.stop.Err() != nil {
		return 0, io.EOF
	}
	if c.live && c.flush() != nil {
		return 0, io.EOF // the encoder says why, once more
	}
	n, err := c.in.Read(p)
	c.progress.done.Add(int64(n))
	return n, err
}
