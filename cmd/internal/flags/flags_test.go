package flags

import (
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	one Commands = 1 << iota
	two
)

type values struct {
	on, off bool
	name    string
	count   int
	rate    float64
	words   []string
	list    List
	wait    Duration
	size    Size
	which   string
	seed    uint64
	only    string
	help    bool
}

func (v *values) command(bit Commands) *Command {
	return &Command{
		Name: "tool", Bit: bit, Prefix: "TOOL_", Summary: "tool does things.",
		Usage:  []Line{{"tool [flags] FILE...", "do them"}},
		Groups: []string{"First", "Second"},
		Flags: []Flag{
			{Name: "help", To: &v.help, Group: "Second", NoEnvironment: true, Text: "say this"},
			{Name: "on", To: &v.on, Group: "First", Opposite: "off", Text: "switch on"},
			{Name: "off", To: &v.off, Group: "First", Opposite: "on", Text: "switch off"},
			{Name: "name", Shorthand: "n", Argument: "NAME", To: &v.name, Group: "First", Old: []string{"title"}, Text: "its `name`", More: "And more."},
			{Name: "count", Shorthand: "c", Argument: "N", To: &v.count, Group: "First", Common: one, Brief: "how many", Text: "how many of them there are to be in the end"},
			{Name: "rate", Argument: "N", To: &v.rate, Group: "First", Default: "none", Text: "how fast"},
			{Name: "word", Argument: "W", To: &v.words, Group: "First", Text: "a word"},
			{Name: "list", Argument: "A,B", To: &v.list, Group: "First", Text: "words | and more"},
			{Name: "wait", Argument: "D", To: &v.wait, Group: "First", Text: "how long"},
			{Name: "size", Argument: "SIZE", To: &v.size, Group: "First", Text: "how large"},
			{Name: "which", Argument: "W", To: &v.which, Group: "First", Choices: []string{"a", "b"}, Text: "one of them"},
			{Name: "seed", Argument: "N", To: &v.seed, Group: "First", Text: "where to begin"},
			{Name: "only", Argument: "X", To: &v.only, Group: "Second", In: two, Text: "for the second"},
		},
		Elsewhere: func(name string) string {
			return map[string]string{"-k": "write --off.", "--insecure": "write --off.", "-long": "write --list."}[name]
		},
	}
}

func parse(t *testing.T, v *values, environment map[string]string, args ...string) *Command {
	t.Helper()
	c := v.command(one)
	if err := c.Parse(args, lookup(environment)); err != nil {
		t.Fatal(err)
	}
	return c
}

func lookup(environment map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { value, ok := environment[name]; return value, ok }
}

func TestParse(t *testing.T) {
	v := values{count: 7, wait: Duration(time.Second)}
	c := parse(t, &v, nil, "--on", "-n", "x", "file", "--rate=2.5", "--word", "a,b", "--word", "c", "--list", "a, b", "--list=c",
		"--wait", "3", "--size", "2KiB", "--which", "b", "--seed", "18446744073709551615", "--", "-c")
	if !v.on || v.name != "x" || v.count != 7 || v.rate != 2.5 || !slices.Equal(v.words, []string{"a,b", "c"}) || !slices.Equal(v.list, []string{"a", "b", "c"}) ||
		v.wait != Duration(3*time.Second) || v.size != 2048 || v.which != "b" || v.seed != 1<<64-1 {
		t.Errorf("%+v", v)
	}
	if !slices.Equal(c.Args(), []string{"file", "-c"}) || !c.Changed("on") || c.Changed("off") || c.Changed("count") {
		t.Errorf("arguments %q", c.Args())
	}
	if want := []string{"list", "name", "on", "rate", "seed", "size", "wait", "which", "word"}; !slices.Equal(c.Given(), want) {
		t.Errorf("given %q", c.Given())
	}
}

func TestOldNames(t *testing.T) {
	var v values
	c := parse(t, &v, nil, "--title", "x")
	if v.name != "x" || !c.Changed("name") || !slices.Contains(c.Given(), "name") {
		t.Errorf("%+v, given %q", v, c.Given())
	}
	v = values{}
	if parse(t, &v, map[string]string{"TOOL_TITLE": "y"}); v.name != "y" {
		t.Errorf("from the environment: %+v", v)
	}
	if text := v.command(one).Help(80); strings.Contains(text, "title") {
		t.Errorf("an old name is shown: %s", text)
	}
}

func TestEnvironment(t *testing.T) {
	var v values
	c := parse(t, &v, map[string]string{"TOOL_ON": "true", "TOOL_COUNT": "3", "TOOL_NAME": "", "TOOL_WORD": "a\nb", "TOOL_HELP": "true", "TOOL_ONLY": "x"}, "--off", "-c", "4")
	if v.on || !v.off || v.count != 4 || !slices.Equal(v.words, []string{"a", "b"}) || v.help || v.only != "" {
		t.Errorf("%+v", v)
	}
	if !c.Changed("word") || slices.Contains(c.Given(), "word") {
		t.Errorf("given %q", c.Given())
	}
	err := v.command(one).Parse(nil, lookup(map[string]string{"TOOL_COUNT": "many"}))
	if err == nil || err.Error() != `TOOL_COUNT in the environment: "many": not a whole number` {
		t.Errorf("%v", err)
	}
}

func TestWarnEnvironment(t *testing.T) {
	var b strings.Builder
	WarnEnvironment(&b, []string{"TOOL_COUNT=3", "TOOL_ONLY=x", "TOOL_TITLE=x", "TOOL_CUONT=\x1b", "TOOL_HELP=1", "TOOLS=1", "TOOL_PORT=tcp://10.0.0.1:80", "TOOL_SERVICE_HOST=10.0.0.1"},
		new(values).command(one), new(values).command(two))
	want := "tool: TOOL_CUONT in the environment sets no flag\ntool: TOOL_HELP in the environment sets no flag\n" +
		"tool: ignored what Kubernetes says in the environment of a service named tool (TOOL_PORT and so on)\n"
	if b.String() != want {
		t.Errorf("got\n%s", b.String())
	}
}

func TestMistakes(t *testing.T) {
	for line, want := range map[string]string{
		"--coun 3":                     "unknown flag: --coun\ndid you mean --count? See tool --help",
		"--xyzzy":                      "unknown flag: --xyzzy\nsee tool --help",
		"-x":                           "unknown flag: -x\nsee tool --help",
		"-k":                           "unknown flag: -k\nwrite --off. See tool --help",
		"--insecure=yes":               "unknown flag: --insecure\nwrite --off. See tool --help",
		"-long x":                      "unknown flag: -long\nwrite --list. See tool --help",
		"-coutn 3":                     "--count: \"outn\": not a whole number\nsee tool --help",
		"-count 3":                     "-count: flags have two dashes: write --count",
		"-name=x":                      "-name: flags have two dashes: write --name",
		"-nlong -long x":               "unknown flag: -long\nwrite --list. See tool --help",
		"-cxunt 3":                     "--count: \"xunt\": not a whole number\nsee tool --help",
		"--only x":                     "unknown flag: --only\nsee tool --help",
		"--count":                      "--count needs a value (N)\nsee tool --help",
		"--count x":                    "--count: \"x\": not a whole number\nsee tool --help",
		"--count 99999999999999999999": "--count: \"99999999999999999999\": too large a number\nsee tool --help",
		"--seed -1":                    "--seed: \"-1\": not a whole number of 0 or more\nsee tool --help",
		"--rate x":                     "--rate: \"x\": not a number\nsee tool --help",
		"--rate inf":                   "--rate: \"inf\": too large a number\nsee tool --help",
		"--on=x":                       "--on: \"x\": neither true nor false\nsee tool --help",
		"--wait soon":                  "--wait: \"soon\": not a duration: write 500ms, 10s or 1m30s; a bare number is seconds\nsee tool --help",
		"--wait -1s":                   "--wait: \"-1s\": not a duration: write 500ms, 10s or 1m30s; a bare number is seconds\nsee tool --help",
		"--size 3x":                    "--size: \"3x\": not a size: write 65536, 64KiB, 256MiB or 1GiB\nsee tool --help",
		"--which c":                    "--which: \"c\": must be one of: a b\nsee tool --help",
		"--=x":                         "\"--=x\" is not a flag\nsee tool --help",
		"--name\x1b[31m=x":             "unknown flag: --name\\x1b[31m\nsee tool --help",
	} {
		var v values
		err := v.command(one).Parse(strings.Split(line, " "), nil)
		if err == nil || err.Error() != want {
			t.Errorf("%s:\ngot  %v\nwant %v", line, err, want)
		}
	}
}

func TestHelp(t *testing.T) {
	v := values{count: 7}
	const want = `tool does things.

Usage:
  tool [flags] FILE...  do them

First:
      --on                  switch on
      --off                 switch off
  -n, --name NAME           its name
  -c, --count N             how many of them there are to be
                            in the end (7)
`
	if got := v.command(one).Help(60); !strings.HasPrefix(got, want) {
		t.Errorf("got\n%s", got)
	}
	const short = `tool does things.
Usage: tool [flags] FILE...

  -c, --count N  how many (7)

Examples:
All flags: tool --help
`
	if got := v.command(one).Short(); got != short {
		t.Errorf("got\n%s", got)
	}
	const row = "| `-n`, `--name NAME` | its `name`. And more. | |\n| `-c`, `--count N` | how many of them there are to be in the end | 7 |\n| `--rate N` | how fast | none |\n"
	first := func(f *Flag) bool { return f.Group == "First" }
	if got := v.command(one).Markdown(first, nil); !strings.Contains(got, row) || strings.Contains(got, "--help") || !strings.Contains(got, `words \| and`) {
		t.Errorf("got\n%s", got)
	}
	const wider = "| flag | meaning | default | also of |\n| --- | --- | --- | --- |\n"
	if got := v.command(one).Markdown(first, func(f *Flag) string { return f.Shorthand }); !strings.HasPrefix(got, wider) || !strings.Contains(got, " | 7 | c |\n") {
		t.Errorf("got\n%s", got)
	}
}

// A Size and a Duration are read as they are shown.
func FuzzValues(f *testing.F) {
	f.Add("64KiB")
	f.Add("1m30s")
	f.Add("1e3")
	f.Fuzz(func(t *testing.T, s string) {
		var size, again Size
		if size.Set(s) == nil && (again.Set(size.String()) != nil || again != size) {
			t.Errorf("size %q is shown as %s", s, &size)
		}
		var wait, later Duration
		if wait.Set(s) == nil && (later.Set(wait.String()) != nil || later != wait) {
			t.Errorf("duration %q is shown as %s", s, &wait)
		}
	})
}
