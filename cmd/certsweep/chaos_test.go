//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"certsweep/dialer/dialertest"
	"certsweep/results"
)

// ending is how a round of the chaos ends.
type ending string

const (
	killed      ending = "SIGKILL"
	torn        ending = "SIGKILL and a torn file" // the end of what was written is lost, as with the power
	interrupted ending = "SIGINT"
	abandoned   ending = "two signals"
	fullDisk    ending = "full disk"
)

// TestChaos scans 20,000 targets of every kind in one file, is ended ten times
// by SIGKILL at moments that nobody chose, and in between by signals and a
// full disk, goes on each time, and has every target once in the end.
func TestChaos(t *testing.T) {
	if testing.Short() {
		t.Skip("kills ten scans")
	}
	runChaos(t, 20000, nil)
}

// TestChaosOfNames is TestChaos for a product: each of 600 targets, and some more,
// is asked for up to 40 names.
func TestChaosOfNames(t *testing.T) {
	if testing.Short() {
		t.Skip("kills ten scans")
	}
	var names []string
	for i := range 40 {
		names = append(names, fmt.Sprintf("n%d.test", i))
	}
	runChaos(t, 20000, names)
}

// runChaos ends a scan of n targets, or more by what one line has, again and again.
func runChaos(t *testing.T, n int, names []string) {
	endings := []ending{
		killed, torn, killed, interrupted, killed, fullDisk, torn, abandoned, killed, killed, torn, fullDisk, killed, killed,
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	c := newChaos(t, random, n, names)

	for i, end := range endings {
		// Moments from before the first record to so many that a quarter of the
		// targets are left for what is written until the signal comes.
		more := random.IntN(n * 3 / 4 / len(endings))
		switch {
		case end == interrupted || end == abandoned:
			more++ // without a record, it may not listen to signals yet
		case i%5 == 0:
			more = random.IntN(2)
		}
		before := c.done
		c.round(t, end, more)
		t.Logf("round %d, %s after %d: %d done", i+1, end, before, c.done)
	}
	c.finish(t)
}

// chaos is a scan that is ended again and again.
type chaos struct {
	random *rand.Rand
	truth  map[string]string // what to report of each target, see chaosKey
	dir    string
	names  []string
	done   int   // targets with a record
	whole  int64 // bytes of whole lines
}

// chaosKey names a target by what its record says of it.
func chaosKey(line int, host, name string) string { return fmt.Sprint(line, " ", host, " ", name) }

// key is chaosKey, for a scan without names as if the record had none.
func (c *chaos) key(line int, host, name string) string {
	if len(c.names) == 0 {
		name = ""
	}
	return chaosKey(line, host, name)
}

// expect notes what is to be reported of a target, of each of its names.
func (c *chaos) expect(line int, host, code string) {
	if len(c.names) == 0 || host == "" {
		c.truth[chaosKey(line, host, "")] = code
	}
	for _, name := range c.names {
		if host != "" {
			c.truth[chaosKey(line, host, name)] = code
		}
	}
}

// newChaos starts the servers and writes a list of n targets.
func newChaos(t *testing.T, random *rand.Rand, n int, names []string) *chaos {
	kinds := []struct {
		name, code string
		weight     int // of 1000
	}{
		{"good", "ok", 120}, {"flood", "ok", 10}, {"no-close-notify", "ok", 10}, {"reset-after-hello", "reset", 20},
		{"silent", "timeout", 3}, {"slow", "timeout", 3}, {"refused", "refused", 834},
	}
	var servers []string
	for _, kind := range kinds {
		servers = append(servers, kind.name)
	}
	farm, err := dialertest.Start(servers...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(farm.Close)

	c := &chaos{random: random, truth: make(map[string]string), dir: t.TempDir(), names: names}
	dead := farm.Endpoint("refused").Addr
	var list strings.Builder
	for line := 1; len(c.truth) < n; line++ {
		switch which := random.IntN(1100); {
		case which >= 1080:
			list.WriteString("no target\n")
			c.expect(line, "", "bad_target")
		case which >= 1000:
			// Nothing listens on the other addresses either.
			fmt.Fprintf(&list, "127.0.0.0/30:%d\n", dead.Port())
			for i := range 4 {
				c.expect(line, fmt.Sprintf("127.0.0.%d", i), "refused")
			}
		default:
			i := 0
			for which -= kinds[0].weight; which >= 0; which -= kinds[i].weight {
				i++
			}
			// By the address alone: a target with a name would not be asked for others.
			list.WriteString(farm.Endpoint(kinds[i].name).Addr.String() + "\n")
			c.expect(line, "127.0.0.1", kinds[i].code)
		}
	}
	for file, text := range map[string]string{"list": list.String(), "names": strings.Join(names, "\n")} {
		if err := os.WriteFile(c.path(file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func (c *chaos) path(name string) string { return filepath.Join(c.dir, name) }

// command is the same each time.
func (c *chaos) command() *exec.Cmd {
	args := []string{"-c", "200", "--timeout", "3s", "--trust", "none", "--no-rescue", "-o", c.path("out"), "--resume", "--summary", c.path("summary"), c.path("list")}
	if len(c.names) > 0 {
		args = append(args, "--names", c.path("names"))
	}
	return command(args...)
}

// round goes on with the scan until it has written that many more lines, ends
// it, and looks at what it left.
func (c *chaos) round(t *testing.T, end ending, lines int) {
	t.Helper()
	cmd := c.command()
	status := 0
	switch end {
	case interrupted, abandoned:
		status = 130
	case fullDisk:
		status = 3
		room := c.whole + 1 + int64(c.random.IntN(1+300*lines))
		cmd.Env = append(cmd.Env, roleVariable+"=limited", fmt.Sprint(fileSizeVariable, "=", room))
	}
	p := start(t, cmd)
	if end != fullDisk {
		c.await(t, p, lines)
		p.end(t, end)
	}
	<-p.gone
	if status == 0 && (p.err == nil || p.err.Error() != "signal: killed") || status != 0 && exitStatus(t, p.err) != status {
		t.Fatalf("%s: %v\n%s", end, p.err, &p.said)
	}
	if end == fullDisk && !strings.Contains(p.said.String(), "writing records: ") {
		t.Errorf("%s: said %q", end, &p.said)
	}
	if end == torn {
		c.tear(t)
	}
	before := c.done
	c.inspect(t, end)
	if c.done < before {
		t.Fatalf("%s: %d of %d records are left", end, c.done, before)
	}
}

// await returns when the process has written that many more lines.
func (c *chaos) await(t *testing.T, p *child, lines int) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	buf := make([]byte, 64<<10)
	for offset := c.whole; lines > 0; {
		if out, err := os.Open(c.path("out")); err == nil {
			n, _ := out.ReadAt(buf, offset)
			out.Close()
			offset += int64(n)
			lines -= bytes.Count(buf[:n], []byte("\n"))
		}
		select {
		case <-tick.C:
		case <-p.gone:
			t.Fatalf("ended by itself: %v\n%s", p.err, &p.said)
		}
	}
}

// child is a running certsweep.
type child struct {
	*exec.Cmd
	said     bytes.Buffer  // on standard error; to be read when it is gone
	answered chan struct{} // the first signal was
	gone     chan struct{}
	err      error
}

func start(t *testing.T, cmd *exec.Cmd) *child {
	t.Helper()
	p := &child{Cmd: cmd, answered: make(chan struct{}), gone: make(chan struct{})}
	cmd.Stderr = p
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	go func() {
		p.err = cmd.Wait()
		close(p.gone)
	}()
	return p
}

// Write takes what the process says.
func (p *child) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("once more to drop it")) {
		close(p.answered)
	}
	return p.said.Write(b)
}

func (p *child) end(t *testing.T, end ending) {
	t.Helper()
	sig := syscall.SIGKILL
	if end == interrupted || end == abandoned {
		sig = syscall.SIGINT
	}
	if err := p.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	if end == abandoned {
		// The second goes out when the first was answered; see
		// TestSecondSignalEnds.
		select {
		case <-p.answered:
			p.Process.Signal(syscall.SIGTERM)
		case <-p.gone: // before there was anything in flight
		}
	}
}

// tear cuts the file somewhere in what this round wrote.
func (c *chaos) tear(t *testing.T) {
	t.Helper()
	info, err := os.Stat(c.path("out"))
	if os.IsNotExist(err) || err == nil && info.Size() <= c.whole {
		return
	}
	if err == nil {
		err = os.Truncate(c.path("out"), c.whole+c.random.Int64N(info.Size()-c.whole))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// inspect checks that what is there is true, and there once.
func (c *chaos) inspect(t *testing.T, end ending) {
	t.Helper()
	data, err := os.ReadFile(c.path("out"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	c.whole, err = results.ReadJournal(bytes.NewReader(data), func(e results.Entry) error {
		key := c.key(e.Line, e.Host, e.SNI)
		if c.truth[key] == "" || seen[key] {
			return fmt.Errorf("no such target, or twice: %s", key)
		}
		seen[key] = true
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", end, err)
	}
	if cut := int64(len(data)) - c.whole; cut > 0 && end != killed && end != torn {
		t.Errorf("%s: a line is cut after %d bytes", end, cut)
	}
	c.done = len(seen)
}

// finish lets the scan end, and compares all records with the truth.
func (c *chaos) finish(t *testing.T) {
	t.Helper()
	if out, err := c.command().CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	data, err := os.ReadFile(c.path("out"))
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for _, r := range validRecords(t, data) {
		key, code := c.key(r.Line, r.Host, r.SNI), string(r.Status)
		if r.Error != nil {
			code = r.Error.Code
		}
		if before, ok := got[key]; ok {
			t.Errorf("%s is %s, and %s", key, before, code)
		}
		got[key] = code
	}
	if !maps.Equal(got, c.truth) {
		for key, want := range c.truth {
			if got[key] != want {
				t.Errorf("%s is %q, want %q", key, got[key], want)
			}
		}
		t.Errorf("%d targets, want %d", len(got), len(c.truth))
	}
	var summary results.Summary
	if data, err = os.ReadFile(c.path("summary")); err == nil {
		err = json.Unmarshal(data, &summary)
	}
	if err != nil || summary.Resumed != c.done || summary.Resumed+summary.Targets != len(c.truth) || summary.Interrupted {
		t.Errorf("the summary is %+v with %d of %d done before; %v", summary, c.done, len(c.truth), err)
	}
}

// fileSizeVariable is the longest file that the role "limited" may write.
const fileSizeVariable = "TEST_CERTSWEEP_FILE_SIZE"

func init() { roles["limited"] = limitedRole }

// limitedRole is certsweep where a file cannot grow beyond a size, as on a full
// disk.
func limitedRole() int {
	size := os.Getenv(fileSizeVariable)
	var limit syscall.Rlimit
	if _, err := fmt.Sscan(size+" "+size, &limit.Cur, &limit.Max); err != nil {
		return fail(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return fail(err)
	}
	return run()
}
