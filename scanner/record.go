package scanner

import (
	"cmp"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"time"

	"certsweep/dialer"
	"certsweep/dialer/hello"
	"certsweep/results"
	"certsweep/results/certificate"
)

// Recorder makes the record of a handshake. It is the only place where that
// happens, whatever the handshake came from. The zero value verifies nothing and
// shows no more than the leaf. A Recorder is safe for concurrent use.
type Recorder struct {
	// Verifier checks chains and names. Nil leaves out the verification, and
	// the findings that need it.
	Verifier *results.Verifier
	// Chain adds the certificates after the leaf to the record, and PEM the
	// encoded form of every certificate in it.
	Chain, PEM bool
	// AsOf is the time that certificates are judged as of; zero is that of the
	// record.
	AsOf time.Time
	// Now is the clock by which a probe ends; nil is time.Now.
	Now func() time.Time
}

// Judged returns the time that a record's certificates are judged as of.
func (c *Recorder) Judged(record time.Time) time.Time {
	if c.AsOf.IsZero() {
		return record
	}
	return c.AsOf
}

// Record returns the record of a target whose probe began at a time, learnt h,
// and ended with err, nil for success. h must not be nil; it is zero if nothing
// was learnt. It does not block, and keeps nothing of h.
func (c *Recorder) Record(t *Target, began time.Time, h *dialer.Handshake, err error) *results.Record {
	r, _ := c.record(t, began, h, err)
	return r
}

// record is Record. paths are the chains that were verified, leaf first, that of
// the record's certificate and those of its alternates; nil for those that are
// not trusted.
func (c *Recorder) record(t *Target, began time.Time, h *dialer.Handshake, err error) (r *results.Record, paths [][]*x509.Certificate) {
	r = t.Entry().Record()
	if !t.named { // else the name tells whose record it is, even if nothing was asked
		r.SNI = h.ServerName
	}
	r.Time, r.Status = began.UTC().Truncate(time.Millisecond), results.StatusOK
	r.Timing = results.Timing{
		Resolve:   milliseconds(h.Timing.Resolve),
		Connect:   milliseconds(h.Timing.Connect),
		Handshake: milliseconds(h.Timing.Handshake),
		Drain:     milliseconds(h.Timing.Drain),
	}
	if h.Addr.IsValid() {
		r.IP = h.Addr.Addr().String()
	}
	if err != nil {
		r.Status, r.Error = results.StatusError, recordError(err, time.Since(began))
	}
	if h.Method != "" {
		r.TLS = recordTLS(h)
	}
	if h.Drain.End != "" {
		r.Drain = &results.Drain{Bytes: h.Drain.Bytes, End: string(h.Drain.End)}
	}
	r.Time = c.Judged(r.Time)
	paths = c.describe(r, t, h)
	r.Time = began.UTC().Truncate(time.Millisecond)
	now := time.Now
	if c.Now != nil {
		now = c.Now
	}
	r.Timing.Total = max(0, milliseconds(now().Sub(began)))
	return r, paths
}

// describe adds what the certificates say at the time of r. It returns the chains
// that were verified.
func (c *Recorder) describe(r *results.Record, t *Target, h *dialer.Handshake) (paths [][]*x509.Certificate) {
	parsed := results.ParseChain(h.Certificates, h.Parsed)
	name := t.Endpoint.Name()
	if h.Method == dialer.MethodCapture {
		name = h.ServerName // nobody knows what name a client without SNI meant
	}
	d := c.certificates(h.Certificates, parsed, name, r.Time)
	r.Certificate, r.ChainSent, r.Chain, r.Verification = d.leaf, d.sent, d.chain, d.verification
	if len(h.OCSPResponse) > 0 && len(parsed) > 0 {
		r.TLS.OCSP = results.ReadOCSP(h.OCSPResponse, parsed, d.issuers, r.Time)
	}
	var observed []results.Finding
	r.Enumeration, observed = recordEnumeration(h)
	r.Fingerprints = recordFingerprints(h)
	if h.HelloIntolerant {
		observed = append(observed, results.HelloIntolerant)
	}
	if h.ALPNRefused {
		observed = append(observed, results.ALPNRefused)
	}
	r.Findings = results.Find(r, parsed, slices.Concat(d.verdict, observed), h.PostQuantumOffered)
	paths = append(paths, d.path(parsed))
	if h.Alternates == nil {
		return paths
	}
	r.Alternates = []*results.Alternate{}
	for i := range h.Alternates {
		alternate, path := c.alternate(&h.Alternates[i], name, r.Time)
		r.Alternates, paths = append(r.Alternates, alternate), append(paths, path)
	}
	if h.AlternatesError != nil {
		r.AlternatesError = results.Shorten(h.AlternatesError.Error(), maxText)
	}
	return paths
}

// alternate describes a further certificate of an endpoint.
func (c *Recorder) alternate(a *dialer.Alternate, name string, now time.Time) (*results.Alternate, []*x509.Certificate) {
	parsed := results.ParseChain(a.Certificates, nil)
	// What is found of a certificate alone is what a record without a handshake
	// has.
	alone := &results.Record{Time: now}
	d := c.certificates(a.Certificates, parsed, name, now)
	alone.Certificate = d.leaf
	return &results.Alternate{
		Method: string(a.Method), KeyProved: a.KeyProved, Certificate: d.leaf, ChainSent: d.sent, Chain: d.chain,
		Verification: d.verification, Findings: results.Find(alone, parsed, d.verdict, false),
	}, d.path(parsed)
}

// described is what the certificates of one chain say.
type described struct {
	leaf         *certificate.Certificate
	sent         *results.ChainSent
	chain        []*certificate.Certificate
	verification *results.Verification
	verdict      []results.Finding
	issuers      []*x509.Certificate // of the verified chain
}

// path returns the chain that was verified, leaf first.
func (d *described) path(parsed []*x509.Certificate) []*x509.Certificate {
	if d.issuers == nil {
		return nil
	}
	return append([]*x509.Certificate{parsed[0]}, d.issuers...)
}

// certificates describes a chain and verifies it for a name. parsed has its
// certificates as crypto/x509 reads them.
func (c *Recorder) certificates(ders [][]byte, parsed []*x509.Certificate, name string, now time.Time) (d described) {
	if len(ders) == 0 {
		return d
	}
	d.leaf, d.sent = certificate.Read(ders[0], parsed[0], now), results.DescribeSent(ders, parsed)
	if c.Chain {
		d.chain = make([]*certificate.Certificate, len(ders)-1)
		for i := range d.chain {
			d.chain[i] = certificate.ReadAbove(ders[i+1], parsed[i+1], now)
		}
	}
	if c.PEM {
		d.leaf.PEM = certificate.EncodePEM(ders[0])
		for i := range d.chain {
			d.chain[i].PEM = certificate.EncodePEM(ders[i+1])
		}
	}
	if c.Verifier != nil {
		d.verification, d.verdict, d.issuers = c.Verifier.Verify(parsed, d.leaf, name, now)
	}
	return d
}

func recordTLS(h *dialer.Handshake) *results.TLS {
	t := &results.TLS{
		Version:             hello.VersionName(h.Version),
		Cipher:              cmp.Or(h.CipherName, hello.SuiteName(h.CipherSuite)),
		KeyExchange:         hello.KeyExchangeName(uint16(h.Group), h.CipherSuite),
		SupportsTLS13:       h.SupportsTLS13,
		ALPN:                strings.ToValidUTF8(h.ALPN, "\uFFFD"),
		KeyProved:           h.KeyProved,
		ClientCertRequested: h.ClientCertRequested,
		OCSPStapled:         h.OCSPStapled,
		SCTCount:            h.SCTCount,
		Method:              string(h.Method),
	}
	fast := h.Method == dialer.MethodFast12 || h.Method == dialer.MethodFast13
	if !fast {
		t.PostQuantum = new(hello.IsPostQuantum(uint16(h.Group)))
	}
	if !fast || !h.ClientCertRequested {
		t.ClientCertRequired = new(h.ClientCertRequired)
	}
	return t
}

// recordError describes a failure of a line, of a probe, or of our own, after
// that time.
func recordError(err error, waited time.Duration) *results.Error {
	e := &results.Error{Phase: results.PhaseLocal, Code: results.CodeInternal}
	if failed, ok := errors.AsType[*dialer.Error](err); ok {
		e.Phase, e.Code = string(failed.Phase), string(failed.Code)
		if failed.Code == dialer.CodeAlert {
			e.Alert = &results.Alert{Name: dialer.AlertName(failed.Alert), Number: int(failed.Alert)}
		}
		err = failed.Err
	} else if line, ok := errors.AsType[*LineError](err); ok {
		e.Phase, e.Code = results.PhaseInput, line.Code
	}
	e.Message = results.Shorten(errorMessage(e, err, waited), maxText)
	return e
}

// milliseconds returns d in milliseconds, to the microsecond.
func milliseconds(d time.Duration) float64 {
	return float64(d.Microseconds()) / 1000
}
