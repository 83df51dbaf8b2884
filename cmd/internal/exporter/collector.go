package exporter

import (
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"certsweep/results/policy"
	"certsweep/results/report"
)

// collector shows a store as the time series of package report, and its own.
type collector struct {
	store *Store
	descs descriptions
}

// descriptions has one for each name with its labels' names.
type descriptions struct{ known map[string]*prometheus.Desc }

func (d *descriptions) of(name, help string, labels []report.Label) *prometheus.Desc {
	var names []string
	for _, l := range labels {
		names = append(names, l.Name)
	}
	key := name + "\x00" + strings.Join(names, "\x00")
	desc := d.known[key]
	if desc == nil {
		if d.known == nil {
			d.known = make(map[string]*prometheus.Desc)
		}
		desc = prometheus.NewDesc(name, help, names, nil)
		d.known[key] = desc
	}
	return desc
}

func (d *descriptions) gauge(name, help string, value float64, labels ...report.Label) prometheus.Metric {
	values := make([]string, len(labels))
	for i, l := range labels {
		values[i] = l.Value
	}
	return prometheus.MustNewConstMetric(d.of(name, help, labels), prometheus.GaugeValue, value, values...)
}

// Describe describes nothing: which labels a series has depends on the endpoint.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect sends all series. A registry calls it once at a time.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	s := c.store.Snapshot()
	d := &c.descs
	var summary policy.Summary
	for _, v := range s.Verdicts {
		summary.Add(v)
	}
	shown, omitted := distinct(s.Verdicts)
	for _, v := range shown {
		for _, sample := range report.Samples(v) {
			out <- d.gauge(sample.Name, sample.Help, sample.Value, sample.Labels...)
		}
		out <- d.gauge("certsweep_endpoint_last_probe_timestamp_seconds", "When the endpoint was last probed, in Unix time.",
			float64(v.Record.Time.UnixMilli())/1000, report.EndpointLabels(v.Record)...)
	}
	for level, n := range [...]int{policy.OK: summary.OK, policy.Warn: summary.Warn, policy.Unchecked: summary.Unchecked, policy.Fail: summary.Fail} {
		out <- d.gauge("certsweep_endpoints", "Endpoints by level, as last probed.", float64(n), report.Label{Name: "level", Value: policy.Level(level).String()})
	}
	one := func(name, help string, value float64) { out <- d.gauge(name, help, value) }
	one("certsweep_endpoints_omitted", "Endpoints that have no series of their own, being too many.", float64(omitted))
	one("certsweep_endpoints_listed", "Targets of the list.", float64(s.Listed))
	one("certsweep_endpoints_waiting", "Targets of the list that were never probed yet.", float64(s.Waiting))
	// A check exits with 3 if nothing was judged; here nothing was yet.
	one("certsweep_exit_status", "What the gate says of the list: 0 all fine, 1 something fails, 3 something could not be checked.", float64(summary.ExitStatus()))
	if !s.Ended.IsZero() {
		one("certsweep_last_run_timestamp_seconds", "When the list was last probed to its end, in Unix time.", float64(s.Ended.UnixMilli())/1000)
		one("certsweep_last_run_duration_seconds", "How long that took.", s.Duration.Seconds())
	}
	good := 1.0
	if s.FailedReloads > 0 {
		good = 0
	}
	one("certsweep_list_last_reload_successful", "Whether the list could be read when it was last to be.", good)
	one("certsweep_list_last_reload_success_timestamp_seconds", "When the list that is in use was read, in Unix time.", float64(s.Loaded.UnixMilli())/1000)
	out <- prometheus.MustNewConstMetric(d.of("certsweep_runs_total", "How often the list was probed to its end.", nil), prometheus.CounterValue, float64(s.Passes))
}

// distinct returns one verdict for each set of labels, the worst of several, and
// how many are left out: no more than report.MaxSeries that are OK, and as many
// that are not.
func distinct(verdicts []*policy.Verdict) (shown []*policy.Verdict, omitted int) {
	at := make(map[string]int)
	var kept [2]int
	for _, v := range verdicts {
		if v.Gone {
			continue
		}
		var key strings.Builder
		for _, l := range report.EndpointLabels(v.Record) {
			key.WriteString(l.Name + "\x00" + l.Value + "\x00")
		}
		if i, ok := at[key.String()]; ok {
			if v.Level > shown[i].Level {
				shown[i] = v
			}
			continue
		}
		class := 0
		if v.Level == policy.OK {
			class = 1
		}
		if kept[class] == report.MaxSeries {
			omitted++
			continue
		}
		kept[class]++
		at[key.String()] = len(shown)
		shown = append(shown, v)
	}
	return slices.Clip(shown), omitted
}
