package results

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Summary adds records up. The zero value is ready for use; it is not safe for
// concurrent use. Its JSON form is what --summary writes.
type Summary struct {
	Targets int `json:"targets"` // records, which is OK + Errors
	OK      int `json:"ok"`
	Errors  int `json:"errors"`
	// Resumed is the number of targets that an earlier scan had done; they
	// count nowhere else.
	Resumed int `json:"resumed"`
	// ByCode counts the errors by their code.
	ByCode map[string]int `json:"by_code"`
	// ByFinding counts the records that have a finding.
	ByFinding map[Finding]int `json:"by_finding"`
	// ByVersion counts the records with a handshake by TLS version.
	ByVersion map[string]int `json:"by_version"`
	// ByDrain counts the connections by how their drain ended.
	ByDrain map[string]int `json:"by_drain"`
	Retries int            `json:"retries"` // further tries, all targets together
	// Latency is that of the records that are ok.
	Latency struct {
		Connect   Percentiles `json:"connect_ms"`
		Handshake Percentiles `json:"handshake_ms"`
		Total     Percentiles `json:"total_ms"`
	} `json:"latency"`
	// Lookups counts the questions to name servers, Rescues the hellos made by
	// hand, and PeakRSS the most resident memory in bytes. The caller sets
	// these and those below.
	Lookups int64 `json:"lookups"`
	Rescues int64 `json:"rescues"`
	PeakRSS int64 `json:"peak_rss_bytes"`
	// Seconds is the time the scan took.
	Seconds float64 `json:"seconds"`
	// Interrupted says that the scan ended before its list did.
	Interrupted bool `json:"interrupted"`

	connect, handshake, total latency
}

func (s *Summary) init() {
	if s.ByCode == nil {
		s.ByCode = make(map[string]int)
		s.ByFinding = make(map[Finding]int)
		s.ByVersion = make(map[string]int)
		s.ByDrain = make(map[string]int)
	}
}

// Add counts a record.
func (s *Summary) Add(r *Record) {
	s.init()
	s.Targets++
	s.Retries += r.Retries
	if r.Drain != nil {
		s.ByDrain[r.Drain.End]++
	}
	if r.Status == StatusOK {
		s.OK++
		s.connect.add(r.Timing.Connect)
		s.handshake.add(r.Timing.Handshake)
		s.total.add(r.Timing.Total)
	} else {
		s.Errors++
	}
	if r.Error != nil {
		s.ByCode[r.Error.Code]++
	}
	if r.TLS != nil {
		s.ByVersion[r.TLS.Version]++
	}
	for _, f := range r.Findings {
		s.ByFinding[f]++
	}
}

// WriteText writes the summary for people: a line that adds up to the number
// of targets, and one each for errors and findings where there are any.
func (s *Summary) WriteText(w io.Writer) error {
	var b strings.Builder
	rate := 0.0
	if s.Seconds > 0 {
		rate = float64(s.Targets) / s.Seconds
	}
	took := time.Duration(s.Seconds * float64(time.Second)).Round(100 * time.Millisecond)
	fmt.Fprintf(&b, "%d targets: %d ok, %d errors, in %v (%.0f/s)\n", s.Targets, s.OK, s.Errors, took, rate)
	writeCounts(&b, "errors", s.ByCode)
	writeCounts(&b, "findings", s.ByFinding)
	_, err := io.WriteString(w, b.String())
	return err
}

// writeCounts writes the most frequent first.
func writeCounts[K ~string](b *strings.Builder, title string, counts map[K]int) {
	if len(counts) == 0 {
		return
	}
	keys := slices.SortedFunc(maps.Keys(counts), func(x, y K) int {
		return cmp.Or(counts[y]-counts[x], cmp.Compare(x, y))
	})
	fmt.Fprintf(b, "%s:", title)
	for _, k := range keys {
		fmt.Fprintf(b, " %s %d", k, counts[k])
	}
	b.WriteByte('\n')
}

// WriteJSON writes the summary as one JSON object.
func (s *Summary) WriteJSON(w io.Writer) error {
	s.init()
	s.Latency.Connect = s.connect.percentiles()
	s.Latency.Handshake = s.handshake.percentiles()
	s.Latency.Total = s.total.percentiles()
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(s)
}
