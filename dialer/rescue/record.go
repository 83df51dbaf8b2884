package rescue

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Caps on what is read of one connection.
const (
	// maxBytes bounds all bytes: chains of 1 MiB have been seen, in odd
	// corners, and half of a flood of one-byte records is headers.
	maxBytes = 2 << 20

	// maxUselessRecords bounds the records in a row that bring the handshake
	// no further, as crypto/tls does: empty ones, warnings,
	// change_cipher_spec, HelloRequest.
	maxUselessRecords = 16
)

// Content types, RFC 8446 §5.1.
const (
	recordChangeCipherSpec = 20
	recordAlert            = 21
	recordHandshake        = 22
	recordApplicationData  = 23
)

const (
	recordHeaderSize = 5

	// maxRecord is the longest payload, RFC 5246 §6.2.3; RFC 8446 §5.2 allows
	// less, to no profit here.
	maxRecord = 1<<14 + 2048

	// firstBuffer takes the whole flight of most servers in one read.
	firstBuffer = 8 << 10
)

// recordReader takes records off a stream. Every byte is looked at once: the
// buffer moves what is left in it only to make room for a record, so that the
// work stays linear however the peer cuts its bytes.
type recordReader struct {
	src        io.Reader
	buf        []byte
	start, end int // what is read and not yet taken is buf[start:end]
	total      int // bytes read in all
	taken      bool
	drain      bool // return errDrained where a read from src is due
	opener     *recordOpener
}

var errDrained = errors.New("no more bytes are at hand")

// next returns the next record, decrypted where there are keys. The payload is
// good until the following call.
func (r *recordReader) next() (contentType uint8, payload []byte, err error) {
	if err := r.fill(recordHeaderSize); err != nil {
		return 0, nil, err
	}
	header := r.buf[r.start : r.start+recordHeaderSize]
	length := int(binary.BigEndian.Uint16(header[3:]))
	if !isRecordHeader(header) || length > maxRecord {
		if !r.taken {
			return 0, nil, r.notTLS()
		}
		return 0, nil, &RecordError{Header: [recordHeaderSize]byte(header)}
	}
	r.taken = true
	if err := r.fill(recordHeaderSize + length); err != nil {
		return 0, nil, err
	}
	record := r.buf[r.start : r.start+recordHeaderSize+length] // fill may have moved it
	r.start += len(record)
	if r.opener != nil {
		return r.opener.open(record)
	}
	return record[0], record[recordHeaderSize:], nil
}

// isRecordHeader tells by content type and major version (RFC 8446 §5.1). An
// alert may have any version: GnuTLS puts that of DTLS into the one with which
// it refuses all versions offered.
func isRecordHeader(header []byte) bool {
	if header[0] == recordAlert && header[3] == 0 && header[4] == 2 {
		return true
	}
	return recordChangeCipherSpec <= header[0] && header[0] <= recordApplicationData && header[1] == 3
}

// fill reads until n bytes are at hand.
func (r *recordReader) fill(n int) error {
	if r.start == r.end {
		r.start, r.end = 0, 0
	}
	for idle := 0; r.end-r.start < n; {
		if r.drain {
			return errDrained
		}
		r.makeRoom(n)
		limit := min(len(r.buf), r.end+maxBytes-r.total)
		if limit == r.end {
			return fmt.Errorf("%w: %d bytes", ErrTooLarge, maxBytes)
		}
		m, err := r.src.Read(r.buf[r.end:limit])
		r.end += m
		r.total += m
		if m > 0 {
			idle = 0
		} else if idle++; err == nil && idle == 100 {
			err = io.ErrNoProgress // as bufio.Reader has it
		}
		if err != nil && r.end-r.start < n {
			return r.readError(err)
		}
	}
	return nil
}

// makeRoom lets n bytes fit after start.
func (r *recordReader) makeRoom(n int) {
	if r.start+n <= len(r.buf) {
		return
	}
	to := r.buf
	if n > len(to) {
		to = make([]byte, max(n, firstBuffer))
	}
	r.end = copy(to, r.buf[r.start:r.end])
	r.start, r.buf = 0, to
}

// readError is a failure of the stream, unless what came before it, too short
// for a record, cannot be the beginning of one.
func (r *recordReader) readError(err error) error {
	if got := r.buf[r.start:r.end]; len(got) > 0 {
		if !r.taken && (got[0] < recordChangeCipherSpec || got[0] > recordApplicationData) {
			return r.notTLS()
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
	}
	return fmt.Errorf("read: %w", err)
}

func (r *recordReader) notTLS() error {
	const enough = 64 // to tell what it is
	got := r.buf[r.start:r.end]
	return &NotTLSError{First: bytes.Clone(got[:min(len(got), enough)])}
}
