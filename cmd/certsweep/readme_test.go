package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"certsweep/dialer/dialertest"
	"certsweep/results"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// section returns the text under a heading, up to the next one.
func section(t *testing.T, heading string) string {
	t.Helper()
	_, rest, ok := strings.Cut(readme(t), "\n"+heading+"\n")
	if !ok {
		t.Fatalf("README.md has no %q", heading)
	}
	if i := strings.Index(rest, "\n#"); i >= 0 {
		rest = rest[:i]
	}
	return rest
}

// firstColumn returns the code spans in the first cells of a table.
func firstColumn(text string) []string {
	var names []string
	for line := range strings.Lines(text) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 {
			continue
		}
		for _, span := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[1], -1) {
			names = append(names, span[1])
		}
	}
	return names
}

// TestFlagsAreDocumented: README.md and the usage have every flag, with its
// shorthand, and no other.
func TestFlagsAreDocumented(t *testing.T) {
	var o options
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	o.register(fs)
	var want []string
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Shorthand != "" {
			want = append(want, "-"+f.Shorthand)
		}
		want = append(want, "--"+f.Name)
	})
	slices.Sort(want)

	var table []string
	for _, span := range firstColumn(section(t, "## Flags")) {
		table = append(table, strings.Fields(span)[0])
	}
	var text []string
	for _, match := range regexp.MustCompile(`(?m)^ +(-\w)?,? *(--[\w-]+)`).FindAllStringSubmatch(usage(), -1) {
		text = append(text, slices.DeleteFunc(match[1:], func(s string) bool { return s == "" })...)
	}
	for name, got := range map[string][]string{"README.md": table, "the usage": text} {
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s has\n%v, want\n%v", name, got, want)
		}
	}
}

func TestCodesAndFindingsAreDocumented(t *testing.T) {
	if codes := firstColumn(section(t, "### Error codes")); !slices.Equal(codes, results.Codes()) {
		t.Errorf("README.md has codes\n%v, want\n%v", codes, results.Codes())
	}
	var findings []string
	for _, f := range results.Findings() {
		findings = append(findings, string(f))
	}
	if got := firstColumn(section(t, "### Findings")); !slices.Equal(got, findings) {
		t.Errorf("README.md has findings\n%v, want\n%v", got, findings)
	}
}

// TestReadmeCommands runs every block marked sh, one after the other in one
// directory, with the shell's -e.
func TestReadmeCommands(t *testing.T) {
	for _, tool := range []string{"sh", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	dir, bin := t.TempDir(), t.TempDir()
	if err := os.Symlink(testBinary(t), filepath.Join(bin, "certsweep")); err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllStringSubmatch(readme(t), -1)
	if len(blocks) < 5 {
		t.Fatalf("%d blocks", len(blocks))
	}
	for _, block := range blocks {
		cmd := exec.Command("sh", "-e", "-c", block[1])
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), roleVariable+"=certsweep", "PATH="+bin+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s%v\n%s", block[1], err, out)
		}
		if !strings.Contains(block[1], ">") && len(out) == 0 {
			t.Errorf("prints nothing:\n%s", block[1])
		}
	}
}

func testBinary(t *testing.T) string {
	t.Helper()
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// TestReadmeKnowsTheDemo keeps "some eighty" honest.
func TestReadmeKnowsTheDemo(t *testing.T) {
	if n := len(dialertest.Cases()); n < 75 || n > 89 {
		t.Errorf("the demo has %d servers, README.md says some eighty", n)
	}
}
