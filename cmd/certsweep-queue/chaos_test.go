package main

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"certsweep/dialer/dialertest"
	"certsweep/results"
)

// The chaos that CI has is a small one. All of it:
//
//	go test -run Chaos -v ./cmd/certsweep-queue -chaos.targets 100000 -chaos.kills 5 -chaos.restarts 2 -timeout 1h
var (
	chaosTargets  = flag.Int("chaos.targets", 4000, "targets of TestChaos")
	chaosKills    = flag.Int("chaos.kills", 2, "how often TestChaos kills each of its three workers")
	chaosRestarts = flag.Int("chaos.restarts", 1, "how often TestChaos kills the server")
	chaosSeed     = flag.Uint64("chaos.seed", 0, "seed of TestChaos; 0 is one by the clock")
)

// TestChaos has a list worked off by three workers, each of which is killed with
// SIGKILL at moments that nobody chose and started again, as are the server, put
// and collect. In the end every target is there exactly once, with what is true
// of it.
func TestChaos(t *testing.T) {
	if testing.Short() {
		t.Skip("kills a dozen processes")
	}
	seed := *chaosSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed: -chaos.seed %d", seed)
	c := newChaos(t, rand.New(rand.NewPCG(seed, 0)), *chaosTargets)

	events := make([]string, 0, 3**chaosKills+*chaosRestarts+3)
	for range *chaosKills {
		events = append(events, "worker-0", "worker-1", "worker-2")
	}
	for range *chaosRestarts {
		events = append(events, "serve")
	}
	events = append(events, "put", "collect", "collect")
	c.random.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	moments := make([]int, len(events))
	for i := range moments {
		moments[i] = c.random.IntN(*chaosTargets * 9 / 10)
	}
	slices.Sort(moments)

	for _, name := range []string{"serve", "put", "worker-0", "worker-1", "worker-2", "collect"} {
		c.start(name)
	}
	for i, name := range events {
		done := c.await(moments[i])
		t.Logf("%d records: SIGKILL to %s", done, name)
		c.kill(name)
		c.start(name)
	}
	c.finish()
}

// chaos is a job whose processes are killed again and again.
type chaos struct {
	t        *testing.T
	random   *rand.Rand
	dir, url string
	truth    map[string]string // what to report of each target, see chaosKey
	running  map[string]*child
	lines    int   // of records that were seen
	offset   int64 // behind them
}

// child is a running process.
type child struct {
	*exec.Cmd
	gone chan struct{}
	err  error
}

// chaosKey names a target by what its record says of it.
func chaosKey(line int, host string) string { return fmt.Sprint(line, " ", host) }

// newChaos starts the servers and writes a list of n targets.
func newChaos(t *testing.T, random *rand.Rand, n int) *chaos {
	kinds := []struct {
		name, code string
		weight     int // of 1000
	}{
		{"good", "ok", 120}, {"flood", "ok", 5}, {"no-close-notify", "ok", 5}, {"reset-after-hello", "reset", 10}, {"silent", "timeout", 1}, {"refused", "refused", 859},
	}
	var names []string
	for _, kind := range kinds {
		names = append(names, kind.name)
	}
	farm, err := dialertest.Start(names...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(farm.Close)
	c := &chaos{
		t: t, random: random, dir: t.TempDir(), url: "nats://" + freeAddress(t), truth: make(map[string]string), running: make(map[string]*child),
	}
	dead := farm.Endpoint("refused").Addr
	var list strings.Builder
	for line := 1; len(c.truth) < n; line++ {
		switch which := random.IntN(1100); {
		case which >= 1080:
			list.WriteString("no target\n")
			c.truth[chaosKey(line, "")] = "bad_target"
		case which >= 1060:
			// Nothing listens on the other addresses either.
			fmt.Fprintf(&list, "127.0.0.0/30:%d\n", dead.Port())
			for i := range 4 {
				c.truth[chaosKey(line, fmt.Sprintf("127.0.0.%d", i))] = "refused"
			}
		case which >= 1000:
			list.WriteString("# nothing\n")
		default:
			i := 0
			for which -= kinds[0].weight; which >= 0; which -= kinds[i].weight {
				i++
			}
			list.WriteString(farm.Endpoint(kinds[i].name).Target() + "\n")
			c.truth[chaosKey(line, "127.0.0.1")] = kinds[i].code
		}
	}
	if err := os.WriteFile(c.path("list"), []byte(list.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *chaos) path(name string) string { return filepath.Join(c.dir, name) }

// start starts a process, always in the same way.
func (c *chaos) start(name string) {
	c.t.Helper()
	var args []string
	switch name {
	case "serve":
		args = []string{"serve", "--store", c.path("store"), "--listen", strings.TrimPrefix(c.url, "nats://")}
	case "put":
		args = []string{"put", "--nats", c.url, "--job", "chaos", "--ack-wait", "2s", "--batch", "100", "--timeout", "8s", "--trust", "none", "--no-rescue", c.path("list")}
	case "collect":
		args = []string{"collect", "--nats", c.url, "--job", "chaos", "--follow", "--delete", "--progress", "never", "-o", c.path("out")}
	default:
		args = []string{"work", "--nats", c.url, "--job", "chaos", "-c", "25"}
	}
	p := &child{gone: make(chan struct{})}
	for {
		p.Cmd = start(c.t, args...)
		if name != "put" {
			break
		}
		// It does not wait for a server that is not there yet.
		if err := p.Wait(); exitStatus(err) != 3 {
			p.err = err
			close(p.gone)
			c.running[name] = p
			return
		}
	}
	go func() {
		p.err = p.Wait()
		close(p.gone)
	}()
	c.running[name] = p
}

// kill ends a process, if it is still there.
func (c *chaos) kill(name string) {
	p := c.running[name]
	p.Process.Kill()
	<-p.gone
}

// await returns when that many records have been collected.
func (c *chaos) await(lines int) int {
	c.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	buf := make([]byte, 64<<10)
	for range tick.C {
		if out, err := os.Open(c.path("out")); err == nil {
			n, _ := out.ReadAt(buf, c.offset)
			out.Close()
			c.offset += int64(n)
			c.lines += bytes.Count(buf[:n], []byte("\n"))
		}
		if c.lines >= lines || c.t.Context().Err() != nil {
			break
		}
	}
	return c.lines
}

// finish waits for the end, and checks that every target is there once.
func (c *chaos) finish() {
	for _, name := range []string{"put", "worker-0", "worker-1", "worker-2", "collect"} {
		p := c.running[name]
		<-p.gone
		if p.err != nil {
			c.t.Errorf("%s ended with %v", name, p.err)
		}
	}
	out, err := os.Open(c.path("out"))
	if err != nil {
		c.t.Fatal(err)
	}
	defer out.Close()
	seen := make(map[string]int)
	for r, err := range results.Decode(out) {
		if err != nil {
			c.t.Fatal(err)
		}
		key := chaosKey(r.Line, r.Host)
		seen[key]++
		got := "ok"
		if r.Error != nil {
			got = r.Error.Code
		}
		if got != c.truth[key] {
			c.t.Errorf("%s: %s, want %q", key, got, c.truth[key])
		}
	}
	lost, doubled := 0, 0
	for key := range maps.Keys(c.truth) {
		switch {
		case seen[key] == 0:
			lost++
		case seen[key] > 1:
			doubled++
		}
	}
	c.t.Logf("%d targets: %d lost, %d doubled", len(c.truth), lost, doubled)
	if lost+doubled > 0 || len(seen) != len(c.truth) {
		c.t.Errorf("%d of %d targets: %d lost, %d doubled", len(seen), len(c.truth), lost, doubled)
	}
}
