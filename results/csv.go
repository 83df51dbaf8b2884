package results

import (
	"encoding/csv"
	"io"
	"strings"
)

// CSVEncoder writes records as comma-separated values (RFC 4180): a header with
// the paths of the fields, and a line for each record. It holds lines back as
// [Encoder] does, and is not safe for concurrent use.
//
// Strings are written so that they are one line of text and nothing else, as
// [Visible] has it, and one that a spreadsheet would take for a formula has an
// apostrophe before it; the JSON form has them as they are.
type CSVEncoder struct {
	fields *Fields
	batch
	csv   *csv.Writer
	cells []string
	begun bool
}

// NewCSVEncoder returns a CSVEncoder that writes these fields to w.
func NewCSVEncoder(w io.Writer, fields *Fields) *CSVEncoder {
	e := &CSVEncoder{fields: fields, batch: batch{w: w}}
	e.csv = csv.NewWriter(&e.buf)
	e.csv.UseCRLF = true
	return e
}

// Encode adds one record. Once a write has failed it returns that error.
func (e *CSVEncoder) Encode(r *Record) error {
	if e.err != nil {
		return e.err
	}
	e.begin()
	e.header()
	e.cells = e.fields.AppendCells(e.cells[:0], r)
	e.write(e.cells)
	return e.end()
}

func (e *CSVEncoder) header() {
	if !e.begun {
		e.begun = true
		e.write(e.fields.Names())
	}
}

// write writes a line to the buffer, which takes everything.
func (e *CSVEncoder) write(cells []string) {
	_ = e.csv.Write(cells)
	e.csv.Flush()
}

// Close flushes, with the header if there was no record. It does not close the
// writer.
func (e *CSVEncoder) Close() error {
	if e.err == nil {
		e.header()
	}
	return e.Flush()
}

// Cell is a string from outside for a cell of a table that a spreadsheet may
// read: visible text, and no formula.
func Cell(s string) string {
	s = Visible(s)
	if s == "" {
		return s
	}
	switch s[0] {
	case '-':
		// A number is none, such as a serial number below zero.
		if strings.Trim(s[1:], "0123456789abcdef.") == "" {
			return s
		}
	case '=', '+', '@':
	default:
		return s
	}
	return "'" + s
}
