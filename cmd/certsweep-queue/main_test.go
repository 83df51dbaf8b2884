package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the test binary be certsweep-queue itself, for the scripts and
// for whoever needs a process of it.
func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) != "" {
		os.Exit(run())
	}
	testscript.Main(m, map[string]func(){program: main})
}

// roleVariable makes a process of this binary be certsweep-queue.
const roleVariable = "TEST_CERTSWEEP_QUEUE"

// start starts certsweep-queue. What it says is the test's.
func start(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), roleVariable+"=yes")
	out := &said{t: t, name: args[0]}
	cmd.Stderr = out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	return cmd
}

// said logs what a process says.
type said struct {
	t    testing.TB
	name string
}

func (s *said) Write(b []byte) (int, error) {
	s.t.Logf("%s: %s", s.name, b)
	return len(b), nil
}

func exitStatus(err error) int {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	if err != nil {
		return -1
	}
	return 0
}

// freeAddress returns an address of this machine that nobody listens at.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
