package results

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Entry is what a record says of the target it is for, in the fields of the
// same names of a [Record].
type Entry struct {
	Schema   int    `json:"schema"`
	Line     int    `json:"line"`
	Input    string `json:"input"`
	Host     string `json:"host"`
	Port     int    `json:"port"`
	SNI      string `json:"sni"`
	StartTLS string `json:"starttls"`
	Tag      string `json:"tag"`
}

// Record returns the record of a target that was never probed: it has what the
// entry says, and the status error.
func (e Entry) Record() *Record {
	return &Record{
		Schema: SchemaVersion, Line: e.Line, Input: e.Input, Host: e.Host, Port: e.Port, SNI: e.SNI, StartTLS: e.StartTLS, Tag: e.Tag,
		Status: StatusError, Findings: []Finding{},
	}
}

// recordStart is how every line of an Encoder begins.
var recordStart = []byte(`{"schema":`)

// ReadJournal reads records that an Encoder wrote until something cut it off,
// and calls add with the entry of each. It returns the length of the whole
// lines: what is behind that is the beginning of a record, and the file may be
// cut there. Anything else that is no record is an error, so that a file which
// holds something of worth is not taken for a journal. An error of add ends it.
func ReadJournal(r io.Reader, add func(Entry) error) (whole int64, err error) {
	lines := bufio.NewReaderSize(r, flushBytes)
	var long []byte
	for number := 1; ; number++ {
		line, err := readWhole(lines, &long)
		if err != nil && !errors.Is(err, io.EOF) {
			return whole, fmt.Errorf("line %d: %w", number, err)
		}
		if errors.Is(err, io.EOF) {
			if !isCut(line) {
				return whole, fmt.Errorf("line %d: not a record, nor the beginning of one", number)
			}
			return whole, nil
		}
		if len(bytes.TrimSpace(line)) > 0 {
			e, err := decodeEntry(line)
			if err != nil && isCut(line) && !json.Valid(line) && atEnd(lines) {
				return whole, nil
			}
			if err == nil {
				err = add(e)
			}
			if err != nil {
				return whole, fmt.Errorf("line %d: %w", number, err)
			}
		}
		whole += int64(len(line))
	}
}

// readWhole returns a line with its end, or with io.EOF what has none. The
// line is valid until the next call.
func readWhole(r *bufio.Reader, long *[]byte) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, err
	}
	*long = append((*long)[:0], line...)
	for errors.Is(err, bufio.ErrBufferFull) {
		if len(*long) > maxRecord {
			return nil, bufio.ErrTooLong
		}
		line, err = r.ReadSlice('\n')
		*long = append(*long, line...)
	}
	return *long, err
}

// isCut reports whether a line can be the beginning of a record. After a power
// cut, zeros may stand where the rest was never written.
func isCut(line []byte) bool {
	line = bytes.TrimRight(line, "\x00")
	return bytes.HasPrefix(line, recordStart) || bytes.HasPrefix(recordStart, line)
}

func atEnd(r *bufio.Reader) bool {
	_, err := r.Peek(1)
	return errors.Is(err, io.EOF)
}

func decodeEntry(line []byte) (Entry, error) {
	var e Entry
	if err := json.Unmarshal(line, &e); err != nil {
		return e, fmt.Errorf("not a record: %w", err)
	}
	return e, checkSchema(e.Schema)
}
