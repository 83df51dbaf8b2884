package list

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// element is a part of a document that is read by itself, so that one that is
// broken does not end the list, and none is held longer.
type element struct {
	line  int // on which it begins
	bytes []byte
	long  bool
}

func (e *element) add(b byte) {
	if len(e.bytes) < maxObject {
		e.bytes = append(e.bytes, b)
	} else {
		e.long = true
	}
}

func (e *element) text() string { return string(e.bytes[:min(len(e.bytes), maxKept)]) }

// yieldElement yields what read makes of an element, numbered by its line, or by
// the next number if that was given already.
func (r *Reader) yieldElement(e *element, read func([]byte) (Line, bool), yield func(Line, error) bool) bool {
	line, ok := Line{Err: fmt.Errorf("the element is %w: more than %d bytes", ErrTooLong, maxObject)}, true
	if !e.long {
		line, ok = read(bytes.TrimSpace(e.bytes))
	}
	if !ok {
		return true
	}
	r.number = max(e.line, r.number+1)
	line.Number = r.number
	if line.Err != nil {
		line.Text = e.text()
	}
	return yield(line, nil)
}

// eachObject reads a document of JSON: objects and strings, in arrays or not.
// Whatever else stands between them is a line of certsweep's own grammar.
func (r *Reader) eachObject(yield func(Line, error) bool) error {
	s := objects{reader: r, yield: yield, line: 1}
	for {
		b, err := r.lines.ReadByte()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				return err
			}
			if s.depth > 0 || len(s.bytes) > 0 {
				s.end()
			}
			r.number = max(r.number, s.lastLine())
			if s.enough {
				return errEnough
			}
			return nil
		}
		if s.take(b); s.enough {
			return errEnough
		}
	}
}

// objects splits a document of JSON. It knows as little of JSON as that takes:
// quotes and brackets. A string that a line's end cuts off ends its object, and
// so does a brace that opens a line no deeper than the object's own did: it is
// the next of a list whose last was broken.
type objects struct {
	reader *Reader
	yield  func(Line, error) bool
	enough bool

	element
	line     int // that is being read
	column   int // of it, in bytes
	blank    bool
	indent   int // of the object's first brace, -1 if it did not open a line
	depth    int
	inString bool
	escaped  bool
	last     byte
}

func (s *objects) lastLine() int {
	if s.last == '\n' || s.last == 0 {
		return s.line - 1
	}
	return s.line
}

func (s *objects) take(b byte) {
	opensLine := s.column == 0 || s.blank
	switch {
	case b == '\n':
		s.endLine()
	case s.inString:
		s.add(b)
		switch {
		case s.escaped:
			s.escaped = false
		case b == '\\':
			s.escaped = true
		case b == '"':
			if s.inString = false; s.depth == 0 {
				s.end()
			}
		}
	case s.depth == 0:
		s.between(b, opensLine)
	case b == '{' && opensLine && s.column <= s.indent:
		s.end()
		s.between(b, opensLine)
	default:
		s.add(b)
		switch b {
		case '"':
			s.inString = true
		case '{', '[':
			s.depth++
		case '}', ']':
			if s.depth--; s.depth == 0 {
				s.end()
			}
		}
	}
	if s.last = b; b != '\n' {
		s.blank = opensLine && (b == ' ' || b == '\t' || b == '\r')
		s.column++
	}
}

// endLine ends what a line's end ends.
func (s *objects) endLine() {
	switch {
	case s.inString, s.depth == 0 && len(s.bytes) > 0:
		s.end()
	case s.depth > 0:
		s.add('\n')
	}
	s.line++
	s.column, s.blank = 0, true
}

// between takes what stands outside of all objects.
func (s *objects) between(b byte, opensLine bool) {
	if len(s.bytes) > 0 {
		s.add(b)
		return
	}
	switch b {
	case ' ', '\t', '\r', ',', '[', ']':
		return
	case '{':
		s.depth, s.indent = 1, -1
		if opensLine {
			s.indent = s.column
		}
	case '"':
		s.inString = true
	}
	s.element.line = s.line
	s.add(b)
}

// end yields the element that ends here.
func (s *objects) end() {
	if !s.enough && !s.reader.yieldElement(&s.element, s.read, s.yield) {
		s.enough = true
	}
	s.bytes, s.long = s.bytes[:0], false
	s.depth, s.inString, s.escaped = 0, false, false
}

func (s *objects) read(b []byte) (Line, bool) {
	switch {
	case len(b) == 0:
		return Line{}, false
	case b[0] == '{':
		return objectLine(b)
	case b[0] == '"':
		var text string
		if err := json.Unmarshal(b, &text); err != nil {
			return Line{Err: fmt.Errorf("not a string of JSON: %w", err)}, true
		}
		return entry{host: text}.line()
	case s.reader.isComment(string(b)):
		return Line{}, false
	case bytes.HasPrefix([]byte(byteOrderMark), b):
		return Line{}, false
	}
	return Line{Text: string(b)}, true
}

// eachHost reads a document of XML, host by host.
func (r *Reader) eachHost(yield func(Line, error) bool) error {
	const root, begin, end = "<nmaprun", "<host", "</host>"
	var e element
	line, inHost, seen := 1, false, false
	var tail []byte // the last bytes that were read, to know the tags by
	for {
		b, err := r.lines.ReadByte()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				return err
			}
			if inHost && !r.yieldElement(&e, hostElement, yield) {
				return errEnough
			}
			if !seen {
				return errors.New("XML, but not what nmap and masscan write with -oX")
			}
			r.number = max(r.number, line-1)
			return nil
		}
		if len(tail) == len(root) {
			tail = append(tail[:0], tail[1:]...)
		}
		tail = append(tail, b)
		seen = seen || string(tail) == root
		if b == '\n' {
			line++
		}
		if inHost {
			e.add(b)
		}
		switch {
		case bytes.HasSuffix(tail[:len(tail)-1], []byte(begin)) && (b == ' ' || b == '>' || b == '\n' || b == '\t'):
			// Also if the last one has no end: nmap was killed, and goes on.
			if inHost {
				e.bytes = e.bytes[:max(0, len(e.bytes)-len(begin)-1)]
				if !r.yieldElement(&e, hostElement, yield) {
					return errEnough
				}
			}
			e = element{line: line, bytes: append(e.bytes[:0], begin...)}
			e.add(b)
			inHost, seen = true, true
		case inHost && bytes.HasSuffix(tail, []byte(end)):
			if inHost = false; !r.yieldElement(&e, hostElement, yield) {
				return errEnough
			}
		}
	}
}
