package results

import (
	"encoding/json"
	"io"

	"certsweep/results/certificate"
)

// Summary adds records up. The zero value is ready for use; it is not safe for
// concurrent use. Its JSON form is what --summary writes.
type Summary struct {
	Targets int `json:"targets"` // records, which is OK + Errors
	OK      int `json:"ok"`
	Errors  int `json:"errors"`
	// Unreachable counts those of Errors whose host or service is down, and
	// BadTargets the lines that are no target. What is left of Errors answered,
	// but not as TLS should.
	Unreachable int `json:"unreachable"`
	BadTargets  int `json:"bad_targets"`
	// Resumed is the number of targets that an earlier scan had done; they
	// count nowhere else.
	Resumed int `json:"resumed"`
	// ByCode counts the errors by their code.
	ByCode map[string]int `json:"by_code"`
	// ByFinding counts the records that have a finding.
	ByFinding map[Finding]int `json:"by_finding"`
	// WithFindings counts the records that have any, but for not_post_quantum
	// alone, and PostQuantum the handshakes that withstand quantum computers.
	WithFindings int `json:"with_findings"`
	PostQuantum  int `json:"post_quantum"`
	// KeyExchanges counts the records that say whether theirs is post-quantum.
	KeyExchanges int `json:"-"`
	// SupportsTLS13 counts those whose server knows TLS 1.3 and negotiated less.
	SupportsTLS13 int `json:"supports_tls13,omitempty"`
	// ByVersion counts the records with a handshake by TLS version.
	ByVersion map[string]int `json:"by_version"`
	// ByExpiry counts the certificates by the days that they have left.
	ByExpiry Expiry `json:"by_expiry"`
	// ByIssuer counts the certificates by who issued them: the organization, or
	// else the common name. Of issuers that come late in a long list of others
	// the name is "", for all together.
	ByIssuer map[string]int `json:"by_issuer"`
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
	// Capture has the counts of a packet capture; nil for a scan.
	Capture *CaptureCounts `json:"capture,omitempty"`

	connect, handshake, total latency
}

// Expiry counts certificates by when they expire, as seen from the time of the
// record. Each is in one of the numbers.
type Expiry struct {
	Expired int `json:"expired"`
	Days7   int `json:"days_7"`  // within 7 days
	Days30  int `json:"days_30"` // within 30 days, and so on
	Days90  int `json:"days_90"`
	Later   int `json:"later"`
}

// All returns the number of certificates.
func (e *Expiry) All() int { return e.Expired + e.Days7 + e.Days30 + e.Days90 + e.Later }

func (e *Expiry) add(days float64) {
	switch {
	case days < 0:
		e.Expired++
	case days <= 7:
		e.Days7++
	case days <= 30:
		e.Days30++
	case days <= 90:
		e.Days90++
	default:
		e.Later++
	}
}

// maxIssuers bounds the memory of ByIssuer: a hostile list has a new name on
// every certificate.
const maxIssuers = 5_000

func (s *Summary) addIssuer(c *certificate.Certificate) {
	name := c.Issuer.CommonName
	switch {
	case c.SelfSigned:
		name = "self-signed"
	case len(c.Issuer.Organization) > 0 && c.Issuer.Organization[0] != "":
		name = c.Issuer.Organization[0]
	}
	if _, known := s.ByIssuer[name]; !known && len(s.ByIssuer) >= maxIssuers {
		name = ""
	}
	s.ByIssuer[name]++
}

func (s *Summary) init() {
	if s.ByCode == nil {
		s.ByCode = make(map[string]int)
		s.ByFinding = make(map[Finding]int)
		s.ByVersion = make(map[string]int)
		s.ByIssuer = make(map[string]int)
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
		s.addError(r.Error)
	}
	if r.TLS != nil {
		s.ByVersion[r.TLS.Version]++
		if r.TLS.PostQuantum != nil {
			s.KeyExchanges++
		}
		if r.TLS.SupportsTLS13 {
			s.SupportsTLS13++
		}
		if r.TLS.IsPostQuantum() {
			s.PostQuantum++
		}
	}
	if c := r.Certificate; c != nil {
		s.addIssuer(c)
		if c.DaysLeft.Known {
			s.ByExpiry.add(c.DaysLeft.Number)
		}
	}
	for _, f := range r.Findings {
		s.ByFinding[f]++
	}
	if HasFindings(r) {
		s.WithFindings++
	}
}

func (s *Summary) addError(e *Error) {
	s.ByCode[e.Code]++
	switch {
	case e.Phase == PhaseInput:
		s.BadTargets++
	case e.Unreachable():
		s.Unreachable++
	}
}

// HasFindings reports whether a record has a finding, but for not_post_quantum
// alone, which most endpoints have.
func HasFindings(r *Record) bool {
	return len(r.Findings) > 1 || len(r.Findings) == 1 && r.Findings[0] != NotPostQuantum
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
