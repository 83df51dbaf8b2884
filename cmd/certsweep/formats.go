package main

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"certsweep/cmd/internal/scan"
	"certsweep/results"
	"certsweep/results/policy"
	"certsweep/results/report"
	"certsweep/scanner"
)

// The formats of a scan.
const (
	formatAuto  = "auto"
	formatJSON  = "json"
	formatJSONL = "jsonl"
	formatTable = "table"
	formatCard  = "card"
	formatCSV   = "csv"
)

var scanFormats = []string{formatAuto, formatJSONL, formatJSON, formatCSV, formatTable, formatCard}

// sink is what takes the records of a scan.
type sink interface {
	Encode(*results.Record) error
	Flush() error
	// Close writes what is left. It does not close what is written to.
	Close() error
}

// chooseFormat decides what --format auto is: people at a terminal see a table,
// or a card if there is one target; whatever reads a pipe or a file gets JSON
// Lines.
func (e *environment) chooseFormat(o *options) {
	if o.format != formatAuto {
		return
	}
	o.format = formatJSONL
	if o.output == "" && term.IsTerminal(int(e.stdout.Fd())) && len(o.fields) == 0 {
		// Which of both is known when there are targets.
		o.format = formatAuto
	}
}

// forPeople reports whether records are shown, not written down.
func (o *options) forPeople() bool {
	return o.format == formatAuto || o.format == formatCard || o.format == formatTable
}

// newSink returns what writes records in the format of the flags to w.
func (e *environment) newSink(o *options, w io.Writer) sink {
	switch o.format {
	case formatJSON, formatJSONL:
		encoder := results.NewEncoder(w)
		encoder.Fields, encoder.Document = o.picked, o.format == formatJSON
		return encoder
	case formatCSV:
		return results.NewCSVEncoder(w, cmp.Or(o.picked, results.AllFields()))
	}
	// A scan reports what there is; how much time has to be left is for a check
	// to say.
	judge := policy.Default()
	judge.MinDays = new(float64)
	d := &display{out: w, policy: judge, format: report.Format(o.format), environment: e}
	d.options = report.Options{Color: e.color(), ASCII: isASCII(os.Getenv), Bare: true, Addresses: o.AllIPs, About: o.about}
	return d
}

// pickFields reads --fields.
func (o *options) pickFields() error {
	if len(o.fields) == 0 {
		return nil
	}
	picked, err := results.ParseFields(o.fields)
	switch {
	case err != nil:
		return fieldError(err, o.fields)
	case o.resume:
		return usageError("--resume needs whole records: it cannot continue those of --fields")
	case o.format == formatTable || o.format == formatCard:
		return usageError("--fields picks fields of --format jsonl, json and csv; a %s has its own", o.format)
	}
	for _, name := range o.fields {
		one, _ := results.ParseFields([]string{name})
		if o.format == formatCSV && len(one.Names()) == 0 {
			return usageError("--fields: %s is a list of objects, and csv is flat: use --format jsonl for it", name)
		}
	}
	o.picked = picked
	return nil
}

// fieldError says which field was probably meant.
func fieldError(err error, names []string) error {
	paths := results.FieldPaths()
	for _, name := range names {
		if slices.Contains(paths, name) {
			continue
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "."+name) {
				return usageError("--fields: %w: did you mean %s?", err, path)
			}
		}
		if near := policy.Nearest(name, paths); near != "" {
			return usageError("--fields: %w: did you mean %s?", err, near)
		}
	}
	return usageError("--fields: %w; they are the keys of the JSON form, such as host,certificate.not_after,findings", err)
}

// display shows records to people.
type display struct {
	*environment
	out     io.Writer
	lines   bytes.Buffer // whole ones, for out
	policy  *policy.Policy
	format  report.Format
	options report.Options

	renderer report.Renderer
	width    int             // that the renderer was made for
	held     *results.Record // the first one, while it may be the only one
	waiting  time.Time
}

const (
	displayBuffer = 64 << 10
	// displayAfter is how long a line may wait for others: nobody sees less.
	displayAfter = 50 * time.Millisecond
)

// Encode shows a record. Of the format auto the first is held back: a second one
// makes it a table.
func (d *display) Encode(r *results.Record) error {
	if d.format == formatAuto && d.held == nil {
		d.held = r
		return nil
	}
	if d.format == formatAuto {
		d.format = report.Table
	}
	if held := d.held; held != nil {
		d.held = nil
		if err := d.show(held); err != nil {
			return err
		}
	}
	return d.show(r)
}

func (d *display) show(r *results.Record) error {
	if d.lines.Len() == 0 {
		d.waiting = time.Now()
		// A terminal that has another width now gets a table of that width.
		if width := d.environment.width(); width != d.width {
			d.width, d.options.Width = width, width
			d.renderer = nil
		}
	}
	if d.renderer == nil {
		d.renderer = report.New(d.format, &d.lines, d.options)
	}
	v := d.policy.Judge(r, time.Now())
	if err := d.renderer.Add(&v); err != nil {
		return err
	}
	if d.lines.Len() >= displayBuffer || time.Since(d.waiting) >= displayAfter {
		return d.Flush()
	}
	return nil
}

// Flush shows what is waiting.
func (d *display) Flush() error {
	_, err := d.lines.WriteTo(d.out)
	return err
}

// Close shows what was held back as a card.
func (d *display) Close() error {
	var err error
	if d.held != nil {
		held := d.held
		d.held, d.format = nil, report.Card
		err = d.show(held)
	}
	return errors.Join(err, d.Flush())
}

// several reports whether a list that can be read twice has more than one
// target, so that nothing has to be held back.
func several(in *scan.Input, complete func(iter.Seq2[scanner.Target, error]) iter.Seq2[scanner.Target, error]) bool {
	if !in.Countable {
		return false
	}
	again, err := in.Again()
	if err != nil {
		return false
	}
	defer again.Close()
	n := 0
	for _, err := range complete(again.Targets()) {
		if n++; err != nil || n > 1 {
			break
		}
	}
	return n > 1
}

// isASCII reports whether the locale, as far as one is set, has no UTF-8.
func isASCII(getenv func(string) string) bool {
	locale := cmp.Or(getenv("LC_ALL"), getenv("LC_CTYPE"), getenv("LANG"))
	return locale != "" && !strings.Contains(strings.ReplaceAll(strings.ToLower(locale), "-", ""), "utf8")
}

// width returns the columns of the terminal that standard output is, else those
// that the environment tells, or those of a common one.
func (e *environment) width() int {
	if width, _, err := term.GetSize(int(e.stdout.Fd())); err == nil && width > 0 {
		return width
	}
	if width, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && width > 0 {
		return width
	}
	return 80
}
