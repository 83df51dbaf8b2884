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
	"certsweep/dialer/dialertest"
	"certsweep/results"
	"certsweep/results/policy"
)

// page returns a page of the documentation, such as docs/check.md.
func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// pages returns the names of all pages.
func pages(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(names) < 8 {
		t.Fatalf("%q, %v", names, err)
	}
	more, err := filepath.Glob("../../docs/*/*.md")
	if err != nil {
		t.Fatal(err)
	}
	names = slices.Concat(names, more, []string{"../../README.md", "../../CONTRIBUTING.md"})
	for i := range names {
		names[i] = strings.TrimPrefix(filepath.ToSlash(names[i]), "../../")
	}
	return names
}

// section returns the text of a page under a heading, up to the next one.
func section(t *testing.T, name, heading string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page(t, name), "\n"+heading+"\n")
	if !ok {
		t.Fatalf("%s has no %q", name, heading)
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

// TestCodesAndFindingsAreDocumented: each stands in the page of records, in the
// order of the program, with a meaning.
func TestCodesAndFindingsAreDocumented(t *testing.T) {
	if codes := firstColumn(section(t, "docs/record.md", "## Error codes")); !slices.Equal(codes, results.Codes()) {
		t.Errorf("docs/record.md has codes\n%v, want\n%v", codes, results.Codes())
	}
	var findings []string
	for _, f := range results.Findings() {
		findings = append(findings, string(f))
	}
	if got := firstColumn(section(t, "docs/record.md", "## Findings")); !slices.Equal(got, findings) {
		t.Errorf("docs/record.md has findings\n%v, want\n%v", got, findings)
	}
}

// TestLevelsAreDocumented: docs/check.md has each finding in the row of its level.
func TestLevelsAreDocumented(t *testing.T) {
	levels := policy.Default().Levels
	row := make(map[string]string)
	for line := range strings.Lines(section(t, "docs/check.md", "## What fails")) {
		if cells := strings.Split(line, "|"); len(cells) == 4 {
			row[strings.TrimSpace(cells[1])] = cells[2]
		}
	}
	for _, finding := range results.Findings() {
		if level := levels[policy.Code(finding)]; !strings.Contains(row[level.String()], "`"+string(finding)+"`") {
			t.Errorf("docs/check.md does not say that %s is %s", finding, level)
		}
	}
	formats := firstColumn(section(t, "docs/check.md", "## Reports"))
	for _, f := range formatNames() {
		if !slices.Contains(formats, f) {
			t.Errorf("docs/check.md does not have the format %s", f)
		}
	}
}

// TestFieldsAreDocumented: each field of a record, and what is in it, is named in
// the page of records, and the page names no others.
func TestFieldsAreDocumented(t *testing.T) {
	_, fields, _ := strings.Cut(page(t, "docs/record.md"), "\n## Fields\n")
	fields, _, _ = strings.Cut(fields, "\n## Error codes\n")
	named := make(map[string]bool)
	for _, span := range regexp.MustCompile("`([a-z0-9_.]+)`").FindAllStringSubmatch(fields, -1) {
		for name := range strings.SplitSeq(span[1], ".") {
			named[name] = true
		}
	}
	known := make(map[string]bool)
	for _, path := range results.FieldPaths() {
		for name := range strings.SplitSeq(path, ".") {
			if known[name] = true; !named[name] {
				t.Errorf("docs/record.md has no %s", path)
			}
		}
	}
	for _, column := range firstColumn(fields) {
		for name := range strings.SplitSeq(strings.TrimPrefix(column, "."), ".") {
			if !known[name] {
				t.Errorf("docs/record.md has %s, which records do not", column)
			}
		}
	}
}

// documentedTools are the programs that blocks of commands need besides sh.
var documentedTools = []string{"jq", "mlr", "sqlite3"}

// TestDocumentedCommands runs every block marked sh, sql (DuckDB's) or python, those
// of a page one after the other in one directory. A block whose program is missing
// is skipped.
func TestDocumentedCommands(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("sh is not installed")
	}
	blocks := regexp.MustCompile("(?ms)^```(sh|sql|python)\n(.*?)^```$")
	for _, name := range pages(t) {
		found := blocks.FindAllStringSubmatch(page(t, name), -1)
		if len(found) == 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, bin := t.TempDir(), t.TempDir()
			if err := os.Symlink(testBinary(t), filepath.Join(bin, "certsweep")); err != nil {
				t.Fatal(err)
			}
			env := append(os.Environ(), roleVariable+"=certsweep", "PATH="+bin+":"+os.Getenv("PATH"))
			for _, block := range found {
				first, _, _ := strings.Cut(block[2], "\n")
				t.Run(first, func(t *testing.T) {
					cmd := documentedCommand(t, block[1], block[2])
					cmd.Dir, cmd.Env = dir, env
					out, err := cmd.CombinedOutput()
					if err != nil {
						t.Errorf("%s%v\n%s", block[2], err, out)
					}
					if len(out) == 0 && !strings.Contains(block[2], ">") {
						t.Errorf("prints nothing:\n%s", block[2])
					}
					t.Logf("%s", out)
				})
			}
		})
	}
}

// documentedCommand returns what runs a block in a language, and skips the test if
// that is not installed.
func documentedCommand(t *testing.T, language, text string) *exec.Cmd {
	t.Helper()
	switch language {
	case "python":
		for _, python := range []string{"python3", "/usr/bin/python3"} {
			if exec.Command(python, "-c", "import pandas").Run() == nil {
				return exec.Command(python, "-c", text)
			}
		}
		t.Skip("pandas is not installed (Debian: python3-pandas)")
	case "sql":
		if duckdb, err := exec.LookPath("duckdb"); err == nil {
			return exec.Command(duckdb, "-bail", "-c", text)
		}
		modules, err := exec.Command("npm", "root", "-g").Output()
		root := filepath.Join(strings.TrimSpace(string(modules)), "@duckdb", "node-api")
		if _, missing := os.Stat(root); err != nil || missing != nil {
			t.Skip("DuckDB is not installed (npm install -g @duckdb/node-api)")
		}
		return exec.Command("node", "-e", duckDBRunner, root, text)
	}
	for _, tool := range documentedTools {
		if _, err := exec.LookPath(tool); err != nil && regexp.MustCompile(`\b`+tool+` `).MatchString(text) {
			t.Skipf("%s is not installed", tool)
		}
	}
	return exec.Command("sh", "-e", "-c", text)
}

// duckDBRunner runs the statements of its second argument with the module that the
// first one names.
const duckDBRunner = `
const { DuckDBInstance } = require(process.argv[1]);
(async () => {
  const connection = await (await DuckDBInstance.create(":memory:")).connect();
  for (const statement of process.argv[2].split(/;\s*\n/)) {
    if (statement.trim() === "") continue;
    const rows = (await connection.runAndReadAll(statement)).getRowsJson();
    if (!statement.startsWith("CREATE") && rows.length === 0) throw new Error("no rows: " + statement);
    console.log(JSON.stringify(rows));
  }
})().catch(error => { console.error(error.message); process.exit(1); });
`

// TestLinks: what a page links to is there, headings included.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	n := 0
	for _, name := range pages(t) {
		for _, found := range link.FindAllStringSubmatch(page(t, name), -1) {
			target, fragment, _ := strings.Cut(found[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			n++
			file := name
			if target != "" {
				file = filepath.ToSlash(filepath.Join(filepath.Dir(name), target))
			}
			if _, err := os.Stat("../../" + file); err != nil {
				t.Errorf("%s: %s leads nowhere", name, found[1])
				continue
			}
			if fragment != "" && !slices.Contains(anchors(page(t, file)), fragment) {
				t.Errorf("%s: %s has no heading %q", name, file, fragment)
			}
		}
	}
	if n < 20 {
		t.Errorf("%d links", n)
	}
}

// anchors returns what a forge makes of a page's headings.
func anchors(text string) []string {
	var anchors []string
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		anchor := strings.ToLower(strings.ReplaceAll(heading[1], " ", "-"))
		anchors = append(anchors, regexp.MustCompile(`[^\pL\pN_-]`).ReplaceAllString(anchor, ""))
	}
	return anchors
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
