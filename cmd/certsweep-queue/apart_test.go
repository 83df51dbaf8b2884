package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"certsweep/cmd/internal/flags"
)

// TestCertsweepStandsApart: certsweep's own binary has nothing of the queue, nor
// any module that only the queue needs.
func TestCertsweepStandsApart(t *testing.T) {
	list := func(args ...string) []string {
		out, err := exec.Command("go", append([]string{"list", "-deps", "-f", "{{if .Module}}{{.Module.Path}}{{end}} {{.ImportPath}}"}, args...)...).Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(string(out)), "\n")
	}
	own := list("certsweep/cmd/certsweep")
	if len(own) < 100 {
		t.Fatalf("%d packages", len(own))
	}
	queueOnly := regexp.MustCompile(`^(github\.com/nats-io/|github\.com/minio/|github\.com/google/go-tpm|github\.com/antithesishq/)|certsweep/cmd/certsweep-queue`)
	for _, line := range own {
		if queueOnly.MatchString(line) {
			t.Errorf("certsweep imports %s", line)
		}
	}
	found := 0
	for _, line := range list("certsweep/cmd/certsweep-queue") {
		if queueOnly.MatchString(line) {
			found++
		}
	}
	if found < 10 {
		t.Errorf("the queue has %d packages of what only it needs: the pattern is wrong", found)
	}
}

// TestDocumented: every flag of the queue's own is in docs/queue.md.
func TestDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/queue.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range commands() {
		described, _, _ := c.make(new(environment))
		if !strings.Contains(string(page), "certsweep-queue "+c.name) {
			t.Errorf("%s is not in docs/queue.md", c.name)
		}
		described.Has(func(f *flags.Flag) bool {
			own := f.Group == groupJob || f.Group == groupServer
			if own && !f.NoEnvironment && !strings.Contains(string(page), "--"+f.Name) {
				t.Errorf("--%s of %s is not in docs/queue.md", f.Name, c.name)
			}
			return true
		})
	}
}
