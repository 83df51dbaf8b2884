package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"certsweep/cmd/certsweep-queue/queue"
	"certsweep/dialer/dialertest"
)

var benchmarked = flag.Int("bench.targets", 200_000, "targets of BenchmarkQueue")

// BenchmarkQueue times what a scan costs that goes through the queue, all of its
// processes together, beside a plain one of the same list:
//
//	go test -run '^$' -bench Queue -benchtime 1x -timeout 1h ./cmd/certsweep-queue
//
// Of the targets, 40 % have one of 10,000 certificates, 100 are silent, the rest
// refuse. "overhead-%" is the processor time beyond the plain scan,
// "store-B/record" what the job takes at the server.
func BenchmarkQueue(b *testing.B) {
	dir := b.TempDir()
	for _, name := range []string{"certsweep", program} {
		if out, err := exec.Command("go", "build", "-o", dir, "certsweep/cmd/"+name).CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
	}
	list, root := benchList(b, dir)
	flags := []string{"--ca-file", root, "--timeout", "3s"}
	plain, queued, store := time.Duration(0), time.Duration(0), 0.0
	for b.Loop() {
		cmd := exec.Command(filepath.Join(dir, "certsweep"), append(flags, "-q", list)...)
		out := &lineCounter{}
		cmd.Stdout, cmd.Stderr = out, os.Stderr
		if err := cmd.Run(); err != nil || out.lines != *benchmarked {
			b.Fatalf("%v, %d records", err, out.lines)
		}
		plain += processorTime(cmd)
		used, perRecord := benchQueued(b, dir, append(flags, list))
		queued += used
		store += perRecord
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(plain.Microseconds())/float64(b.N**benchmarked), "plain-µs/target")
	b.ReportMetric(float64(queued.Microseconds())/float64(b.N**benchmarked), "queued-µs/target")
	b.ReportMetric(100*float64(queued-plain)/float64(plain), "overhead-%")
	b.ReportMetric(store/float64(b.N), "store-B/record")
}

// benchList writes the list and starts its servers.
func benchList(b *testing.B, dir string) (list, root string) {
	farm, err := dialertest.Start("refused", "silent")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(farm.Close)
	const certificates = 10_000
	bulk, err := dialertest.NewBulk(farm.CA(), certificates, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(bulk.Close)
	var text strings.Builder
	good := 0
	for i := range *benchmarked {
		switch {
		case i%2000 == 1999:
			fmt.Fprintln(&text, farm.Endpoint("silent").Target())
		case i%5 < 2:
			addr := bulk.Addrs()[0]
			fmt.Fprintf(&text, "%s,%s,%d\n", addr.Addr(), bulk.Host(good%certificates), addr.Port())
			good++
		default:
			fmt.Fprintln(&text, farm.Endpoint("refused").Target())
		}
	}
	list, root = filepath.Join(dir, "list"), filepath.Join(dir, "root.pem")
	if err := os.WriteFile(list, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(root, farm.RootPEM(), 0o600); err != nil {
		b.Fatal(err)
	}
	return list, root
}

// benchQueued has the list worked off by the queue, and returns the processor
// time of all, and what a record takes in the store.
func benchQueued(b *testing.B, dir string, put []string) (used time.Duration, perRecord float64) {
	address := freeAddress(b)
	url := "nats://" + address
	command := func(args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(dir, program), args...)
		cmd.Stderr = os.Stderr
		return cmd
	}
	server := command("serve", "--store", b.TempDir(), "--listen", address)
	if err := server.Start(); err != nil {
		b.Fatal(err)
	}
	client, err := queue.Connect(b.Context(), queue.Options{URL: url, Wait: true})
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	connected := []string{"--nats", url, "--job", "bench", "-q"}
	out := &lineCounter{}
	for _, args := range [][]string{append(append([]string{"put"}, connected...), put...), append([]string{"work"}, connected...), append([]string{"collect"}, connected...)} {
		cmd := command(args...)
		cmd.Stdout = out
		if err := cmd.Run(); err != nil {
			b.Fatal(err)
		}
		used += processorTime(cmd)
		b.Logf("%s: %v", args[0], processorTime(cmd))
	}
	if out.lines != *benchmarked {
		b.Fatalf("%d records", out.lines)
	}
	job, err := client.Open(b.Context(), "bench")
	if err != nil {
		b.Fatal(err)
	}
	status, err := job.Status(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	if text, err := json.Marshal(status); err == nil {
		b.Logf("%s", text)
	}
	server.Process.Signal(os.Interrupt)
	server.Wait()
	used += processorTime(server)
	b.Logf("serve: %v", processorTime(server))
	return used, float64(status.StoreBytes) / float64(*benchmarked)
}

func processorTime(cmd *exec.Cmd) time.Duration {
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// lineCounter counts what is written to it.
type lineCounter struct{ lines int }

func (c *lineCounter) Write(p []byte) (int, error) {
	c.lines += bytes.Count(p, []byte{'\n'})
	return len(p), nil
}
