package html_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"certsweep/results"
	"certsweep/results/policy"
	"certsweep/results/report"
	"certsweep/results/report/html"
)

// pageData is the data in a page, with what rows share put in its place.
type pageData struct {
	Fields  []string
	Rows    [][]any
	Strings []string
	Omitted int
}

func readData(t testing.TB, page []byte) pageData {
	t.Helper()
	_, after, ok := bytes.Cut(page, []byte(`<script type="application/json" id="data">`))
	text, _, closed := bytes.Cut(after, []byte("</script>"))
	var data pageData
	if err := json.Unmarshal(text, &data); err != nil || !ok || !closed {
		t.Fatalf("%v, %v, %v", err, ok, closed)
	}
	return data
}

func (d pageData) get(t testing.TB, row int, field string) any {
	t.Helper()
	for i, name := range d.Fields {
		if name == field {
			if at, ok := d.Rows[row][i].(float64); ok {
				return d.Strings[int(at)]
			}
			return d.Rows[row][i]
		}
	}
	t.Fatalf("no field %s", field)
	return nil
}

// TestManyIssuers: peers that each show something new fill no table, and their
// rows say the same.
func TestManyIssuers(t *testing.T) {
	const n = 25_000
	var out bytes.Buffer
	page := report.New(report.HTML, &out, report.Options{Now: now})
	p := policy.Default()
	base := *recorded(t, "good")[0]
	for i := range n {
		r, c := base, *base.Certificate
		c.Issuer.CommonName = fmt.Sprint("issuer ", i)
		r.Certificate = &c
		v := p.Judge(&r, now)
		if err := page.Add(&v); err != nil {
			t.Fatal(err)
		}
	}
	if err := page.Close(); err != nil {
		t.Fatal(err)
	}
	data := readData(t, out.Bytes())
	if len(data.Rows) != n || len(data.Strings) > 20_000 {
		t.Fatalf("%d rows, %d strings", len(data.Rows), len(data.Strings))
	}
	for _, i := range []int{0, n - 1} {
		if got, want := data.get(t, i, "issuer"), fmt.Sprintf("issuer %d · Let's Encrypt", i); got != want {
			t.Errorf("%v, want %s", got, want)
		}
	}
	if !strings.Contains(out.String(), `<span class="label">others</span> <span class="number">24,992</span>`) {
		t.Error("the issuers are not all counted")
	}
}

// TestRowsAreBounded: what is left out is said, and what fails is not left out
// for what passes.
func TestRowsAreBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("100,000 rows take seconds")
	}
	const n = 100_003
	var out bytes.Buffer
	page := report.New(report.HTML, &out, report.Options{Now: now})
	p := policy.Default()
	good, bad := p.Judge(recorded(t, "good")[0], now), p.Judge(recorded(t, "findings")[0], now)
	for range n {
		if err := page.Add(&good); err != nil {
			t.Fatal(err)
		}
	}
	if err := page.Add(&bad); err != nil {
		t.Fatal(err)
	}
	if err := page.Close(); err != nil {
		t.Fatal(err)
	}
	data := readData(t, out.Bytes())
	if len(data.Rows) != 100_001 || data.Omitted != 3 || data.get(t, 100_000, "name") != "expired.example.com:443" {
		t.Errorf("%d rows, %d left out", len(data.Rows), data.Omitted)
	}
	for _, want := range []string{"1 of 100,004 endpoints fails", "3 endpoints are counted above and are not in this table"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in the page", want)
		}
	}
}

// TestPolicyIsStrict: nothing may be loaded but what the page has by its hash.
func TestPolicyIsStrict(t *testing.T) {
	policy := html.ContentPolicy()
	for _, word := range []string{"unsafe", "*", "http:", "https:", "'self'", "blob:", "strict-dynamic"} {
		if strings.Contains(policy, word) {
			t.Errorf("%s in %s", word, policy)
		}
	}
	for _, directive := range []string{"default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "trusted-types 'none'"} {
		if !strings.Contains(policy, directive) {
			t.Errorf("no %s in %s", directive, policy)
		}
	}
}

// many yields n records as different from each other as those of real endpoints.
func many(t testing.TB, n int) []*results.Record {
	base := recorded(t, "good", "findings", "errors")
	records := make([]*results.Record, n)
	for i := range records {
		r := *base[i%len(base)]
		r.Line, r.Host, r.SNI = i+1, fmt.Sprintf("host%d.example.com", i), ""
		if r.Certificate != nil {
			c := *r.Certificate
			c.FingerprintSHA256 = fmt.Sprintf("%064x", i)
			c.SerialNumber = fmt.Sprintf("%036x", i)
			c.DNSNames = []string{r.Host, "www." + r.Host}
			c.NotAfter = c.NotAfter.Add(time.Duration(i%1000) * time.Hour)
			r.Certificate = &c
		}
		records[i] = &r
	}
	return records
}

// BenchmarkWrite measures what a row costs, and what is kept for a page of
// 50,000.
func BenchmarkWrite(b *testing.B) {
	const n = 50_000
	p := policy.Default()
	var verdicts []policy.Verdict
	for _, r := range many(b, n) {
		verdicts = append(verdicts, p.Judge(r, now))
	}
	var kept, size int64
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		out := &counter{}
		page := report.New(report.HTML, out, report.Options{Now: now})
		for i := range verdicts {
			if err := page.Add(&verdicts[i]); err != nil {
				b.Fatal(err)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		kept = int64(after.HeapAlloc) - int64(before.HeapAlloc)
		if err := page.Close(); err != nil {
			b.Fatal(err)
		}
		size = out.n
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/row")
	b.ReportMetric(float64(kept)/(1<<20), "MB-kept")
	b.ReportMetric(float64(size)/n, "B/row")
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

// BenchmarkOpen measures how long a page of 50,000 endpoints takes a browser,
// from the file to the first rows, and how long what one does there takes.
func BenchmarkOpen(b *testing.B) {
	file := write(b, nil, many(b, 50_000)...)
	info, err := os.Stat(file)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Size())/(1<<20), "MB")
	total := map[string]float64{}
	steps := []struct{ name, do string }{
		{"sort", `document.querySelector('th[data-sort="name"] button').click()`},
		{"filter", `document.querySelector('.bars a').click()`},
		{"unfilter", `document.querySelector('#chips button').click()`},
		{"search", `location.hash = "q=host4999"; dispatchEvent(new Event("hashchange"))`},
		{"turn", `location.hash = ""; dispatchEvent(new Event("hashchange")); document.getElementById("following").click()`},
	}
	n := 0.0
	for b.Loop() {
		n++
		started := time.Now()
		p := open(b, file, "", wide)
		if got := len(p.names()); got != 100 {
			b.Fatalf("%d rows", got)
		}
		total["open"] += float64(time.Since(started).Milliseconds())
		for _, step := range steps {
			total[step.name] += ask[float64](p, `(() => { const t = performance.now(); `+step.do+`; document.body.offsetHeight; return performance.now() - t })()`)
		}
	}
	for name, ms := range total {
		b.ReportMetric(ms/n, name+"-ms")
	}
}
