package revocation

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ocsp"
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

// answer is what came, or will come, of a request.
type answer struct {
	done  chan struct{}
	begun time.Time
	// Until done is closed, whoever closes it alone may touch these.
	list *list
	ocsp []byte
	err  error
	room int // for entries, of those of the Checker
}

// isOld reports whether an answer that came has to be asked for again.
func (a *answer) isOld() bool {
	select {
	case <-a.done:
		return time.Since(a.begun) >= freshness
	default:
		return false
	}
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

// list returns the answer for the list at a URL.
func (c *Checker) list(ctx context.Context, spawn Spawn, u string) *answer {
	return c.answer(ctx, spawn, u, u, func(ctx context.Context, a *answer) error {
		ctx, cancel := context.WithTimeout(ctx, listTime)
		defer cancel()
		body, err := c.Fetch(ctx, u, nil)
		if err != nil {
			return err
		}
		defer body.Close()
		a.list, err = readList(&capped{body, maxList}, func(n int) error {
			a.room += n
			if c.entries.Add(int64(n)) > int64(c.maxEntries()) {
				return errors.New("there is no room for the list")
			}
			return nil
		})
		if err != nil {
			c.entries.Add(int64(-a.room))
			a.room = 0
		}
		return err
	})
}

func (c *Checker) maxEntries() int {
	if c.MaxEntries > 0 {
		return c.MaxEntries
	}
	return DefaultMaxEntries
}

// ask asks a responder about a certificate.
func (c *Checker) ask(ctx context.Context, spawn Spawn, u string, cert, issuer *x509.Certificate, now time.Time) (*OCSP, error) {
	request, err := ocsp.CreateRequest(cert, issuer, nil)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append(slices.Clone(request), u...))
	a, err := c.answer(ctx, spawn, string(sum[:]), u, func(ctx context.Context, a *answer) error {
		ctx, cancel := context.WithTimeout(ctx, ocspTime)
		defer cancel()
		body, err := c.Fetch(ctx, u, request)
		if err != nil {
			return err
		}
		defer body.Close()
		a.ocsp, err = io.ReadAll(&capped{body, maxOCSP})
		return err
	}).wait(ctx)
	if err != nil {
		return nil, err
	}
	return ReadOCSP(a.ocsp, cert, issuer, now)
}

// capped is a reader that fails behind its limit.
type capped struct {
	io.Reader
	left int64
}

func (r *capped) Read(p []byte) (int, error) {
	if r.left <= 0 {
		// Whoever ends there is told so.
		if n, err := r.Reader.Read(p[:min(1, len(p))]); n == 0 {
			return 0, err
		}
		return 0, errors.New("the answer is too long")
	}
	n, err := r.Reader.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	return n, err
}

// answer returns the answer for a key, and has get find it if nobody has asked
// yet.
func (c *Checker) answer(ctx context.Context, spawn Spawn, key, u string, get func(context.Context, *answer) error) *answer {
	c.mu.Lock()
	a, known := c.answers[key]
	if known && a.isOld() {
		c.entries.Add(int64(-a.room))
		delete(c.answers, key)
		known = false
	}
	if !known {
		a = &answer{done: make(chan struct{}), begun: time.Now()}
		if c.answers == nil {
			c.answers, c.hosts = make(map[string]*answer), make(map[string]chan struct{})
			c.slots = make(chan struct{}, inFlight)
		}
		if len(c.answers) >= maxAnswers {
			c.forget()
		}
		if len(c.answers) >= maxAnswers {
			a.err = errors.New("too many lists and responders were asked")
			close(a.done)
			known = true
		} else {
			c.answers[key] = a
		}
	}
	c.mu.Unlock()
	if known {
		return a
	}
	run := func(ctx context.Context) {
		defer func() {
			if value := recover(); value != nil {
				a.err = fmt.Errorf("panic: %v", value)
			}
			close(a.done)
		}()
		if a.err = c.inTurn(ctx, u, func() error { return get(ctx, a) }); a.err != nil && ctx.Err() != nil {
			// It was cut off, which says nothing to who asks later.
			c.mu.Lock()
			delete(c.answers, key)
			c.mu.Unlock()
		}
	}
	if spawn != nil {
		spawn(run)
	} else {
		run(ctx)
	}
	return a
}

// forget drops the responses that came: they can be asked for again. c.mu is held.
func (c *Checker) forget() {
	for key, a := range c.answers {
		select {
		case <-a.done:
			if a.list == nil {
				delete(c.answers, key)
			}
		default:
		}
	}
}

// inTurn calls f when there is room for one more request to a URL's host.
func (c *Checker) inTurn(ctx context.Context, u string, f func() error) error {
	parsed, err := url.Parse(u)
	if err != nil {
		return err
	}
	name := strings.ToLower(parsed.Host)
	c.mu.Lock()
	host := c.hosts[name]
	if host == nil {
		if len(c.hosts) >= maxAnswers {
			clear(c.hosts)
		}
		host = make(chan struct{}, inFlightPerHost)
		c.hosts[name] = host
	}
	c.mu.Unlock()
	for _, room := range []chan struct{}{host, c.slots} {
		select {
		case room <- struct{}{}:
			defer func() { <-room }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	c.requests.Add(1)
	return f()
}

// wait returns the answer when it is there.
func (a *answer) wait(ctx context.Context) (*answer, error) {
	select {
	case <-a.done:
		return a, a.err
	default:
	}
	select {
	case <-a.done:
		return a, a.err
	case <-ctx.Done():
		return nil, errors.New("no answer within the target's time")
	}
}
