// Package list reads lists of targets, whatever tool wrote them, as lines of
// certsweep's own grammar: see [Reader]. What a line of that grammar means is
// the business of package scanner, but for what tells the forms apart.
package list

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
)

// Format is a form of a list.
type Format string

// The formats. Each but Text reads comments, blank lines and lines in
// certsweep's own grammar too, so that a list may be put together from several.
const (
	// Auto looks at the beginning of a list, and at each of its lines. The
	// zero Format means it, too.
	Auto Format = "auto"
	// Text is certsweep's own grammar, and nothing else.
	Text Format = "text"
	// CSV has a header that names its columns, and rows with commas, semicolons
	// or tabs between the cells, which may be quoted (RFC 4180).
	CSV Format = "csv"
	// JSONLines has an object a line.
	JSONLines Format = "jsonl"
	// JSON has objects, or an array of objects or strings, however they are
	// broken into lines.
	JSON Format = "json"
	// Nmap is what nmap and masscan write with -oG, and on a terminal.
	Nmap Format = "nmap"
	// Masscan is what masscan writes with -oL.
	Masscan Format = "masscan"
	// XML is what nmap and masscan write with -oX.
	XML Format = "xml"
)

// Formats returns all formats, Auto first.
func Formats() []Format {
	return []Format{Auto, Text, CSV, JSONLines, JSON, Nmap, Masscan, XML}
}

const (
	// MaxLine is the longest line that is read, in bytes.
	MaxLine = 64 << 10
	// maxObject is the longest JSON object or XML element: records of long
	// chains and the output of nmap's scripts are longer than a line may be.
	maxObject = 1 << 20
	// maxKept is how much is kept of a line that is too long or makes no sense.
	maxKept = 2 << 10
)

// ErrTooLong is the Err of a line or an element that is too long to be read.
var ErrTooLong = errors.New("too long")

// Line is a line of a list. Blank lines, and what a tool writes besides its
// targets, are not among them.
type Line struct {
	// Number is that of the line on which the target begins, from 1. If
	// several begin on one line of a document of JSON or XML, each after the
	// first counts as a line, so that no two have the same number.
	Number int
	// Text is the line in certsweep's own grammar. It is the list's own text,
	// cut to some kilobytes, if Err is set.
	Text string
	// Err says why the line has no target; it is or wraps ErrTooLong, or is an
	// error for people.
	Err error
}

// Reader reads one list as it is asked for, and holds no more of it than a
// line. Lists that are compressed with gzip, bzip2 or zstd, or encoded in UTF-16,
// are read as what they hold. A Reader is not safe for concurrent use.
type Reader struct {
	source io.Reader
	format Format
	number int // of the last line that was read

	lines      *bufio.Reader
	table      *table // of a list with a header
	begun      bool   // a line that counts was read
	report     string // the host of the report of nmap that is being read
	inReport   bool   // nmap's output for people is being read
	discovered bool   // and it said at once what it found
}

// NewReader returns a Reader of r, which reads nothing yet.
func NewReader(r io.Reader, f Format) *Reader { return &Reader{source: r, format: f} }

// Lines returns the number of lines that were read.
func (r *Reader) Lines() int { return r.number }

// All yields the lines of the list, once. An error is that of the underlying
// reader, or says that what it reads is no list; it comes last.
func (r *Reader) All() iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		decoded, err := decode(r.source)
		if err != nil {
			yield(Line{}, err)
			return
		}
		defer decoded.Close()
		r.lines = bufio.NewReaderSize(decoded, MaxLine+2) // with CR and LF
		switch r.begin() {
		case JSON:
			err = r.eachObject(yield)
		case XML:
			err = r.eachHost(yield)
		default:
			err = r.eachLine(yield)
		}
		if err != nil && err != errEnough {
			yield(Line{}, fmt.Errorf("line %d: %w", r.number+1, err))
		}
	}
}

// errEnough ends a list whose reader wants no more.
var errEnough = errors.New("enough")

// begin returns the format that the list is read in.
func (r *Reader) begin() Format {
	if r.format != Auto && r.format != "" {
		return r.format
	}
	start := r.start()
	switch {
	case strings.HasPrefix(start, "<?xml"), strings.HasPrefix(start, "<!"), strings.HasPrefix(start, "<nmaprun"):
		return XML
	case strings.HasPrefix(start, "["):
		// An address in brackets goes on with a digit or a colon.
		if rest := strings.TrimLeft(start[1:], " \t\r\n"); rest == "" || strings.Contains(`[{"]`, rest[:1]) {
			return JSON
		}
	case strings.HasPrefix(start, "{"):
		if line, _, ended := strings.Cut(start, "\n"); ended && !isObject(line) {
			return JSON
		}
	}
	return Auto
}

// start returns the beginning of the list, without what is blank: as much as
// there is at once, and no more than it takes to tell what it is, as a pipe may
// be slow.
func (r *Reader) start() string {
	for n := 1; ; {
		first, err := r.lines.Peek(n)
		if err == nil {
			first, _ = r.lines.Peek(min(r.lines.Buffered(), maxKept))
		}
		n = len(first) + 1
		start := strings.TrimLeft(strings.TrimPrefix(string(first), byteOrderMark), " \t\r\n")
		if err != nil || n > maxKept || start != "" && !strings.Contains("[{<", start[:1]) || strings.TrimSpace(start) != "[" && strings.Contains(start, "\n") {
			return start
		}
	}
}

// eachLine reads the forms that have a target a line.
func (r *Reader) eachLine(yield func(Line, error) bool) error {
	for {
		text, long, err := r.readLine()
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if text == "" && err != nil {
			return nil
		}
		r.number++
		if line, ok := r.line(text, long); ok {
			line.Number = r.number
			if line.Err != nil {
				line.Text = text[:min(len(text), maxKept)]
			}
			if !yield(line, nil) {
				return errEnough
			}
		}
		if err != nil {
			return nil
		}
	}
}

// readLine returns a line without its end, or the beginning of one that is
// too long. With io.EOF comes what stood behind the last line end.
func (r *Reader) readLine() (text string, long bool, err error) {
	b, err := r.lines.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) && b[0] == '{' && r.format != Text {
		return r.readObject(b)
	}
	if long = errors.Is(err, bufio.ErrBufferFull); long {
		text = string(b[:maxKept])
		err = r.skipLine(err)
	} else {
		text = strings.TrimRight(string(b), "\r\n")
		long = len(text) > MaxLine
	}
	return strings.TrimPrefix(text, byteOrderMark), long, err
}

// readObject goes on with a line that begins like an object of JSON, and is
// longer than others may be.
func (r *Reader) readObject(b []byte) (text string, long bool, err error) {
	object := slices.Clone(b)
	for err = bufio.ErrBufferFull; errors.Is(err, bufio.ErrBufferFull); {
		if len(object) > maxObject {
			return string(object[:maxKept]), true, r.skipLine(err)
		}
		b, err = r.lines.ReadSlice('\n')
		object = append(object, b...)
	}
	return strings.TrimRight(string(object), "\r\n"), false, err
}

// skipLine reads to the end of a line that is too long.
func (r *Reader) skipLine(err error) error {
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = r.lines.ReadSlice('\n')
	}
	return err
}

// line reads one line. ok is false if it has nothing to say.
func (r *Reader) line(text string, long bool) (line Line, ok bool) {
	if long {
		return Line{Err: fmt.Errorf("the line is %w: more than %d bytes", ErrTooLong, MaxLine)}, true
	}
	if r.format == Text {
		return Line{Text: text}, strings.TrimSpace(text) != ""
	}
	text = strings.TrimSpace(text)
	if text == "" || r.isComment(text) {
		return Line{}, false
	}
	if r.inReport {
		return r.reportLine(text)
	}
	first := !r.begun
	r.begun = true
	switch text[0] {
	case '{':
		return objectLine([]byte(strings.TrimSuffix(text, ",")))
	case '[', ']', ',':
		// What stands between the objects of an array.
		if r.table == nil && strings.Trim(text, "[], ") == "" {
			return Line{}, false
		}
	case 'H', 'T':
		if strings.HasPrefix(text, "Host: ") || strings.HasPrefix(text, "Timestamp: ") {
			return grepable(text)
		}
	case 'D':
		if strings.HasPrefix(text, "Discovered open port ") {
			return discovered(text)
		}
	case 'S', 'N':
		if strings.HasPrefix(text, "Starting Nmap ") || strings.HasPrefix(text, "Nmap scan report for ") {
			r.inReport = true
			return r.reportLine(text)
		}
	case 'o', 'b', 'c':
		if line, is, ok := masscanLine(text); is {
			return line, ok
		}
	}
	if first {
		if r.table = newTable(text); r.table != nil {
			return Line{}, false
		}
	}
	if r.table != nil {
		return r.table.row(text)
	}
	return Line{Text: text}, true
}

const byteOrderMark = "\uFEFF"

// isComment reports whether a trimmed line is a comment of any of the tools. A row
// whose first cell is empty may begin with a semicolon.
func (r *Reader) isComment(text string) bool {
	return text[0] == '#' || text[0] == ';' && (r.table == nil || r.table.comma != ';') || strings.HasPrefix(text, "//")
}
