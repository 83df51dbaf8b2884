package main

import (
	"context"
	"errors"
	"expvar"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"certsweep/dialer"
	"certsweep/scanner"
)

// startDebug serves pprof and expvar at addr until stop is called, and makes
// the scanner count what they show. An empty addr serves nothing.
func startDebug(addr string, s *scanner.Scanner, p *progress) (stop func(), err error) {
	if addr == "" {
		return func() {}, nil
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, usageError("--debug-addr: %w", err)
	}
	publish(s, p)
	mux := http.NewServeMux()
	mux.Handle("/debug/vars", expvar.Handler())
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	return func() {
		server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintf(p.stderr, "certsweep: --debug-addr: %v\n", err)
		}
	}, nil
}

// publish adds the scan's counts to expvar, under "certsweep".
func publish(s *scanner.Scanner, p *progress) {
	vars := expvar.NewMap("certsweep")
	inFlight, drains := new(expvar.Int), new(expvar.Map).Init()
	vars.Set("in_flight", inFlight)
	vars.Set("drains", drains)
	vars.Set("done", expvar.Func(func() any { return p.done.Load() }))
	vars.Set("failed", expvar.Func(func() any { return p.failed.Load() }))
	vars.Set("rate", expvar.Func(func() any { return float64(p.done.Load()) / time.Since(p.started).Seconds() }))

	probe := s.Probe
	s.Probe = func(ctx context.Context, e dialer.Endpoint, h *dialer.Handshake) error {
		inFlight.Add(1)
		defer inFlight.Add(-1)
		err := probe(ctx, e, h)
		if h.Drain.End != "" {
			drains.Add(string(h.Drain.End), 1)
		}
		return err
	}
}
