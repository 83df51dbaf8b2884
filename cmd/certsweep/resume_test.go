//go:build unix

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"certsweep/cmd/internal/process"
	"certsweep/results"
)

// TestOutputIsLocked: two scans never share a file.
func TestOutputIsLocked(t *testing.T) {
	name := filepath.Join(t.TempDir(), "out.jsonl")
	first := command("-q", "--trust", "none", "-o", name, "-")
	stdin, err := first.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, first)
	if _, err := io.WriteString(stdin, "127.0.0.1:1\n"); err != nil {
		t.Fatal(err)
	}
	// With its first record in it, the file is surely locked.
	waitForContent(t, name, p)
	said, err := command("--trust", "none", "-o", name, "--resume", "-t", "127.0.0.1:1").CombinedOutput()
	if exitStatus(t, err) != process.StatusUsage || !strings.Contains(string(said), "is being written by another certsweep") {
		t.Errorf("%v: %s", err, said)
	}
	stdin.Close()
	if <-p.gone; p.err != nil {
		t.Fatalf("%v\n%s", p.err, &p.said)
	}
	said, err = command("--trust", "none", "-o", name, "--resume", "-t", "127.0.0.1:1").CombinedOutput()
	if err != nil || !strings.Contains(string(said), "1 of 1 targets were done") {
		t.Errorf("%v: %s", err, said)
	}
}

// TestOutputGoneUnderneath: records that went into a file which is no longer
// there, or no longer whole, are no success.
func TestOutputGoneUnderneath(t *testing.T) {
	for what, harm := range map[string]func(name string) error{
		"was removed or replaced while": os.Remove,
		"was truncated while":           func(name string) error { return os.Truncate(name, 0) },
	} {
		name := filepath.Join(t.TempDir(), "out.jsonl")
		cmd := command("-q", "--trust", "none", "-o", name, "-")
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		p := start(t, cmd)
		if _, err := io.WriteString(stdin, "127.0.0.1:1\n"); err != nil {
			t.Fatal(err)
		}
		waitForContent(t, name, p)
		if err := harm(name); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(stdin, "127.0.0.1:2\n"); err != nil {
			t.Fatal(err)
		}
		stdin.Close()
		if <-p.gone; exitStatus(t, p.err) != process.StatusIncomplete || !strings.Contains(p.said.String(), what) {
			t.Errorf("%v: %s", p.err, &p.said)
		}
	}
}

// waitForContent waits until a process has written to a file.
func waitForContent(t *testing.T, name string, p *child) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for written := int64(0); written == 0; {
		if info, err := os.Stat(name); err == nil {
			written = info.Size()
		}
		select {
		case <-tick.C:
		case <-p.gone:
			t.Fatalf("ended by itself: %v\n%s", p.err, &p.said)
		}
	}
}

// TestRecipeIndexedJob runs the arguments of the Kubernetes manifest for every
// completion index: together they are the list.
func TestRecipeIndexedJob(t *testing.T) {
	manifest := page(t, "docs/recipes/kubernetes-indexed-job.yaml")
	completions := regexp.MustCompile(`(?m)^ *completions: (\d+)$`).FindStringSubmatch(manifest)
	var args []string
	_, list, ok := strings.Cut(manifest, "\n        args:\n")
	for item := range strings.Lines(list) {
		arg, isItem := strings.CutPrefix(item, "        - ")
		if !isItem {
			break
		}
		args = append(args, strings.TrimSpace(arg))
	}
	if !ok || completions == nil || !slices.Contains(args, "--shards="+completions[1]) {
		t.Fatalf("completions %q, arguments %q in\n%s", completions, args, manifest)
	}
	n, err := strconv.Atoi(completions[1])
	if err != nil {
		t.Fatal(err)
	}

	dir := t.TempDir()
	var targets strings.Builder
	for i := range 20 * n {
		fmt.Fprintf(&targets, "127.0.0.1,h%d.test,1\n", i)
	}
	if err := os.WriteFile(filepath.Join(dir, "targets.txt"), []byte(targets.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var lines []int
	for i := range n {
		// As the kubelet replaces variables of the container's environment.
		expand := strings.NewReplacer("$(JOB_COMPLETION_INDEX)", strconv.Itoa(i), "/data/", dir+"/")
		var expanded []string
		for _, arg := range args {
			expanded = append(expanded, expand.Replace(arg))
		}
		cmd := command(expanded...)
		cmd.Env = append(cmd.Env, fmt.Sprint("JOB_COMPLETION_INDEX=", i))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("index %d: %v\n%s", i, err, out)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(files) != n {
		t.Fatalf("%d files, want %d; %v", len(files), n, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for r, err := range results.Decode(bytes.NewReader(data)) {
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, r.Line)
		}
	}
	slices.Sort(lines)
	for i, line := range lines {
		if line != i+1 {
			t.Fatalf("line %d in the place of line %d", line, i+1)
		}
	}
	if len(lines) != 20*n {
		t.Errorf("%d records, want %d", len(lines), 20*n)
	}
}
