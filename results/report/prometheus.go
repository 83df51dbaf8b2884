package report

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"certsweep/results"
	"certsweep/results/policy"
)

// prometheus is the text exposition format, version 0.0.4, without timestamps,
// as node_exporter's textfile collector takes it. Metrics that
// blackbox_exporter (probe_…) and ssl_exporter (ssl_…) have too bear their
// names and labels, so that dashboards and alerts written for those work on;
// the endpoint is in the label target, since a textfile has one instance for
// all. certsweep_… are its own.
//
// The format wants all samples of a metric together, so they are held until
// Close. That is bounded: maxSeries endpoints that are OK and as many that are
// not; certsweep_endpoints_omitted counts the others.
type prometheus struct {
	w       io.Writer
	now     time.Time
	samples []sample
	places  []place        // of the samples, in the list
	index   map[string]int // of samples, by labels: a series may be there once
	kept    [2]int         // how many are not OK, and OK
	omitted int
	summary policy.Summary
}

// maxSeries is more endpoints than a Prometheus server wants from one target.
const maxSeries = 10_000

// maxLabel bounds a label's value in characters.
const maxLabel = 300

// sample is what is shown of one endpoint.
type sample struct {
	labels      string // target="…", and what tells it from others there
	certificate string // more labels, of ssl_cert_not_after; "" without dates
	problems    []string
	level       policy.Level
	success     int
	seconds     float64
	version     string
	cipher      string

	notBefore, notAfter, earliest int64
}

func (p *prometheus) Add(v *policy.Verdict) error {
	p.summary.Add(v)
	if v.Gone {
		return nil
	}
	labels := endpointLabels(v.Record)
	if at, ok := p.index[labels]; ok {
		// Several addresses of one endpoint: the worst stands for all.
		if v.Level > p.samples[at].level {
			p.samples[at] = newSample(v, labels)
		}
		return nil
	}
	class := 0
	if v.Level == policy.OK {
		class = 1
	}
	if p.kept[class] >= maxSeries {
		p.omitted++
		return nil
	}
	p.kept[class]++
	if p.index == nil {
		p.index = make(map[string]int)
	}
	p.index[labels] = len(p.samples)
	p.samples = append(p.samples, newSample(v, labels))
	p.places = append(p.places, placeOf(v, len(p.places)))
	return nil
}

func endpointLabels(r *results.Record) string {
	target := net.JoinHostPort(r.Host, strconv.Itoa(r.Port))
	if r.Host == "" {
		target = r.Input
	}
	labels := label("target", target)
	if r.SNI != "" && r.SNI != r.Host {
		labels += "," + label("server_name", r.SNI)
	}
	if r.StartTLS != "" {
		labels += "," + label("starttls", r.StartTLS)
	}
	if r.Tag != "" {
		labels += "," + label("tag", r.Tag)
	}
	return labels
}

func newSample(v *policy.Verdict, labels string) sample {
	r := v.Record
	s := sample{labels: labels, level: v.Level, seconds: r.Timing.Total / 1000}
	if v.Checked {
		s.success = 1
	}
	if r.TLS != nil && r.TLS.Version != "" {
		version := r.TLS.Version
		if !strings.HasPrefix(version, "SSL") {
			version = "TLS " + version
		}
		s.version, s.cipher = label("version", version), label("cipher", r.TLS.Cipher)
	}
	if c := r.Certificate; c != nil && !c.NotAfter.IsZero() && !c.NotBefore.IsZero() {
		s.notBefore, s.notAfter = c.NotBefore.Unix(), c.NotAfter.Unix()
		s.earliest = s.notAfter
		for _, above := range r.Chain {
			if !above.NotAfter.IsZero() {
				s.earliest = min(s.earliest, above.NotAfter.Unix())
			}
		}
		s.certificate = strings.Join([]string{
			label("cn", c.Subject.CommonName), label("dnsnames", listed(c.DNSNames)), label("emails", listed(c.EmailAddresses)),
			label("ips", listed(c.IPAddresses)), label("issuer_cn", c.Issuer.CommonName), label("serial_no", decimal(c.SerialNumber)),
		}, ",")
	}
	for _, problem := range reported(v) {
		// Several certificates of an endpoint may have the same problem.
		series := label("code", string(problem.Code)) + "," + label("level", problem.Level.String())
		if !slices.Contains(s.problems, series) {
			s.problems = append(s.problems, series)
		}
	}
	return s
}

// listed joins names as ssl_exporter does, with a comma at both ends, so that
// a matcher like .*,example.com,.* finds a whole name.
func listed(names []string) string {
	if len(names) == 0 {
		return ""
	}
	// No more of thousands of names than a label shows.
	return "," + strings.Join(names[:min(len(names), maxLabel/2)], ",") + ","
}

// decimal writes a serial number as ssl_exporter does.
func decimal(serial string) string {
	octets, err := hex.DecodeString(serial)
	if err != nil || len(octets) > 64 {
		return serial
	}
	n := new(big.Int).SetBytes(octets)
	if len(octets) > 0 && octets[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(octets))))
	}
	return n.String()
}

var labelEscaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// label is name="value", the value visible, cut and escaped.
func label(name, value string) string {
	return name + `="` + labelEscaper.Replace(shorten(results.Visible(value), maxLabel)) + `"`
}

func (p *prometheus) Close() error {
	inOrder(p.places, p.samples)
	out := bufio.NewWriter(p.w)
	family := func(name, help string, each func(s *sample, write func(labels string, value float64))) {
		begun := false
		for i := range p.samples {
			each(&p.samples[i], func(labels string, value float64) {
				if !begun {
					begun = true
					fmt.Fprintf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name)
				}
				if labels != "" {
					labels = "," + labels
				}
				fmt.Fprintf(out, "%s{%s%s} %s\n", name, p.samples[i].labels, labels, number(value))
			})
		}
	}
	p.probes(family)
	family("certsweep_endpoint_level", "How bad the endpoint is: 0 ok, 1 warn, 2 could not be checked, 3 fail.",
		func(s *sample, write func(string, float64)) { write("", float64(s.level)) })
	family("certsweep_endpoint_problem", "Always 1: the endpoint has the problem of this code.",
		func(s *sample, write func(string, float64)) {
			for _, labels := range s.problems {
				write(labels, 1)
			}
		})
	p.totals(out)
	return out.Flush()
}

// probes writes the metrics that the other exporters have as well.
func (p *prometheus) probes(family func(name, help string, each func(*sample, func(string, float64)))) {
	family("probe_success", "Whether the handshake completed and showed a certificate.",
		func(s *sample, write func(string, float64)) { write("", float64(s.success)) })
	family("probe_duration_seconds", "How long the probe took.",
		func(s *sample, write func(string, float64)) { write("", s.seconds) })
	family("probe_ssl_earliest_cert_expiry", "The earliest end of a certificate that was seen, in Unix time.",
		func(s *sample, write func(string, float64)) {
			if s.certificate != "" {
				write("", float64(s.earliest))
			}
		})
	family("probe_tls_version_info", "Always 1: the TLS version that was negotiated.",
		func(s *sample, write func(string, float64)) {
			if s.version != "" {
				write(s.version, 1)
			}
		})
	family("probe_tls_cipher_info", "Always 1: the cipher suite that was negotiated.",
		func(s *sample, write func(string, float64)) {
			if s.version != "" {
				write(s.cipher, 1)
			}
		})
	family("ssl_cert_not_before", "The start of the leaf certificate, in Unix time.",
		func(s *sample, write func(string, float64)) {
			if s.certificate != "" {
				write(s.certificate, float64(s.notBefore))
			}
		})
	family("ssl_cert_not_after", "The end of the leaf certificate, in Unix time.",
		func(s *sample, write func(string, float64)) {
			if s.certificate != "" {
				write(s.certificate, float64(s.notAfter))
			}
		})
}

// totals writes the metrics of the run.
func (p *prometheus) totals(out io.Writer) {
	one := func(name, help string, value float64) {
		fmt.Fprintf(out, "# HELP %s %s\n# TYPE %s gauge\n%s %s\n", name, help, name, name, number(value))
	}
	s := &p.summary
	const endpoints = "certsweep_endpoints"
	fmt.Fprintf(out, "# HELP %s Endpoints of the last run by level.\n# TYPE %s gauge\n", endpoints, endpoints)
	for level, n := range [...]int{policy.OK: s.OK, policy.Warn: s.Warn, policy.Unchecked: s.Unchecked, policy.Fail: s.Fail} {
		fmt.Fprintf(out, "%s{%s} %d\n", endpoints, label("level", policy.Level(level).String()), n)
	}
	one("certsweep_endpoints_omitted", "Endpoints of the last run that have no series of their own, being too many.", float64(p.omitted))
	one("certsweep_exit_status", "What the gate says of the last run: 0 all fine, 1 something fails, 3 something could not be checked.", float64(s.ExitStatus()))
	one("certsweep_last_run_timestamp_seconds", "When the endpoints were last judged, in Unix time.", float64(p.now.Unix()))
}

// number writes a value without an exponent: whole seconds stay readable.
func number(v float64) string {
	s := fmt.Sprintf("%.6f", v)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}
