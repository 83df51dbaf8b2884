package scanner

import (
	"context"
	"crypto/x509"
	"math"
	"sync"
	"time"

	"certsweep/results"
	"certsweep/results/certificate"
	"certsweep/results/revocation"
)

// revoked adds to a record whether the certificates of its chains were revoked. A
// target has for that what its probe left of its time; what is asked goes on
// without it, for the next.
func (sc *scan) revoked(ctx context.Context, r *results.Record, paths [][]*x509.Certificate, used time.Duration) {
	if sc.Revocation == nil || r.Certificate == nil {
		return
	}
	began := time.Now()
	ctx, cancel := context.WithDeadline(ctx, began.Add(sc.timeout()-used))
	defer cancel()
	var staple *revocation.OCSP
	if r.TLS != nil {
		staple = r.TLS.OCSP
	}
	r.Revocation = sc.askIssuers(ctx, paths[0], staple, r.Time)
	r.Findings = results.FindRevoked(r.Findings, r.Revocation)
	for i, a := range r.Alternates {
		a.Revocation = sc.askIssuers(ctx, paths[i+1], nil, r.Time)
		a.Findings = results.FindRevoked(a.Findings, a.Revocation)
	}
	r.Timing.Total = math.Round((r.Timing.Total+milliseconds(time.Since(began)))*1000) / 1000
}

// askIssuers asks about a chain that was verified; nil is one that was not. Only
// such a chain names addresses that may be asked: anybody can write any into
// certificates of their own.
func (sc *scan) askIssuers(ctx context.Context, path []*x509.Certificate, staple *revocation.OCSP, now time.Time) *revocation.Result {
	if path == nil {
		return &revocation.Result{Status: revocation.Unknown, Certificates: []revocation.Verdict{}, Error: "the chain is not trusted, and only trusted issuers are asked"}
	}
	result := sc.Revocation.Check(ctx, sc.spawn, path, staple, now)
	for i := range result.Certificates {
		v := &result.Certificates[i]
		v.Subject = certificate.ParseName(path[i].RawSubject).DN
		if v.Error != "" {
			v.Error = results.Shorten(v.Error, maxText)
		}
	}
	return result
}

// askFor makes sc ready to ask issuers while ctx lasts, each in a goroutine of its
// own. end cuts off what is still under way and waits for it.
func (sc *scan) askFor(ctx context.Context) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var requests sync.WaitGroup
	sc.spawn = func(request func(context.Context)) { requests.Go(func() { request(ctx) }) }
	return func() {
		cancel()
		requests.Wait()
	}
}
