package main

import (
	"fmt"
	"strings"
	"time"

	"certsweep/cmd/internal/flags"
	"certsweep/cmd/internal/process"
	"certsweep/cmd/internal/scan"
	"certsweep/dialer/dialertest"
	"certsweep/results"
	"certsweep/scanner"
)

// demoTimeout is what the demo's silent servers are waited for.
const demoTimeout = 2 * time.Second

// demo scans a farm of loopback servers: the main job without any network.
func (e *environment) demo(args []string) error {
	o := newOptions()
	described := o.demoCommand()
	if err := parse(described, args); err != nil {
		return err
	}
	if done, err := e.inform(described, o); done {
		return err
	}
	if err := o.validateDemo(described); err != nil {
		return err
	}
	farm, err := dialertest.Start()
	if err != nil {
		return process.Fail(process.StatusIncomplete, fmt.Errorf("starting the demo's servers: %w", err))
	}
	defer farm.Close()

	e.chooseFormat(o)
	if o.format == formatAuto {
		o.format = formatTable
	}
	var list strings.Builder
	abouts := make(map[string]string) // by the tag
	for _, endpoint := range farm.Endpoints {
		fmt.Fprintf(&list, "%s tag=%s\n", endpoint.Target(), endpoint.Name)
		abouts[endpoint.Name] = endpoint.About
		if !o.quiet && o.format != formatTable {
			fmt.Fprintf(e.stderr, "%-21s %-28s %s\n", endpoint.Addr, endpoint.Name, endpoint.About)
		}
	}
	o.about = func(r *results.Record) string { return abouts[r.Tag] }
	// The servers have a root of their own: the system's need not be there.
	own := o.CAFile == "" && !o.TrustSet
	if own {
		o.Trust = "none"
	}
	s, d, err := e.newScanner(o)
	if err != nil {
		return err
	}
	if own {
		s.Recorder.Verifier = &results.Verifier{Roots: farm.CA().Pool(), Public: true}
	}
	o.Fit(e.stderr, s)
	out, err := process.Await(e.stop, func() (*output, error) { return openOutput(o, e.stdout) })
	if err != nil {
		return err
	}
	asked := o.Survey.Enumerate != 0
	err = e.sweep(o, s, d, o.Complete()(scanner.ReadTargets(strings.NewReader(list.String()), scan.KnownAttribute)), nil, out)
	if err == nil && !asked && !o.quiet && o.format == formatTable {
		err = e.tellEnumeration(o, farm.Endpoint("good"))
	}
	return err
}

// validateDemo looks at the flags, and sets what they leave open.
func (o *options) validateDemo(described *flags.Command) error {
	if len(described.Args())+len(o.Targets) > 0 {
		return usageError("demo brings its own targets: to scan yours, leave out the word demo")
	}
	if err := o.validate(described); err != nil {
		return err
	}
	if o.Names != "" {
		return usageError("demo's servers have names of their own: --names is for your targets")
	}
	if o.resume {
		return usageError("demo uses other ports each time: there is nothing to --resume")
	}
	if !described.Changed("timeout") {
		o.Timeout = flags.Duration(demoTimeout)
	}
	return nil
}

// tellEnumeration says what one server of the farm accepts. To ask all of them would
// change what the demo finds, as findings are then about all that is accepted.
func (e *environment) tellEnumeration(o *options, server *dialertest.Endpoint) error {
	if err := o.Survey.Enumerate.Set("all"); err != nil {
		return err
	}
	s, _, err := e.newScanner(o)
	if err != nil {
		return err
	}
	s.Stop = e.stop.Done()
	r, err := s.One(e.abort, server.Target())
	if err != nil || r.Enumeration == nil {
		return nil // it was stopped
	}
	fmt.Fprintf(e.stderr, "\n--enumerate all finds out all that a server accepts; of %s with %d connections:\n", server.Name, r.Enumeration.Connections)
	for _, v := range r.Enumeration.Versions {
		fmt.Fprintf(e.stderr, "  suites of TLS %s: %s\n", v.Version, strings.Join(v.Suites, " "))
	}
	for _, g := range r.Enumeration.Groups {
		fmt.Fprintf(e.stderr, "  groups of TLS %s: %s\n", g.Version, strings.Join(g.Groups, " "))
	}
	return nil
}
