//go:build unix

package main

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"certsweep/dialer/dialertest"
)

// TestPause stops the process for longer than any target has time, with hundreds
// in flight: none of them is a time-out.
func TestPause(t *testing.T) {
	if testing.Short() {
		t.Skip("stops a scan for seconds")
	}
	const targets = 300
	ca := dialertest.NewCA("Root", dialertest.P256)
	config := &tls.Config{Certificates: []tls.Certificate{ca.Issue(dialertest.Leaf{DNSNames: []string{"a.test"}})}}
	inFlight := make(chan struct{}, 4*targets)
	s := dialertest.NewRaw(func(c net.Conn) {
		inFlight <- struct{}{}
		time.Sleep(time.Second) // a slow server: its client is stopped meanwhile
		tls.Server(c, config).Handshake()
		io.Copy(io.Discard, c)
	})
	defer s.Close()
	cmd := command("-q", "--trust", "none", "-c", "1000", "--timeout", "4s", "-")
	cmd.Stdin = strings.NewReader(strings.Repeat(s.Addr().String()+"\n", targets))
	var out strings.Builder
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range targets {
		<-inFlight
	}
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	time.Sleep(6 * time.Second)
	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if ok := strings.Count(out.String(), `"status":"ok"`); ok != targets {
		t.Errorf("%d of %d are ok:\n%.600s", ok, targets, out.String())
	}
}
