package policy_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"certsweep/results"
	"certsweep/results/policy"
)

var update = flag.Bool("update", false, "write the golden files anew")

// now is when the recorded records are judged: two hours after their scan.
var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// recorded reads a file of the shared recorded records.
func recorded(t testing.TB, name string) []*results.Record {
	t.Helper()
	file, err := os.Open(filepath.Join("..", "..", "testdata", "records", name+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	decoder := json.NewDecoder(file)
	decoder.DisallowUnknownFields()
	var records []*results.Record
	for {
		r := new(results.Record)
		if err := decoder.Decode(r); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%s: record %d: %v", name, len(records)+1, err)
		}
		records = append(records, r)
	}
	if len(records) == 0 {
		t.Fatalf("%s has no records", name)
	}
	return records
}

// only returns the recorded record of one host.
func only(t testing.TB, name, host string) *results.Record {
	t.Helper()
	for _, r := range recorded(t, name) {
		if r.Host == host {
			return r
		}
	}
	t.Fatalf("%s has no record of %s", name, host)
	return nil
}

// codesOf lists a verdict's problems as code=level.
func codesOf(v policy.Verdict) string {
	var list []string
	for _, p := range v.Problems {
		list = append(list, fmt.Sprintf("%s=%v", p.Code, p.Level))
	}
	return strings.Join(list, " ")
}

// expecting returns the default policy with attributes for every record.
func expecting(t testing.TB, r *results.Record, attributes ...string) *policy.Policy {
	t.Helper()
	e := new(policy.Expectation)
	for _, attribute := range attributes {
		key, value, _ := strings.Cut(attribute, "=")
		if err := e.Set(key, value); err != nil {
			t.Fatal(err)
		}
	}
	p := policy.Default()
	p.Expectations = new(policy.Expectations)
	p.Expectations.Add(r.Line, r.Input, e)
	return p
}

func TestDefaultPolicyOnRecordedRecords(t *testing.T) {
	for _, name := range []string{"good", "findings", "errors", "client-cert", "hostile"} {
		t.Run(name, func(t *testing.T) {
			p := policy.Default()
			var got strings.Builder
			var sum policy.Summary
			for _, r := range recorded(t, name) {
				v := p.Judge(r, now)
				sum.Add(&v)
				fmt.Fprintf(&got, "%s:%d %v checked=%v\n", r.Host, r.Port, v.Level, v.Checked)
				for _, problem := range v.Problems {
					fmt.Fprintf(&got, "\t%v %s %q\n", problem.Level, problem.Code, problem.Message)
				}
			}
			counts, err := json.Marshal(sum)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&got, "%s\nexit %d, nagios %d\n", counts, sum.ExitStatus(), sum.NagiosStatus())
			golden(t, name+".golden", got.String())
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (see -update); got:\n%s", path, got)
	}
}

// Every finding that results has must be judged by name and described.
func TestEveryFindingIsKnown(t *testing.T) {
	seen := make(map[results.Finding]bool)
	for _, r := range recorded(t, "findings") {
		for _, finding := range r.Findings {
			seen[finding] = true
			if policy.Code(finding).Rank() == policy.Code("no such code").Rank() {
				t.Errorf("%s has no rank", finding)
			}
			p := &policy.Policy{Levels: map[policy.Code]policy.Level{policy.Code(finding): policy.Fail}}
			v := p.Judge(r, now)
			if got := codesOf(v); got != string(finding)+"=fail" {
				t.Errorf("failing on %s alone: %s has %q", finding, r.Host, got)
			}
			for _, problem := range v.Problems {
				if problem.Message == "" || problem.Message == strings.ReplaceAll(string(finding), "_", " ") {
					t.Errorf("%s is not described", finding)
				}
			}
		}
	}
	if len(seen) != 15 {
		t.Errorf("the records show %d findings of 15", len(seen))
	}
}

func TestClockDecides(t *testing.T) {
	record := only(t, "good", "www.example.com") // from 2026-10-22 10:00 to 2027-01-20 10:00
	at := func(day string) time.Time {
		d, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, test := range []struct{ day, want, message string }{
		{"2026-10-20", "not_yet_valid=fail", "not valid for another 2 days"},
		{"2026-11-21", "", ""},
		{"2026-12-20", "", ""},
		{"2026-12-22", "expires_soon=warn", "expires in 29 days (2027-01-20): renew"},
		{"2027-01-07", "min_days=fail", "expires in 13 days (2027-01-20), at least 14 days are required: renew"},
		{"2027-01-19", "min_days=fail", "expires in 34 hours"},
		{"2027-01-21", "expired=fail", "expired 14 hours ago (2027-01-20): renew"},
		{"2028-01-21", "expired=fail", "expired 365 days ago"},
	} {
		v := policy.Default().Judge(record, at(test.day))
		if got := codesOf(v); got != test.want {
			t.Errorf("%s: got %q, want %q", test.day, got, test.want)
		} else if len(v.Problems) > 0 && !strings.HasPrefix(v.Problems[0].Message, test.message) {
			t.Errorf("%s: message %q, want %q", test.day, v.Problems[0].Message, test.message)
		}
	}

	// The record's own findings about time say nothing any more, either way.
	renewed := *only(t, "findings", "expired.example.com")
	if got := codesOf(policy.Default().Judge(&renewed, at("2026-09-01"))); got != "" {
		t.Errorf("judged when it was valid: got %q", got)
	}
}

func TestShortLivedCertificates(t *testing.T) {
	for _, test := range []struct {
		host string
		left float64 // days, of a lifetime of 6, 47 and 90 days
		part *float64
		days *float64
		want string
	}{
		{"short6.example.com", 2.1, nil, nil, ""},
		{"short6.example.com", 1.9, nil, nil, "expires_soon=warn"},
		{"short6.example.com", 1.1, nil, nil, "min_days=fail"},
		{"short47.example.com", 9.5, nil, nil, "expires_soon=warn"},
		{"short47.example.com", 9.3, nil, nil, "min_days=fail"},
		{"short47.example.com", 15.8, nil, nil, ""},
		{"short47.example.com", 15, new(0.5), nil, "min_days=fail"},
		{"short47.example.com", 9.3, new(0.1), nil, "expires_soon=warn"},
		{"short6.example.com", 5, nil, new(14.0), "min_days=fail"},
		{"www.example.com", 17, new(0.2), nil, "min_days=fail"},
		{"www.example.com", 17, nil, nil, "expires_soon=warn"},
		{"www.example.com", 17, new(0.1), new(20.0), "min_days=fail"},
		{"www.example.com", 17, new(0.2), new(1.0), "min_days=fail"},
		{"www.example.com", 0.1, nil, new(0.0), "expires_soon=warn"},
	} {
		record := only(t, "good", test.host)
		p := policy.Default()
		p.MinLifetimeLeft, p.MinDays = test.part, test.days
		at := record.Certificate.NotAfter.Add(-time.Duration(test.left * 24 * float64(time.Hour)))
		if got := codesOf(p.Judge(record, at)); got != test.want {
			t.Errorf("%s with %v days left: got %q, want %q", test.host, test.left, got, test.want)
		}
	}

	p := policy.Default()
	p.WarnDays = new(90.0)
	if got := codesOf(p.Judge(only(t, "good", "www.example.com"), now)); got != "expires_soon=warn" {
		t.Errorf("with WarnDays 90: got %q", got)
	}
}

func TestHandshakeRequirements(t *testing.T) {
	withoutPQ := only(t, "good", "www.example.com")
	withoutPQ.TLS.PostQuantum, withoutPQ.TLS.KeyExchange = new(false), "X25519"
	for _, test := range []struct {
		file, host, least string
		pq                bool
		want              string
	}{
		{"good", "www.example.com", "1.3", true, ""},
		{"findings", "classic.example.com", "1.2", false, "not_post_quantum=warn"},
		{"findings", "classic.example.com", "1.3", false, "min_tls=fail not_post_quantum=warn"},
		{"findings", "classic.example.com", "", true, "not_post_quantum=fail"},
		{"findings", "oldproto.example.com", "1.1", false, "min_tls=fail old_protocol=warn weak_cipher=warn not_post_quantum=warn"},
		{"client-cert", "mtls12.example.com", "", false, "not_post_quantum=warn"},
		// Not offered, so no finding: only whoever requires it minds.
		{"good", "not-offered", "", false, ""},
		{"good", "not-offered", "", true, "not_post_quantum=fail"},
		// A hand-made hello that named no group proves nothing.
		{"errors", "late-good.example.com", "", true, "unchecked=unchecked"},
	} {
		p := policy.Default()
		p.Levels[policy.Code(results.NotPostQuantum)] = policy.Warn
		p.MinTLS, p.RequirePQ = test.least, test.pq
		record := withoutPQ
		if test.host != "not-offered" {
			record = only(t, test.file, test.host)
		}
		if got := codesOf(p.Judge(record, now)); got != test.want {
			t.Errorf("%s, least %q, pq %v: got %q, want %q", test.host, test.least, test.pq, got, test.want)
		}
	}
}

func TestAllowUnreachable(t *testing.T) {
	allowed := []string{"dns_not_found", "dns_timeout", "dns_failure", "timeout", "refused", "unreachable", "reset", "eof"}
	for _, r := range recorded(t, "errors") {
		p := policy.Default()
		p.AllowUnreachable = true
		v := p.Judge(r, now)
		want := policy.Unchecked
		if slices.Contains(allowed, r.Error.Code) && r.Error.Phase != "input" {
			want = policy.OK
		}
		if r.Host == "late.example.com" {
			want = policy.Fail // its certificate was seen, and is no good
		}
		if v.Level != want {
			t.Errorf("%s (%s): %v, want %v", r.Host, r.Error.Code, v.Level, want)
		}
		if v.Checked || v.Allowed() != (want == policy.OK || want == policy.Fail) {
			t.Errorf("%s: checked %v, allowed %v", r.Host, v.Checked, v.Allowed())
		}
	}
}

func TestRecordWithoutCertificateNeverPasses(t *testing.T) {
	r := *only(t, "good", "www.example.com")
	r.Certificate = nil
	for _, p := range []*policy.Policy{{}, policy.Default(), {AllowUnreachable: true}} {
		if v := p.Judge(&r, now); v.Level != policy.Unchecked {
			t.Errorf("got %v", v.Level)
		}
	}
}

// TestKeyMustBeProved: nothing passes of which the server has not shown that it
// holds the key, whatever else is right, and a pin least of all. Records from
// before key_proved pass if the handshake was completed.
func TestKeyMustBeProved(t *testing.T) {
	for name, test := range map[string]struct {
		tls  results.TLS
		want policy.Level
	}{
		"proved":                        {results.TLS{Method: "handshake", KeyProved: true, ClientCertRequired: new(true)}, policy.OK},
		"completed, as it was recorded": {results.TLS{Method: "handshake"}, policy.OK},
		"refused, as it was recorded":   {results.TLS{Method: "handshake", ClientCertRequired: new(true)}, policy.Unchecked},
		"only its certificate was read": {results.TLS{Method: "hello13"}, policy.Unchecked},
		"no handshake is in the record": {results.TLS{}, policy.Unchecked},
	} {
		r := *only(t, "good", "www.example.com")
		test.tls.Version, test.tls.Cipher, test.tls.PostQuantum = r.TLS.Version, r.TLS.Cipher, new(true)
		r.TLS = &test.tls
		p := policy.Default()
		var pinned policy.Expectation
		if err := pinned.Set("pin", "sha256/"+r.Certificate.SPKISHA256); err != nil {
			t.Fatal(err)
		}
		p.RequirePQ, p.Expectations = true, new(policy.Expectations)
		p.Expectations.Add(r.Line, r.Input, &pinned)
		if v := p.Judge(&r, now); v.Level != test.want || v.Checked != (test.want == policy.OK) {
			t.Errorf("%s: %v (checked %t), want %v: %v", name, v.Level, v.Checked, test.want, v.Problems)
		}
	}
}

func TestParseCodes(t *testing.T) {
	p := policy.Default()
	for _, set := range []struct {
		level policy.Level
		list  string
	}{{policy.Fail, "weak_cipher, Old_Protocol"}, {policy.OK, "not_post_quantum"}, {policy.Warn, "min_tls"}} {
		codes, err := policy.ParseCodes(set.list)
		if err != nil {
			t.Fatal(err)
		}
		for _, code := range codes {
			p.Levels[code] = set.level
		}
	}
	p.MinTLS = "1.2"
	if got, want := codesOf(p.Judge(only(t, "findings", "oldproto.example.com"), now)), "old_protocol=fail weak_cipher=fail min_tls=warn"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for list, hint := range map[string]string{
		"weak-keys":   "did you mean weak_key?",
		"expird":      "did you mean expired?",
		"everything":  "the codes are alpn_refused",
		"weak_key,,x": "has an empty part",
		"":            "has an empty part",
	} {
		if _, err := policy.ParseCodes(list); err == nil || !strings.Contains(err.Error(), hint) {
			t.Errorf("%q: error %v, want one with %q", list, err, hint)
		}
	}
}

func TestSummary(t *testing.T) {
	of := func(levels ...policy.Level) *policy.Summary {
		s := new(policy.Summary)
		for _, level := range levels {
			s.Add(&policy.Verdict{Level: level})
		}
		return s
	}
	for _, test := range []struct {
		levels       []policy.Level
		exit, nagios int
	}{
		{nil, 3, 3},
		{[]policy.Level{policy.OK}, 0, 0},
		{[]policy.Level{policy.OK, policy.Warn}, 0, 1},
		{[]policy.Level{policy.OK, policy.Warn, policy.Unchecked}, 3, 3},
		{[]policy.Level{policy.OK, policy.Unchecked, policy.Fail, policy.Warn}, 1, 2},
	} {
		s := of(test.levels...)
		if s.ExitStatus() != test.exit || s.NagiosStatus() != test.nagios {
			t.Errorf("%v: exit %d, nagios %d; want %d, %d", test.levels, s.ExitStatus(), s.NagiosStatus(), test.exit, test.nagios)
		}
	}
	gone := new(policy.Summary)
	gone.Add(&policy.Verdict{Level: policy.Warn, Gone: true})
	if gone.ExitStatus() != 3 {
		t.Errorf("nothing judged but a baseline's endpoints: exit %d, want 3", gone.ExitStatus())
	}
}

func TestLevelText(t *testing.T) {
	for level := policy.OK; level <= policy.Fail; level++ {
		text, err := level.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var got policy.Level
		if err := got.UnmarshalText(text); err != nil || got != level {
			t.Errorf("%v comes back as %v, %v", level, got, err)
		}
	}
	if err := new(policy.Level).UnmarshalText([]byte("bad")); err == nil {
		t.Error("bad is a level")
	}
}

// A message is cut at a rune, so that hostile names cannot fill reports.
func TestLongMessagesAreCut(t *testing.T) {
	r := *only(t, "findings", "untrusted.example.com")
	c := *r.Certificate
	c.Issuer.DN = "CN=" + strings.Repeat("ü", 100_000)
	r.Certificate = &c
	v := policy.Default().Judge(&r, now)
	if m := v.Problems[0].Message; len(m) > 610 || !strings.HasSuffix(m, "ü…") {
		t.Errorf("message of %d bytes ends in %q", len(m), m[len(m)-10:])
	}
}

func BenchmarkJudge1000(b *testing.B) {
	var records []*results.Record
	for len(records) < 1000 {
		for _, name := range []string{"good", "findings", "errors"} {
			records = append(records, recorded(b, name)...)
		}
	}
	records = records[:1000]
	p := policy.Default()
	p.Baseline = new(policy.Baseline)
	p.Expectations = new(policy.Expectations)
	for _, r := range records {
		p.Baseline.Add(r)
		p.Expectations.Add(r.Line, r.Input, new(policy.Expectation))
	}
	b.ReportAllocs()
	for b.Loop() {
		var sum policy.Summary
		for _, r := range records {
			v := p.Judge(r, now)
			sum.Add(&v)
		}
	}
}
