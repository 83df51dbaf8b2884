//go:build linux

package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"certsweep/dialer/dialertest"
)

// capped is a load that is scanned with and without a limit on memory.
type capped struct {
	name     string
	targets  int
	inFlight int
	limit    string
	args     []string
}

var cappedLoads = []capped{
	// Certificates of 200 KB, sent over 4 s.
	{"slow-certificates", 1000, 200, "128MiB", []string{"--timeout", "30s"}},
	// 2 MiB in answer to the ClientHello made by hand.
	{"large-rescues", 3000, 1000, "128MiB", nil},
	// A Certificate message of 256 KiB that never ends.
	{"endless-certificates", 500, 1000, "128MiB", []string{"--timeout", "3s"}},
	// Data without end after the handshake.
	{"floods", 5000, 250, "64MiB", nil},
}

// BenchmarkCapped scans peers that make a client hold much, with and without
// --max-memory. Each target has its record; how many of them are ok or memory_cap,
// the rate and the peak of resident memory are reported.
//
//	go test -run '^$' -bench Capped -benchtime 1x ./cmd/certsweep
func BenchmarkCapped(b *testing.B) {
	for _, l := range cappedLoads {
		farm := startFarm(b, l.name)
		for _, limit := range []string{"none", l.limit} {
			b.Run(l.name+"/"+limit, func(b *testing.B) { l.run(b, farm, limit) })
		}
	}
}

func (l *capped) run(b *testing.B, farm *farmProcess, limit string) {
	args := append([]string{"-q", "-c", strconv.Itoa(l.inFlight), farm.list(b, l.targets), "--trust", "none"}, l.args...)
	if limit != "none" {
		args = append(args, "--max-memory", limit)
	}
	peakFile := filepath.Join(b.TempDir(), "peak")
	var ok, cut int
	var peak float64
	for b.Loop() {
		cmd := pinned(b, "0", "certsweep", args...)
		cmd.Env = append(cmd.Env, peakVariable+"="+peakFile)
		out, err := cmd.Output()
		if err != nil {
			b.Fatal(err)
		}
		if n := bytes.Count(out, []byte("\n")); n != l.targets {
			b.Fatalf("%d records for %d targets", n, l.targets)
		}
		ok += bytes.Count(out, []byte(`"certificate":{`))
		cut += bytes.Count(out, []byte(`"code":"memory_cap"`))
		text, err := os.ReadFile(peakFile)
		if err != nil {
			b.Fatal(err)
		}
		bytes, _ := strconv.ParseFloat(string(text), 64)
		peak = max(peak, bytes/(1<<20))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(b.N*l.targets)/b.Elapsed().Seconds(), "targets/s")
	b.ReportMetric(float64(ok)/float64(b.N), "certificates")
	b.ReportMetric(float64(cut)/float64(b.N), "memory_cap")
	b.ReportMetric(peak, "peak-MiB")
}

// startHostile starts the servers of a capped load.
func startHostile(kind string) ([]string, error) {
	ca := dialertest.NewCA("Root", dialertest.P256)
	var names []string
	if kind == "slow-certificates" {
		for i := range 200 << 10 / 60 {
			names = append(names, fmt.Sprintf("%050d.a.test", i))
		}
	}
	leaf := ca.Issue(dialertest.Leaf{DNSNames: append(names, "a.test")})
	config := &tls.Config{Certificates: []tls.Certificate{leaf}}
	serve, known := map[string]func(net.Conn){
		"slow-certificates": func(c net.Conn) {
			if tls.Server(drippingConn{c, 4 * time.Second}, config).Handshake() == nil {
				io.Copy(io.Discard, c)
			}
		},
		"large-rescues":        largeRescue(leaf.Certificate[0]),
		"endless-certificates": endlessCertificate,
		"floods": func(c net.Conn) {
			conn, data := tls.Server(c, config), make([]byte, 16<<10)
			for err := conn.Handshake(); err == nil; {
				_, err = conn.Write(data)
			}
		},
		"slow": func(c net.Conn) {
			time.Sleep(time.Second)
			if tls.Server(c, config).Handshake() == nil {
				io.Copy(io.Discard, c)
			}
		},
	}[kind]
	if !known {
		return nil, fmt.Errorf("no servers %q", kind)
	}
	var addresses []string
	for i := range 8 {
		s, err := dialertest.Listen(fmt.Sprintf("127.0.0.%d:0", i+1), serve)
		if err != nil {
			return nil, err
		}
		addresses = append(addresses, s.Addr().String())
	}
	return addresses, nil
}

// largeRescue refuses the hello of crypto/tls, which takes two segments, and
// answers another with 2 MiB of certificates, the first of them leaf.
func largeRescue(leaf []byte) func(net.Conn) {
	list := func(certificates ...[]byte) (list []byte) {
		for _, c := range certificates {
			list = slices.Concat(list, []byte{byte(len(c) >> 16), byte(len(c) >> 8), byte(len(c))}, c)
		}
		return append([]byte{byte(len(list) >> 16), byte(len(list) >> 8), byte(len(list))}, list...)
	}
	padding := make([]byte, 2000<<10)
	hello := slices.Concat([]byte{3, 3}, make([]byte, 32), []byte{0, 0x00, 0x9C, 0})
	answer := dialertest.Record(22, 0x0303, slices.Concat(
		dialertest.Message(2, hello), dialertest.Message(11, list(leaf, padding)), dialertest.Message(14, nil)))
	return func(c net.Conn) {
		header := make([]byte, 5)
		if _, err := io.ReadFull(c, header); err != nil {
			return
		}
		size := int64(binary.BigEndian.Uint16(header[3:]))
		io.CopyN(io.Discard, c, size)
		if size > 1200 {
			c.Write([]byte{21, 3, 3, 0, 2, 2, 40}) // handshake_failure
			return
		}
		c.Write(answer)
		io.Copy(io.Discard, c)
	}
}

// BenchmarkPause stops a scan for 20 s, twice what a target has, with 3,000 in
// flight, and reports how many of them it takes for time-outs.
//
//	go test -run '^$' -bench Pause -benchtime 1x ./cmd/certsweep
func BenchmarkPause(b *testing.B) {
	const targets = 3000
	farm := startFarm(b, "slow")
	list := farm.list(b, targets)
	bad := 0
	for b.Loop() {
		cmd := pinned(b, "0", "certsweep", "-q", "-c", strconv.Itoa(targets), list, "--trust", "none")
		out, err := cmd.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		for openSockets(b, cmd.Process.Pid) < targets {
			time.Sleep(20 * time.Millisecond)
		}
		cmd.Process.Signal(syscall.SIGSTOP)
		time.Sleep(20 * time.Second)
		cmd.Process.Signal(syscall.SIGCONT)
		records := 0
		for lines := bufio.NewScanner(out); lines.Scan(); records++ {
			if !strings.Contains(lines.Text(), `"status":"ok"`) {
				bad++
			}
		}
		if err := cmd.Wait(); err != nil || records != targets {
			b.Fatalf("%d records for %d targets, %v", records, targets, err)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(bad)/float64(b.N), "false-timeouts")
}

// openSockets counts the files that a process has open beyond the few of its own.
func openSockets(b *testing.B, pid int) int {
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		b.Skip("no /proc")
	}
	return len(files)
}
