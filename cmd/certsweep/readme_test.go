package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"certsweep/cmd/internal/flags"
	"certsweep/cmd/internal/scan"
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

// TestFlagsAreDocumented: README.md's tables of flags are those that the
// descriptions make.
func TestFlagsAreDocumented(t *testing.T) {
	for heading, want := range map[string]string{
		"## Flags":              newOptions().command().Markdown(),
		"### Flags":             newCheckOptions().command().Markdown(scan.GroupFails, scan.GroupReports),
		"## Packet captures":    newPcapOptions().command().Markdown(groupCapture),
		"### Flags of a server": newServeOptions().command().Markdown(scan.GroupServing),
	} {
		got := section(t, heading)
		if i := strings.Index(got, "| flag |"); i >= 0 {
			got = got[i:]
		}
		got, _, _ = strings.Cut(got, "\n\n")
		if want = strings.TrimSpace(want); strings.TrimSpace(got) != want {
			t.Errorf("README.md's table under %s is not\n%s", heading, want)
		}
	}
}

// TestShortHelpFits: -h is for a terminal of 80 columns and 25 lines, one of
// which is the prompt's.
func TestShortHelpFits(t *testing.T) {
	for _, c := range []*flags.Command{newOptions().command(), newCheckOptions().command(), newPcapOptions().command(), newServeOptions().command()} {
		lines := strings.Split(strings.TrimSuffix(c.Short(), "\n"), "\n")
		if len(lines) > 24 {
			t.Errorf("%s -h has %d lines:\n%s", c.Name, len(lines), c.Short())
		}
		for _, line := range lines {
			if len(line) > 80 {
				t.Errorf("%s -h has a line of %d columns: %s", c.Name, len(line), line)
			}
		}
		for i, line := range strings.Split(c.Help(80), "\n") {
			if len(line) > 80 {
				t.Errorf("%s --help: line %d has %d columns: %s", c.Name, i+1, len(line), line)
			}
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
