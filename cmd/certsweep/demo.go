package main

import (
	"fmt"
	"strings"
	"time"

	"certsweep/cmd/internal/flags"
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
	if err := o.validate(described); err != nil {
		return err
	}
	if len(o.files)+len(o.targets) > 0 {
		return usageError("demo brings its own targets: to scan yours, leave out the word demo")
	}
	if o.resume {
		return usageError("demo has other ports each time: there is nothing to --resume")
	}
	if !described.Changed("timeout") {
		o.timeout = flags.Duration(demoTimeout)
	}
	farm, err := dialertest.Start()
	if err != nil {
		return &exitError{exitIncomplete, fmt.Errorf("starting the demo's servers: %w", err)}
	}
	defer farm.Close()

	var list strings.Builder
	for _, endpoint := range farm.Endpoints {
		fmt.Fprintf(&list, "%s tag=%s\n", endpoint.Target(), endpoint.Name)
		if !o.quiet {
			fmt.Fprintf(e.stderr, "%-21s %-28s %s\n", endpoint.Addr, endpoint.Name, endpoint.About)
		}
	}
	s, d, err := e.newScanner(o)
	if err != nil {
		return err
	}
	if o.caFile == "" && !o.trustSet {
		s.Recorder.Verifier = &results.Verifier{Roots: farm.CA().Pool(), Public: true}
	}
	e.fit(o, s)
	out, err := await(e.stop, func() (*output, error) { return openOutput(o, e.stdout) })
	if err != nil {
		return err
	}
	return e.sweep(o, s, d, o.complete()(scanner.ReadTargets(strings.NewReader(list.String()), knownAttribute)), nil, out)
}
