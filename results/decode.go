package results

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
)

// maxRecord bounds the length of a record that Decode reads. A chain of the
// longest certificates in PEM stays well below.
const maxRecord = 64 << 20

// Decode reads the records that an Encoder wrote, one by one as they are asked
// for: JSON Lines, or the elements of one JSON array (Document). Objects over
// several lines, as jq writes them, are read too. Fields that it does not know are
// passed over, so that records of a later version can be read. What is no record
// ends the sequence with an error, and so does an error of r, and an end that was
// cut short.
func Decode(r io.Reader) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		in := bufio.NewReaderSize(r, flushBytes)
		first, err := peekLine(in)
		if err != nil {
			yield(nil, fmt.Errorf("line 1: %w", err))
			return
		}
		if first == "{" || strings.HasPrefix(first, "[") {
			decodeDocument(in, first[0] == '[', yield)
			return
		}
		decodeLines(in, yield)
	}
}

// peekLine returns what is told by the buffer of the first line with anything in
// it, without the white space around.
func peekLine(in *bufio.Reader) (string, error) {
	for n := 1; n <= in.Size(); n++ {
		// What a slow writer has not written yet is waited for byte by byte.
		seen, err := in.Peek(n)
		if err != nil && err != io.EOF {
			return "", err
		}
		ended := err != nil || seen[len(seen)-1] == '\n'
		line := bytes.TrimSpace(seen)
		if len(line) > 1 || len(line) > 0 && ended {
			return string(line), nil
		}
		if err != nil {
			break
		}
	}
	return "", nil
}

func decodeLines(r io.Reader, yield func(*Record, error) bool) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, flushBytes), maxRecord)
	number := 0
	for lines.Scan() {
		number++
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		record, err := decode(lines.Bytes())
		if err != nil {
			yield(nil, fmt.Errorf("line %d: %w", number, err))
			return
		}
		if !yield(record, nil) {
			return
		}
	}
	if err := lines.Err(); err != nil {
		yield(nil, fmt.Errorf("line %d: %w", number+1, err))
	}
}

// decodeDocument reads values that are not a line each: those of an array, or one
// after the other.
func decodeDocument(r io.Reader, array bool, yield func(*Record, error) bool) {
	capped := &cappedReader{r: r, left: maxRecord}
	decoder := json.NewDecoder(capped)
	if array {
		_, _ = decoder.Token() // the bracket, which was seen
	}
	for number := 1; ; number++ {
		if array && !decoder.More() {
			break
		}
		var value json.RawMessage
		capped.left = maxRecord
		err := decoder.Decode(&value)
		if err == io.EOF && !array {
			return
		}
		var record *Record
		if err == nil {
			record, err = decode(value)
		}
		if err != nil {
			yield(nil, fmt.Errorf("record %d: %w", number, err))
			return
		}
		if !yield(record, nil) {
			return
		}
	}
	if _, err := decoder.Token(); err != nil {
		yield(nil, fmt.Errorf("the array of records: %w", noEOF(err)))
		return
	}
	if _, err := decoder.Token(); err != io.EOF {
		yield(nil, errors.New("the array of records: something follows it"))
	}
}

// noEOF: an end where there may be none is no good one.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// cappedReader fails when more is read than one record may have.
type cappedReader struct {
	r    io.Reader
	left int
}

func (c *cappedReader) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, bufio.ErrTooLong
	}
	n, err := c.r.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

func decode(line []byte) (*Record, error) {
	r := new(Record)
	if err := json.Unmarshal(line, r); err != nil {
		return nil, fmt.Errorf("not a record: %w", err)
	}
	if err := checkSchema(r.Schema); err != nil {
		return nil, err
	}
	return r, nil
}

func checkSchema(version int) error {
	if version == 0 {
		return errors.New(`not a record: no "schema"`)
	}
	if version > SchemaVersion {
		return fmt.Errorf("schema %d is newer than %d, which this version reads", version, SchemaVersion)
	}
	return nil
}
