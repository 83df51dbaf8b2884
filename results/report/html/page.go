// Package html writes verdicts as one page for people who would rather look
// than read: headline numbers, what expires when, what the endpoints have in
// common, and a table of all of them. The page is one file that needs nothing
// else: its style, script and data are in it, and its Content-Security-Policy
// keeps everything else out.
//
// What a peer says of itself is hostile. It is made visible and cut to a length,
// stands in the page as JSON that cannot end its element, and the script shows it
// as text and in no other way.
package html

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"io"
	"sync"
	"time"

	"certsweep/results/policy"
)

var (
	//go:embed page.css
	style string
	//go:embed page.js
	script string
	//go:embed head.tmpl
	headText string
	//go:embed body.tmpl
	bodyText string

	// Made when a page is: a process that writes none starts without them.
	head = sync.OnceValue(func() *template.Template { return template.Must(template.New("head").Parse(headText)) })
	body = sync.OnceValue(func() *template.Template { return template.Must(template.New("body").Parse(bodyText)) })
)

// maxRows bounds the rows of either kind, those of endpoints that are OK and of
// those that are not. Beyond some hundred thousand a browser takes too long to
// open the page. Headlines and charts count all endpoints.
const maxRows = 100_000

// Page writes one page. Rows are written as they are added; what is kept is
// counts, and strings that many rows share, each with a limit. It is not safe
// for use by several goroutines. Make one with [New].
type Page struct {
	// Note is said beside the headline, if it is set.
	Note string

	out     *bufio.Writer
	now     time.Time
	begun   bool
	kept    [2]int // rows that are not OK, and OK
	omitted int

	shared   shared
	facets   facets
	timeline timeline
	summary  policy.Summary
	soon     [len(deadlines)]int
	next     Next
}

// Line is one endpoint in the list that stands in the page for readers without
// scripts, and until the script has run.
type Line struct {
	Level    policy.Level
	Endpoint string
	Text     string
}

// Next is the endpoint whose certificate expires first of those that have not.
type Next struct {
	Endpoint string
	NotAfter time.Time
}

// New returns a page that writes to w. now is the time of the judgement.
func New(w io.Writer, now time.Time) *Page {
	return &Page{out: bufio.NewWriterSize(w, 64<<10), now: now, timeline: newTimeline(now)}
}

// begin writes what comes before the first row.
func (p *Page) begin() error {
	if p.begun {
		return nil
	}
	p.begun = true
	if err := head().Execute(p.out, struct {
		Style  template.CSS
		Policy string
	}{template.CSS(style), contentPolicy()}); err != nil {
		return err
	}
	fields, err := json.Marshal(fieldNames)
	if err != nil {
		return err
	}
	_, err = p.out.WriteString(`<script type="application/json" id="data">{"fields":` + string(fields) + `,"rows":[`)
	return err
}

// contentPolicy is the page's Content-Security-Policy: its own style and script
// by their hashes, and nothing else from anywhere. Strings cannot become markup.
var contentPolicy = sync.OnceValue(func() string {
	return "default-src 'none'; style-src '" + hash(style) + "'; script-src '" + hash(script) + "'; img-src data:; " +
		"base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
})

// ContentPolicy returns the policy that the page has in it, for a server that
// serves the page to say too. frame-ancestors counts only in a header.
func ContentPolicy() string { return contentPolicy() + "; frame-ancestors 'none'" }

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// Add writes the row of a verdict, whose endpoint is called name.
func (p *Page) Add(name string, v *policy.Verdict) error {
	if err := p.begin(); err != nil {
		return err
	}
	p.summary.Add(v)
	r := p.row(name, v)
	p.count(&r, v)
	kind := 0
	if v.Level == policy.OK {
		kind = 1
	}
	if p.kept[kind] == maxRows {
		p.omitted++
		return nil
	}
	if p.kept[0]+p.kept[1] > 0 {
		p.out.WriteByte(',')
	}
	p.kept[kind]++
	line, err := p.encode(&r)
	if err != nil {
		return err
	}
	p.out.WriteByte('\n')
	_, err = p.out.Write(line)
	return err
}

// count notes what a row adds to headlines and charts.
func (p *Page) count(r *row, v *policy.Verdict) {
	for _, f := range r.facets() {
		p.facets.add(f.key, f.value, v.Level)
	}
	p.timeline.add(r.week, v.Level)
	c := v.Record.Certificate
	if c == nil || !c.NotAfter.After(p.now) {
		return
	}
	for i, days := range deadlines {
		if c.NotAfter.Sub(p.now) < time.Duration(days)*24*time.Hour {
			p.soon[i]++
		}
	}
	if p.next.Endpoint == "" || c.NotAfter.Before(p.next.NotAfter) {
		p.next = Next{r.name, c.NotAfter.UTC()}
	}
}

// Close writes the rest of the page. worst are the endpoints to show without the
// script.
func (p *Page) Close(worst []Line) error {
	if err := p.begin(); err != nil {
		return err
	}
	// What rows refer to by number.
	rest, err := json.Marshal(map[string]any{
		"strings": p.shared.strings, "certificates": p.shared.certificates, "now": p.now.Unix(), "omitted": p.omitted,
	})
	if err != nil {
		return err
	}
	p.out.WriteString("\n]," + string(bytes.TrimPrefix(rest, []byte("{"))) + "</script>\n")
	if err := body().Execute(p.out, p.view(worst)); err != nil {
		return err
	}
	return p.out.Flush()
}
