// What crypto/tls and crypto/x509 refuse by default and a scanner must see:
// SHA-1 in handshake signatures, RSA keys below 1024 bits, negative serials.

//go:debug tlssha1=1
//go:debug rsa1024min=0
//go:debug x509negativeserial=1

// Command certsweep scans lists of TLS endpoints and writes one JSON line for
// each. See README.md, or run certsweep --help.
package main

import (
	"certsweep/results"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
)

// Exit status beside 0 and those of a gate, which package policy has.
const (
	exitUsage      = 2
	exitIncomplete = 3
	exitSignal     = 128 // plus the signal's number
)

// signalPause is how far apart two signals are to be two.
const signalPause = 50 * time.Millisecond

// exitError is an error that knows its exit status.
type exitError struct {
	status int
	err    error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// signalError says that a signal ended the scan.
type signalError struct{ signal syscall.Signal }

func (e signalError) Error() string { return "stopped by " + e.signal.String() }

func main() { os.Exit(run()) }

// run turns the error of the command into the exit status.
func run() int {
	// A death of the Go runtime would end with status 2, which is wrong usage;
	// so it ends by SIGABRT.
	debug.SetTraceback("crash")
	stop, abort := handleSignals()
	e := environment{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, stop: stop, abort: abort}
	err := e.run(os.Args[1:])

	var sig signalError
	var exit *exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &sig):
		return exitSignal + int(sig.signal)
	case errors.As(err, &exit):
		if exit.err != nil {
			fmt.Fprintf(os.Stderr, "certsweep: %s\n", visibleLines(exit.err))
		}
		return exit.status
	}
	fmt.Fprintf(os.Stderr, "certsweep: %s\n", visibleLines(err))
	return exitIncomplete
}

// visibleLines is an error's text without anything that a terminal obeys: file
// names and lines of lists are other people's.
func visibleLines(err error) string {
	lines := strings.Split(err.Error(), "\n")
	for i, line := range lines {
		lines[i] = results.Visible(line)
	}
	return strings.Join(lines, "\n")
}

// handleSignals returns two contexts: stop is done with the first SIGINT or
// SIGTERM (or SIGHUP), abort with the second. Their cause is a signalError. A third one
// ends the process as if nobody had asked for signals.
func handleSignals() (stop, abort context.Context) {
	stop, cancelStop := context.WithCancelCause(context.Background())
	abort, cancelAbort := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		for _, cancel := range []context.CancelCauseFunc{cancelStop, cancelAbort} {
			first := <-signals
			// timeout(1) signals the process and then its group: what comes at
			// the same moment was meant once.
			for repeated := time.After(signalPause); repeated != nil; {
				select {
				case <-signals:
				case <-repeated:
					repeated = nil
				}
			}
			cancel(signalError{first.(syscall.Signal)})
		}
		signal.Stop(signals)
	}()
	return stop, abort
}
