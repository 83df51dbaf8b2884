package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestClosedOutput: records that nobody gets are told of, as far as that can be
// known.
func TestClosedOutput(t *testing.T) {
	if _, err := os.Stat("/proc/self/fdinfo/1"); err != nil {
		t.Skip("this system has no /proc")
	}
	for redirection, want := range map[string]bool{">&-": true, "<>/dev/null >&0": true, ">/dev/null": false, "| cat": false} {
		cmd := exec.Command("sh", "-c", `"$0" -q --trust none -t 127.0.0.1:1 `+redirection, os.Args[0])
		cmd.Env = append(os.Environ(), roleVariable+"=certsweep")
		var said strings.Builder
		cmd.Stderr = &said
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(said.String(), "the records go nowhere"); got != want {
			t.Errorf("%s: %q", redirection, said.String())
		}
	}
}
