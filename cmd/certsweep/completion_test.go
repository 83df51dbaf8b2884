package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"certsweep/cmd/internal/flags"
)

// completions writes the scripts of all shells into a directory, with a file to
// complete.
func completions(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, shell := range flags.Shells {
		script, err := program().Completion(shell)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, shell), []byte(script), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "my list.txt"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

// completionCases are lines up to the cursor, with what must be offered there and
// what must not.
var completionCases = []struct{ line, want, not string }{
	{"certsweep che", "check", "--trust"},
	{"certsweep my", "my list.txt", ""},
	{"certsweep --tru", "--trust", "--timeout"},
	{"certsweep --trust moz", "mozilla", "system"},
	{"certsweep check --form", "--format", "--fields"},
	{"certsweep check --format jun", "junit", "csv"},
	{"certsweep --format cs", "csv", "junit"},
	{"certsweep --ca-file my", "my list.txt", "check"},
	{"certsweep check --require-tls 1.", "1.3", "--"},
	{"certsweep completion fi", "fish", "bash"},
	{"certsweep --starttls post", "postgres", "smtp"},
	{"certsweep help che", "check", "--"},
}

func offered(t *testing.T, name string, lines []string, offers string, want, not string) {
	t.Helper()
	if !slices.Contains(lines, want) || not != "" && strings.Contains(offers, not) {
		t.Errorf("%s: offered is\n%s\nwant %s, without %s", name, offers, want, not)
	}
}

func TestCompletionOfBash(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash is not installed")
	}
	dir := completions(t)
	cases := append(slices.Clone(completionCases), struct{ line, want, not string }{"certsweep --trust = moz", "mozilla", "none"},
		struct{ line, want, not string }{"certsweep check --fail-on expired,weak_k", "expired,weak_key", "weak_cipher"})
	for _, c := range cases {
		script := `set -eu; compopt() { :; }; source ./bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _certsweep || true; printf '%s\n' "${COMPREPLY[@]}"`
		cmd := exec.Command("bash", append([]string{"-c", script, "bash"}, strings.Split(c.line, " ")...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", c.line, err, out)
		}
		offered(t, c.line, strings.Split(string(out), "\n"), string(out), c.want, c.not)
	}
}

func TestCompletionOfFish(t *testing.T) {
	if _, err := exec.LookPath("fish"); err != nil {
		t.Skip("fish is not installed")
	}
	dir := completions(t)
	for _, c := range completionCases {
		cmd := exec.Command("fish", "--no-config", "-c", `source ./fish; complete -C "$argv[1]"`, c.line)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "HOME="+dir)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", c.line, err, out)
		}
		var words []string
		for line := range strings.Lines(string(out)) {
			word, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			words = append(words, strings.ReplaceAll(word, `\ `, " "))
		}
		offered(t, c.line, words, strings.Join(words, "\n"), c.want, c.not)
	}
}

// TestCompletionOfZsh types into a zsh and presses the tabulator, since nothing
// else has its completion work.
func TestCompletionOfZsh(t *testing.T) {
	if _, err := exec.LookPath("zsh"); err != nil {
		t.Skip("zsh is not installed")
	}
	dir := completions(t)
	p := openTerminal(t, 120, 60, dir, "PS1='> ' zsh -f -i")
	p.tmux("send-keys", "autoload -U compinit && compinit -u -D && source ./zsh && PS1='ready> ' && clear", "Enter")
	p.wait(func(text string) bool { return strings.HasPrefix(strings.TrimSpace(text), "ready>") })
	for _, c := range []struct{ line, want string }{
		{"certsweep che", "certsweep check"}, {"certsweep my", `certsweep my\ list.txt`}, {"certsweep --tru", "certsweep --trust="},
		{"certsweep --trust moz", "certsweep --trust mozilla"}, {"certsweep --trust=moz", "certsweep --trust=mozilla"},
		{"certsweep check --require-t", "certsweep check --require-tls="}, {"certsweep check --format jun", "certsweep check --format junit"},
		{"certsweep --ca-file my", `certsweep --ca-file my\ list.txt`}, {"certsweep completion fi", "certsweep completion fish"},
		{"certsweep check --fail-on weak_k", "certsweep check --fail-on weak_key"}, {"certsweep help dem", "certsweep help demo"},
	} {
		p.tmux("send-keys", "-l", c.line)
		p.tmux("send-keys", "Tab")
		p.wait(func(text string) bool { return strings.Contains(text, "ready> "+c.want) })
		p.tmux("send-keys", "C-u")
		p.wait(func(text string) bool { return strings.HasSuffix(strings.TrimSpace(text), "ready>") })
	}
}

// TestManual: the page passes mandoc's lint, and has every flag of every command.
func TestManual(t *testing.T) {
	page := program().Manual("certsweep v1")
	for _, c := range descriptions() {
		for f := range c.Has {
			if name := `\-\-` + strings.ReplaceAll(f.Name, "-", `\-`); f.Name != f.Shorthand && !strings.Contains(page, name) {
				t.Errorf("%s: no --%s", c.Name, f.Name)
			}
		}
	}
	if _, err := exec.LookPath("mandoc"); err != nil {
		t.Skip("mandoc is not installed")
	}
	file := filepath.Join(t.TempDir(), "certsweep.1")
	if err := os.WriteFile(file, []byte(page), 0o666); err != nil {
		t.Fatal(err)
	}
	out, _ := exec.Command("mandoc", "-T", "lint", "-W", "warning", file).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		// A date would make each day's page another.
		if !strings.Contains(line, "missing date") {
			t.Error(line)
		}
	}
	text, err := exec.Command("sh", "-c", fmt.Sprintf("mandoc -T ascii %s | col -b", file)).Output()
	if err != nil || !strings.Contains(string(text), "certsweep - scan TLS endpoints") || strings.Contains(string(text), "](") {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestHelpEverywhereIsTheSame: what usage, manual page, completions and docs/flags.md
// list are the same flags.
func TestHelpEverywhereIsTheSame(t *testing.T) {
	for _, c := range descriptions() {
		help := c.Help(100)
		for f := range c.Has {
			word := "--" + f.Name
			if f.Name == f.Shorthand {
				word = "-" + f.Name
			}
			if !strings.Contains(help, word) {
				t.Errorf("%s --help has no %s", c.Name, word)
			}
			for _, shell := range flags.Shells {
				script, err := program().Completion(shell)
				if err != nil {
					t.Fatal(err)
				}
				word := word
				if shell == "fish" {
					word = map[bool]string{false: " -l ", true: " -s "}[f.Name == f.Shorthand] + f.Name + " "
				}
				if !strings.Contains(script, word) {
					t.Errorf("%s: %s has no %s", c.Name, shell, word)
				}
			}
		}
	}
}
