package report

import (
	"io"

	"certsweep/results/policy"
	"certsweep/results/report/html"
)

// maxStatic is how many of the worst endpoints a page shows to readers without
// scripts, and until its script has run.
const maxStatic = 100

// page is the page that package html writes.
type page struct {
	*html.Page
	rows worst
}

func newPage(w io.Writer, o Options) *page {
	p := &page{Page: html.New(w, o.Now), rows: worst{limit: maxStatic}}
	p.Note = o.Note
	return p
}

func (p *page) Add(v *policy.Verdict) error {
	p.rows.add(v)
	return p.Page.Add(endpoint(v.Record), v)
}

func (p *page) Close() error {
	var lines []html.Line
	for _, r := range p.rows.sorted() {
		lines = append(lines, html.Line{Level: r.level, Endpoint: r.endpoint, Text: r.text})
	}
	return p.Page.Close(lines)
}
