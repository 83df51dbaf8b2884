package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"certsweep/cmd/internal/process"
)

// TestCheckRunsAgain: a check that was opened once says the same each time it
// runs, of what is gone since a baseline too.
func TestCheckRunsAgain(t *testing.T) {
	dir := t.TempDir()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	e := environment{stdin: null, stdout: null, stderr: null, stop: t.Context(), abort: t.Context()}
	report := filepath.Join(dir, "report.md")
	o := newCheckOptions()
	described := o.command()
	err = parse(described, []string{
		"--from", "../../testdata/records/baseline-new.jsonl", "--baseline", "../../testdata/records/baseline-old.jsonl",
		"--fail-on", "changed", "--report", "markdown=" + report,
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := e.openCheck(described, o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	var first []byte
	for range 3 {
		err := c.finish(c.run())
		if exit, ok := errors.AsType[*process.Exit](err); !ok || exit.Status != 1 {
			t.Errorf("it ends with %v", err)
		}
		text, err := os.ReadFile(report)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = text
		}
		if len(text) == 0 || string(text) != string(first) {
			t.Errorf("another report:\n%s\nafter\n%s", text, first)
		}
		if err := c.openReports(); err != nil {
			t.Fatal(err)
		}
	}
}
