package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"certsweep/dialer/dialertest"
	"certsweep/results"
)

// endlessCertificate sends a ServerHello of TLS 1.2 and all but the last byte
// of a Certificate message of 256 KiB, the most that crypto/tls takes, and
// waits for ever.
func endlessCertificate(c net.Conn) {
	const size = 256<<10 - 4
	c.Read(make([]byte, 4<<10)) // the ClientHello
	hello := append([]byte{2, 0, 0, 38, 3, 3}, make([]byte, 32)...)
	hello = append(hello, 0, 0xC0, 0x2B, 0)
	certificate := append([]byte{11, size >> 16, size >> 8 & 0xFF, size & 0xFF}, make([]byte, size-1)...)
	for _, message := range [][]byte{hello, certificate} {
		for len(message) > 0 {
			part := message[:min(len(message), 4<<10)]
			message = message[len(part):]
			c.Write(append([]byte{22, 3, 3, byte(len(part) >> 8), byte(len(part))}, part...))
		}
	}
	io.Copy(io.Discard, c)
}

// drippingConn sends what is written in parts, over a time.
type drippingConn struct {
	net.Conn
	over time.Duration
}

func (c drippingConn) Write(p []byte) (int, error) {
	const part = 8 << 10
	for rest := p; len(rest) > 0; {
		n, err := c.Conn.Write(rest[:min(part, len(rest))])
		if err != nil {
			return 0, err
		}
		rest = rest[n:]
		time.Sleep(c.over * time.Duration(n) / time.Duration(len(p)))
	}
	return len(p), nil
}

// TestMaxMemoryLosesNothing has peers with certificates of 200 KB that take their
// time: not all of them fit at once, and each is read all the same.
func TestMaxMemoryLosesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("sends large certificates slowly")
	}
	const targets = 400
	var names []string
	for i := range 200 << 10 / 60 {
		names = append(names, fmt.Sprintf("%050d.a.test", i))
	}
	config := &tls.Config{Certificates: []tls.Certificate{dialertest.NewCA("Root", dialertest.P256).Issue(dialertest.Leaf{DNSNames: names})}}
	s := dialertest.NewRaw(func(c net.Conn) {
		if tls.Server(drippingConn{c, 2 * time.Second}, config).Handshake() == nil {
			io.Copy(io.Discard, c)
		}
	})
	defer s.Close()
	summary := filepath.Join(t.TempDir(), "summary.json")
	cmd := command("-q", "--trust", "none", "-c", "200", "--max-memory", "128MiB", "--timeout", "20s", "--summary", summary, "-")
	cmd.Stdin = strings.NewReader(strings.Repeat(s.Addr().String()+"\n", targets))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if ok := strings.Count(string(out), `"status":"ok"`); ok != targets {
		t.Errorf("%d of %d are ok", ok, targets)
	}
	var said results.Summary
	text, err := os.ReadFile(summary)
	if err == nil {
		err = json.Unmarshal(text, &said)
	}
	if err != nil {
		t.Fatal(err)
	}
	if said.PeakRSS > 128<<20*5/4 && !raceDetector {
		t.Errorf("%d MiB resident, the limit is 128", said.PeakRSS>>20)
	}
	t.Logf("%d MiB resident at the peak, %.1f s", said.PeakRSS>>20, said.Seconds)
}

// TestMaxMemoryHolds has 500 peers that make us hold half a megabyte each,
// twice the limit, all at once: the process stays below it, and every target
// has its record.
func TestMaxMemoryHolds(t *testing.T) {
	if testing.Short() {
		t.Skip("sends a gigabyte")
	}
	const targets, limit = 500, 128 << 20
	s := dialertest.NewRaw(endlessCertificate)
	defer s.Close()
	summary := filepath.Join(t.TempDir(), "summary.json")
	cmd := command("-q", "--trust", "none", "--max-memory", "128MiB", "--timeout", "3s", "--summary", summary, "-")
	cmd.Stdin = strings.NewReader(strings.Repeat(s.Addr().String()+"\n", targets))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	codes := make(map[string]int)
	for _, r := range validRecords(t, out) {
		if r.Error == nil {
			t.Fatalf("%+v", r)
		}
		codes[r.Error.Code]++
	}
	if codes["timeout"]+codes["memory_cap"] != targets {
		t.Errorf("codes %v, want %d of timeout and memory_cap", codes, targets)
	}
	var said results.Summary
	text, err := os.ReadFile(summary)
	if err == nil {
		err = json.Unmarshal(text, &said)
	}
	if err != nil {
		t.Fatal(err)
	}
	peak := said.PeakRSS
	// A quarter on top is for a machine that is short of CPU, where the peers
	// send while the collector waits.
	if peak == 0 || peak > limit*5/4 && !raceDetector {
		t.Errorf("%d MiB resident, the limit is %d", peak>>20, limit>>20)
	}
	t.Logf("%d MiB resident at the peak, codes %v", peak>>20, codes)
}
