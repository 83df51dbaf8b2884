// Package report renders verdicts: for people, for CI servers, for monitoring.
// Every format is a leaf that takes one verdict at a time and writes to an
// io.Writer; [New] makes the renderer of a format by its name.
//
// What a peer says of itself is hostile. Every format first makes all of it
// visible, so that nothing in it reaches a terminal as a control character or
// turns text around, and then escapes it for the place where it stands.
package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"certsweep/results"
	"certsweep/results/policy"
)

// Format names a way to render verdicts.
type Format string

// The formats.
const (
	Text       Format = "text"       // what is wrong, for people, the worst first
	Table      Format = "table"      // a line for each verdict, for a terminal
	Card       Format = "card"       // all that there is to know of each endpoint, for a terminal
	JSON       Format = "json"       // one document: what is not OK, and a summary
	JSONL      Format = "jsonl"      // one line for each verdict, OK ones too
	CSV        Format = "csv"        // one line for each verdict, for spreadsheets
	JUnit      Format = "junit"      // XML for CI servers, a test case for each endpoint
	GitHub     Format = "github"     // workflow commands of GitHub Actions
	Prometheus Format = "prometheus" // for node_exporter's textfile collector
	Nagios     Format = "nagios"     // monitoring plugin output with perfdata
	Markdown   Format = "markdown"   // a table for a job's page
	SARIF      Format = "sarif"      // for code scanning, a result for each problem
	HTML       Format = "html"       // one page to look at, which needs nothing else
)

type formatRow struct {
	name    Format
	streams bool
	chain   bool
	make    func(io.Writer, Options) Renderer
}

// formats is the table of them, in the order in which to list them.
var formats = []formatRow{
	{Text, true, false, func(w io.Writer, o Options) Renderer {
		return &text{w: w, color: o.Color, columns: foldAt(o), rows: worst{limit: maxShown, all: o.All}}
	}},
	{Table, true, false, func(w io.Writer, o Options) Renderer { return newTable(w, o) }},
	{Card, true, false, func(w io.Writer, o Options) Renderer { return newCard(w, o) }},
	{JSON, false, false, func(w io.Writer, o Options) Renderer { return newDocument(w, o) }},
	{JSONL, true, false, func(w io.Writer, _ Options) Renderer { return &lines{w: w} }},
	{CSV, true, false, func(w io.Writer, _ Options) Renderer { return newSpreadsheet(w) }},
	{JUnit, false, false, func(w io.Writer, o Options) Renderer { return newJUnit(w, o.Now) }},
	{GitHub, true, false, func(w io.Writer, o Options) Renderer {
		return &github{w: w, locate: o.Locate, shown: make(map[string]int), more: make(map[string]int)}
	}},
	{Prometheus, false, true, func(w io.Writer, o Options) Renderer { return &prometheus{w: w, now: o.Now} }},
	{Nagios, false, false, func(w io.Writer, _ Options) Renderer { return &nagios{w: w, rows: worst{limit: maxNagiosRows}} }},
	{Markdown, false, false, func(w io.Writer, o Options) Renderer {
		return &markdown{w: w, rows: worst{limit: maxMarkdownRows, all: o.All}}
	}},
	{SARIF, false, false, func(w io.Writer, o Options) Renderer { return newSARIF(w, o) }},
	{HTML, false, true, func(w io.Writer, o Options) Renderer { return newPage(w, o) }},
}

// Formats returns all formats, in the order in which to list them.
func Formats() []Format {
	var names []Format
	for _, f := range formats {
		names = append(names, f.name)
	}
	return names
}

// ParseFormat returns the format with a name.
func ParseFormat(name string) (Format, error) {
	var names []string
	for _, f := range formats {
		if string(f.name) == name {
			return f.name, nil
		}
		names = append(names, string(f.name))
	}
	return "", fmt.Errorf("%q is not a format: the formats are %s", name, strings.Join(names, " "))
}

// Streams reports whether a report that is cut short is still of use: what is
// for people's eyes, or was written line by line.
func (f Format) Streams() bool {
	return slices.ContainsFunc(formats, func(row formatRow) bool { return row.name == f && row.streams })
}

// ShowsChain reports whether a report shows more if the records have their
// [results.Record.Chain].
func (f Format) ShowsChain() bool {
	return slices.ContainsFunc(formats, func(row formatRow) bool { return row.name == f && row.chain })
}

// maxShown is how many verdicts the sorted formats show, the worst of all;
// the rest is counted. It bounds their memory on a list of any length to some
// 10 MB, and nobody reads further.
const maxShown = 10_000

// Options says what renderers need to know besides the verdicts.
type Options struct {
	// Now is the time of the judgement, as given to [policy.Policy.Judge].
	Now time.Time
	// Color has Text, Table and Card write ANSI colours.
	Color bool
	// All has Text, JSON and Markdown show what is OK too; the other formats do
	// so always, or never.
	All bool
	// Width is the number of columns that Table and Card fill; 0 is 80.
	Width int
	// Fold has Text break its lines at Width, for people at a terminal: what a
	// program reads has a line for each endpoint.
	Fold bool
	// ASCII has Table and Card draw with nothing else. What is quoted stays as
	// it is.
	ASCII bool
	// Bare leaves out the line with which Table and Card sum the run up.
	Bare bool
	// Addresses has Table say the address of each endpoint that is a name.
	Addresses bool
	// About says what an endpoint is. If it is set, Table shows that and the tag
	// instead of the endpoint and its certificate.
	About func(*results.Record) string
	// Locate has GitHub and SARIF annotate the target's line: it returns the file that a
	// record's line is in and the line's number there, or "" and 0 for a target
	// of no file. Nil is no file for any.
	Locate func(line int) (file string, fileLine int)
	// Note has HTML say something more beside its headline.
	Note string
}

// defaultWidth is that of a terminal if nobody knows.
const defaultWidth = 80

// Renderer takes the verdicts of a run. It keeps none of them whole, so its
// memory is bounded however many there are. It starts no goroutine and is not
// safe for use by several. Errors are those of the writer.
type Renderer interface {
	// Add renders a verdict, at once or as part of what Close writes.
	Add(*policy.Verdict) error
	// Close writes what is left, such as a summary. It does not close the
	// writer. Nothing is valid before it.
	Close() error
}

// New returns a renderer that writes to w. GitHub, JSONL, CSV, Table and Card write each
// verdict with one call; the others buffer. It panics for a format that is none of
// [Formats].
func New(f Format, w io.Writer, o Options) Renderer {
	if o.Width == 0 {
		o.Width = defaultWidth
	}
	for _, row := range formats {
		if row.name == f {
			return row.make(w, o)
		}
	}
	panic("report: unknown format " + string(f))
}
