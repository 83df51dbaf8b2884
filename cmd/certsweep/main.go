// What crypto/tls and crypto/x509 refuse by default and a scanner must see:
// SHA-1 in handshake signatures, RSA keys below 1024 bits, negative serials.

//go:debug tlssha1=1
//go:debug rsa1024min=0
//go:debug x509negativeserial=1

// Command certsweep scans lists of TLS endpoints and writes one JSON line for
// each. See README.md, or run certsweep --help.
package main

import (
	"os"
	"runtime/debug"

	"certsweep/cmd/internal/process"
)

// Set by the linker for a release: see .ci/release.
var version, commit string

func main() { os.Exit(run()) }

// run runs the command and returns the exit status.
func run() int {
	// A death of the Go runtime would end with status 2, which is wrong usage;
	// so it ends by SIGABRT.
	debug.SetTraceback("crash")
	stop, abort := process.Signals()
	e := environment{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, stop: stop, abort: abort}
	return process.Status("certsweep", os.Stderr, e.run(os.Args[1:]))
}
