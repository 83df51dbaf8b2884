package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/exporter-toolkit/web"

	"certsweep/cmd/internal/exporter"
	"certsweep/cmd/internal/flags"
	"certsweep/cmd/internal/process"
	"certsweep/cmd/internal/scan"
	"certsweep/results"
	"certsweep/results/policy"
	"certsweep/scanner"
)

// serveOptions holds the flags of a server: those of a check that say what to scan
// and what to ask of it, and its own.
type serveOptions struct {
	check     *checkOptions
	listen    string
	every     flags.Duration
	webConfig string
	probeAny  bool
}

// The defaults of a server. The port is one that the list of Prometheus's
// exporters has for ssl_exporter, whose place this takes.
const (
	defaultListen = "127.0.0.1:9219"
	defaultEvery  = time.Hour
)

func newServeOptions() *serveOptions {
	return &serveOptions{check: newCheckOptions(), listen: defaultListen, every: flags.Duration(defaultEvery)}
}

// flags describes the flags of a server.
func (o *serveOptions) flags() []flags.Flag {
	own := []flags.Flag{
		{Name: "listen", Argument: "HOST:PORT", To: &o.listen, Common: scan.OfServe, Text: "address to serve on"},
		{Name: "every", Argument: "D", To: &o.every, Common: scan.OfServe, Brief: "how often to probe each endpoint",
			Text: "how often to probe each endpoint; the probes are spread over that time"},
		{Name: "web-config", Argument: "FILE", To: &o.webConfig, Kind: flags.File, Common: scan.OfServe, Brief: "TLS and passwords for the server itself",
			Text: "TLS and passwords for the server itself: a web configuration file as all of Prometheus's exporters take"},
		{Name: "probe-any", To: &o.probeAny, Text: "let `/probe` dial what is not on the list",
			More: "Whoever reaches the port can then have any host and port dialed."},
	}
	for i := range own {
		own[i].Group, own[i].In = scan.GroupServing, scan.OfServe
	}
	return slices.Concat(own, o.check.gate.flags(), o.check.scan.flags())
}

// command describes certsweep serve.
func (o *serveOptions) command() *flags.Command {
	return &flags.Command{
		Name:    "certsweep serve",
		Bit:     scan.OfServe,
		Prefix:  environmentPrefix,
		Summary: "certsweep serve probes a list again and again, and serves what it finds to Prometheus and, as a page, to people.",
		Usage:   []flags.Line{{Text: "certsweep serve [flags] FILE...", Meaning: "probe the list, and serve /metrics, /probe and /"}},
		Groups:  scan.Groups,
		Flags:   o.flags(),
		Notes: []flags.Note{
			{Title: "Served", Text: "/ the report as a page; /metrics all endpoints for Prometheus; /probe?target=HOST:PORT&module=tcp one of them, probed now; /healthz; " +
				"POST /-/reload reads the list again, as SIGHUP does. A list with a mistake leaves the one before in use (certsweep_list_last_reload_successful is 0)."},
			{Title: "Expectations", Text: expectationsText},
			environmentNote("CERTSWEEP_LISTEN=:9219"),
		},
		Exit: []flags.Line{
			{Text: "0", Meaning: "ended by a signal"},
			{Text: "2", Meaning: "wrong usage, a mistake in the list, or an address that cannot be listened on"},
			{Text: "3", Meaning: "could not go on"},
		},
		Elsewhere: elsewhereOf("serve"),
		Examples: []flags.Line{
			{Text: "certsweep serve endpoints.txt"},
			{Text: "certsweep serve --listen :9219 --web-config web.yml --every 6h endpoints.txt"},
		},
	}
}

// server is what a run of the command needs.
type server struct {
	*environment
	options *serveOptions
	scanner *scanner.Scanner
	base    *policy.Policy
	store   exporter.Store
	// policy is base with what the list in use asks for.
	policy atomic.Pointer[policy.Policy]
	// reload asks for the list to be read again, and has the answer sent back.
	reload chan chan error
}

// serve probes a list again and again until a signal ends it.
func (e *environment) serve(args []string) error {
	o := newServeOptions()
	described := o.command()
	if err := parse(described, args); err != nil {
		return err
	}
	if done, err := e.inform(described, &o.check.scan); done {
		return err
	}
	if err := o.validate(described); err != nil {
		return err
	}
	s := &server{environment: e, options: o, reload: make(chan chan error)}
	o.check.scan.Chain = true // the page shows it
	var err error
	if s.scanner, _, err = e.newScanner(&o.check.scan); err != nil {
		return err
	}
	o.check.scan.Fit(e.stderr, s.scanner)
	if s.base, err = o.check.gate.policy(); err != nil {
		return err
	}
	if s.base.Baseline, err = e.readBaseline(o.check.gate.baseline); err != nil {
		return err
	}
	if err := s.load(); err != nil {
		return err
	}
	return s.run()
}

// validate checks what no single flag can, before anything is read.
func (o *serveOptions) validate(c *flags.Command) error {
	if err := o.check.validate(c); err != nil {
		return err
	}
	switch files := o.check.scan.Files; {
	case slices.Contains(files, "-") || o.check.gate.baseline == "-":
		return usageError("standard input can be read once, and serve reads its lists again: name a file")
	case len(files)+len(o.check.scan.Targets) == 0:
		return usageError("no targets: name a FILE, or use --target\nsee certsweep serve --help")
	case o.every < flags.Duration(time.Second):
		return usageError("--every must be at least 1s")
	}
	if _, _, err := net.SplitHostPort(o.listen); err != nil {
		return usageError("--listen %s: write an address as 127.0.0.1:9219 or :9219", o.listen)
	}
	if err := web.Validate(o.webConfig); err != nil {
		return usageError("--web-config: %w", err)
	}
	return nil
}

// load reads the list. If there is a mistake in it, all stays as it was.
func (s *server) load() error {
	o := s.options.check
	for _, name := range o.scan.Files {
		// What is no file may be a target. A pipe would be waited for, while nothing
		// is probed.
		if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
			return usageError("%s is not a regular file, and serve reads its lists again", name)
		}
	}
	l, err := s.openList(o)
	if err != nil {
		return err
	}
	defer l.Close()
	targets, err := l.targets(o.scan.Complete())
	if err != nil {
		return err
	}
	if err := s.store.Load(scan.NotEmpty(targets)); err != nil {
		return process.Fail(process.StatusUsage, err)
	}
	p := *s.base
	p.Expectations = &l.expectations
	s.policy.Store(&p)
	return nil
}

// run serves and probes until a signal comes.
func (s *server) run() error {
	listener, err := net.Listen("tcp", s.options.listen)
	if err != nil {
		return usageError("--listen: %w", err)
	}
	handler := exporter.Server{
		Store: &s.store, Version: process.Release(version), Scanner: s.scanner, Policy: s.policy.Load, Complete: s.options.check.scan.Complete(),
		ProbeAny: s.options.probeAny, Reload: s.askReload,
	}
	// A page of 50,000 endpoints takes a slow reader a while.
	h := &http.Server{Handler: handler.Handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, WriteTimeout: 5 * time.Minute, MaxHeaderBytes: 64 << 10}
	logger := slog.New(slog.NewTextHandler(s.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	served := make(chan error, 1)
	go func() {
		none := false
		served <- web.Serve(listener, h, &web.FlagConfig{WebConfigFile: &s.options.webConfig, WebSystemdSocket: &none, WebListenAddresses: &[]string{s.options.listen}}, logger)
	}()
	scheme := "http"
	if s.options.webConfig != "" {
		scheme = "http(s)"
	}
	fmt.Fprintf(s.stderr, "certsweep: serving %s on %s://%s/, each probed every %v\n",
		s.endpoints(), scheme, listener.Addr(), &s.options.every)
	err = s.probe(served)
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	_ = h.Shutdown(ctx) // whoever still reads is cut off
	return err
}

// endpoints counts those of the list in words.
func (s *server) endpoints() string {
	if n := s.store.Len(); n != 1 {
		return fmt.Sprintf("%d endpoints", n)
	}
	return "1 endpoint"
}

// shutdownTime is what answers under way have to end once a signal came.
const shutdownTime = 3 * time.Second

// probe makes one pass after the other. A list that is new is probed at once as far
// as it was never probed; later passes are spread over the interval.
func (s *server) probe(served <-chan error) error {
	hangup := process.Hangup()
	fresh := true
	for {
		pass, end := context.WithCancel(s.stop)
		done := make(chan error, 1)
		go func(fresh bool) { done <- s.pass(pass, fresh) }(fresh)
		fresh = false
		var err error
		var answer chan error
		select {
		case err = <-done:
		case <-hangup:
			answer = make(chan error, 1)
		case answer = <-s.reload:
		case err = <-served:
			end()
			return process.Fail(process.StatusIncomplete, fmt.Errorf("serving: %w", err))
		}
		if answer != nil {
			// One scan at a time: this one ends before the next begins.
			end()
			err = <-done
			fresh = true
			answer <- s.loadAgain()
		}
		end()
		if context.Cause(s.stop) != nil {
			return nil
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			return process.Fail(process.StatusIncomplete, err)
		}
	}
}

// loadAgain reads the list again and says how that went.
func (s *server) loadAgain() error {
	err := s.load()
	if err != nil {
		s.store.ReloadFailed()
		fmt.Fprintf(s.stderr, "certsweep: the list stays as it was: %s\n", process.VisibleLines(err))
		return err
	}
	fmt.Fprintf(s.stderr, "certsweep: read the list again: %s\n", s.endpoints())
	return nil
}

// askReload has the list read again, and waits for it.
func (s *server) askReload() error {
	answer := make(chan error, 1)
	select {
	case s.reload <- answer:
	case <-s.stop.Done():
		return context.Cause(s.stop)
	}
	return <-answer
}

// pass probes the list once, which takes the interval, or of a new list what was
// never probed, at once.
func (s *server) pass(ctx context.Context, fresh bool) error {
	targets := s.store.Targets(fresh)
	every := time.Duration(s.options.every)
	if fresh {
		every = 0
	}
	began := time.Now()
	s.store.Begin(began)
	p := s.policy.Load()
	p.Baseline.Reset()
	err := s.scanner.Scan(ctx, exporter.Spread(targets, every, ctx.Done()), func(r *results.Record) error {
		v := p.Judge(r, time.Now())
		s.store.Put(&v)
		return nil
	})
	if err != nil || ctx.Err() != nil {
		return err
	}
	if !fresh || len(targets) == s.store.Len() {
		s.store.End(time.Now(), p.Gone())
	}
	select {
	case <-time.After(time.Until(began.Add(every))):
	case <-ctx.Done():
	}
	return nil
}
