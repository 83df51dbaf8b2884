package main

import (
	"os"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"certsweep/cmd/internal/scan"
)

// TestMain lets the test binary be what a test needs a process of: certsweep
// itself for the scripts, and the parts of a benchmark.
func TestMain(m *testing.M) {
	if role, ok := roles[os.Getenv(roleVariable)]; ok {
		status := role()
		if name := os.Getenv(peakVariable); name != "" {
			os.WriteFile(name, []byte(strconv.FormatInt(scan.PeakRSS(), 10)), 0o600)
		}
		os.Exit(status)
	}
	testscript.Main(m, map[string]func(){"certsweep": main})
}

// roleVariable names the role that a process of this binary plays.
const roleVariable = "TEST_CERTSWEEP_ROLE"

// peakVariable names a file to leave the peak of resident memory in.
const peakVariable = "TEST_CERTSWEEP_PEAK"

var roles = map[string]func() int{
	"certsweep": run,
	"farm":      farmRole,
	"bare":      bareRole,
	"limited":   limitedRole,
	"million":   millionRole,
}
