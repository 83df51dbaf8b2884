package exporter

import (
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"certsweep/dialer"
	"certsweep/results"
	"certsweep/results/certificate"
	"certsweep/results/policy"
	"certsweep/results/report"
	"certsweep/scanner"
)

func list(targets ...scanner.Target) iter.Seq2[scanner.Target, error] { return Spread(targets, 0, nil) }

func target(line int, host string) scanner.Target {
	return scanner.Target{Line: line, Text: host, Endpoint: dialer.Endpoint{Host: host, Port: 443, ServerName: host}}
}

var began = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// verdict is one of a target, with a certificate like real ones.
func verdict(t scanner.Target, at time.Time) *policy.Verdict {
	r := t.Entry().Record()
	r.Time, r.Status = at, results.StatusOK
	name := certificate.Name{DN: "CN=" + t.Text, CommonName: t.Text, Organization: []string{}}
	r.Certificate = &certificate.Certificate{
		Subject: name, Issuer: certificate.Name{DN: "CN=R11,O=Let's Encrypt,C=US", CommonName: "R11", Organization: []string{"Let's Encrypt"}},
		NotBefore: at, NotAfter: at.AddDate(0, 3, 0), DNSNames: []string{t.Text}, SerialNumber: "04" + strings.Repeat("ab", 17),
		PublicKey: certificate.PublicKey{Algorithm: "ECDSA", Bits: 256, Curve: "P-256"}, FingerprintSHA256: fmt.Sprintf("%064x", t.Line),
	}
	r.TLS = &results.TLS{Version: "1.3", Cipher: "TLS_AES_128_GCM_SHA256", KeyExchange: "X25519MLKEM768", PostQuantum: new(true), KeyProved: true, Method: "handshake"}
	r.Verification = &results.Verification{Trusted: true, NameMatch: true, ChainLength: 2}
	v := policy.Default().Judge(r, at)
	return &v
}

func hosts(targets []scanner.Target) string {
	var names []string
	for _, t := range targets {
		names = append(names, t.Endpoint.Host)
	}
	return strings.Join(names, " ")
}

func TestStoreKeepsWhatIsStillListed(t *testing.T) {
	var s Store
	a, b, c := target(1, "a"), target(2, "b"), target(3, "c")
	if err := s.Load(list(a, b)); err != nil {
		t.Fatal(err)
	}
	s.Begin(began)
	s.Put(verdict(a, began.Add(time.Minute)))
	s.Put(verdict(b, began))
	s.Put(verdict(c, began)) // not on the list
	if got := hosts(s.Targets(false)); got != "b a" {
		t.Errorf("the oldest first: %s", got)
	}
	// b has moved, a is gone, c and d are new.
	if err := s.Load(list(c, target(4, "d"), target(5, "b"))); err != nil {
		t.Fatal(err)
	}
	if got := hosts(s.Targets(true)); got != "c d" {
		t.Errorf("new: %s", got)
	}
	snapshot := s.Snapshot()
	if len(snapshot.Verdicts) != 1 || snapshot.Verdicts[0].Record.Line != 5 || snapshot.Verdicts[0].Record.Host != "b" || snapshot.Waiting != 2 {
		t.Errorf("%d verdicts, %d waiting", len(snapshot.Verdicts), snapshot.Waiting)
	}
	// What fails to load changes nothing.
	broken := errors.New("broken")
	if err := s.Load(func(yield func(scanner.Target, error) bool) { _ = yield(a, nil) && yield(scanner.Target{}, broken) }); !errors.Is(err, broken) {
		t.Error(err)
	}
	s.ReloadFailed()
	if after := s.Snapshot(); after.Listed != 3 || after.FailedReloads != 1 || len(after.Verdicts) != 1 {
		t.Errorf("%+v", after.State)
	}
	if err := s.Load(func(yield func(scanner.Target, error) bool) {
		for i := 1; yield(target(i, "x"), nil); i++ {
		}
	}); err == nil || !strings.Contains(err.Error(), "50000") {
		t.Errorf("a list without end: %v", err)
	}
}

func TestStoreReplacesVerdicts(t *testing.T) {
	var s Store
	a := target(1, "a")
	if err := s.Load(list(a)); err != nil {
		t.Fatal(err)
	}
	for pass := range 3 {
		s.Begin(began.Add(time.Duration(pass) * time.Hour))
		// Two addresses.
		s.Put(verdict(a, began))
		s.Put(verdict(a, began))
		s.End(began.Add(time.Duration(pass)*time.Hour+time.Minute), policy.Default().Gone())
		if got := s.Snapshot(); len(got.Verdicts) != 2 || got.Passes != pass+1 || got.Duration != time.Minute {
			t.Errorf("%d verdicts, %+v", len(got.Verdicts), got.State)
		}
	}
}

// TestStoreIsBounded: whatever peers show.
func TestStoreIsBounded(t *testing.T) {
	var s Store
	a := target(1, "a")
	if err := s.Load(list(a)); err != nil {
		t.Fatal(err)
	}
	v := verdict(a, began)
	long := strings.Repeat("x", 1<<20)
	c := v.Record.Certificate
	c.Subject = certificate.Name{DN: long, CommonName: long, Organization: slices.Repeat([]string{long}, 1000)}
	c.DNSNames, c.EmailAddresses, c.URIs, c.OtherNames, c.PEM = slices.Repeat([]string{long}, 10_000), []string{long}, []string{long}, []string{long}, long
	v.Record.Chain = slices.Repeat([]*certificate.Certificate{c}, 1000)
	s.Put(v)
	kept := s.Snapshot().Verdicts[0].Record
	size := 0
	for _, cert := range append(kept.Chain, kept.Certificate) {
		for _, text := range slices.Concat(cert.DNSNames, cert.EmailAddresses, cert.URIs, cert.OtherNames, cert.Subject.Organization,
			[]string{cert.Subject.DN, cert.Subject.CommonName, cert.PEM}) {
			size += len(text)
		}
	}
	if len(kept.Chain) != 12 || size > 200_000 || kept.Certificate.DNSNames[39] != "(9961 more)" || len(kept.Certificate.DNSNames) != 40 {
		t.Errorf("%d certificates, %d bytes, %d names", len(kept.Chain), size, len(kept.Certificate.DNSNames))
	}
	if len(s.chains) != 1 {
		t.Errorf("%d chains for one certificate", len(s.chains))
	}
}

func TestSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		targets := []scanner.Target{target(1, "a"), target(2, "b"), target(3, "c"), target(4, "d")}
		started := time.Now()
		var at []time.Duration
		for range Spread(targets, time.Hour, nil) {
			at = append(at, time.Since(started))
			time.Sleep(time.Minute) // a slow consumer shifts nothing
		}
		if want := []time.Duration{0, 15 * time.Minute, 30 * time.Minute, 45 * time.Minute}; !slices.Equal(at, want) {
			t.Errorf("at %v", at)
		}
		stop := make(chan struct{})
		time.AfterFunc(20*time.Minute, func() { close(stop) })
		n := 0
		started = time.Now()
		for range Spread(targets, time.Hour, stop) {
			n++
		}
		if n != 2 || time.Since(started) != 20*time.Minute {
			t.Errorf("%d after %v", n, time.Since(started))
		}
	})
}

// TestCollectorShowsTheWorst: two lines for one endpoint make one series, and what
// fails is not left out for what passes.
func TestCollectorShowsTheWorst(t *testing.T) {
	var s Store
	var targets []scanner.Target
	for i := range report.MaxSeries + 10 {
		targets = append(targets, target(i+1, fmt.Sprintf("h%d", i)))
	}
	again := target(len(targets)+1, "h1")
	again.Text = "h1 "
	bad := target(len(targets)+2, "bad")
	if err := s.Load(list(append(targets, again, bad)...)); err != nil {
		t.Fatal(err)
	}
	s.Begin(began)
	for _, each := range targets {
		s.Put(verdict(each, began))
	}
	for _, each := range []scanner.Target{again, bad} {
		v := verdict(each, began)
		v.Level = policy.Fail
		s.Put(v)
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(&collector{store: &s})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]float64)
	count := 0
	for _, family := range families {
		for _, m := range family.Metric {
			key := family.GetName()
			for _, l := range m.Label {
				if l.GetName() == "target" {
					key += " " + l.GetValue()
				}
			}
			got[key] = m.GetGauge().GetValue()
			if family.GetName() == "certsweep_endpoint_level" {
				count++
			}
		}
	}
	if got["certsweep_endpoint_level h1:443"] != 3 || got["certsweep_endpoint_level bad:443"] != 3 || got["certsweep_endpoints_omitted"] != 10 || count != report.MaxSeries+1 {
		t.Errorf("%d series; h1 %v, bad %v, omitted %v", count, got["certsweep_endpoint_level h1:443"], got["certsweep_endpoint_level bad:443"], got["certsweep_endpoints_omitted"])
	}
}

// BenchmarkStore measures what an endpoint takes, and what a scrape takes.
func BenchmarkStore(b *testing.B) {
	const n = 10_000
	var targets []scanner.Target
	for i := range n {
		targets = append(targets, target(i+1, fmt.Sprintf("host%d.example.com", i)))
	}
	heap := func() float64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	before := heap()
	var s Store
	if err := s.Load(list(targets...)); err != nil {
		b.Fatal(err)
	}
	s.Begin(began)
	for _, each := range targets {
		s.Put(verdict(each, began))
	}
	kept := (heap() - before) / n
	registry := prometheus.NewRegistry()
	registry.MustRegister(&collector{store: &s})
	for b.Loop() {
		if _, err := registry.Gather(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.ReportMetric(kept, "B/endpoint")
	runtime.KeepAlive(&s)
}
