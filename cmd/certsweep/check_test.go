package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"certsweep/cmd/internal/process"
	"certsweep/cmd/internal/scan"
	"certsweep/dialer/dialertest"
	"certsweep/results"
	"certsweep/results/policy"
	"certsweep/scanner"
	"certsweep/scanner/list"
)

// TestUnknownAttribute: what is said of an attribute is the policy's word, in a
// scan too.
func TestUnknownAttribute(t *testing.T) {
	for attribute, want := range map[string]string{
		"min-days=3": "", "pin=x": "", "tag=x": "", "min-dayz=3": "did you mean min-days?", "start-tls=smtp": "did you mean starttls?",
	} {
		for target := range scanner.ReadTargets(strings.NewReader("x "+attribute), scan.KnownAttribute) {
			if (target.Err == nil) != (want == "") || target.Err != nil && !strings.Contains(target.Err.Error(), want) {
				t.Errorf("%s: error %v, want one with %q", attribute, target.Err, want)
			}
		}
	}
}

// TestCheckFarm checks every case of the farm with the default policy: each
// has the level that what it has to show asks for.
func TestCheckFarm(t *testing.T) {
	if testing.Short() {
		t.Skip("checks the whole farm")
	}
	t.Parallel()
	farm, err := dialertest.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer farm.Close()
	dir := t.TempDir()
	root := filepath.Join(dir, "root.pem")
	if err := os.WriteFile(root, farm.RootPEM(), 0o666); err != nil {
		t.Fatal(err)
	}
	cases := make(map[string]dialertest.Case)
	var list strings.Builder
	for _, e := range farm.Endpoints {
		cases[e.Name] = e.Case
		fmt.Fprintf(&list, "%s tag=%s\n", e.Target(), e.Name)
	}
	cmd := command("check", "--ca-file", root, "--timeout", "3s", "--format", "jsonl", "--report", "text="+filepath.Join(dir, "table"))
	cmd.Stdin = strings.NewReader(list.String())
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if status := exitStatus(t, err); status != 1 {
		t.Errorf("exit status %d", status)
	}
	for line := range bytes.Lines(out) {
		var v struct {
			Tag   string
			Level policy.Level
		}
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatal(err)
		}
		c, ok := cases[v.Tag]
		if !ok {
			t.Fatalf("no case, or twice: %s", line)
		}
		delete(cases, v.Tag)
		// The rescue hello may show more.
		least := min(leastLevel(c.Want), leastLevel(c.Plain))
		if v.Level < least || c.Want.Clean && v.Level != policy.OK {
			t.Errorf("%v, want %v: %s", v.Level, least, line)
		}
	}
	if len(cases) > 0 {
		t.Errorf("no verdict for %q", slices.Collect(maps.Keys(cases)))
	}
	table, err := os.ReadFile(filepath.Join(dir, "table"))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", table)
}

// leastLevel is how bad the default policy finds at least what a case shows.
func leastLevel(want dialertest.Want) policy.Level {
	least := policy.OK
	if want.Status == "error" {
		least = policy.Unchecked
	}
	levels := policy.Default().Levels
	for _, finding := range want.Findings {
		// The farm's root is given with --ca-file, and has no rules of the public
		// web.
		if finding == string(results.LongValidity) {
			continue
		}
		least = max(least, levels[policy.Code(finding)])
	}
	return least
}

// testEnvironment returns an environment whose standard output is a pipe, and
// what signals do to it.
func testEnvironment(t *testing.T) (e *environment, stdout *os.File, stop, abort func(error)) {
	t.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { null.Close(); r.Close(); w.Close() })
	stopContext, stop := context.WithCancelCause(context.Background())
	abortContext, abort := context.WithCancelCause(context.Background())
	return &environment{stdin: null, stdout: w, stderr: null, stop: stopContext, abort: abortContext}, r, stop, abort
}

// TestCheckInterrupted: what is known is told, no report file takes the place
// of a whole one, and the status is the signal's.
func TestCheckInterrupted(t *testing.T) {
	farm, err := dialertest.Start("good", "silent")
	if err != nil {
		t.Fatal(err)
	}
	defer farm.Close()
	dir := t.TempDir()
	file, baseline := filepath.Join(dir, "certs.prom"), filepath.Join(dir, "old.jsonl")
	if err := os.WriteFile(file, []byte("old"), 0o666); err != nil {
		t.Fatal(err)
	}
	saved, err := os.ReadFile("../../testdata/records/good.jsonl")
	if err == nil {
		err = os.WriteFile(baseline, saved, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	e, stdout, stop, abort := testEnvironment(t)
	done := make(chan error)
	go func() {
		done <- e.run([]string{"check", "--trust", "none", "--timeout", "1h", "--format", "jsonl",
			"--report", "prometheus=" + file, "--baseline", baseline, "--fail-on", "changed",
			"-t", farm.Endpoint("silent").Target(), "-t", farm.Endpoint("good").Target()})
		e.stdout.Close()
	}()
	out := bufio.NewReader(stdout)
	if line, err := out.ReadString('\n'); err != nil || !strings.Contains(line, `"level":"ok"`) {
		t.Fatalf("%q, %v", line, err)
	}
	stop(process.Signal{Signal: syscall.SIGTERM})
	abort(process.Signal{Signal: syscall.SIGTERM})
	err = <-done
	if sig, ok := errors.AsType[process.Signal](err); !ok || sig.Signal != syscall.SIGTERM {
		t.Errorf("ended with %v", err)
	}
	// Above all nothing of the baseline's endpoints that nobody got to.
	if rest, err := io.ReadAll(out); len(rest) > 0 || err != nil {
		t.Errorf("then %q, %v", rest, err)
	}
	if now, err := os.ReadFile(file); string(now) != "old" {
		t.Errorf("the file is %q, %v", now, err)
	}
	if names, err := os.ReadDir(dir); len(names) != 2 {
		t.Errorf("left behind %v, %v", names, err)
	}
}

// TestCheckInterruptedWhileReading: a list that was cut by a signal is not
// checked for a whole one.
func TestCheckInterruptedWhileReading(t *testing.T) {
	for _, args := range [][]string{{"-"}, {"--from", "-"}, {"--baseline", "-", "-t", "127.0.0.1:1"}} {
		e, _, stop, _ := testEnvironment(t)
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		defer w.Close()
		e.stdin = r
		stop(process.Signal{Signal: syscall.SIGINT})
		err = e.run(append([]string{"check", "--format", "json"}, args...))
		if sig, ok := errors.AsType[process.Signal](err); !ok || sig.Signal != syscall.SIGINT {
			t.Errorf("%q ended with %v", args, err)
		}
	}
}

// TestCheckSpoolIsBounded: a list that has to be held in memory ends.
func TestCheckSpoolIsBounded(t *testing.T) {
	e, _, _, _ := testEnvironment(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	e.stdin = r
	go func() {
		defer w.Close()
		comment := bytes.Repeat([]byte(strings.Repeat("#", 1<<10)+"\n"), 1<<10)
		for range scan.MaxSpool>>20 + 1 {
			if _, err := w.Write(comment); err != nil {
				return
			}
		}
	}()
	err = e.run([]string{"check", "-"})
	if exit, ok := errors.AsType[*process.Exit](err); !ok || exit.Status != process.StatusUsage || !strings.Contains(err.Error(), "longer than 64 MiB") {
		t.Errorf("ended with %v", err)
	}
}

// TestSavedList joins records to a list.
func TestSavedList(t *testing.T) {
	const text = "a\nb\na\nc\nd\n192.0.2.0/30\n"
	read := func() iter.Seq2[scanner.Target, error] {
		return scanner.Defaults{}.Apply(scanner.ReadTargets(strings.NewReader(text), nil))
	}
	saved := &savedList{lines: make(map[string][]int)}
	for target := range scanner.ReadLines(list.NewReader(strings.NewReader(text), list.Auto).All(), nil) {
		saved.add(target)
	}
	for _, test := range []struct {
		line        int
		input, host string
		want        int
	}{
		{1, "a", "a", 1}, // of this list
		{9, "b", "b", 2}, // of another
		{4, "d", "d", 5}, // other lines had these numbers
		{3, "x", "x", 0}, // not on the list
		{1, "a", "a", 1}, // a second address
		{6, "192.0.2.0/30", "192.0.2.1", 6},
		{9, "192.0.2.0/30", "192.0.2.2", 6},
		{6, "192.0.2.0/30", "192.0.2.9", 6}, // none of its addresses
	} {
		r := &results.Record{Line: test.line, Input: test.input, Host: test.host, Port: 443}
		if saved.join(r); r.Line != test.want {
			t.Errorf("%s of line %d is on line %d, want %d", test.input, test.line, r.Line, test.want)
		}
	}
	missing := func() (hosts []string) {
		for r, err := range saved.missing(read()) {
			if err != nil {
				t.Fatal(err)
			}
			hosts = append(hosts, fmt.Sprint(r.Line, " ", r.Host))
		}
		return hosts
	}
	if got, want := missing(), []string{"3 a", "4 c", "6 192.0.2.0", "6 192.0.2.3"}; !slices.Equal(got, want) {
		t.Errorf("no record is about %q, want %q", got, want)
	}
	// Of two lines with one text, another list's record may mean either.
	saved.join(&results.Record{Line: 7, Input: "a", Host: "a", Port: 443})
	saved.join(&results.Record{Line: 7, Input: "c", Host: "c", Port: 443})
	if got, want := missing(), []string{"6 192.0.2.0", "6 192.0.2.3"}; !slices.Equal(got, want) {
		t.Errorf("no record is about %q, want %q", got, want)
	}
}

// BenchmarkCheckSaved judges 1,000 saved records. "cpu-ms/op" is user and
// system time of the process.
func BenchmarkCheckSaved(b *testing.B) {
	const records = 1000
	saved, err := os.ReadFile("../../testdata/records/findings.jsonl")
	if err != nil {
		b.Fatal(err)
	}
	file := filepath.Join(b.TempDir(), "records.jsonl")
	var lines bytes.Buffer
	for n := 0; n < records; {
		for line := range bytes.Lines(saved) {
			if n++; n <= records {
				lines.Write(line)
			}
		}
	}
	if err := os.WriteFile(file, lines.Bytes(), 0o666); err != nil {
		b.Fatal(err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer null.Close()
	e := environment{stdin: null, stdout: null, stderr: null, stop: b.Context(), abort: b.Context()}
	before := cpuTime(b)
	for b.Loop() {
		if exit, ok := errors.AsType[*process.Exit](e.run([]string{"check", "--from", file})); !ok || exit.Status != 1 {
			b.Fatal("no findings")
		}
	}
	b.ReportMetric((cpuTime(b)-before).Seconds()*1e3/float64(b.N), "cpu-ms/op")
}
