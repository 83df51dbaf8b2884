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
	"time"

	"golang.org/x/crypto/ocsp"
)

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
