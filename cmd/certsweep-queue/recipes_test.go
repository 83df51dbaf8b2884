package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"certsweep/dialer/dialertest"
	"certsweep/results"
)

const recipes = "../../docs/recipes/queue/"

// program installs certsweep-queue in a directory, as whoever follows a recipe
// has it.
func install(t *testing.T, dir string) string {
	t.Helper()
	self, err := filepath.Abs(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, program)
	if err := os.WriteFile(name, fmt.Appendf(nil, "#!/bin/sh\n%s=yes exec %s \"$@\"\n", roleVariable, self), 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestRecipeTLS runs the recipe with TLS and NKeys as it stands.
func TestRecipeTLS(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed")
	}
	dir := t.TempDir()
	install(t, dir)
	if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "nk"), "github.com/nats-io/nkeys/nk").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	farm, err := dialertest.Start("good", "refused")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(farm.Close)
	list := filepath.Join(dir, "list")
	targets := strings.Repeat(farm.Endpoint("good").Target()+"\n"+farm.Endpoint("refused").Target()+"\n", 50)
	if err := os.WriteFile(list, []byte(targets), 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(freeAddress(t), ":")
	cmd := exec.Command(recipes+"tls.sh", list, filepath.Join(dir, "work"), "127.0.0.1", port)
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	records, err := os.ReadFile(filepath.Join(dir, "work", "records.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err := range results.Decode(bytes.NewReader(records)) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 100 {
		t.Errorf("%d records\n%s", n, out)
	}
	// Whoever has no key is kept out.
	for _, name := range []string{"ca.key", "worker.seed"} {
		if info, err := os.Stat(filepath.Join(dir, "work", name)); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is others' to read: %v, %v", name, info.Mode(), err)
		}
	}
}

// TestRecipeUnits has systemd look at the units.
func TestRecipeUnits(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	dir := t.TempDir()
	installed := install(t, dir)
	files, err := filepath.Glob(recipes + "*.service")
	if err != nil || len(files) != 2 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		unit, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(unit), "/usr/local/bin/"+program) {
			t.Errorf("%s starts another program", file)
		}
		name := filepath.Join(dir, strings.Replace(filepath.Base(file), "@.", "@1.", 1))
		if err := os.WriteFile(name, []byte(strings.ReplaceAll(string(unit), "/usr/local/bin/"+program, installed)), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("systemd-analyze", "verify", "--recursive-errors=no", name).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
	}
}

// TestRecipeCommands: the command lines in units and manifests are ones that
// there are.
func TestRecipeCommands(t *testing.T) {
	n := 0
	for file, line := range map[string]*regexp.Regexp{
		"certsweep-queue.service":         regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/certsweep-queue (.*)$`),
		"certsweep-queue-worker@.service": regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/certsweep-queue (.*)$`),
		"kubernetes.yaml":                 regexp.MustCompile(`(?m)(?:command: \[certsweep-queue, (.*)\]|^#   certsweep-queue (.*))$`),
	} {
		text, err := os.ReadFile(recipes + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range line.FindAllStringSubmatch(string(text), -1) {
			args := strings.Fields(strings.NewReplacer(",", " ", `"`, "").Replace(strings.Join(found[1:], "")))
			n++
			for _, c := range commands() {
				if c.name != args[0] {
					continue
				}
				described, _, _ := c.make(new(environment))
				if err := described.Parse(args[1:], nil); err != nil {
					t.Errorf("%s: %q: %v", file, args, err)
				}
			}
		}
	}
	if n != 5 {
		t.Errorf("%d command lines", n)
	}
}
