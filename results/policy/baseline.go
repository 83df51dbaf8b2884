package policy

import (
	"encoding/hex"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
	"unique"

	"certsweep/results"
	"certsweep/results/certificate"
)

// Baseline is what an earlier scan saw, to compare a later one with. Fill it
// with [Baseline.Add] and set [Policy.Baseline]; the zero value is empty. It
// notes which of its endpoints were judged, so it serves one run until Reset, and one
// goroutine. Its memory grows with the endpoints of the earlier scan, some 300
// bytes for each.
type Baseline struct {
	endpoints map[endpoint]*past
	order     []endpoint
}

// endpoint is what makes two records speak of the same thing, whatever line
// they stood on.
type endpoint struct {
	host          string
	port          int
	sni, starttls string
}

// past is what all records of one endpoint had. An endpoint with several
// addresses, or with several certificates in turn, has several.
type past struct {
	input        string
	time         time.Time
	ok           bool // the handshake completed at least once
	judged       bool
	findings     []results.Finding
	certificates []pastCertificate
}

type pastCertificate struct {
	fingerprint, key [32]byte
	issuer           unique.Handle[string]
}

func endpointOf(r *results.Record) endpoint {
	e := endpoint{host: r.Host, port: r.Port, sni: r.SNI, starttls: r.StartTLS}
	if e.sni == e.host {
		// A record that failed before its hello may lack the name it would send.
		e.sni = ""
	}
	return e
}

// Add notes a record of the earlier scan. It does not keep the record. Records
// of lines that made no sense are left out.
func (b *Baseline) Add(r *results.Record) {
	if r.Host == "" {
		return
	}
	if b.endpoints == nil {
		b.endpoints = make(map[endpoint]*past)
	}
	at := endpointOf(r)
	p := b.endpoints[at]
	if p == nil {
		p = &past{input: r.Input}
		b.endpoints[at] = p
		b.order = append(b.order, at)
	}
	p.time = r.Time
	p.ok = p.ok || r.Status == results.StatusOK
	for _, finding := range r.Findings {
		if !slices.Contains(p.findings, finding) {
			p.findings = append(p.findings, finding)
		}
	}
	if c := r.Certificate; c != nil {
		if now := remember(c); !slices.Contains(p.certificates, now) {
			p.certificates = append(p.certificates, now)
		}
	}
}

func remember(c *certificate.Certificate) pastCertificate {
	p := pastCertificate{issuer: unique.Make(c.Issuer.DN)}
	// A fingerprint that is no hex stays zero: a record of another make.
	hex.Decode(p.fingerprint[:], []byte(firstN(c.FingerprintSHA256, 64)))
	hex.Decode(p.key[:], []byte(firstN(c.SPKISHA256, 64)))
	return p
}

func firstN(s string, n int) string { return s[:min(n, len(s))] }

// changes reports what is not as the baseline has it.
func (j *judgement) changes(b *Baseline) {
	p := b.endpoints[endpointOf(j.record)]
	if p == nil {
		if j.level(CodeChanged) != OK {
			j.verdict.Changes = []string{"new on the list"}
		}
		return
	}
	p.judged = true
	changed := p.compare(j.record)
	if len(changed) == 0 {
		return
	}
	reported := j.report(CodeChanged, func() string {
		var texts []string
		for _, c := range changed {
			texts = append(texts, c.text)
		}
		return fmt.Sprintf("changed since %s: %s: check that this was intended", date(p.time), strings.Join(texts, ", "))
	})
	for i := 0; reported && i < len(changed); i++ {
		j.verdict.Changes = append(j.verdict.Changes, changed[i].kind)
	}
}

// change is one thing that is not as it was: its kind, as [Verdict.Changes] has
// it, and in the words of the endpoint's message.
type change struct{ kind, text string }

// compare says what a record has that none of the earlier ones had.
func (p *past) compare(r *results.Record) []change {
	var changed []change
	add := func(kind string) { changed = append(changed, change{kind, kind}) }
	if p.ok && r.Status == results.StatusError {
		changed = append(changed, change{"no longer reachable", "it was reachable"})
	}
	c := r.Certificate
	if c == nil || len(p.certificates) == 0 {
		return changed
	}
	now := remember(c)
	known := func(same func(pastCertificate) bool) bool { return slices.ContainsFunc(p.certificates, same) }
	if !known(func(was pastCertificate) bool { return was.fingerprint == now.fingerprint }) {
		add("certificate replaced")
	}
	if !known(func(was pastCertificate) bool { return was.key == now.key }) {
		add("key changed")
	}
	if !known(func(was pastCertificate) bool { return was.issuer == now.issuer }) {
		changed = append(changed, change{"issuer changed", fmt.Sprintf("issuer changed from %s to %s",
			name(certificate.Name{DN: p.certificates[len(p.certificates)-1].issuer.Value()}), name(c.Issuer))})
	}
	for _, finding := range r.Findings {
		if !onClock(finding) && !slices.Contains(p.findings, finding) {
			add("newly " + string(finding))
		}
	}
	return changed
}

// onClock: these findings come with time alone, on an endpoint that nobody
// changed.
func onClock(f results.Finding) bool {
	return f == results.Expired || f == results.NotYetValid || f == results.ExpiresSoon
}

// Reset forgets which endpoints were judged, so that another set of records can
// be. A nil Baseline has none.
func (b *Baseline) Reset() {
	if b == nil {
		return
	}
	for _, was := range b.endpoints {
		was.judged = false
	}
}

// Gone yields a verdict for every endpoint of the baseline that no judged record
// was about, in the order of the earlier scan. Call it once all records are
// judged. The verdict's record has no more than the endpoint, and the status
// error. Where the policy has no level for CodeChanged it yields nothing.
func (p *Policy) Gone() iter.Seq[Verdict] {
	return func(yield func(Verdict) bool) {
		if p.Baseline == nil || p.Levels[CodeChanged] == OK {
			return
		}
		for _, at := range p.Baseline.order {
			was := p.Baseline.endpoints[at]
			if was.judged {
				continue
			}
			v := Verdict{Gone: true, Record: results.Entry{Input: was.input, Host: at.host, Port: at.port, StartTLS: at.starttls}.Record()}
			v.Record.SNI = at.sni
			v.Changes = []string{"gone from the list"}
			v.add(CodeChanged, p.Levels[CodeChanged],
				fmt.Sprintf("gone: it was there on %s and is no longer on the list", date(was.time)))
			if !yield(v) {
				return
			}
		}
	}
}
