package scanner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	"certsweep/results"
)

// errorMessage says what went wrong in the words of people who scan, not of Go's
// libraries. waited is the time that the probe took.
func errorMessage(e *results.Error, err error, waited time.Duration) string {
	text := err.Error()
	switch e.Code {
	case results.CodeTimeout, results.CodeDNSTimeout:
		if errors.Is(err, context.DeadlineExceeded) || strings.HasSuffix(text, "i/o timeout") {
			return fmt.Sprintf("no answer within %v", roundTime(waited))
		}
	case results.CodeEOF:
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return "the peer closed the connection"
		}
	case results.CodeAlert:
		if e.Alert != nil && strings.HasPrefix(text, "remote error: tls: ") {
			return fmt.Sprintf("the peer sent the alert %s (%d)", e.Alert.Name, e.Alert.Number)
		}
	case results.CodeReset, results.CodeRefused, results.CodeUnreachable, results.CodeDenied:
		// What was dialed is in the record already.
		if errno, ok := errors.AsType[syscall.Errno](err); ok && strings.HasSuffix(text, errno.Error()) {
			return errno.Error()
		}
	}
	return strings.TrimPrefix(text, "tls: ")
}

// roundTime makes a time as exact as people say it.
func roundTime(d time.Duration) time.Duration {
	switch {
	case d >= time.Second:
		return d.Round(100 * time.Millisecond)
	case d >= 10*time.Millisecond:
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(time.Millisecond)
}
