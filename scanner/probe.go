package scanner

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"

	"certsweep/dialer"
	"certsweep/results"
	"certsweep/results/certificate"
)

// probe makes the records of one target.
func (sc *scan) probe(ctx context.Context, worker int, t *Target, emit func(*results.Record)) {
	began := time.Now()
	defer func() {
		if value := recover(); value != nil {
			emit(sc.record(t, began, new(dialer.Handshake), errPanic{value}))
		}
	}()
	if t.Err != nil {
		emit(sc.record(t, began, new(dialer.Handshake), t.Err))
		return
	}
	if sc.Lookup == nil {
		emit(sc.probeEndpoint(ctx, worker, t, &t.Endpoint, 0))
		return
	}
	sc.probeAll(ctx, worker, t, emit)
}

// probeAll makes a record for each address of the target.
func (sc *scan) probeAll(ctx context.Context, worker int, t *Target, emit func(*results.Record)) {
	began := time.Now()
	var addrs []netip.Addr
	err := sc.honest(ctx, worker, func(ctx context.Context) (err error) {
		addrs, err = sc.Lookup(ctx, t.Endpoint.Host)
		return err
	})
	resolve := time.Since(began)
	if err != nil {
		emit(sc.record(t, began, &dialer.Handshake{Timing: dialer.Timing{Resolve: resolve}}, err))
		return
	}
	for _, addr := range addrs {
		e := t.Endpoint
		e.Host, e.ServerName = addr.String(), t.Endpoint.Name()
		emit(sc.probeEndpoint(ctx, worker, t, &e, resolve))
	}
}

// probeEndpoint makes the record of one endpoint of a target. resolve is the
// time of a look-up that was made before.
func (sc *scan) probeEndpoint(ctx context.Context, worker int, t *Target, e *dialer.Endpoint, resolve time.Duration) *results.Record {
	shown := new(outcome)
	err := sc.honest(ctx, worker, func(ctx context.Context) error {
		// What a shortage interrupted says nothing, nor does its time.
		shown.began = time.Now()
		return sc.tries(ctx, e, shown)
	})
	shown.Timing.Resolve += resolve
	r := sc.record(t, shown.began.Add(-resolve), &shown.Handshake, err)
	r.Retries = shown.retries
	return r
}

// outcome is what the tries at an endpoint showed.
type outcome struct {
	dialer.Handshake
	began   time.Time
	retries int // tries beyond the first
}

// record is the only place where a handshake becomes a record.
func (s *Scanner) record(t *Target, began time.Time, h *dialer.Handshake, err error) *results.Record {
	r := t.Entry().Record()
	r.SNI, r.Time, r.Status = h.ServerName, began.UTC().Truncate(time.Millisecond), results.StatusOK
	r.Timing = results.Timing{
		Resolve:   milliseconds(h.Timing.Resolve),
		Connect:   milliseconds(h.Timing.Connect),
		Handshake: milliseconds(h.Timing.Handshake),
		Drain:     milliseconds(h.Timing.Drain),
		Total:     milliseconds(time.Since(began)),
	}
	if h.Addr.IsValid() {
		r.IP = h.Addr.Addr().String()
	}
	if err != nil {
		r.Status, r.Error = results.StatusError, recordError(err)
	}
	if h.Method != "" {
		r.TLS = recordTLS(h)
	}
	if h.Drain.End != "" {
		r.Drain = &results.Drain{Bytes: h.Drain.Bytes, End: string(h.Drain.End)}
	}
	s.describe(r, t, h)
	return r
}

// describe adds what the certificates say.
func (s *Scanner) describe(r *results.Record, t *Target, h *dialer.Handshake) {
	chain := results.ParseChain(h.Certificates, h.Parsed)
	for i := range chain {
		if i > 0 && !s.Chain {
			break
		}
		c := certificate.Read(h.Certificates[i], chain[i], r.Time)
		if s.PEM {
			c.PEM = certificate.EncodePEM(h.Certificates[i])
		}
		if i == 0 {
			r.Certificate = c
		} else {
			r.Chain = append(r.Chain, c)
		}
	}
	if s.Chain && len(chain) > 0 && r.Chain == nil {
		r.Chain = []*certificate.Certificate{}
	}
	var verdict []results.Finding
	if s.Verifier != nil && len(chain) > 0 {
		r.Verification, verdict = s.Verifier.Verify(chain, r.Certificate, t.Endpoint.Name(), r.Time)
	}
	r.Findings = results.Find(r, chain, verdict, !s.NoPostQuantum)
}

func recordTLS(h *dialer.Handshake) *results.TLS {
	return &results.TLS{
		Version:            dialer.VersionName(h.Version),
		Cipher:             dialer.CipherName(h.CipherSuite),
		KeyExchange:        dialer.KeyExchangeName(h.Group, h.CipherSuite),
		PostQuantum:        dialer.IsPostQuantum(h.Group),
		ALPN:               strings.ToValidUTF8(h.ALPN, "\uFFFD"),
		ClientCertRequired: h.ClientCertRequired,
		OCSPStapled:        h.OCSPStapled,
		SCTCount:           h.SCTCount,
		Method:             string(h.Method),
	}
}

// recordError describes a failure of a line, of a probe, or of our own.
func recordError(err error) *results.Error {
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
	e.Message = results.Shorten(err.Error(), maxText)
	return e
}

// milliseconds returns d in milliseconds, to the microsecond.
func milliseconds(d time.Duration) float64 {
	return float64(d.Microseconds()) / 1000
}
