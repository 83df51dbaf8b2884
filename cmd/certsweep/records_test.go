package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"certsweep/dialer/dialertest"
	"certsweep/results"
	"certsweep/results/resultstest"
)

// command returns certsweep as a process of its own.
func command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), roleVariable+"=certsweep")
	return cmd
}

// validRecords checks every line against the schema and returns the records.
func validRecords(t testing.TB, lines []byte) []*results.Record {
	t.Helper()
	schema := resultstest.Schema(t)
	for line := range bytes.Lines(lines) {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
		if err != nil {
			t.Fatalf("no JSON: %v\n%.300s", err, line)
		}
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%v\n%s", err, line)
		}
	}
	var records []*results.Record
	for r, err := range results.Decode(bytes.NewReader(lines)) {
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	return records
}

// mixedList has n lines of every form that a list may have, a tenth of them
// nonsense and one of them a mebibyte long. All targets are on loopback, all
// names unknown to a name server that is not there. It returns how many
// targets each line is.
func mixedList(n int, good *dialertest.Endpoint) (list string, targets map[int]int) {
	port := good.Addr.Port()
	forms := []string{
		"127.0.0.1:%d", "127.0.0.1,good.test,%d", "https://127.0.0.1:%d/path?query", "[::1]:%d", "127.0.0.1,%d",
		"127.0.0.0/30:%d", "127.0.0.1:%d sni=good.test tag=x", "  127.0.0.1:%d\t# comment", "127.0.0.1:%d\r", "[::1/128]:%d",
		"name.invalid:%d", "bücher.invalid:%d", "1,name.invalid:%d", "[::ffff:127.0.0.1]:%d", "tls://127.0.0.1:%d",
		"127.0.0.1:1 starttls=smtp tag=%d", "\uFEFF127.0.0.1:%d", `127.0.0.1:%d issuer="Some CA" min-days=3 optional`,
	}
	nonsense := []string{"not a target", "127.0.0.1:0", "a..b", "300.1.2.3", "443-445", "\x00\xff", "x y=z", "127.0.0.1:99999", "[::1", "-x-"}
	var b strings.Builder
	targets = make(map[int]int)
	for line := 1; line <= n; line++ {
		targets[line] = 1
		switch {
		case line == n/2:
			b.WriteString(strings.Repeat("x", 1<<20))
		case line%10 == 0:
			b.WriteString(nonsense[line/10%len(nonsense)])
		default:
			form := forms[line%len(forms)]
			if strings.Contains(form, "/30") {
				targets[line] = 4
			}
			fmt.Fprintf(&b, form, port)
		}
		b.WriteByte('\n')
	}
	return b.String(), targets
}

// TestEveryLineHasItsRecord scans 5,000 lines of every form.
func TestEveryLineHasItsRecord(t *testing.T) {
	if testing.Short() {
		t.Skip("scans 5,000 lines")
	}
	farm, err := dialertest.Start("good")
	if err != nil {
		t.Fatal(err)
	}
	defer farm.Close()
	list, targets := mixedList(5000, farm.Endpoints[0])
	dir := t.TempDir()
	file, root := filepath.Join(dir, "list"), filepath.Join(dir, "root.pem")
	for name, data := range map[string][]byte{file: []byte(list), root: farm.RootPEM()} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Nobody answers questions on port 1.
	cmd := command("-c", "100", "--timeout", "60s", "--resolver", "127.0.0.1:1", "--ca-file", root, "--chain", "--pem", file)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	statuses := make(map[string]int)
	seen := make(map[int]int)
	for _, r := range validRecords(t, out) {
		seen[r.Line]++
		status := string(r.Status)
		if r.Error != nil {
			status = r.Error.Code
		}
		statuses[status]++
	}
	total := 0
	for line, want := range targets {
		total += want
		if seen[line] != want {
			t.Errorf("line %d has %d records, want %d", line, seen[line], want)
		}
	}
	for _, status := range []string{"ok", "refused", "bad_target", "line_too_long", "dns_timeout"} {
		if statuses[status] == 0 {
			t.Errorf("no record is %s: %v", status, statuses)
		}
	}
	if statuses["bad_target"]+statuses["line_too_long"] != 500 {
		t.Errorf("%d lines are nonsense, want 500: %v", statuses["bad_target"]+statuses["line_too_long"], statuses)
	}
	said := regexp.MustCompile(`(?m)^(\d+) targets in .*: (\d+) ok\b.*, (\d+) unreachable\b.*, (\d+) no target\b`).FindStringSubmatch(stderr.String())
	if want := []string{strconv.Itoa(total), strconv.Itoa(statuses["ok"]), strconv.Itoa(total - statuses["ok"] - 500), "500"}; said == nil || !slices.Equal(said[1:], want) {
		t.Errorf("the summary does not add up to %q:\n%s", want, &stderr)
	}
}

// TestDemo: every endpoint of the demo is classified as its case says.
func TestDemo(t *testing.T) {
	out, err := command("demo", "-q").Output()
	if err != nil {
		t.Fatal(err)
	}
	records := make(map[string]*results.Record)
	for _, r := range validRecords(t, out) {
		records[r.Tag] = r
	}
	for _, c := range dialertest.Cases() {
		r := records[c.Name]
		if r == nil {
			t.Errorf("%s has no record", c.Name)
			continue
		}
		checkCase(t, c, r)
	}
}

// checkCase compares a record with what its case wants.
func checkCase(t *testing.T, c dialertest.Case, r *results.Record) {
	t.Helper()
	want := c.Want
	if string(r.Status) != want.Status {
		t.Errorf("%s: status %s, want %s (%+v)", c.Name, r.Status, want.Status, r.Error)
		return
	}
	if e := r.Error; e != nil {
		if e.Code != want.Code || want.Phase != "" && e.Phase != want.Phase {
			t.Errorf("%s: %s in %s, want %s in %s: %s", c.Name, e.Code, e.Phase, want.Code, want.Phase, e.Message)
		}
		if want.Alert != "" && (e.Alert == nil || e.Alert.Name != want.Alert) {
			t.Errorf("%s: alert %+v, want %s", c.Name, e.Alert, want.Alert)
		}
	}
	if want.Certificate && r.Certificate == nil {
		t.Errorf("%s: no certificate", c.Name)
	}
	if r.TLS != nil && r.TLS.RequiresClientCert() != want.ClientCertRequired {
		t.Errorf("%s: client_cert_required %v", c.Name, r.TLS.RequiresClientCert())
	}
	for _, f := range want.Findings {
		if !slices.Contains(r.Findings, results.Finding(f)) {
			t.Errorf("%s: no finding %s in %v", c.Name, f, r.Findings)
		}
	}
	if want.Clean && len(r.Findings) > 0 {
		t.Errorf("%s: findings %v, want none", c.Name, r.Findings)
	}
	// A busy machine may miss the drain's deadline, which is no mistake.
	if want.Drain != "" && (r.Drain == nil || r.Drain.End != want.Drain && r.Drain.End != "deadline") {
		t.Errorf("%s: drain %+v, want %s", c.Name, r.Drain, want.Drain)
	}
}
