package exporter

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"certsweep/cmd/internal/process"
	"certsweep/results/policy"
	"certsweep/results/report"
	"certsweep/results/report/html"
	"certsweep/scanner"
)

// Server answers requests about a store. All fields must be set; they are not
// changed once it serves.
type Server struct {
	Store *Store
	// Version is what certsweep_build_info says.
	Version string
	// Scanner and Policy are what /probe uses.
	Scanner *scanner.Scanner
	Policy  func() *policy.Policy
	// Complete adds to a target what the flags do, such as its port.
	Complete func(iter.Seq2[scanner.Target, error]) iter.Seq2[scanner.Target, error]
	// ProbeAny lets /probe dial what is not on the list.
	ProbeAny bool
	// Reload reads the list again.
	Reload func() error

	probes, pages chan struct{}
}

// Limits of what is made at the same time.
const (
	maxScrapes = 4
	maxPages   = 2
)

// Handler returns what serves.
func (s *Server) Handler() http.Handler {
	s.probes, s.pages = make(chan struct{}, maxProbes), make(chan struct{}, maxPages)
	registry := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "certsweep_build_info", Help: "Always 1: the version that runs.", ConstLabels: prometheus.Labels{"version": s.Version},
	})
	build.Set(1)
	registry.MustRegister(&collector{store: s.Store}, build, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{Registry: registry, MaxRequestsInFlight: maxScrapes, CoalesceGather: true}))
	mux.HandleFunc("GET /probe", s.probe)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /{$}", s.page)
	reload := func(w http.ResponseWriter, _ *http.Request) {
		if err := s.Reload(); err != nil {
			http.Error(w, "the list stays as it was: "+process.VisibleLines(err), http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, "reloaded")
	}
	mux.HandleFunc("POST /-/reload", reload)
	mux.HandleFunc("PUT /-/reload", reload)
	return mux
}

// page serves the report of what is known now.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	select {
	case s.pages <- struct{}{}:
		defer func() { <-s.pages }()
	default:
		http.Error(w, "others are reading the page: try again", http.StatusServiceUnavailable)
		return
	}
	now := time.Now()
	snapshot := s.Store.Snapshot()
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", html.ContentPolicy())
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-store")
	out := bufio.NewWriter(w)
	var compressed *gzip.Writer
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		header.Set("Content-Encoding", "gzip")
		compressed, _ = gzip.NewWriterLevel(w, gzip.BestSpeed)
		out = bufio.NewWriter(compressed)
	}
	page := report.New(report.HTML, out, report.Options{Now: now, Note: note(&snapshot, now)})
	for _, v := range snapshot.Verdicts {
		if page.Add(v) != nil {
			return // the reader has gone
		}
	}
	if page.Close() != nil || out.Flush() != nil {
		return
	}
	if compressed != nil {
		_ = compressed.Close() // as above
	}
}

// note says what the page is of.
func note(s *Snapshot, now time.Time) string {
	if len(s.Verdicts) == 0 {
		return fmt.Sprintf("Live: none of %d endpoints was probed yet.", s.Listed)
	}
	text := "Live: the oldest result is " + now.Sub(s.Oldest).Round(time.Second).String() + " old"
	if s.Waiting > 0 {
		text += fmt.Sprintf(", and %d of %d endpoints wait for their first", s.Waiting, s.Listed)
	}
	if s.FailedReloads > 0 {
		text += "; the list could not be read again, so an older one is in use"
	}
	return text + "."
}
