package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"certsweep/cmd/internal/flags"
)

// update has the tests write the pages and pictures that they otherwise compare.
var update = flag.Bool("update", false, "write what is made from the program, instead of comparing it")

// TestFlagsPage: docs/flags.md is what the descriptions of the flags make. With
// -update it is written.
func TestFlagsPage(t *testing.T) {
	compare(t, "docs/flags.md", flagsPage())
}

// compare holds a file of the repository equal to what the program makes of it.
func compare(t *testing.T, name, want string) {
	t.Helper()
	path := "../../" + name
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		was, is := firstDifference(string(got), want)
		t.Errorf("%s is not what the program makes: go test ./cmd/certsweep -run %s -update writes it\n%s\nshould be\n%s", name, t.Name(), was, is)
	}
}

// firstDifference returns the first lines in which two texts differ.
func firstDifference(a, b string) (string, string) {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return x[i], y[i]
		}
	}
	return fmt.Sprintf("%d lines", len(x)), fmt.Sprintf("%d lines", len(y))
}

const flagsPageHead = `# Flags

This page lists every flag of every command. It is made from the descriptions in the code, as ` + "`--help`" + `, the manual page and the completions are.

Each flag can be set in the environment as ` + "`CERTSWEEP_<FLAG>`" + `, in capitals and with underscores: ` + "`CERTSWEEP_CONNECT_TIMEOUT=3`" + `. A flag wins over its
variable. A variable that sets no flag is reported. A duration is ` + "`500ms`, `10s` or `1m30s`" + `; a bare number is seconds. A size is ` + "`65536`, `64KiB` or `1MiB`" + `.

The last column names the other commands that have the flag, with the same meaning. ` + "`certsweep demo`" + ` has all flags of a scan.
The flags of ` + "`certsweep-queue`" + ` are in [queue.md](queue.md).
`

// flagsPage is docs/flags.md: the flags of a scan, then what others have besides.
func flagsPage() string {
	var b strings.Builder
	b.WriteString(flagsPageHead)
	described := descriptions()
	base := described[0]
	table := func(c *flags.Command, heading string, wanted func(*flags.Flag) bool, also func(*flags.Flag) string) {
		for _, group := range c.Groups {
			inGroup := func(f *flags.Flag) bool { return f.Group == group && wanted(f) }
			if slices.ContainsFunc(slices.Collect(c.Has), inGroup) {
				fmt.Fprintf(&b, "\n%s%s\n\n%s", heading, group, c.Markdown(inGroup, also))
			}
		}
	}
	b.WriteString("\n## certsweep\n")
	table(base, "### ", func(*flags.Flag) bool { return true }, func(f *flags.Flag) string {
		var others []string
		for _, c := range described[1:] {
			if c.Name != "certsweep demo" && hasAlike(c, f) {
				others = append(others, strings.TrimPrefix(c.Name, "certsweep "))
			}
		}
		return strings.Join(others, ", ")
	})
	for _, c := range described[1:] {
		if c.Name == "certsweep demo" {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n", c.Name)
		table(c, "### "+strings.TrimPrefix(c.Name, "certsweep ")+": ", func(f *flags.Flag) bool {
			return !hasAlike(base, f) && !(c.Name == "certsweep serve" && hasAlike(described[1], f))
		}, nil)
		if c.Name == "certsweep serve" {
			b.WriteString("\nAnd those of [certsweep check](#certsweep-check) under \"What fails\".\n")
		}
	}
	return b.String()
}

// hasAlike reports whether a command has a flag that reads as f does.
func hasAlike(c *flags.Command, f *flags.Flag) bool {
	for g := range c.Has {
		if g.Name == f.Name {
			return g.Text == f.Text
		}
	}
	return false
}
