package results

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Encoder writes records as JSON Lines. It holds lines back until 64 KiB are
// waiting, 100 ms have passed since the first of them, or Flush is called, and
// writes whole lines only, many to a write. It is not safe for concurrent use.
type Encoder struct {
	// Fields picks what is written of each record; nil is all.
	Fields *Fields
	// Document makes it one JSON array, an element a line, which Close ends.
	Document bool

	batch
	json  *json.Encoder
	begun bool
}

// NewEncoder returns an Encoder that writes to w.
func NewEncoder(w io.Writer) *Encoder {
	e := &Encoder{batch: batch{w: w}}
	e.json = json.NewEncoder(&e.buf)
	e.json.SetEscapeHTML(false)
	return e
}

// Encode adds one record. A nil list is written as an empty one. What is no
// record, such as the zero Record, is refused, and nothing of it is written: Schema
// and Status must be set. Once a write has failed Encode returns that error.
func (e *Encoder) Encode(r *Record) error {
	if e.err != nil {
		return e.err
	}
	if err := check(r); err != nil {
		return err
	}
	start := e.begin()
	switch {
	case e.Document && e.begun:
		e.buf.WriteString(",\n")
	case e.Document:
		e.buf.WriteString("[\n")
	}
	if err := e.encode(r); err != nil {
		e.buf.Truncate(start)
		return err
	}
	e.begun = true
	e.escapeControls(start)
	if e.Document {
		// The line ends with the next one's comma.
		e.buf.Truncate(e.buf.Len() - 1)
	}
	return e.end()
}

func (e *Encoder) encode(r *Record) error {
	if e.Fields == nil {
		start := e.buf.Len()
		err := e.json.Encode(r)
		if err == nil && maybeNull(e.buf.Bytes()[start:]) {
			e.buf.Truncate(start)
			err = e.json.Encode(whole(r))
		}
		return err
	}
	line, err := e.Fields.MarshalRecord(r)
	e.buf.Write(line)
	e.buf.WriteByte('\n')
	return err
}

// Close ends a Document, and flushes. It does not close the writer.
func (e *Encoder) Close() error {
	if e.Document && e.err == nil {
		if !e.begun {
			e.buf.WriteString("[")
		}
		e.buf.WriteString("\n]\n")
	}
	return e.Flush()
}

// escapeControls rewrites DEL and the C1 controls, which JSON lets stand and
// terminals obey, in the line that begins at start.
func (e *Encoder) escapeControls(start int) {
	line := e.buf.Bytes()[start:]
	if !slices.ContainsFunc(line, func(b byte) bool { return b >= 0x7F }) || !bytes.ContainsFunc(line, isFormat) {
		return
	}
	line = bytes.Clone(line)
	e.buf.Truncate(start)
	for len(line) > 0 {
		r, size := utf8.DecodeRune(line)
		switch {
		case !isFormat(r):
			e.buf.Write(line[:size])
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&e.buf, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&e.buf, `\u%04x`, r)
		}
		line = line[size:]
	}
}

// isFormat reports whether a character is a control or turns or hides text: the
// categories Cc and Cf, with the marks for direction, the byte order mark and
// the tags.
func isFormat(r rune) bool { return r >= 0x7F && unicode.In(r, unicode.Cc, unicode.Cf) }
