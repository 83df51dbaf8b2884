package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"certsweep/results"
	"certsweep/results/certificate"
	"certsweep/results/policy"
	"certsweep/results/report"
	"certsweep/results/revocation"
)

var update = flag.Bool("update", false, "write the golden files anew")

// now is when the recorded records are judged: two hours after their scan.
var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// recorded reads files of the shared recorded records, renumbered as one list.
func recorded(t testing.TB, names ...string) []*results.Record {
	t.Helper()
	var records []*results.Record
	for _, name := range names {
		file, err := os.Open(filepath.Join("..", "..", "testdata", "records", name+".jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		decoder := json.NewDecoder(file)
		for {
			r := new(results.Record)
			if err := decoder.Decode(r); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			records = append(records, r)
			r.Line = len(records)
		}
		file.Close()
	}
	return records
}

// runs are what every format is rendered for.
var runs = map[string][]string{
	"mixed":   {"good", "findings", "errors", "client-cert"},
	"good":    {"good", "client-cert"},
	"hostile": {"hostile"},
	"empty":   {},
}

// render judges records and renders the verdicts. Endpoints behind
// refused.example.com are allowed to be unreachable.
func render(t testing.TB, format report.Format, records []*results.Record) string {
	t.Helper()
	p := policy.Default()
	p.Expectations = new(policy.Expectations)
	for _, r := range records {
		if r.Host == "refused.example.com" {
			p.Expectations.Add(r.Line, r.Input, &policy.Expectation{Optional: new(true)})
		}
	}
	var out bytes.Buffer
	renderer := report.New(format, &out, report.Options{Now: now, Locate: func(line int) (string, int) {
		if line > 5 {
			return "lists/b,50%.txt", line - 5
		}
		return "", 0
	}})
	for _, r := range records {
		v := p.Judge(r, now)
		if err := renderer.Add(&v); err != nil {
			t.Fatal(err)
		}
	}
	if err := renderer.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestGolden(t *testing.T) {
	for run, names := range runs {
		for _, format := range report.Formats() {
			t.Run(run+"/"+string(format), func(t *testing.T) {
				got := render(t, format, recorded(t, names...))
				accept(t, format, got)
				if format == report.HTML {
					got = withoutAssets.ReplaceAllString(got, "$1$2")
				}
				path := filepath.Join("testdata", run+"."+string(format))
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
			})
		}
	}
}

// withoutAssets are a page's style, script and their hashes, which are not what
// golden files are about.
var withoutAssets = regexp.MustCompile(`(?s)(<style>|<script>).*?(</style>|</script>)|sha256-[^&]*`)

// accept holds a report against the parser of those who read it.
func accept(t testing.TB, format report.Format, out string) {
	t.Helper()
	if !utf8.ValidString(out) {
		t.Errorf("%s: no UTF-8", format)
	}
	if out != "" && !strings.HasSuffix(out, "\n") {
		t.Errorf("%s: does not end with a line", format)
	}
	for _, r := range out {
		// U+FE0F makes a warning sign an emoji: Markdown's own. CSV ends its lines
		// with CR LF.
		if r != '\n' && !unicode.IsPrint(r) && !(format == report.Markdown && r == '\ufe0f') && !(format == report.CSV && r == '\r') {
			t.Fatalf("%s: %U reached the report: %q", format, r, out)
		}
	}
	switch format {
	case report.Text, report.Nagios, report.GitHub, report.Table, report.Card:
		if strings.Contains(out, "##") {
			t.Errorf("%s: a log viewer may take ## for a command", format)
		}
	}
	switch format {
	case report.JSON, report.JSONL:
		acceptJSON(t, out)
	case report.CSV:
		acceptCSV(t, out)
	case report.JUnit:
		acceptJUnit(t, out)
	case report.GitHub:
		acceptGitHub(t, out)
	case report.Prometheus:
		acceptPrometheus(t, out)
	case report.Nagios:
		acceptNagios(t, out)
	case report.Markdown:
		acceptMarkdown(t, out)
	case report.HTML:
		acceptHTML(t, out)
	case report.SARIF:
		acceptSARIF(t, out)
	case report.Text, report.Table, report.Card:
		for line := range strings.Lines(out) {
			if strings.HasPrefix(strings.TrimSpace(line), "::") {
				t.Errorf("a line that GitHub takes for a command: %q", line)
			}
		}
	}
}

func acceptJSON(t testing.TB, out string) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(out))
	for {
		var value map[string]any
		if err := decoder.Decode(&value); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%v in %s", err, out)
		}
	}
}

// Whatever a peer calls itself, a JSON reader gets exactly that.
func TestJSONKeepsHostileStrings(t *testing.T) {
	records := recorded(t, "hostile")
	lines := strings.Split(strings.TrimSpace(render(t, report.JSONL, records)), "\n")
	if len(lines) != len(records) {
		t.Fatalf("%d lines for %d records", len(lines), len(records))
	}
	p := policy.Default()
	for i, line := range lines {
		var got struct {
			Input, Tag string
			Level      policy.Level
			Problems   []policy.Problem
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		v := p.Judge(records[i], now)
		if got.Level != v.Level || got.Input != records[i].Input || got.Tag != records[i].Tag || len(got.Problems) != len(v.Problems) {
			t.Errorf("line %d: got %+v", i+1, got)
		}
		for k, problem := range v.Problems {
			if got.Problems[k].Message != problem.Message {
				t.Errorf("line %d: message %q, want %q", i+1, got.Problems[k].Message, problem.Message)
			}
		}
	}
}

func TestTextColors(t *testing.T) {
	var out bytes.Buffer
	renderer := report.New(report.Text, &out, report.Options{Color: true})
	v := policy.Default().Judge(recorded(t, "findings")[0], now)
	if err := errors.Join(renderer.Add(&v), renderer.Close()); err != nil {
		t.Fatal(err)
	}
	if want := "\x1b[1;31mFAIL\x1b[0m  expired.example.com:443  expired"; !strings.HasPrefix(out.String(), want) {
		t.Errorf("got %q", out.String())
	}
}

// TestTextFolds: at a terminal what is said stays in its column, and no word is
// lost; where there is no room beside an endpoint nothing is broken.
func TestTextFolds(t *testing.T) {
	v := policy.Default().Judge(recorded(t, "findings")[0], now)
	text := func(o report.Options) string {
		var out bytes.Buffer
		renderer := report.New(report.Text, &out, o)
		if err := errors.Join(renderer.Add(&v), renderer.Close()); err != nil {
			t.Fatal(err)
		}
		row, _, _ := strings.Cut(out.String(), "\n1 endpoint")
		return row
	}
	whole := text(report.Options{Width: 64})
	folded := text(report.Options{Width: 64, Fold: true})
	column := strings.Index(whole, "  expired") + 2
	if strings.Contains(whole, "\n") || !strings.Contains(folded, "\n"+strings.Repeat(" ", column)) || strings.Join(strings.Fields(folded), " ") != strings.Join(strings.Fields(whole), " ") {
		t.Errorf("got\n%s\nof\n%s", folded, whole)
	}
	for line := range strings.Lines(folded) {
		if len(strings.TrimSuffix(line, "\n")) > 64 {
			t.Errorf("a line of %d columns: %s", len(line), line)
		}
	}
	if narrow := text(report.Options{Width: column + 10, Fold: true}); narrow != whole {
		t.Errorf("got\n%s", narrow)
	}
}

func TestParseFormat(t *testing.T) {
	for _, f := range report.Formats() {
		if got, err := report.ParseFormat(string(f)); got != f || err != nil {
			t.Errorf("%s: %v, %v", f, got, err)
		}
	}
	if _, err := report.ParseFormat("pdf"); err == nil || !strings.Contains(err.Error(), "the formats are text table card json") {
		t.Errorf("pdf: %v", err)
	}
}

// many renders n failing endpoints and, last, one that is worse.
func many(t *testing.T, format report.Format, n int) string {
	t.Helper()
	var out bytes.Buffer
	renderer := report.New(format, &out, report.Options{Now: now})
	warning, failing := recorded(t, "findings")[9], recorded(t, "findings")[0]
	p := policy.Default()
	for i := range n {
		r := *warning
		if i == n-1 {
			r = *failing
		}
		r.Host, r.SNI = fmt.Sprintf("host%d.example.com", i), ""
		v := p.Judge(&r, now)
		if err := renderer.Add(&v); err != nil {
			t.Fatal(err)
		}
	}
	if err := renderer.Close(); err != nil {
		t.Fatal(err)
	}
	accept(t, format, out.String())
	return out.String()
}

func TestLongRunsAreBounded(t *testing.T) {
	const n = 12_345
	last := fmt.Sprintf("host%d.example.com", n-1)

	text := strings.Split(many(t, report.Text, n), "\n")
	if len(text) != 10_000+3 || !strings.Contains(text[0], last) || text[10_000] != "… and 2345 more that are no worse" {
		t.Errorf("text: %d lines, the first %q, the last %q", len(text), text[0], text[len(text)-3:])
	}
	if want := "12345 endpoints: 1 fail, 0 could not be checked, 12344 warn, 0 ok"; text[10_001] != want {
		t.Errorf("text: summary %q", text[10_001])
	}

	if out := many(t, report.Nagios, n); len(out) > 8<<10 || !strings.Contains(out, "and 12") || !strings.Contains(out, last) {
		t.Errorf("nagios: %d bytes: %q", len(out), out[:300])
	}
	if out := many(t, report.Markdown, n); len(out) > 1<<20 || !strings.Contains(out, "… and 10345 more.") || !strings.Contains(out, last) {
		t.Errorf("markdown: %d bytes", len(out))
	}
	if out := many(t, report.Prometheus, n); !strings.Contains(out, "\ncertsweep_endpoints_omitted 2345\n") || !strings.Contains(out, "\ncertsweep_endpoints{level=\"warn\"} 12344\n") {
		t.Errorf("prometheus does not say what it leaves out: %s", out[len(out)-900:])
	}
	if out := many(t, report.SARIF, 30_000); strings.Count(out, `"ruleId"`) > 25_000 || !strings.Contains(out, "results that are no worse are left out") || !strings.Contains(out, "host29999.example.com") {
		t.Errorf("sarif: %d results, %d bytes", strings.Count(out, `"ruleId"`), len(out))
	}
	if out := many(t, report.JUnit, n); strings.Count(out, "<testsuite ") != 13 || strings.Count(out, "<testcase ") != n {
		t.Errorf("junit: %d suites, %d cases", strings.Count(out, "<testsuite "), strings.Count(out, "<testcase "))
	}
}

// Endpoints that are OK must not push failing ones out of the metrics.
func TestPrometheusKeepsWhatFailsBehindManyOK(t *testing.T) {
	var out bytes.Buffer
	renderer := report.New(report.Prometheus, &out, report.Options{Now: now})
	p := policy.Default()
	add := func(r results.Record, host string) {
		r.Host, r.SNI = host, ""
		v := p.Judge(&r, now)
		if err := renderer.Add(&v); err != nil {
			t.Fatal(err)
		}
	}
	good, expired := recorded(t, "good")[0], recorded(t, "findings")[0]
	for i := range 10_500 {
		add(*good, fmt.Sprintf("good%d", i))
	}
	add(*expired, "bad")
	add(*good, "bad")      // another address of it
	add(*good, "twice")    // left out
	add(*expired, "good1") // the worse of two addresses stands
	if err := renderer.Close(); err != nil {
		t.Fatal(err)
	}
	acceptPrometheus(t, out.String())
	for _, want := range []string{
		`certsweep_endpoint_level{target="bad:443"} 3`, `certsweep_endpoint_level{target="good1:443"} 3`,
		`certsweep_endpoint_level{target="good2:443"} 0`, "certsweep_endpoints_omitted 501",
	} {
		if !strings.Contains(out.String(), "\n"+want+"\n") {
			t.Errorf("no line %q", want)
		}
	}
}

type brokenWriter struct{}

var errBroken = errors.New("broken")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestWriteErrorsAreReturned(t *testing.T) {
	v := policy.Default().Judge(recorded(t, "findings")[0], now)
	for _, f := range report.Formats() {
		renderer := report.New(f, brokenWriter{}, report.Options{Now: now})
		if err := errors.Join(renderer.Add(&v), renderer.Close()); !errors.Is(err, errBroken) {
			t.Errorf("%s: %v", f, err)
		}
	}
}

// FuzzHostile puts a string wherever a peer or a list can have one.
func FuzzHostile(f *testing.F) {
	for _, seed := range []string{
		"\x1b[31m", "\u009b2J", "\u202egnp.exe", "a\r\n::error::b", "%0A%0D", "##[error]##vso[x]", "]]></failure>",
		"<script>", "|a|b|", "`x` [l](u) ![i](u) **b** $x$", "https://x www.x a@b", `"} 1` + "\n" + `x{a="`, `\`, "\xff\xfe", "\ufffe\x00", "\u2028",
	} {
		f.Add(seed)
	}
	base := recorded(f, "findings")[4]
	f.Fuzz(func(t *testing.T, s string) {
		r, c, v, h := *base, *base.Certificate, *base.Verification, *base.TLS
		r.Certificate, r.Verification, r.TLS = &c, &v, &h
		r.Host, r.Input, r.SNI, r.Tag, r.StartTLS, r.IP = s, s, s+"x", s, s, s
		c.Subject = certificate.Name{DN: s, CommonName: s, Organization: []string{s}}
		c.Issuer, c.DNSNames, c.IPAddresses, c.EmailAddresses = c.Subject, []string{s, s}, []string{s}, []string{s}
		c.ParseError, c.SignatureAlgorithm, c.SerialNumber = s, s, s
		v.Error, v.FirstToExpire, h.Version, h.Cipher, h.KeyExchange, h.ALPN = s, s, s, s, s, s
		h.OCSP = &revocation.OCSP{Status: s, Error: s, Reason: s}
		r.Chain = []*certificate.Certificate{&c}
		r.Revocation = &revocation.Result{Status: s, Error: s, Certificates: []revocation.Verdict{{Subject: s, Status: s, Source: s, URL: s}}}
		r.Enumeration = &results.Enumeration{Error: s, Versions: []results.EnumeratedVersion{{Version: s, Suites: []string{s}}}, Groups: []results.EnumeratedGroups{{Version: s, Groups: []string{s}}}}
		r.Fingerprints = &results.Fingerprints{JARM: s, JA3S: s, Error: s}
		r.Alternates = []*results.Alternate{{Method: s, Certificate: &c, Verification: &v}}
		r.Findings = []results.Finding{results.Untrusted, results.NameMismatch, results.WeakCipher, results.OldProtocol, results.Malformed, results.Finding(s)}
		failed := r
		failed.Host, failed.Certificate, failed.TLS, failed.Status = "", nil, nil, results.StatusError
		failed.Error = &results.Error{Phase: s, Code: s, Message: s}
		for _, format := range report.Formats() {
			accept(t, format, render(t, format, []*results.Record{&r, &failed}))
		}
	})
}
