package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime/pprof"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"certsweep/cmd/internal/scan"
)

// TestMain lets the test binary be what a test needs a process of: certsweep
// itself for the scripts, and the parts of a benchmark.
func TestMain(m *testing.M) {
	if role, ok := roles[os.Getenv(roleVariable)]; ok {
		stop := startProfile(os.Getenv(profileVariable), os.Getenv(roleVariable))
		status := role()
		stop()
		if name := os.Getenv(peakVariable); name != "" {
			os.WriteFile(name, []byte(strconv.FormatInt(scan.PeakRSS(), 10)), 0o600)
		}
		os.Exit(status)
	}
	testscript.Main(m, map[string]func(){"certsweep": main})
}

// roleVariable names the role that a process of this binary plays.
const roleVariable = "TEST_CERTSWEEP_ROLE"

// profileVariable names where to leave a CPU profile of a process, NAME.ROLE, for
// go tool pprof.
const profileVariable = "TEST_CERTSWEEP_PROFILE"

// startProfile begins a profile if there is a name for it.
func startProfile(name, role string) (stop func()) {
	if name == "" {
		return func() {}
	}
	file, err := os.Create(name + "." + role)
	if err != nil || pprof.StartCPUProfile(file) != nil {
		return func() {}
	}
	return func() {
		pprof.StopCPUProfile()
		file.Close()
	}
}

// peakVariable names a file to leave the peak of resident memory in.
const peakVariable = "TEST_CERTSWEEP_PEAK"

// roles are what a process of this binary may be. Files that not every system has
// add theirs.
var roles = map[string]func() int{"certsweep": run, "million": millionRole}

func exitStatus(t *testing.T, err error) int {
	t.Helper()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}
