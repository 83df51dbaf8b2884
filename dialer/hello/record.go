package hello

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

	// firstBuffer takes the whole flight of most servers in one read, and
	// firstFeed a short hello: who feeds may have a million readers.
	firstBuffer = 8 << 10
	firstFeed   = 512
)

// ErrMore says that what was fed ends before the next record or message does.
var ErrMore = errors.New("hello: more bytes are needed")

// records takes records off the bytes fed to it. Every byte is looked at once:
// the buffer moves what is left in it only to make room for a record, so that
// the work stays linear however the peer cuts its bytes.
type records struct {
	buf        []byte
	start, end int // what was fed and not yet taken is buf[start:end]
	total      int // bytes fed in all
	taken      bool
	opener     *recordOpener
}

// next returns the next record, decrypted if there are keys, or ErrMore. The
// payload is good until more is fed.
func (r *records) next() (contentType uint8, payload []byte, err error) {
	at := r.buf[r.start:r.end]
	if len(at) < recordHeaderSize {
		return 0, nil, ErrMore
	}
	length := int(binary.BigEndian.Uint16(at[3:]))
	if !isRecordHeader(at[:recordHeaderSize]) || length > maxRecord {
		if !r.taken {
			return 0, nil, r.notTLS()
		}
		return 0, nil, &RecordError{Header: [recordHeaderSize]byte(at)}
	}
	r.taken = true
	if len(at) < recordHeaderSize+length {
		return 0, nil, ErrMore
	}
	record := at[:recordHeaderSize+length]
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

// feed takes a copy of p.
func (r *records) feed(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	free, err := r.free(len(p), firstFeed)
	if err != nil {
		return err
	}
	n := copy(free, p)
	r.fed(n)
	if n < len(p) {
		return errBytes()
	}
	return nil
}

func errBytes() error { return fmt.Errorf("%w: %d bytes", ErrTooLarge, maxBytes) }

// free returns where the next bytes go: n of them at least, unless the cap
// leaves less. The buffer has the first size given and then grows twofold,
// so that bytes fed one by one move a few times and not each time.
func (r *records) free(n, first int) ([]byte, error) {
	if r.start == r.end {
		r.start, r.end = 0, 0
	}
	n = min(n, maxBytes-r.total)
	if n <= 0 {
		return nil, errBytes()
	}
	if len(r.buf)-r.end < n {
		to := r.buf
		if pending := r.end - r.start; pending+n > len(to)/2 {
			to = make([]byte, max(pending+n, 2*len(to), first))
		}
		r.end = copy(to, r.buf[r.start:r.end])
		r.start, r.buf = 0, to
	}
	return r.buf[r.end:min(len(r.buf), r.end+maxBytes-r.total)], nil
}

// fed says that n bytes were put where free said.
func (r *records) fed(n int) {
	r.end += n
	r.total += n
}

// missing returns how many bytes the record at the front lacks, or its header.
func (r *records) missing() int {
	at := r.buf[r.start:r.end]
	if len(at) < recordHeaderSize {
		return recordHeaderSize - len(at)
	}
	return max(1, recordHeaderSize+int(binary.BigEndian.Uint16(at[3:]))-len(at))
}

// ended returns what the end of the stream means, err, unless what came before
// it, too short for a record, cannot be the beginning of one.
func (r *records) ended(err error) error {
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

func (r *records) notTLS() error {
	const enough = 64 // to tell what it is
	got := r.buf[r.start:r.end]
	return &NotTLSError{First: bytes.Clone(got[:min(len(got), enough)])}
}
