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
	// Seconds is the time the scan took.
	Seconds float64 `json:"seconds"`
	// Interrupted says that the scan ended before its list did.
	Interrupted bool `json:"interrupted"`
}

func (s *Summary) init() {
	if s.ByCode == nil {
		s.ByCode = make(map[string]int)
		s.ByFinding = make(map[Finding]int)
		s.ByVersion = make(map[string]int)
	}
}

// Add counts a record.
func (s *Summary) Add(r *Record) {
	s.init()
	s.Targets++
	if r.Status == StatusOK {
		s.OK++
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
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(s)
}
