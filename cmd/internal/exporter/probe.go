package exporter

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"certsweep/dialer"
	"certsweep/results"
	"certsweep/results/policy"
	"certsweep/results/report"
	"certsweep/results/revocation"
	"certsweep/scanner"
)

// maxProbes is how many /probe requests dial at once. More are refused, and
// Prometheus tries again.
const maxProbes = 16

// scrapeMargin is what a probe leaves of Prometheus's own time limit to answer.
const scrapeMargin = 500 * time.Millisecond

// probe serves /probe?target=…&module=…, which ssl_exporter and blackbox_exporter
// have: one endpoint is probed now, and its series have no label target.
func (s *Server) probe(w http.ResponseWriter, r *http.Request) {
	target, err := s.target(r)
	if err != nil {
		http.Error(w, results.Visible(err.Error()), err.status)
		return
	}
	select {
	case s.probes <- struct{}{}:
		defer func() { <-s.probes }()
	default:
		http.Error(w, fmt.Sprintf("%d probes are under way: try again", maxProbes), http.StatusServiceUnavailable)
		return
	}
	one := *s.Scanner
	one.Workers, one.Lookup, one.Rate, one.PerHost, one.Stop, one.Idle = 1, nil, 0, 0, nil, nil
	one.Timeout = min(one.Timeout, scrapeTimeout(r))
	ctx, cancel := context.WithTimeout(r.Context(), one.Timeout+time.Second)
	defer cancel()
	var verdict *policy.Verdict
	scanErr := one.Scan(ctx, Spread([]scanner.Target{*target}, 0, nil), func(record *results.Record) error {
		p := *s.Policy()
		p.Baseline = nil // which notes what the passes saw
		v := p.Judge(record, time.Now())
		verdict = &v
		return nil
	})
	if scanErr != nil || verdict == nil {
		http.Error(w, "the probe was cut off", http.StatusServiceUnavailable)
		return
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(&probed{verdict: verdict, module: r.FormValue("module")})
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, r)
}

// scrapeTimeout is how long Prometheus says that it waits.
func scrapeTimeout(r *http.Request) time.Duration {
	seconds, err := strconv.ParseFloat(r.Header.Get("X-Prometheus-Scrape-Timeout-Seconds"), 64)
	if err != nil || !(seconds > 0 && seconds < 3600) {
		return time.Hour
	}
	limit := time.Duration(seconds * float64(time.Second))
	return max(limit-scrapeMargin, limit/2)
}

// refusal is why a target is not probed.
type refusal struct {
	status int
	text   string
}

func (e *refusal) Error() string { return e.text }

// target returns what a request asks for: a target of the list, or with ProbeAny
// any.
func (s *Server) target(r *http.Request) (*scanner.Target, *refusal) {
	text := strings.TrimSpace(r.FormValue("target"))
	if text == "" {
		return nil, &refusal{http.StatusBadRequest, "target is missing: write /probe?target=example.com:443"}
	}
	endpoint, err := dialer.ParseEndpoint(text)
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, fmt.Sprintf("target: %v", err)}
	}
	protocol, refused := startTLS(r.FormValue("module"))
	if refused != nil {
		return nil, refused
	}
	if endpoint.StartTLS == "" {
		endpoint.StartTLS = protocol
	}
	any := scanner.Target{Text: text, Endpoint: endpoint}
	for t, err := range s.Complete(Spread([]scanner.Target{any}, 0, nil)) {
		if err == nil {
			any = t
		}
		break
	}
	if listed, ok := s.Store.Find(any.Endpoint.Host, any.Endpoint.Port); ok {
		return &listed, nil
	}
	if !s.ProbeAny {
		return nil, &refusal{http.StatusForbidden, "target is not on the list: add it, or start with --probe-any"}
	}
	return &any, nil
}

// startTLS returns the protocol that a module of ssl_exporter or blackbox_exporter
// starts in: tcp, https, tcp_smtp_starttls, smtp_starttls, smtp.
func startTLS(module string) (dialer.Protocol, *refusal) {
	name := strings.TrimSuffix(strings.TrimPrefix(strings.ToLower(module), "tcp_"), "_starttls")
	switch name {
	case "", "tcp", "https", "tls", "http_2xx", "tcp_connect_tls":
		return "", nil
	}
	protocol, err := dialer.ParseProtocol(name)
	if err != nil {
		return "", &refusal{http.StatusBadRequest, fmt.Sprintf("module %q: write tcp, https, or a STARTTLS protocol, as smtp or tcp_smtp_starttls", module)}
	}
	return protocol, nil
}

// probed shows one verdict, whose endpoint Prometheus knows.
type probed struct {
	verdict *policy.Verdict
	module  string
	descs   descriptions
}

// Describe describes nothing, as the labels depend on the verdict.
func (p *probed) Describe(chan<- *prometheus.Desc) {}

// Collect sends the series of the verdict, and those that only the exporters with
// /probe have.
func (p *probed) Collect(out chan<- prometheus.Metric) {
	d, r := &p.descs, p.verdict.Record
	base := len(report.EndpointLabels(r))
	for _, s := range report.Samples(p.verdict) {
		out <- d.gauge(s.Name, s.Help, s.Value, s.Labels[base:]...)
	}
	one := func(name, help string, value float64, labels ...report.Label) {
		out <- d.gauge(name, help, value, labels...)
	}
	success := 0.0
	if p.verdict.Checked {
		success = 1
	}
	prober := "tcp"
	if p.module == "https" {
		prober = p.module
	}
	one("ssl_probe_success", "Whether the handshake completed and showed a certificate.", success)
	one("ssl_prober", "Always 1: the prober that was used.", 1, report.Label{Name: "prober", Value: prober})
	one("probe_dns_lookup_time_seconds", "How long the look-up took.", r.Timing.Resolve/1000)
	if r.IP != "" {
		version := 4.0
		if strings.Contains(r.IP, ":") {
			version = 6
		}
		one("probe_ip_protocol", "Whether IPv4 or IPv6 was used.", version)
	}
	if t := r.TLS; t != nil {
		if t.Version != "" {
			one("ssl_tls_version_info", "Always 1: the TLS version that was negotiated.", 1, report.Label{Name: "version", Value: results.Visible(t.Version)})
		}
		stapled := 0.0
		if t.OCSPStapled {
			stapled = 1
		}
		one("ssl_ocsp_response_stapled", "Whether an OCSP response was stapled.", stapled)
		p.staple(t.OCSP, one)
	}
	if v := r.Verification; v != nil && !v.NotAfter.IsZero() {
		one("probe_ssl_last_chain_expiry_timestamp_seconds", "The earliest end in the chain that was verified, in Unix time.", float64(v.NotAfter.Unix()))
	}
	p.chain(out)
}

// ocspStatus has the numbers of ssl_exporter (RFC 6960 §4.2.1's). A response that
// is not valid has none: it says nothing.
var ocspStatus = map[string]float64{revocation.Good: 0, revocation.Revoked: 1, revocation.Unknown: 2}

// staple sends what a stapled response says, nil for none.
func (p *probed) staple(o *revocation.OCSP, one func(name, help string, value float64, labels ...report.Label)) {
	if o == nil {
		return
	}
	status, ok := ocspStatus[o.Status]
	if !ok {
		return
	}
	one("ssl_ocsp_response_status", "What the stapled OCSP response says: 0 good, 1 revoked, 2 unknown.", status)
	for _, at := range []struct {
		name, help string
		time       time.Time
	}{
		{"ssl_ocsp_response_this_update", "When the stapled OCSP response was known to be correct, in Unix time.", o.ThisUpdate},
		{"ssl_ocsp_response_next_update", "When newer information will be had, in Unix time.", o.NextUpdate},
		{"ssl_ocsp_response_revoked_at", "When the certificate was revoked, in Unix time.", o.RevokedAt},
	} {
		if !at.time.IsZero() {
			one(at.name, at.help, float64(at.time.Unix()))
		}
	}
}

// chain sends the ends of the certificates above the leaf, each once.
func (p *probed) chain(out chan<- prometheus.Metric) {
	seen := make(map[string]bool)
	if c := p.verdict.Record.Certificate; c != nil {
		seen[c.FingerprintSHA256] = true
	}
	base := len(report.EndpointLabels(p.verdict.Record))
	labels := make(map[string]bool)
	for _, above := range p.verdict.Record.Chain {
		if seen[above.FingerprintSHA256] {
			continue
		}
		seen[above.FingerprintSHA256] = true
		for _, s := range report.Samples(&policy.Verdict{Record: &results.Record{Certificate: above}}) {
			if !strings.HasPrefix(s.Name, "ssl_cert_") {
				continue
			}
			// Two certificates may say the same of themselves.
			own := s.Labels[1:]
			key := fmt.Sprint(s.Name, own)
			if labels[key] || p.sameAsLeaf(base, s.Name, key) {
				continue
			}
			labels[key] = true
			out <- p.descs.gauge(s.Name, s.Help, s.Value, own...)
		}
	}
}

func (p *probed) sameAsLeaf(base int, name, key string) bool {
	for _, s := range report.Samples(p.verdict) {
		if s.Name == name && fmt.Sprint(s.Name, s.Labels[base:]) == key {
			return true
		}
	}
	return false
}
