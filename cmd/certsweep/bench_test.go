//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"certsweep/dialer"
	"certsweep/dialer/dialertest"
)

// The benchmarks here time whole processes: certsweep as it is run by people,
// and the yardstick, a bare loop that dials with the same TLS configuration and
// closes. Both are pinned to one processor and the servers to another, each a
// process of its own, so that what is measured is the client's alone:
//
//	go test -run '^$' -bench 'BareLoop|Scan' -benchtime 5x ./cmd/certsweep
//
// The ratio of two figures of one run holds between machines, the figures do
// not. "cpu-µs/target" is user and system time over targets, "rss-B/target"
// the peak of resident memory over targets in flight.

// load is what a benchmark scans.
type load struct {
	name     string
	farm     string // kind of servers, see farmRole
	targets  int
	inFlight int
	args     []string // flags of certsweep beside -c
}

var loads = []load{
	{name: "good", farm: "bulk", targets: 20000, inFlight: 1000, args: []string{"--trust", "none"}},
	{name: "verified", farm: "bulk", targets: 20000, inFlight: 1000},
	{name: "refused", farm: "refused", targets: 50000, inFlight: 1000, args: []string{"--trust", "none"}},
	{name: "dropped", farm: "dropped", targets: 20000, inFlight: 5000, args: []string{"--trust", "none", "--connect-timeout", "500ms"}},
	{name: "dropped-at-once", farm: "dropped", targets: 15000, inFlight: 15000, args: []string{"--trust", "none", "--connect-timeout", "3s"}},
	{name: "silent", farm: "silent", targets: 15000, inFlight: 15000, args: []string{"--trust", "none", "--timeout", "20s"}},
	{name: "silent-no-pq", farm: "silent", targets: 15000, inFlight: 15000, args: []string{"--trust", "none", "--timeout", "20s", "--no-pq"}},
	// With --fast; the bare loop is that of any scan.
	{name: "fast", farm: "bulk", targets: 20000, inFlight: 1000, args: []string{"--fast", "--trust", "none"}},
	{name: "fast-verified", farm: "bulk", targets: 20000, inFlight: 1000, args: []string{"--fast"}},
	{name: "fast-1.3", farm: "bulk-1.3", targets: 20000, inFlight: 1000, args: []string{"--fast", "--trust", "none"}},
	{name: "fast-silent", farm: "silent", targets: 15000, inFlight: 15000, args: []string{"--fast", "--trust", "none", "--timeout", "20s"}},
}

func BenchmarkBareLoop(b *testing.B) {
	for _, l := range loads {
		b.Run(l.name, func(b *testing.B) { l.run(b, "bare") })
	}
}

func BenchmarkScan(b *testing.B) {
	for _, l := range loads {
		b.Run(l.name, func(b *testing.B) { l.run(b, "certsweep") })
	}
}

func (l load) run(b *testing.B, role string) {
	farm := startFarm(b, l.farm)
	list := farm.list(b, l.targets)
	args := append([]string{"-q", "-c", strconv.Itoa(l.inFlight), list}, l.args...)
	if !slices.Contains(l.args, "--trust") {
		args = append(args, "--ca-file", farm.root)
	}
	var cpu time.Duration
	var peak int64
	peakFile := filepath.Join(b.TempDir(), "peak")
	for b.Loop() {
		cmd := pinned(b, "0", role, args...)
		cmd.Env = append(cmd.Env, peakVariable+"="+peakFile)
		out, err := cmd.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		lines, _ := countMatches(out, "\n")
		if err := cmd.Wait(); err != nil {
			b.Fatal(err)
		}
		if role == "certsweep" && lines != l.targets {
			b.Fatalf("%d records for %d targets", lines, l.targets)
		}
		cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		bytes, err := os.ReadFile(peakFile)
		if err != nil {
			b.Fatal(err)
		}
		n, _ := strconv.ParseInt(string(bytes), 10, 64)
		peak += n
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(cpu.Microseconds())/float64(b.N*l.targets), "cpu-µs/target")
	b.ReportMetric(float64(peak)/float64(b.N*l.inFlight), "rss-B/target")
}

// countMatches counts the lines that contain a text.
func countMatches(r io.Reader, text string) (n int, err error) {
	lines := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := lines.ReadSlice('\n')
		if bytes.Contains(line, []byte(text)) {
			n++
		}
		if err != nil {
			return n, err
		}
	}
}

// BenchmarkLongScan reports the resident memory of one long scan at 95 % of
// its targets over that at 25 %.
func BenchmarkLongScan(b *testing.B) {
	const targets, inFlight = 60000, 1000
	farm := startFarm(b, "bulk")
	list := farm.list(b, targets)
	for b.Loop() {
		cmd := pinned(b, "0", "certsweep", "-q", "-c", strconv.Itoa(inFlight), "--ca-file", farm.root, list)
		out, err := cmd.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		marks := map[int]float64{25: 0, 50: 0, 75: 0, 95: 0}
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for n := 1; lines.Scan(); n++ {
			if n*100%targets != 0 {
				continue
			}
			if _, ok := marks[n*100/targets]; ok {
				marks[n*100/targets] = residentMiB(b, cmd.Process.Pid)
			}
		}
		if err := cmd.Wait(); err != nil {
			b.Fatal(err)
		}
		for mark, value := range marks {
			b.ReportMetric(value, fmt.Sprintf("MiB@%d%%", mark))
		}
		b.ReportMetric(marks[95]/marks[25], "95%/25%")
	}
	b.ReportMetric(0, "ns/op")
}

func residentMiB(b *testing.B, pid int) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Skip("no /proc")
	}
	for line := range strings.Lines(string(status)) {
		var kib float64
		if n, _ := fmt.Sscanf(line, "VmRSS: %f kB", &kib); n == 1 {
			return kib / 1024
		}
	}
	return 0
}

// pinned returns a command that runs this binary in a role on one processor,
// where there are two and taskset is installed.
func pinned(b *testing.B, processor, role string, args ...string) *exec.Cmd {
	b.Helper()
	argv := append([]string{os.Args[0]}, args...)
	if taskset, err := exec.LookPath("taskset"); err == nil && runtime.NumCPU() > 1 {
		argv = append([]string{taskset, "-c", processor}, argv...)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	return cmd
}

// farmProcess is a running farm of servers.
type farmProcess struct {
	pid       int
	addresses []string
	root      string // file of the trust anchor
}

// startFarm runs farmRole, under a program such as unshare where one is given.
func startFarm(b *testing.B, kind string, under ...string) *farmProcess {
	b.Helper()
	f := &farmProcess{root: filepath.Join(b.TempDir(), "root.pem")}
	cmd := pinned(b, "1", "farm", kind, f.root)
	if len(under) > 0 {
		cmd.Args = append(under, cmd.Args...)
		cmd.Path, cmd.Err = exec.LookPath(under[0])
	}
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatalf("the servers did not start: %v", err)
	}
	f.pid = cmd.Process.Pid
	f.addresses = strings.Fields(line)
	return f
}

// list writes a target list that goes round the addresses.
func (f *farmProcess) list(b *testing.B, n int) string {
	b.Helper()
	var list strings.Builder
	for i := range n {
		list.WriteString(f.addresses[i%len(f.addresses)] + "\n")
	}
	name := filepath.Join(b.TempDir(), "targets")
	if err := os.WriteFile(name, []byte(list.String()), 0o666); err != nil {
		b.Fatal(err)
	}
	return name
}

func init() { roles["farm"], roles["bare"] = farmRole, bareRole }

// farmRole runs servers until standard input ends: "bulk", 10,000 certificates
// under one P-256 intermediate; "bulk-1.3", the same of TLS 1.3 alone; "distant", the same at a distance; "silent", which accept and say nothing;
// "refused", where nobody listens; "dropped", whose queue of connections is
// full. Eight addresses keep the client in ports.
func farmRole() int {
	addresses := make([]string, 8)
	for i := range addresses {
		addresses[i] = fmt.Sprintf("127.0.0.%d:0", i+1)
	}
	var running []string
	switch kind := os.Args[1]; kind {
	case "distant":
		addresses, err := startDistant()
		if err != nil {
			return fail(err)
		}
		running = addresses
	case "bulk", "bulk-1.3":
		least := uint16(0)
		if kind == "bulk-1.3" {
			least = tls.VersionTLS13
		}
		root := dialertest.NewCA("Root", dialertest.P256)
		bulk, err := dialertest.NewBulk(root.Intermediate("Intermediate", dialertest.P256), 10000, least, addresses...)
		if err != nil {
			return fail(err)
		}
		if err := os.WriteFile(os.Args[2], root.RootPEM(), 0o666); err != nil {
			return fail(err)
		}
		for _, addr := range bulk.Addrs() {
			running = append(running, addr.String())
		}
	case "silent":
		silent, err := dialertest.NewSilent(addresses...)
		if err != nil {
			return fail(err)
		}
		for _, addr := range silent.Addrs() {
			running = append(running, addr.String())
		}
	case "refused":
		farm, err := dialertest.Start("refused")
		if err != nil {
			return fail(err)
		}
		running = []string{farm.Endpoints[0].Addr.String()}
	case "dropped":
		addr, err := fullQueue()
		if err != nil {
			return fail(err)
		}
		running = []string{addr}
	default:
		addresses, err := startHostile(kind)
		if err != nil {
			return fail(err)
		}
		running = addresses
	}
	fmt.Println(strings.Join(running, " "))
	io.Copy(io.Discard, os.Stdin)
	return 0
}

// fullQueue listens with the shortest queue, never accepts, and fills the
// queue, so that the kernel drops every further SYN.
func fullQueue() (string, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		return "", err
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return "", err
	}
	if err := syscall.Listen(fd, 0); err != nil {
		return "", err
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		return "", err
	}
	addr := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	for range 4 {
		// Those that the queue has no place for time out, as is the plan.
		if _, err := net.DialTimeout("tcp", addr, 200*time.Millisecond); err != nil {
			break
		}
	}
	return addr, nil
}

// bareRole is the yardstick: a pool that dials and closes, and prints nothing.
// It takes certsweep's arguments, of which it heeds -c, the list, the time-outs
// and --no-pq.
func bareRole() int {
	workers, list, timeout := 1, os.Args[4], 10*time.Second
	fmt.Sscan(os.Args[3], &workers)
	config := dialer.WideConfig()
	for i, arg := range os.Args {
		switch arg {
		case "--timeout", "--connect-timeout":
			timeout, _ = time.ParseDuration(os.Args[i+1])
		case "--no-pq":
			config.CurvePreferences = dialer.ClassicGroups()
		}
	}
	file, err := os.Open(list)
	if err != nil {
		return fail(err)
	}
	defer file.Close()
	d := tls.Dialer{Config: config}
	targets := make(chan string)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for target := range targets {
				ctx, cancel := context.WithTimeout(context.Background(), timeout)
				conn, err := d.DialContext(ctx, "tcp", target)
				cancel()
				if err == nil {
					conn.Close()
				}
			}
		})
	}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		targets <- lines.Text()
	}
	close(targets)
	wg.Wait()
	return 0
}
