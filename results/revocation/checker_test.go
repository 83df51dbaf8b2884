package revocation

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ocsp"
)

// web is what is fetched, by URL.
type web map[string]func(ctx context.Context, request []byte) (io.ReadCloser, error)

func (w web) fetch(ctx context.Context, url string, request []byte) (io.ReadCloser, error) {
	if w[url] == nil {
		return nil, errors.New("not found")
	}
	return w[url](ctx, request)
}

func page(content []byte) func(context.Context, []byte) (io.ReadCloser, error) {
	return func(context.Context, []byte) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	}
}

// responder answers for an authority, by serial number; of others it says unknown.
func (w *world) responder(status map[string]int) func(context.Context, []byte) (io.ReadCloser, error) {
	return func(_ context.Context, request []byte) (io.ReadCloser, error) {
		asked, err := ocsp.ParseRequest(request)
		if err != nil {
			return nil, err
		}
		r := ocsp.Response{Status: ocsp.Unknown, SerialNumber: asked.SerialNumber, ThisUpdate: w.now, NextUpdate: w.now.Add(time.Hour), IssuerHash: crypto.SHA1}
		if known, ok := status[asked.SerialNumber.String()]; ok {
			r.Status, r.RevokedAt = known, w.now
		}
		der, err := ocsp.CreateResponse(w.root, w.root, r, w.key)
		return io.NopCloser(bytes.NewReader(der)), err
	}
}

func TestCheck(t *testing.T) {
	w := newWorld(t)
	const ocspURL = "http://ocsp.test"
	issue := func(template *x509.Certificate) *x509.Certificate {
		template.NotBefore, template.NotAfter = w.now.Add(-time.Hour), w.now.AddDate(0, 0, 30)
		cert, _ := create(t, template, w.root, w.key)
		return cert
	}
	onlyOCSP := issue(&x509.Certificate{OCSPServer: []string{"ldap://ocsp.test", ocspURL}})
	both := issue(&x509.Certificate{OCSPServer: []string{ocspURL}, CRLDistributionPoints: []string{"ldap://crl.test", pointURL}})
	neither := issue(&x509.Certificate{})
	noRevocation := issue(&x509.Certificate{ExtraExtensions: []pkix.Extension{ext([]int{2, 5, 29, 56}, false, 5, 0)}})
	shortLived, _ := create(t, &x509.Certificate{}, w.root, w.key)
	shortCA, _ := create(t, &x509.Certificate{IsCA: true, BasicConstraintsValid: true}, w.root, w.key)
	list := page(w.list(t, nil))
	says := func(status int, certs ...*x509.Certificate) func(context.Context, []byte) (io.ReadCloser, error) {
		known := make(map[string]int)
		for _, c := range certs {
			known[c.SerialNumber.String()] = status
		}
		return w.responder(known)
	}
	staple := func(status string) *OCSP {
		o := &OCSP{Status: status}
		if status == Revoked {
			o.RevokedAt, o.Reason = w.now, "keyCompromise"
		}
		return o
	}
	for name, test := range map[string]struct {
		web    web
		chain  []*x509.Certificate
		staple *OCSP
		status string // of the chain
		source string // of the leaf's
		error  string
	}{
		"good by a list":             {web{pointURL: list}, []*x509.Certificate{w.good, w.root}, nil, Good, SourceCRL, ""},
		"revoked by a list":          {web{pointURL: list}, []*x509.Certificate{w.bad, w.root}, nil, Revoked, SourceCRL, ""},
		"by the second list":         {web{"http://crl.test/2.crl": list}, []*x509.Certificate{w.bad, w.root}, nil, Revoked, SourceCRL, ""},
		"no list":                    {web{}, []*x509.Certificate{w.good, w.root}, nil, Unknown, "", "http://crl.test/1.crl: not found (and 1 more)"},
		"garbage":                    {web{pointURL: page([]byte("garbage"))}, []*x509.Certificate{w.good, w.root}, nil, Unknown, "", "malformed"},
		"good by OCSP":               {web{ocspURL: says(ocsp.Good, onlyOCSP)}, []*x509.Certificate{onlyOCSP, w.root}, nil, Good, SourceOCSP, ""},
		"revoked by OCSP":            {web{ocspURL: says(ocsp.Revoked, onlyOCSP)}, []*x509.Certificate{onlyOCSP, w.root}, nil, Revoked, SourceOCSP, ""},
		"not known by OCSP":          {web{ocspURL: says(ocsp.Good, both)}, []*x509.Certificate{onlyOCSP, w.root}, nil, Unknown, "", "does not know"},
		"a list before OCSP":         {web{pointURL: list, ocspURL: says(ocsp.Revoked, both)}, []*x509.Certificate{both, w.root}, nil, Good, SourceCRL, ""},
		"OCSP if the list is no use": {web{pointURL: page(nil), ocspURL: says(ocsp.Revoked, both)}, []*x509.Certificate{both, w.root}, nil, Revoked, SourceOCSP, ""},
		"nothing to be asked":        {web{}, []*x509.Certificate{neither, w.root}, nil, Unknown, "", "names no list"},
		"nothing will be said":       {web{}, []*x509.Certificate{noRevocation, w.root}, nil, Good, "", ""},
		"short-lived":                {web{}, []*x509.Certificate{shortLived, w.root}, nil, Good, "", ""},
		"short-lived authority":      {web{}, []*x509.Certificate{shortCA, w.root}, nil, Unknown, "", "names no list"},
		"staple: revoked":            {web{pointURL: list}, []*x509.Certificate{w.good, w.root}, staple(Revoked), Revoked, SourceStaple, ""},
		"staple: good, list: not":    {web{pointURL: list}, []*x509.Certificate{w.bad, w.root}, staple(Good), Revoked, SourceCRL, ""},
		"staple: good, no list":      {web{}, []*x509.Certificate{w.good, w.root}, staple(Good), Good, SourceStaple, ""},
		"staple: unknown, no list":   {web{}, []*x509.Certificate{w.good, w.root}, staple(Unknown), Unknown, "", "not found"},
		"the anchor alone":           {web{}, []*x509.Certificate{w.root}, nil, Good, "", ""},
		"panic": {web{pointURL: func(context.Context, []byte) (io.ReadCloser, error) { panic("!") }, "http://crl.test/2.crl": page(nil)},
			[]*x509.Certificate{w.good, w.root}, nil, Unknown, "", "panic"},
		"endless": {web{pointURL: func(context.Context, []byte) (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(bytes.NewReader([]byte{0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0x30, 0x84, 0xff, 0xff, 0xff, 0xf0}), zeros{})), nil
		}, "http://crl.test/2.crl": page(nil)}, []*x509.Certificate{w.good, w.root}, nil, Unknown, "", "malformed"},
	} {
		for _, spawn := range []Spawn{nil, func(f func(context.Context)) { go f(context.Background()) }} {
			c := &Checker{Fetch: test.web.fetch}
			r := c.Check(t.Context(), spawn, test.chain, test.staple, w.now)
			if r.Status != test.status || len(r.Certificates) != len(test.chain)-1 {
				t.Errorf("%s: %+v", name, r)
				continue
			}
			if len(r.Certificates) == 0 {
				continue
			}
			v := r.Certificates[0]
			if v.Source != test.source || !strings.Contains(v.Error, test.error) || (v.Error == "") != (test.error == "") || (v.Status == Revoked) == v.RevokedAt.IsZero() {
				t.Errorf("%s: %+v", name, v)
			}
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestCheckIntermediate: what stands above the leaf is asked about too, of its own
// issuer.
func TestCheckIntermediate(t *testing.T) {
	w := newWorld(t)
	inter, interKey := create(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "Intermediate"}, IsCA: true, BasicConstraintsValid: true, CRLDistributionPoints: []string{pointURL}, KeyUsage: x509.KeyUsageCRLSign,
	}, w.root, w.key)
	leaf, _ := create(t, &x509.Certificate{CRLDistributionPoints: []string{"http://inter.test/"}}, inter, interKey)
	chain := []*x509.Certificate{leaf, inter, w.root}
	none := func(l *x509.RevocationList) { l.RevokedCertificateEntries = nil }
	revokes := func(l *x509.RevocationList) {
		l.RevokedCertificateEntries = []x509.RevocationListEntry{{SerialNumber: inter.SerialNumber, RevocationTime: w.now}}
	}
	for name, test := range map[string]struct {
		above, below []byte
		want         string
	}{
		"good":                 {w.list(t, none), w.listBy(t, inter, interKey, none), Good},
		"revoked above":        {w.list(t, revokes), w.listBy(t, inter, interKey, none), Revoked},
		"revoked, not known":   {w.list(t, revokes), nil, Revoked},
		"not known above":      {nil, w.listBy(t, inter, interKey, none), Unknown},
		"the other's list":     {w.list(t, none), w.list(t, none), Unknown},
		"same number below":    {w.list(t, none), w.listBy(t, inter, interKey, revokes), Good},
		"the list of the root": {w.listBy(t, inter, interKey, none), w.listBy(t, inter, interKey, none), Unknown},
	} {
		c := &Checker{Fetch: web{pointURL: page(test.above), "http://inter.test/": page(test.below)}.fetch}
		// A good staple is about the leaf alone.
		if r := c.Check(t.Context(), nil, chain, nil, w.now); r.Status != test.want {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// TestCheckFetchesOnce: whoever asks, from however many goroutines.
func TestCheckFetchesOnce(t *testing.T) {
	w := newWorld(t)
	list := w.list(t, nil)
	responder := w.responder(nil)
	onlyOCSP, _ := create(t, &x509.Certificate{OCSPServer: []string{"http://ocsp.test"}}, w.root, w.key)
	synctest.Test(t, func(t *testing.T) {
		var lists, questions atomic.Int64
		c := &Checker{Fetch: web{
			pointURL: func(context.Context, []byte) (io.ReadCloser, error) {
				lists.Add(1)
				time.Sleep(time.Second) // fake time
				return io.NopCloser(bytes.NewReader(list)), nil
			},
			"http://ocsp.test": func(ctx context.Context, request []byte) (io.ReadCloser, error) {
				questions.Add(1)
				time.Sleep(time.Second)
				return responder(ctx, request)
			},
		}.fetch}
		var wg sync.WaitGroup
		for range 100 {
			for _, cert := range []*x509.Certificate{w.good, w.bad, onlyOCSP} {
				wg.Go(func() {
					r := c.Check(t.Context(), func(f func(context.Context)) { wg.Go(func() { f(t.Context()) }) }, []*x509.Certificate{cert, w.root}, nil, w.now)
					want := map[*x509.Certificate]string{w.good: Good, w.bad: Revoked, onlyOCSP: Unknown}[cert]
					if r.Status != want {
						t.Errorf("%+v, want %s", r, want)
					}
				})
			}
		}
		wg.Wait()
		if lists.Load() != 1 || questions.Load() != 1 || c.Requests() != 2 {
			t.Errorf("%d lists, %d questions, %d requests", lists.Load(), questions.Load(), c.Requests())
		}
	})
}

// TestCheckHasItsTime: nobody waits for a list longer than ctx says, and who comes
// later has it all the same. A server that answers nothing is given up.
func TestCheckHasItsTime(t *testing.T) {
	w := newWorld(t)
	list := w.list(t, nil)
	silent, _ := create(t, &x509.Certificate{CRLDistributionPoints: []string{"http://silent.test/"}}, w.root, w.key)
	synctest.Test(t, func(t *testing.T) {
		c := &Checker{Fetch: web{
			pointURL: func(context.Context, []byte) (io.ReadCloser, error) {
				time.Sleep(5 * time.Second)
				return io.NopCloser(bytes.NewReader(list)), nil
			},
			"http://silent.test/": func(ctx context.Context, _ []byte) (io.ReadCloser, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			},
		}.fetch}
		var wg sync.WaitGroup
		spawn := func(f func(context.Context)) { wg.Go(func() { f(context.Background()) }) }
		check := func(cert *x509.Certificate, patience time.Duration) (string, time.Duration) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			began := time.Now()
			return c.Check(ctx, spawn, []*x509.Certificate{cert, w.root}, nil, w.now).Status, time.Since(began)
		}
		for _, test := range []struct {
			cert     *x509.Certificate
			patience time.Duration
			status   string
			took     time.Duration
		}{
			{w.good, time.Second, Unknown, time.Second},
			{w.good, 10 * time.Second, Good, 4 * time.Second},
			{w.good, 0, Good, 0},
			{silent, time.Second, Unknown, time.Second},
			{silent, time.Hour, Unknown, listTime - time.Second},
			{silent, time.Hour, Unknown, 0},
		} {
			if status, took := check(test.cert, test.patience); status != test.status || took != test.took {
				t.Errorf("%+v: %s after %v", test, status, took)
			}
		}
		wg.Wait()
	})
}

// TestCheckAsksAgain: a scan that goes on for ever does not go by an old list.
func TestCheckAsksAgain(t *testing.T) {
	w := newWorld(t)
	none := w.list(t, func(l *x509.RevocationList) { l.RevokedCertificateEntries = nil })
	some := w.list(t, nil)
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		c := &Checker{Fetch: func(context.Context, string, []byte) (io.ReadCloser, error) {
			if requests++; requests%2 == 0 {
				return io.NopCloser(bytes.NewReader(none)), nil
			}
			return io.NopCloser(bytes.NewReader(some)), nil
		}}
		for i := range 5 {
			for range 3 {
				if r := c.Check(t.Context(), nil, []*x509.Certificate{w.bad, w.root}, nil, w.now); (r.Status == Revoked) != (i%2 == 0) {
					t.Errorf("in hour %d: %+v", i, r)
				}
			}
			if requests != i+1 || c.entries.Load() != int64((1-i%2)*entriesAtOnce) {
				t.Errorf("in hour %d: %d requests, room for %d entries", i, requests, c.entries.Load())
			}
			time.Sleep(freshness)
		}
	})
}

// TestCheckHoldsNoHostUp: a host that answers nothing holds up its own lists alone.
func TestCheckHoldsNoHostUp(t *testing.T) {
	w := newWorld(t)
	list := w.list(t, nil)
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		c := &Checker{Fetch: func(ctx context.Context, url string, _ []byte) (io.ReadCloser, error) {
			if strings.HasPrefix(url, "http://crl.test/") {
				return io.NopCloser(bytes.NewReader(list)), nil
			}
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range 100 {
			c.list(ctx, func(f func(context.Context)) { wg.Go(func() { f(ctx) }) }, "http://silent.test/"+strings.Repeat("x", i))
		}
		synctest.Wait()
		began := time.Now()
		if r := c.Check(ctx, nil, []*x509.Certificate{w.bad, w.root}, nil, w.now); r.Status != Revoked || time.Since(began) != 0 {
			t.Errorf("%+v after %v", r, time.Since(began))
		}
		cancel()
		wg.Wait()
		if most.Load() != inFlightPerHost {
			t.Errorf("%d at once, want %d", most.Load(), inFlightPerHost)
		}
		if len(c.answers) != 1 {
			t.Errorf("%d answers are kept, of which 1 came", len(c.answers))
		}
	})
}

// TestCheckIsBounded: a list that has no room leaves none taken.
func TestCheckIsBounded(t *testing.T) {
	w := newWorld(t)
	long := w.list(t, func(l *x509.RevocationList) {
		for i := range 2 * entriesAtOnce {
			l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: big.NewInt(int64(i) + 1<<40), RevocationTime: w.now})
		}
	})
	c := &Checker{MaxEntries: 2 * entriesAtOnce, Fetch: web{pointURL: page(long), "http://crl.test/2.crl": page(w.list(t, nil))}.fetch}
	r := c.Check(t.Context(), nil, []*x509.Certificate{w.bad, w.root}, nil, w.now)
	if v := r.Certificates[0]; v.Status != Revoked || v.URL != "http://crl.test/2.crl" || c.entries.Load() != entriesAtOnce {
		t.Errorf("%+v, %d entries", v, c.entries.Load())
	}
	// As many answers as there may be are not too many, one more is.
	for i := range maxAnswers + 10 {
		c.list(t.Context(), nil, "http://none.test/"+strings.Repeat("x", i%100)+string(rune('a'+i/100)))
	}
	if len(c.answers) > maxAnswers {
		t.Errorf("%d answers", len(c.answers))
	}
	if r := c.Check(t.Context(), nil, []*x509.Certificate{w.bad, w.root}, nil, w.now); r.Status != Revoked {
		t.Errorf("a list that came was forgotten: %+v", r)
	}
}

func TestCapped(t *testing.T) {
	for n := range 5 {
		got, err := io.ReadAll(&capped{strings.NewReader(strings.Repeat("x", n)), 3})
		if (err != nil) != (n > 3) || len(got) != min(n, 3) {
			t.Errorf("%d: %q %v", n, got, err)
		}
	}
}
