package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"certsweep/dialer/dialertest"
)

// pane is a terminal of tmux's in which a command runs.
type pane struct {
	t      *testing.T
	socket string
}

// openTerminal runs a shell command, which finds certsweep and what env sets, in
// a terminal of that size.
func openTerminal(t *testing.T, columns, rows int, dir, command string) *pane {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("tmux is not installed")
	}
	bin := t.TempDir()
	if err := os.Symlink(testBinary(t), filepath.Join(bin, "certsweep")); err != nil {
		t.Fatal(err)
	}
	p := &pane{t, filepath.Join(bin, "tmux")}
	// The terminal stays when the command is done, and says so.
	script := fmt.Sprintf("cd %s; export LC_ALL=C.UTF-8 %s=certsweep PATH=%s:$PATH; unset NO_COLOR; %s; echo status $?; exec sleep 600", dir, roleVariable, bin, command)
	p.tmux("-f", "/dev/null", "new-session", "-d", "-x", fmt.Sprint(columns), "-y", fmt.Sprint(rows), script)
	t.Cleanup(func() { exec.Command("tmux", "-S", p.socket, "kill-server").Run() })
	return p
}

func (p *pane) tmux(args ...string) string {
	p.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-u", "-S", p.socket}, args...)...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("tmux %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// text is all that was written, as far as it was not erased.
func (p *pane) text() string { return p.tmux("capture-pane", "-p", "-S", "-") }

// wait returns the text once it is as done wants it.
func (p *pane) wait(done func(text string) bool) string {
	p.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		text := p.text()
		if done(text) {
			return text
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("the terminal stays as it is:\n%s", text)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (p *pane) waitEnd() string {
	p.t.Helper()
	return p.wait(func(text string) bool { return strings.Contains(text, "\nstatus ") })
}

// terminalFarm returns a directory with the farm's root.pem, and in list.txt so many
// good endpoints, one line each.
func terminalFarm(t *testing.T, n int) (dir string) {
	t.Helper()
	farm, err := dialertest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(farm.Close)
	dir = t.TempDir()
	var list strings.Builder
	for i := range n {
		for _, e := range farm.Endpoints {
			if e.Name == "good" && i%3 != 2 || e.Name == "expired" && i%3 == 2 {
				fmt.Fprintln(&list, e.Target())
			}
		}
	}
	for name, data := range map[string]string{"root.pem": string(farm.RootPEM()), "list.txt": list.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestTerminalShowsACard of one target, and a table of several.
func TestTerminalShowsACard(t *testing.T) {
	t.Parallel()
	dir := terminalFarm(t, 3)
	one := "head -n 1 list.txt >one.txt; certsweep --ca-file root.pem"
	for _, command := range []string{one + " one.txt", one + " <one.txt", "certsweep --ca-file root.pem --format card -t $(head -n 1 list.txt)"} {
		text := openTerminal(t, 80, 40, dir, command).waitEnd()
		for _, want := range []string{"✓ ok  ", "\n  names     ", "\n  valid     ", "█", " days left of 90\n", "\n  chain     ", "└ ", "\n  trust     trusted; the name matches\n", "\nstatus 0\n"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in\n%s", command, want, text)
			}
		}
		if strings.Contains(text, "1 target in") || strings.Contains(text, "{") {
			t.Errorf("%s: more than a card:\n%s", command, text)
		}
	}
	for _, command := range []string{"certsweep --ca-file root.pem list.txt", "certsweep --ca-file root.pem - <list.txt"} {
		text := openTerminal(t, 80, 40, dir, command).waitEnd()
		if !strings.HasPrefix(text, "STATUS  ENDPOINT ") || strings.Count(text, "\nok      good.") != 2 || !strings.Contains(text, "\nfail    expired.") ||
			!strings.Contains(text, "\n3 targets in ") {
			t.Errorf("%s: no table:\n%s", command, text)
		}
	}
	// Whatever reads a pipe gets what it always got.
	if text := openTerminal(t, 80, 40, dir, "certsweep -q --ca-file root.pem list.txt | head -c 11; echo").waitEnd(); !strings.HasPrefix(text, `{"schema":1`) {
		t.Errorf("a pipe gets\n%s", text)
	}
}

// TestTerminalBarStaysBelow: records are above, the bar is below, and nothing is
// left of it, at any width and if that changes meanwhile.
func TestTerminalBarStaysBelow(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	t.Parallel()
	const targets = 60
	dir := terminalFarm(t, targets)
	for _, widths := range [][]int{{40}, {80}, {200}, {120, 50, 90}} {
		t.Run(fmt.Sprint(widths), func(t *testing.T) {
			t.Parallel()
			p := openTerminal(t, widths[0], 24, dir, "certsweep --ca-file root.pem --rate 20 list.txt")
			for i, width := range widths[1:] {
				p.wait(func(text string) bool { return rows(text) >= 15*(i+1) && isBar(last(text)) })
				p.tmux("resize-window", "-x", fmt.Sprint(width))
			}
			middle := p.wait(func(text string) bool {
				return rows(text) > 35 && isBar(last(text)) && strings.Contains(last(text), "left")
			})
			for line := range strings.Lines(middle) {
				if isBar(line) && strings.TrimSuffix(line, "\n") != last(middle) {
					t.Errorf("another bar above: %s\n%s", line, middle)
				}
			}
			end := p.waitEnd()
			if n := rows(end); n != targets {
				t.Errorf("%d rows of %d:\n%s", n, targets, end)
			}
			for line := range strings.Lines(end) {
				if strings.Contains(line, "░") || strings.Contains(line, "/60") {
					t.Errorf("left of the bar: %s", line)
				}
			}
			if !strings.Contains(end, "\n60 targets in ") || !strings.Contains(end, "expires ") {
				t.Errorf("no summary:\n%s", end)
			}
			t.Logf("in the middle of it:\n%s\nat the end:\n%s", middle, end)
		})
	}
}

// TestTerminalInterrupt: what is said of a signal is a line of its own.
func TestTerminalInterrupt(t *testing.T) {
	t.Parallel()
	dir := terminalFarm(t, 60)
	p := openTerminal(t, 80, 24, dir, "certsweep --ca-file root.pem --rate 20 list.txt")
	p.wait(func(text string) bool { return rows(text) > 5 && isBar(last(text)) })
	p.tmux("send-keys", "C-c")
	text := p.waitEnd()
	if !strings.Contains(text, "\ncertsweep: stopped by interrupt: finishing what has begun; once more to drop it\n") || !strings.Contains(text, "\nstatus 130\n") || strings.Contains(text, "░") {
		t.Errorf("got\n%s", text)
	}
}

func isBar(line string) bool { return strings.Contains(line, "░") && strings.Contains(line, "%") }

// last is the last line with anything.
func last(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return lines[len(lines)-1]
}

// rows counts the lines of a table that have an endpoint.
func rows(text string) int {
	n := 0
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "ok ") || strings.HasPrefix(line, "fail ") {
			n++
		}
	}
	return n
}
