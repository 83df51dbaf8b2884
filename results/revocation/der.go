package revocation

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// The tags of DER that a list has (X.690 §8).
const (
	tagInteger         = 0x02
	tagBitString       = 0x03
	tagUTCTime         = 0x17
	tagGeneralizedTime = 0x18
	tagSequence        = 0x30
	tagExtensions      = 0xa0
)

// stream reads DER that is not held in memory.
type stream struct {
	r *bufio.Reader
	// sink gets all that is read, nil for nothing.
	sink io.Writer
	n    int64 // octets read
}

var errDER = errors.New("the list is malformed")

func (s *stream) read(p []byte) error {
	if _, err := io.ReadFull(s.r, p); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return errors.New("the list is cut off")
		}
		return err
	}
	s.n += int64(len(p))
	if s.sink != nil {
		s.sink.Write(p) // a hash or a buffer: neither fails
	}
	return nil
}

// header reads a tag and a length, and returns where the element ends.
func (s *stream) header() (tag byte, end int64, err error) {
	var octets [6]byte
	if err := s.read(octets[:2]); err != nil {
		return 0, 0, err
	}
	tag = octets[0]
	if tag&0x1f == 0x1f {
		return 0, 0, errDER
	}
	length := int64(octets[1])
	if length >= 0x80 {
		n := int(length & 0x7f)
		if n == 0 || n > 4 {
			return 0, 0, errDER
		}
		if err := s.read(octets[2 : 2+n]); err != nil {
			return 0, 0, err
		}
		length = 0
		for _, b := range octets[2 : 2+n] {
			length = length<<8 | int64(b)
		}
		// DER has one form for each length (X.690 §10.1).
		if length < 0x80 || octets[2] == 0 {
			return 0, 0, errDER
		}
	}
	return tag, s.n + length, nil
}

// open reads the header of a sequence and returns its end, which is within
// limit.
func (s *stream) open(limit int64) (end int64, err error) {
	tag, end, err := s.header()
	if err == nil && (tag != tagSequence || end > limit) {
		err = errDER
	}
	return end, err
}

// content reads what is left up to end, of at most most octets, into buf, which
// it grows.
func (s *stream) content(buf *[]byte, end int64, most int) error {
	length := end - s.n
	if length < 0 {
		return errDER
	}
	if length > int64(most) {
		return fmt.Errorf("the list has a part of %d bytes, more than %d", length, most)
	}
	if int64(cap(*buf)) < length {
		*buf = make([]byte, length)
	}
	*buf = (*buf)[:length]
	return s.read(*buf)
}

// element reads an element with its header.
func (s *stream) element(limit int64, most int) (tag byte, element []byte, err error) {
	var header bytes.Buffer
	sink := s.sink
	s.sink = &header
	if sink != nil {
		s.sink = io.MultiWriter(sink, &header)
	}
	tag, end, err := s.header()
	s.sink = sink
	if err != nil {
		return 0, nil, err
	}
	if end > limit {
		return 0, nil, errDER
	}
	var content []byte
	if err := s.content(&content, end, most); err != nil {
		return 0, nil, err
	}
	return tag, append(header.Bytes(), content...), nil
}
