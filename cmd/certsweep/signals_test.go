//go:build unix

package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"certsweep/dialer/dialertest"
	"certsweep/results"
)

// scanInFlight starts a scan of a good endpoint and of silent ones, and
// returns when the good one's record was read: then the silent ones are in
// flight.
func scanInFlight(t *testing.T, timeout string) (cmd *exec.Cmd, out *bufio.Reader, stderr io.Reader) {
	t.Helper()
	farm, err := dialertest.Start("good", "silent")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(farm.Close)
	silent := farm.Endpoint("silent").Target() + "\n"
	cmd = command("--trust", "none", "--timeout", timeout, "-c", "10", "-")
	if stderr, err = cmd.StderrPipe(); err != nil {
		t.Fatal(err)
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	// Standard input stays open: the scan waits for more.
	if _, err := io.WriteString(stdin, strings.Repeat(silent, 5)+farm.Endpoint("good").Target()+"\n"); err != nil {
		t.Fatal(err)
	}
	out = bufio.NewReader(pipe)
	line, err := out.ReadString('\n')
	if err != nil || !strings.Contains(line, `"status":"ok"`) {
		t.Fatalf("first record: %q, %v", line, err)
	}
	return cmd, out, stderr
}

// TestFirstSignalFinishes: what is in flight has its record, and the summary
// is true, though the list is still open.
func TestFirstSignalFinishes(t *testing.T) {
	if testing.Short() {
		t.Skip("waits in real time")
	}
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		cmd, out, stderr := scanInFlight(t, "1s")
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		n := 0
		for r, err := range results.Decode(out) {
			if err != nil {
				t.Fatal(err)
			}
			if r.Error == nil || r.Error.Code != "timeout" {
				t.Errorf("%+v", r.Error)
			}
			n++
		}
		said, err := io.ReadAll(stderr)
		if err != nil || !strings.Contains(string(said), ": 1 ok, 5 unreachable") {
			t.Errorf("summary: %q, %v", said, err)
		}
		if status := exitStatus(t, cmd.Wait()); status != 128+int(sig) || n != 5 {
			t.Errorf("%v: status %d with %d records", sig, status, n)
		}
	}
}

// TestSecondSignalEnds: at once, with whole lines and a true summary.
func TestSecondSignalEnds(t *testing.T) {
	cmd, out, stderr := scanInFlight(t, "1h")
	// Two signals that arrive together are one to the kernel: the second goes
	// out when the first was answered.
	cmd.Process.Signal(syscall.SIGINT)
	said := bufio.NewReader(stderr)
	for line := ""; !strings.Contains(line, "once more to drop it"); {
		var err error
		if line, err = said.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	cmd.Process.Signal(syscall.SIGTERM)
	rest, err := io.ReadAll(out)
	if err != nil || len(rest) != 0 {
		t.Errorf("after the second signal: %q, %v", rest, err)
	}
	summary, err := io.ReadAll(said)
	if err != nil || !strings.Contains(string(summary), "1 target in ") {
		t.Errorf("summary: %q, %v", summary, err)
	}
	if status := exitStatus(t, cmd.Wait()); status != 130 {
		t.Errorf("status %d, want 130", status)
	}
}

// TestHeadEndsQuietly: a reader that has enough is no error to speak of.
func TestHeadEndsQuietly(t *testing.T) {
	farm, err := dialertest.Start("refused")
	if err != nil {
		t.Fatal(err)
	}
	defer farm.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	quiet := command("-t", farm.Endpoints[0].Target(), "--trust", "none")
	var said bytes.Buffer
	quiet.Stdout, quiet.Stderr = w, &said
	r.Close()
	err = quiet.Run()
	w.Close()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || !exit.Sys().(syscall.WaitStatus).Signaled() || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGPIPE {
		t.Errorf("ended with %v, want SIGPIPE as other filters", err)
	}
	if said.Len() > 0 {
		t.Errorf("said %q", &said)
	}
}

// TestOutputFileHasWholeLines reads a file while it grows.
func TestOutputFileHasWholeLines(t *testing.T) {
	name := filepath.Join(t.TempDir(), "out.jsonl")
	cmd := command("-q", "--trust", "none", "--timeout", "1h", "-c", "5", "-o", name, "-")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	for i := range 1000 {
		line := "no target\n"
		if i == 0 {
			line = "127.0.0.1:1\n" // a list without any target is no success
		}
		if _, err := io.WriteString(stdin, line); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(name)
		if err == nil && len(data) > 0 && data[len(data)-1] != '\n' {
			t.Fatalf("a line is cut: %q", data)
		}
	}
	stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(name)
	if err != nil || bytes.Count(data, []byte("\n")) != 1000 {
		t.Errorf("%d lines, %v", bytes.Count(data, []byte("\n")), err)
	}
}
