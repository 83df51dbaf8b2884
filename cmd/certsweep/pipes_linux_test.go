package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSignalEndsWaitForPipe: one SIGTERM ends a run that waits for the other end
// of a named pipe, whatever names it.
func TestSignalEndsWaitForPipe(t *testing.T) {
	for _, args := range []string{
		"--trust none PIPE", "-t x --ca-file PIPE", "--trust none -t x --cert PIPE", "--trust none -t x -o PIPE", "--trust none -t x --summary PIPE",
		"check --trust none PIPE", "check --from PIPE", "check --trust none -t x --baseline PIPE", "check --trust none -t x --report json=PIPE",
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			pipe := filepath.Join(t.TempDir(), "pipe")
			if err := syscall.Mkfifo(pipe, 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := command(strings.Fields(strings.ReplaceAll(args, "PIPE", pipe))...)
			var said bytes.Buffer
			cmd.Stderr = &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			waitForOpen(t, cmd.Process.Pid)
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() { done <- cmd.Wait() }()
			select {
			case err := <-done:
				if status := exitStatus(t, err); status != 128+int(syscall.SIGTERM) {
					t.Errorf("exit status %d, %s", status, &said)
				}
			case <-time.After(10 * time.Second):
				cmd.Process.Kill()
				<-done
				t.Error("it still waits")
			}
		})
	}
}

// waitForOpen waits until a process hangs in opening a file.
func waitForOpen(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		calls, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range calls {
			if call, err := os.ReadFile(name); err == nil && strings.HasPrefix(string(call), strconv.Itoa(syscall.SYS_OPENAT)+" ") {
				return
			}
		}
	}
	t.Fatal("it opens nothing")
}
