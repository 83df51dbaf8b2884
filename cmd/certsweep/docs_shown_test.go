package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// consoleBlock is a block of commands, after "$ ", with what they print.
var consoleBlock = regexp.MustCompile("(?ms)^```console\n(.*?)^```$")

// TestShownOutput: what a page shows as the output of commands is what they print
// on the stage. With -update it is written. A block without any output only shows
// commands, and is not run.
func TestShownOutput(t *testing.T) {
	for _, tool := range []string{"sh", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	n := 0
	for _, name := range pages(t) {
		before := page(t, name)
		var s *stage
		after := consoleBlock.ReplaceAllStringFunc(before, func(block string) string {
			text := consoleBlock.FindStringSubmatch(block)[1]
			if !showsOutput(text) {
				return block
			}
			if s == nil {
				s = newStage(t)
			}
			n++
			now := s.replay(t, text)
			if masked(now) == masked(text) {
				return block
			}
			if !*update {
				t.Errorf("%s: go test ./cmd/certsweep -run %s -update writes what is printed now:\n%s\ninstead of\n%s", name, t.Name(), now, text)
			}
			return "```console\n" + now + "```"
		})
		if *update && after != before {
			if err := os.WriteFile("../../"+name, []byte(after), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n < 3 {
		t.Errorf("%d blocks have output", n)
	}
}

func isCommand(line string) bool {
	return strings.HasPrefix(line, "$ ") || strings.HasPrefix(line, "> ")
}

func showsOutput(text string) bool {
	for line := range strings.Lines(text) {
		if !isCommand(line) && strings.TrimSpace(line) != "" {
			return true
		}
	}
	return false
}

// replay runs the commands of a block, and returns the block with what they print.
// A line that begins with "> " continues the command before it.
func (s *stage) replay(t *testing.T, text string) string {
	t.Helper()
	var b strings.Builder
	var commands []string
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "$ "):
			commands = append(commands, line)
		case strings.HasPrefix(line, "> "):
			commands[len(commands)-1] += line
		}
	}
	status := 0
	for _, c := range commands {
		b.WriteString(c)
		script := strings.ReplaceAll(strings.TrimPrefix(c, "$ "), "\n> ", "\n")
		cmd := exec.Command("sh", "-c", fmt.Sprintf("(exit %d)\n%s", status, script))
		cmd.Dir, cmd.Env = s.dir, append(os.Environ(), s.env...)
		out, err := cmd.CombinedOutput()
		status = exitStatus(t, err)
		b.WriteString(s.shown(string(out)))
	}
	return b.String()
}

// TestPicture: docs/picture.svg is what a terminal shows of a card and of a check.
// With -update it is written.
func TestPicture(t *testing.T) {
	s := newStage(t)
	dir, err := filepath.Abs(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	var frames []frame
	for _, command := range []string{"certsweep www.example.com", "certsweep check hosts.txt"} {
		p := openTerminal(t, pictureColumns, pictureRows, dir, "export "+strings.Join(s.env[2:], " ")+"; "+command)
		p.waitEnd()
		screen := regexp.MustCompile(`(?s)\n[^\n]*status \d.*`).ReplaceAllString(p.tmux("capture-pane", "-p", "-e", "-S", "-"), "")
		frames = append(frames, frame{command, s.shown(screen)})
	}
	got := picture(frames)
	wellFormed(t, got)
	if was, err := os.ReadFile("../../docs/picture.svg"); err == nil && masked(string(was)) == masked(got) {
		return
	}
	compare(t, "docs/picture.svg", got)
}

// TestShownCommands: what a page shows and does not run has flags that there are.
func TestShownCommands(t *testing.T) {
	segment := regexp.MustCompile(`(?:^|[|;(] *|do |sudo )(certsweep [^|;&>]*)`)
	n := 0
	for _, name := range pages(t) {
		for _, block := range consoleBlock.FindAllStringSubmatch(page(t, name), -1) {
			for line := range strings.Lines(block[1]) {
				for _, found := range segment.FindAllStringSubmatch(strings.TrimPrefix(strings.TrimSpace(line), "$ "), -1) {
					n++
					args := strings.Fields(strings.ReplaceAll(found[1], "$i", "1"))[1:]
					described := newOptions().command()
					for _, c := range commands() {
						if len(args) > 0 && c.name == args[0] && c.describe != nil {
							described, args = c.describe(), args[1:]
						}
					}
					if err := described.Parse(args, nil); err != nil {
						t.Errorf("%s: %s: %v", name, found[1], err)
					}
				}
			}
		}
	}
	if n < 20 {
		t.Errorf("%d commands", n)
	}
}
