// Package exporter keeps the last verdict of each endpoint of a list and shows
// them while a scan goes on: to Prometheus as time series, to people as a page.
// What is scanned, and when, is its caller's.
package exporter

import (
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"certsweep/dialer"
	"certsweep/results"
	"certsweep/results/certificate"
	"certsweep/results/policy"
	"certsweep/scanner"
)

// MaxEndpoints bounds a list. A verdict that is kept takes some 4 KB, and at most
// some 30 KB whatever the peer showed; see trim.
const MaxEndpoints = 50_000

// Store has the endpoints of a list, each with its last verdicts. The zero value
// is an empty list. It is safe for concurrent use; what it hands out is not to be
// changed.
type Store struct {
	mu      sync.RWMutex
	entries []*entry // in the order of the list
	places  map[place]*entry
	chains  map[string]*certificate.Certificate // above leaves, by fingerprint
	gone    []policy.Verdict
	state   State
}

// State is how the scanning goes.
type State struct {
	Passes   int       // that went over the whole list
	Began    time.Time // the pass under way
	Ended    time.Time // the last pass that was done; zero before
	Duration time.Duration
	// Reloads that failed since the list was last read well, and when that was.
	FailedReloads int
	Loaded        time.Time
}

// place is where the list has a target, which its records name.
type place struct {
	line int
	host string
	port int
}

// entry is one target. It has several verdicts if each of its addresses has one.
type entry struct {
	target   scanner.Target
	pass     int
	verdicts []*policy.Verdict
}

// identity tells a target from others in any list.
type identity struct {
	text, tag string
	endpoint  dialer.Endpoint
}

func (e *entry) identity() identity { return identity{e.target.Text, e.target.Tag, e.target.Endpoint} }

// Load takes another list, or the same again; targets that were there keep their
// verdicts. On an error the list stays as it was.
func (s *Store) Load(targets iter.Seq2[scanner.Target, error]) error {
	var entries []*entry
	places := make(map[place]*entry)
	for t, err := range targets {
		if err == nil && t.Err != nil {
			err = t.Err
		}
		if err != nil {
			return err
		}
		at := place{t.Line, t.Endpoint.Host, int(t.Endpoint.Port)}
		if places[at] != nil {
			continue // a port that was given twice
		}
		if len(entries) == MaxEndpoints {
			return fmt.Errorf("the list has more than %d endpoints: split it, and serve the parts", MaxEndpoints)
		}
		t.Attributes = nil // the policy has what they ask for
		e := &entry{target: t}
		entries, places[at] = append(entries, e), e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before := make(map[identity]*entry, len(s.entries))
	for _, e := range s.entries {
		before[e.identity()] = e
	}
	for _, e := range entries {
		if was := before[e.identity()]; was != nil {
			e.pass, e.verdicts = was.pass, moved(was.verdicts, e.target.Line)
		}
	}
	s.entries, s.places, s.gone = entries, places, nil
	s.state.FailedReloads, s.state.Loaded = 0, time.Now()
	return nil
}

// moved returns verdicts as they are of a target on another line.
func moved(verdicts []*policy.Verdict, line int) []*policy.Verdict {
	var out []*policy.Verdict
	for _, v := range verdicts {
		if v.Record.Line != line {
			verdict, record := *v, *v.Record
			record.Line = line
			verdict.Record = &record
			v = &verdict
		}
		out = append(out, v)
	}
	return out
}

// ReloadFailed notes that another list could not be read.
func (s *Store) ReloadFailed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.FailedReloads++
}

// Targets returns the targets of the list, those first whose verdict is the oldest,
// or only those that have none yet. A pass that was cut off by another list would
// else be begun anew with what it had done, and never come to the rest.
func (s *Store) Targets(fresh bool) []scanner.Target {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var entries []*entry
	for _, e := range s.entries {
		if !fresh || len(e.verdicts) == 0 {
			entries = append(entries, e)
		}
	}
	slices.SortStableFunc(entries, func(a, b *entry) int { return a.probed().Compare(b.probed()) })
	targets := make([]scanner.Target, len(entries))
	for i, e := range entries {
		targets[i] = e.target
	}
	return targets
}

// Len returns how many targets the list has.
func (s *Store) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.entries)
}

// probed is when a target was last probed; zero if it never was.
func (e *entry) probed() time.Time {
	if len(e.verdicts) == 0 {
		return time.Time{}
	}
	return e.verdicts[len(e.verdicts)-1].Record.Time
}

// Find returns a target of the list by what it is dialed by.
func (s *Store) Find(host string, port uint16) (scanner.Target, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, e := range s.entries {
		if e.target.Endpoint.Host == host && e.target.Endpoint.Port == port {
			return e.target, true
		}
	}
	return scanner.Target{}, false
}

// Begin notes the beginning of a pass.
func (s *Store) Begin(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Began = now
	for _, e := range s.entries {
		e.pass = 0
	}
}

// Put keeps a verdict, in the place of the target's from an earlier pass. A verdict
// of a target that the list has no more is dropped.
func (s *Store) Put(v *policy.Verdict) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := v.Record
	e := s.places[place{r.Line, r.Host, r.Port}]
	if e == nil || e.target.Text != r.Input {
		return
	}
	if e.pass == 0 {
		e.pass, e.verdicts = 1, nil
	}
	e.verdicts = append(e.verdicts, s.trim(v, &e.target))
}

// End notes the end of a pass that went over the whole list, and what only the
// baseline has.
func (s *Store) End(now time.Time, gone iter.Seq[policy.Verdict]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Passes++
	s.state.Ended, s.state.Duration = now, now.Sub(s.state.Began)
	s.gone = nil
	for v := range gone {
		if len(s.gone) == MaxEndpoints {
			break
		}
		s.gone = append(s.gone, v)
	}
	// Chains that no endpoint shows any more.
	used := make(map[string]*certificate.Certificate)
	for _, e := range s.entries {
		for _, v := range e.verdicts {
			for _, c := range v.Record.Chain {
				used[c.FingerprintSHA256] = c
			}
		}
	}
	s.chains = used
}

// Snapshot is the store at a moment.
type Snapshot struct {
	State
	Verdicts []*policy.Verdict // in the order of the list
	Listed   int
	Waiting  int       // of these, without a verdict yet
	Oldest   time.Time // when the oldest verdict was scanned
}

// Snapshot returns what the store has now.
func (s *Store) Snapshot() Snapshot {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := Snapshot{State: s.state, Listed: len(s.entries)}
	for _, e := range s.entries {
		if len(e.verdicts) == 0 {
			out.Waiting++
		}
		for _, v := range e.verdicts {
			out.Verdicts = append(out.Verdicts, v)
			if at := v.Record.Time; out.Oldest.IsZero() || at.Before(out.Oldest) {
				out.Oldest = at
			}
		}
	}
	for i := range s.gone {
		out.Verdicts = append(out.Verdicts, &s.gone[i])
	}
	return out
}

// What is kept of a certificate, as entries of a list and as bytes of a string.
const (
	maxKeptNames = 40
	maxKeptText  = 300
	maxKeptChain = 12
)

// trim returns what is kept of a verdict. Names beyond the limit are one that says
// how many they are.
func (s *Store) trim(v *policy.Verdict, t *scanner.Target) *policy.Verdict {
	verdict, record := *v, *v.Record
	if record.SNI == "" {
		// The same labels whether it is up or down.
		record.SNI = t.Endpoint.ServerName
	}
	record.Alternates = nil // the verdict has been passed on them
	if record.Certificate != nil {
		record.Certificate = trimCertificate(record.Certificate)
	}
	record.Chain = nil
	for _, c := range v.Record.Chain[:min(len(v.Record.Chain), maxKeptChain)] {
		record.Chain = append(record.Chain, s.shared(c))
	}
	verdict.Record = &record
	return &verdict
}

// shared returns one copy of a certificate that many chains have.
func (s *Store) shared(c *certificate.Certificate) *certificate.Certificate {
	if known := s.chains[c.FingerprintSHA256]; known != nil {
		return known
	}
	if s.chains == nil {
		s.chains = make(map[string]*certificate.Certificate)
	}
	kept := trimCertificate(c)
	s.chains[c.FingerprintSHA256] = kept
	return kept
}

func trimCertificate(c *certificate.Certificate) *certificate.Certificate {
	kept := certificate.Certificate{
		Subject: trimName(c.Subject), Issuer: trimName(c.Issuer), SerialNumber: results.Shorten(c.SerialNumber, maxKeptText), Version: c.Version,
		NotBefore: c.NotBefore, NotAfter: c.NotAfter,
		DNSNames: trimNames(c.DNSNames), IPAddresses: trimNames(c.IPAddresses), EmailAddresses: trimNames(c.EmailAddresses),
		PublicKey: c.PublicKey, SignatureAlgorithm: results.Shorten(c.SignatureAlgorithm, maxKeptText), IsCA: c.IsCA, SelfSigned: c.SelfSigned,
		FingerprintSHA256: c.FingerprintSHA256, SPKISHA256: c.SPKISHA256, ParseError: c.ParseError,
	}
	return &kept
}

func trimName(n certificate.Name) certificate.Name {
	return certificate.Name{
		DN: results.Shorten(n.DN, maxKeptText), CommonName: results.Shorten(n.CommonName, maxKeptText),
		Organization: trimNames(n.Organization[:min(1, len(n.Organization))]),
	}
}

func trimNames(names []string) []string {
	kept := []string{}
	for i, name := range names {
		if i == maxKeptNames-1 && len(names) > maxKeptNames {
			return append(kept, fmt.Sprintf("(%d more)", len(names)-i))
		}
		kept = append(kept, results.Shorten(name, maxKeptText))
	}
	return kept
}
