package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"certsweep/results/policy"
)

// prometheus is the text exposition format, version 0.0.4, without timestamps,
// as node_exporter's textfile collector takes it: a textfile has one instance for
// all endpoints.
//
// The format wants all samples of a metric together, so they are held until
// Close. That is bounded: MaxSeries endpoints that are OK and as many that are
// not; certsweep_endpoints_omitted counts the others.
type prometheus struct {
	w         io.Writer
	now       time.Time
	endpoints []series
	places    []place        // of the endpoints, in the list
	index     map[string]int // of endpoints, by labels: a series may be there once
	kept      [2]int         // how many are not OK, and OK
	omitted   int
	summary   policy.Summary
}

// MaxSeries is more endpoints than a Prometheus server wants from one target.
const MaxSeries = 10_000

// series is what is written of one endpoint.
type series struct {
	level  policy.Level
	values []value
}

type value struct {
	name, labels string
	value        float64
}

func (p *prometheus) Add(v *policy.Verdict) error {
	p.summary.Add(v)
	if v.Gone {
		return nil
	}
	labels := format(EndpointLabels(v.Record))
	if at, ok := p.index[labels]; ok {
		// Several addresses of one endpoint: the worst stands for all.
		if v.Level > p.endpoints[at].level {
			p.endpoints[at] = newSeries(v)
		}
		return nil
	}
	class := 0
	if v.Level == policy.OK {
		class = 1
	}
	if p.kept[class] >= MaxSeries {
		p.omitted++
		return nil
	}
	p.kept[class]++
	if p.index == nil {
		p.index = make(map[string]int)
	}
	p.index[labels] = len(p.endpoints)
	p.endpoints = append(p.endpoints, newSeries(v))
	p.places = append(p.places, placeOf(v, len(p.places)))
	return nil
}

func newSeries(v *policy.Verdict) series {
	s := series{level: v.Level}
	for _, sample := range Samples(v) {
		labels := format(sample.Labels)
		if n := len(s.values); n > 0 && s.values[n-1].labels == labels {
			labels = s.values[n-1].labels // one string of two that are equal
		}
		s.values = append(s.values, value{sample.Name, labels, sample.Value})
	}
	return s
}

var labelEscaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// format writes labels as name="value", the values escaped.
func format(labels []Label) string {
	var b strings.Builder
	for i, l := range labels {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(l.Name + `="` + labelEscaper.Replace(l.Value) + `"`)
	}
	return b.String()
}

func (p *prometheus) Close() error {
	inOrder(p.places, p.endpoints)
	out := bufio.NewWriter(p.w)
	for _, metric := range metrics {
		begun := false
		for i := range p.endpoints {
			for _, v := range p.endpoints[i].values {
				if v.name != metric.name {
					continue
				}
				if !begun {
					begun = true
					fmt.Fprintf(out, "# HELP %s %s\n# TYPE %s gauge\n", metric.name, metric.help, metric.name)
				}
				fmt.Fprintf(out, "%s{%s} %s\n", v.name, v.labels, number(v.value))
			}
		}
	}
	p.totals(out)
	return out.Flush()
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
		fmt.Fprintf(out, "%s{%s} %d\n", endpoints, format([]Label{{"level", policy.Level(level).String()}}), n)
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
