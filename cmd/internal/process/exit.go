// Package process is what a command's process has around its work: how it ends,
// and what ends it.
package process

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"certsweep/results"
)

// Exit status beside 0 and those of a gate, which package policy has.
const (
	StatusUsage      = 2
	StatusIncomplete = 3
	StatusSignal     = 128 // plus the signal's number
)

// Exit is an error that knows its exit status. A nil Err has been told to people
// already.
type Exit struct {
	Status int
	Err    error
}

func (e *Exit) Error() string { return e.Err.Error() }
func (e *Exit) Unwrap() error { return e.Err }

// Fail returns an error with that exit status.
func Fail(status int, err error) error { return &Exit{Status: status, Err: err} }

// Usage says what is wrong with the command line.
func Usage(format string, args ...any) error {
	return Fail(StatusUsage, fmt.Errorf(format, args...))
}

// Signal says that a signal ended the work.
type Signal struct{ Signal syscall.Signal }

func (e Signal) Error() string { return "stopped by " + e.Signal.String() }

// Status returns the exit status of a command that ended with err, and writes to
// stderr what there is to say of it.
func Status(command string, stderr io.Writer, err error) int {
	var sig Signal
	var exit *Exit
	switch {
	case err == nil:
		return 0
	case errors.As(err, &sig):
		return StatusSignal + int(sig.Signal)
	case errors.As(err, &exit):
		if exit.Err != nil {
			fmt.Fprintf(stderr, "%s: %s\n", command, VisibleLines(exit.Err))
		}
		return exit.Status
	}
	fmt.Fprintf(stderr, "%s: %s\n", command, VisibleLines(err))
	return StatusIncomplete
}

// VisibleLines is an error's text without anything that a terminal obeys: file
// names and lines of lists are other people's.
func VisibleLines(err error) string {
	lines := strings.Split(err.Error(), "\n")
	for i, line := range lines {
		lines[i] = results.Visible(line)
	}
	return strings.Join(lines, "\n")
}
