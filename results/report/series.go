package report

import (
	"encoding/hex"
	"math/big"
	"net"
	"strconv"
	"strings"

	"certsweep/results"
	"certsweep/results/policy"
)

// Label is a name and a value that tell a time series from others. The value is
// visible and cut to a length.
type Label struct{ Name, Value string }

// Sample is the present value of one time series of an endpoint. All of them are
// gauges. Metrics that blackbox_exporter (probe_…) and ssl_exporter (ssl_…) have
// too bear their names and labels, so that dashboards and alerts written for those
// work on; the endpoint is in the label target. certsweep_… are its own.
type Sample struct {
	Name, Help string
	Labels     []Label
	Value      float64
}

// metrics are the names of an endpoint's samples, in the order in which to list
// them, and what they mean.
var metrics = []struct{ name, help string }{
	{"probe_success", "Whether the handshake completed and showed a certificate."},
	{"probe_duration_seconds", "How long the probe took."},
	{"probe_ssl_earliest_cert_expiry", "The earliest end of a certificate that was seen, in Unix time."},
	{"probe_tls_version_info", "Always 1: the TLS version that was negotiated."},
	{"probe_tls_cipher_info", "Always 1: the cipher suite that was negotiated."},
	{"ssl_cert_not_before", "The start of the leaf certificate, in Unix time."},
	{"ssl_cert_not_after", "The end of the leaf certificate, in Unix time."},
	{"certsweep_endpoint_level", "How bad the endpoint is: 0 ok, 1 warn, 2 could not be checked, 3 fail."},
	{"certsweep_endpoint_problem", "Always 1: the endpoint has the problem of this code."},
}

// helpOf has the metrics by name.
var helpOf = func() map[string]string {
	m := make(map[string]string, len(metrics))
	for _, metric := range metrics {
		m[metric.name] = metric.help
	}
	return m
}()

// maxLabel bounds a label's value in characters.
const maxLabel = 300

func newLabel(name, value string) Label {
	return Label{name, shorten(results.Visible(value), maxLabel)}
}

// EndpointLabels are the labels of every sample of an endpoint: target, and what
// tells it from others there. Verdicts with the same ones are of one endpoint.
func EndpointLabels(r *results.Record) []Label {
	target := net.JoinHostPort(r.Host, strconv.Itoa(r.Port))
	if r.Host == "" {
		target = r.Input
	}
	labels := []Label{newLabel("target", target)}
	if r.SNI != "" && r.SNI != r.Host {
		labels = append(labels, newLabel("server_name", r.SNI))
	}
	if r.StartTLS != "" {
		labels = append(labels, newLabel("starttls", r.StartTLS))
	}
	if r.Tag != "" {
		labels = append(labels, newLabel("tag", r.Tag))
	}
	return labels
}

// Samples returns what monitoring is told of a verdict.
func Samples(v *policy.Verdict) []Sample {
	r := v.Record
	base := EndpointLabels(r)
	base = base[:len(base):len(base)]
	var samples []Sample
	add := func(name string, value float64, more ...Label) {
		samples = append(samples, Sample{name, helpOf[name], append(base, more...), value})
	}
	success := 0.0
	if v.Checked {
		success = 1
	}
	add("probe_success", success)
	add("probe_duration_seconds", r.Timing.Total/1000)
	add("certsweep_endpoint_level", float64(v.Level))
	if r.TLS != nil && r.TLS.Version != "" {
		version := r.TLS.Version
		if !strings.HasPrefix(version, "SSL") {
			version = "TLS " + version
		}
		add("probe_tls_version_info", 1, newLabel("version", version))
		add("probe_tls_cipher_info", 1, newLabel("cipher", r.TLS.Cipher))
	}
	if c := r.Certificate; c != nil && !c.NotAfter.IsZero() && !c.NotBefore.IsZero() {
		earliest := c.NotAfter.Unix()
		for _, above := range r.Chain {
			if !above.NotAfter.IsZero() {
				earliest = min(earliest, above.NotAfter.Unix())
			}
		}
		add("probe_ssl_earliest_cert_expiry", float64(earliest))
		names := []Label{
			newLabel("cn", c.Subject.CommonName), newLabel("dnsnames", listed(c.DNSNames)), newLabel("emails", listed(c.EmailAddresses)),
			newLabel("ips", listed(c.IPAddresses)), newLabel("issuer_cn", c.Issuer.CommonName), newLabel("serial_no", decimal(c.SerialNumber)),
		}
		add("ssl_cert_not_before", float64(c.NotBefore.Unix()), names...)
		add("ssl_cert_not_after", float64(c.NotAfter.Unix()), names...)
	}
	codes := make(map[string]bool)
	for _, problem := range reported(v) {
		// An endpoint with several certificates may have a problem twice. The worst
		// comes first.
		if code := string(problem.Code); !codes[code] {
			codes[code] = true
			add("certsweep_endpoint_problem", 1, newLabel("code", code), newLabel("level", problem.Level.String()))
		}
	}
	return samples
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

// decimal writes a serial number as ssl_exporter does. The record has its magnitude
// in hex, after a "-" if it is negative.
func decimal(serial string) string {
	digits, negative := strings.CutPrefix(serial, "-")
	octets, err := hex.DecodeString(digits)
	if err != nil || len(octets) == 0 || len(octets) > 64 {
		return serial
	}
	n := new(big.Int).SetBytes(octets)
	if negative {
		n.Neg(n)
	}
	return n.String()
}
