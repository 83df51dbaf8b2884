package revocation

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of what is fetched.
const (
	// DefaultMaxEntries is what a Checker may remember of revoked certificates:
	// 64 MiB. The lists of all public authorities together have a few million.
	DefaultMaxEntries = 4 << 20
	// maxList bounds a list, in bytes. The largest in use have some 40 MB.
	maxList = 64 << 20
	// listTime and ocspTime bound a request, whoever waits for it.
	listTime = 30 * time.Second
	ocspTime = 10 * time.Second
	// inFlight and inFlightPerHost bound the requests under way, so that a host
	// that answers none holds up its own lists alone.
	inFlight        = 32
	inFlightPerHost = 4
	// maxAnswers bounds how many URLs and responses a Checker remembers.
	maxAnswers = 16 << 10
	// maxSources is how many URLs of a kind are asked for one certificate.
	maxSources = 4
	// freshness is how long an answer, or that there was none, is believed before
	// it is asked for again: authorities have lists of a week that they replace
	// within a day, and a scan may go on for ever.
	freshness = time.Hour
	// exemptLifetime is that of certificates whose issuers need not say anything of
	// their revocation (CA/Browser Forum, baseline requirements §1.6.1,
	// "short-lived").
	exemptLifetime = 7 * 24 * time.Hour
)

// Fetch gets a URL of scheme http or https: with GET if request is nil, else with
// POST, as OCSP has it (RFC 6960 appendix A.1). The answer must be as the server
// sent it, not unpacked. It blocks until ctx is done at the latest, and so must
// the reads from what it returns.
type Fetch func(ctx context.Context, url string, request []byte) (io.ReadCloser, error)

// Spawn calls its argument apart from the caller, with a context that outlasts
// the caller's. It returns at once.
type Spawn func(func(context.Context))

// Checker asks whether certificates were revoked, for each list and each
// certificate once an hour at most. Fetch must be set; the other fields have useful zero values. A Checker is
// safe for concurrent use and must not be changed once it was used. What it
// remembers is bounded.
type Checker struct {
	Fetch Fetch
	// MaxEntries is how many revoked certificates are remembered, 16 bytes each;
	// 0 means DefaultMaxEntries. A list that has no room says nothing.
	MaxEntries int

	entries  atomic.Int64
	requests atomic.Int64

	mu      sync.Mutex
	answers map[string]*answer
	slots   chan struct{}
	hosts   map[string]chan struct{}
}

// Result is what was found out about the certificates of a chain.
type Result struct {
	// Status is Revoked if one of them is, else Unknown if that of one could not
	// be found out, else Good.
	Status       string    `json:"status"`
	Certificates []Verdict `json:"certificates"`
	// Error says why none was asked about.
	Error string `json:"error,omitempty"`
}

// Exempt is the status of a certificate of which its issuer says nothing, by
// design: it lives for days only, or says so itself (RFC 9608).
const Exempt = "exempt"

// Verdict is what was found out about one certificate.
type Verdict struct {
	// Subject is its name. A Checker leaves it empty.
	Subject string `json:"subject"`
	// Status is Good, Revoked, Unknown or Exempt.
	Status string `json:"status"`
	// Source is crl, ocsp, or staple for the response that the server sent with
	// its certificate; URL is where it came from.
	Source     string    `json:"source,omitempty"`
	URL        string    `json:"url,omitempty"`
	ThisUpdate time.Time `json:"this_update,omitzero"`
	NextUpdate time.Time `json:"next_update,omitzero"`
	RevokedAt  time.Time `json:"revoked_at,omitzero"`
	Reason     string    `json:"reason,omitempty"` // RFC 5280 §5.3.1
	Error      string    `json:"error,omitempty"`  // why it is Unknown
}

// The sources of a [Verdict].
const (
	SourceCRL    = "crl"
	SourceOCSP   = "ocsp"
	SourceStaple = "staple"
)

// Check finds out about the certificates of a verified chain, leaf first and the
// trust anchor last, of which nothing is asked. staple is the response that the
// server stapled, nil for none: it counts if it says that the leaf is revoked, and
// if nothing else is to be had, since the server chose it.
//
// It blocks until ctx is done at the latest. Requests go on in spawn, for the
// others who want to know; if that is nil, they end with ctx.
//
// Only what a trusted issuer wrote into its certificates is fetched: do not call
// Check with a chain that was not verified.
func (c *Checker) Check(ctx context.Context, spawn Spawn, chain []*x509.Certificate, staple *OCSP, now time.Time) *Result {
	r := &Result{Status: Good, Certificates: make([]Verdict, max(0, len(chain)-1))}
	if spawn != nil {
		// All lists at once, so that slow ones do not add up.
		for i := range r.Certificates {
			if urls := fetchable(pointsOf(chain[i]), 1); len(urls) > 0 {
				c.list(ctx, spawn, urls[0])
			}
		}
	}
	for i := range r.Certificates {
		v := &r.Certificates[i]
		if i > 0 {
			staple = nil
		}
		c.certificate(ctx, spawn, v, chain[i], chain[i+1], staple, now)
		if v.Status == Revoked || v.Status == Unknown && r.Status != Revoked {
			r.Status = v.Status
		}
	}
	return r
}

// Requests returns how many requests were made so far.
func (c *Checker) Requests() int64 { return c.requests.Load() }

// certificate finds out about one certificate.
func (c *Checker) certificate(ctx context.Context, spawn Spawn, v *Verdict, cert, issuer *x509.Certificate, staple *OCSP, now time.Time) {
	if staple != nil && staple.Status == Revoked {
		v.take(SourceStaple, "", staple)
		return
	}
	points, responders := pointsOf(cert), fetchable(cert.OCSPServer, maxSources)
	lists := fetchable(points, maxSources)
	var failures []error
	failed := func(url string, err error) {
		failures = append(failures, fmt.Errorf("%s: %w", url, err))
	}
	for _, u := range lists {
		got := Verdict{Source: SourceCRL, URL: u}
		l, err := c.list(ctx, spawn, u).wait(ctx)
		if err == nil {
			err = l.list.check(&got, cert, issuer, points, now)
		}
		if err == nil {
			*v = got
			return
		}
		failed(u, err)
	}
	for _, u := range responders {
		got, err := c.ask(ctx, spawn, u, cert, issuer, now)
		if err == nil && got.Status != Unknown {
			v.take(SourceOCSP, u, got)
			return
		}
		if err == nil {
			err = errors.New("the responder does not know the certificate")
		}
		failed(u, err)
	}
	switch {
	case staple != nil && staple.Status == Good:
		v.take(SourceStaple, "", staple)
	case len(failures) > 0:
		v.Status, v.Error = Unknown, failures[0].Error()
		if len(failures) > 1 {
			v.Error += fmt.Sprintf(" (and %d more)", len(failures)-1)
		}
	case isExempt(cert, points):
		v.Status = Exempt
	default:
		v.Status, v.Error = Unknown, "the certificate names no list and no responder that can be asked"
	}
}

// take takes over what a response says.
func (v *Verdict) take(source, url string, o *OCSP) {
	*v = Verdict{
		Status: o.Status, Source: source, URL: url, ThisUpdate: o.ThisUpdate, NextUpdate: o.NextUpdate, RevokedAt: o.RevokedAt, Reason: o.Reason,
	}
}

// isExempt reports whether there is nothing to be asked of a certificate, and
// rightly so.
func isExempt(cert *x509.Certificate, points []string) bool {
	if len(points) > 0 || len(cert.OCSPServer) > 0 {
		return false
	}
	for _, e := range cert.Extensions {
		if e.Id.String() == oidNoRevocation {
			return true
		}
	}
	return !cert.IsCA && cert.NotAfter.Sub(cert.NotBefore) <= exemptLifetime
}
