package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"certsweep/cmd/internal/process"
	"certsweep/results"
	"certsweep/results/resultstest"
)

const demoCapture = "../../testdata/captures/demo.pcapng"

// TestPcapRecords: records of captures are of the schema, and are read back.
func TestPcapRecords(t *testing.T) {
	t.Parallel()
	out, err := command("pcap", "-q", "--trust", "none", "--chain", "--pem", "--clients", "--fingerprint", demoCapture).Output()
	if err != nil {
		t.Fatal(err)
	}
	schema := resultstest.Schema(t)
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	if len(lines) < 5 {
		t.Fatalf("%d records", len(lines))
	}
	for _, line := range lines {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
		if err == nil {
			err = schema.Validate(doc)
		}
		if err != nil {
			t.Errorf("%s\n%v", line, err)
		}
	}
	for r, err := range results.Decode(bytes.NewReader(out)) {
		if err != nil || r.Capture == nil {
			t.Fatal(r, err)
		}
	}
}

// TestPcapLive: a record on a pipe does not wait for what comes after it, and
// Ctrl-C ends with those of the connections that are open.
func TestPcapLive(t *testing.T) {
	t.Parallel()
	capture, err := os.ReadFile(demoCapture)
	if err != nil {
		t.Fatal(err)
	}
	cmd := command("pcap", "-q", "--trust", "none", "-")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
	}()
	// The last connection has no end.
	in.Write(capture[:len(capture)-1200])
	first := ""
	for range 8 {
		select {
		case line := <-lines:
			first += line
		case <-time.After(20 * time.Second):
			t.Fatal("no record while the pipe is silent")
		}
		if strings.Count(first, `"seen":1`) >= 7 {
			break
		}
	}
	cmd.Process.Signal(syscall.SIGINT)
	rest := 0
	for range lines {
		rest++
	}
	if err := cmd.Wait(); exitStatus(t, err) != 130 || rest == 0 {
		t.Errorf("%v, %d records at the end", err, rest)
	}
}

// TestPcapFullDisk: records that cannot be written are no success.
func TestPcapFullDisk(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full")
	}
	out, err := command("pcap", "-q", "--trust", "none", "-o", "/dev/full", demoCapture).CombinedOutput()
	if exitStatus(t, err) != process.StatusIncomplete || !strings.Contains(string(out), "writing records") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestRecipeCapture runs the recipe with a tcpdump that reads the demo.
func TestRecipeCapture(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"jq", "timeout"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	demo, err := filepath.Abs(demoCapture)
	if err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("../../docs/recipes/capture.sh")
	if err != nil {
		t.Fatal(err)
	}
	r := &recipe{dir: t.TempDir()}
	fake := "#!/bin/sh\n[ \"$*\" = '-i eth9 -s 0 -w - tcp' ] && exec cat " + demo + "\n"
	if err := os.WriteFile(filepath.Join(r.dir, "tcpdump"), []byte(fake), 0o755); err != nil {
		t.Fatal(err)
	}
	r.env = append(os.Environ(), "PATH="+r.dir+":"+os.Getenv("PATH"), "CERTSWEEP_CA_FILE="+filepath.Join(filepath.Dir(demo), "root.pem"))
	status, out := r.run(t, script, "eth9", "5")
	if status != 1 || !strings.Contains(out, "expired.test") || strings.Contains(out, "could not be checked:") {
		t.Errorf("status %d\n%s", status, out)
	}
	var first results.Record
	line, _, _ := strings.Cut(r.read(t, "seen.jsonl"), "\n")
	if err := json.Unmarshal([]byte(line), &first); err != nil || first.Capture.Seen != 1 {
		t.Errorf("%q: %v", line, err)
	}
}
