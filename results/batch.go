package results

import (
	"bytes"
	"io"
	"time"
)

// The limits of what an encoder holds back.
const (
	flushBytes = 64 << 10 // a pipe's buffer on Linux
	flushAfter = 100 * time.Millisecond
)

// batch gathers lines, so that many are written at once.
type batch struct {
	w       io.Writer
	buf     bytes.Buffer
	waiting time.Time // since when something is
	err     error
}

// begin returns where the next line begins.
func (b *batch) begin() int {
	if b.buf.Len() == 0 {
		b.waiting = time.Now()
	}
	return b.buf.Len()
}

// end flushes if enough is waiting, or for long enough.
func (b *batch) end() error {
	if b.buf.Len() >= flushBytes || time.Since(b.waiting) >= flushAfter {
		return b.Flush()
	}
	return nil
}

// Flush writes what is waiting. Once a write has failed it returns that error.
func (b *batch) Flush() error {
	if b.err != nil || b.buf.Len() == 0 {
		return b.err
	}
	_, b.err = b.buf.WriteTo(b.w)
	return b.err
}
