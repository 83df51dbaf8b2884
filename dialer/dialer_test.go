package dialer

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"

	"certsweep/dialer/dialertest"
)

// TestAddresses has names with two addresses on one port.
func TestAddresses(t *testing.T) {
	config := testConfig(tls.VersionTLS13)
	good := dialertest.NewTLS(config)
	t.Cleanup(good.Close)
	port := good.Addr().Port()
	closes, err := dialertest.Listen("127.0.0.2:"+strconv.Itoa(int(port)), func(c net.Conn) {
		io.CopyN(io.Discard, c, 100)
	})
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(closes.Close)
	dns := newDNSServer(t, zone{
		"refused-first.test.": {addrs: []string{"127.0.0.3", "127.0.0.1"}},
		"good-first.test.":    {addrs: []string{"127.0.0.1", "127.0.0.3"}},
		"closes-first.test.":  {addrs: []string{"127.0.0.2", "127.0.0.1"}},
		"none-listens.test.":  {addrs: []string{"127.0.0.3", "127.0.0.4"}},
	})
	d := &Dialer{DrainTimeout: patience, Resolver: &Resolver{Servers: []string{dns.addr}, Network: "ip4"}}
	for _, test := range []struct {
		host, last string
		phase      Phase
		code       Code
	}{
		{"refused-first.test", "127.0.0.1", "", ""},
		{"good-first.test", "127.0.0.1", "", ""},
		// An endpoint that took the connection was reached: its failure counts.
		{"closes-first.test", "127.0.0.2", PhaseHandshake, CodeReset},
		{"none-listens.test", "127.0.0.4", PhaseConnect, CodeRefused},
	} {
		t.Run(test.host, func(t *testing.T) {
			h, err := probe(d, within(t, patience), Endpoint{Host: test.host, Port: port})
			if test.code != "" {
				checkFailure(t, err, test.phase, test.code)
			} else if err != nil || h.Method != MethodHandshake {
				t.Errorf("method %q: %v", h.Method, err)
			}
			if h.Addr.Addr().String() != test.last {
				t.Errorf("dialed %v last, want %s", h.Addr, test.last)
			}
		})
	}
}

// TestServerName compares what a probe reports with what the server was sent.
func TestServerName(t *testing.T) {
	sent := make(chan string, 1)
	config := testConfig(tls.VersionTLS13)
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		sent <- hello.ServerName
		return nil, nil
	}
	s := dialertest.NewTLS(config)
	t.Cleanup(s.Close)
	dns := newDNSServer(t, zone{"host.test.": {addrs: []string{"127.0.0.1"}}})
	resolver := &Resolver{Servers: []string{dns.addr}, Network: "ip4"}
	for _, test := range []struct {
		name, host, serverName string
		noSNI                  bool
		want                   string
	}{
		{"name", "host.test", "", false, "host.test"},
		{"another name", "host.test", "other.test", false, "other.test"},
		{"name for an address", "127.0.0.1", "other.test", false, "other.test"},
		{"address", "127.0.0.1", "", false, ""},
		{"address as a name", "host.test", "192.0.2.1", false, ""},
		{"IPv6 address as a name", "host.test", "2001:db8::1", false, ""},
		{"no SNI", "host.test", "", true, ""},
		{"no SNI against another name", "host.test", "other.test", true, ""},
		{"no SNI to an address", "127.0.0.1", "", true, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := &Dialer{NoSNI: test.noSNI, DrainTimeout: patience, Resolver: resolver}
			h, err := probe(d, within(t, patience), Endpoint{Host: test.host, ServerName: test.serverName, Port: s.Addr().Port()})
			if err != nil {
				t.Fatal(err)
			}
			if got := <-sent; got != test.want || h.ServerName != test.want {
				t.Errorf("sent %q, reported %q, want %q", got, h.ServerName, test.want)
			}
		})
	}
}

// TestDescriptorShortage runs this process out of descriptors.
func TestDescriptorShortage(t *testing.T) {
	dns := newDNSServer(t, zone{"host.test.": {addrs: []string{"127.0.0.1"}}})
	d := &Dialer{Resolver: &Resolver{Servers: []string{dns.addr}}}
	// What Go's resolver reads once is read before.
	if _, err := d.Lookup(within(t, patience), "host.test"); err != nil {
		t.Fatal(err)
	}
	var resolveErr, connectErr error
	withoutDescriptors(t, func() {
		_, resolveErr = probe(d, within(t, patience), Endpoint{Host: "other.test", Port: 443})
		_, connectErr = probe(d, within(t, patience), Endpoint{Host: "127.0.0.1", Port: 443})
	})
	checkFailure(t, resolveErr, PhaseLocal, CodeShortage)
	checkFailure(t, connectErr, PhaseLocal, CodeShortage)
}

// descriptors returns how many file descriptors this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(entries)
}

// TestDescriptors has probes of all kinds side by side, and what they leave.
func TestDescriptors(t *testing.T) {
	if testing.Short() {
		t.Skip("uses up the descriptors")
	}
	farm := newFarm(t, "good", "tls12", "client-cert-tls13", "handshake-failure", "plain-http", "refused", "eof-after-hello",
		"reset-after-hello", "silent", "unoffered-suite", "bad-signature-tls13", "no-close-notify", "ignores-close", "reset-on-close",
		"flood", "key-update-flood")
	d := &Dialer{DrainTimeout: impatience}
	probeAll := func(width, times int) {
		var wg sync.WaitGroup
		for _, e := range slices.Repeat(farm.Endpoints, width) {
			wg.Go(func() {
				for range times {
					probe(d, within(t, impatience), endpointAt(e.Addr, e.Host))
				}
			})
		}
		wg.Wait()
		for _, e := range farm.Endpoints {
			if e.Server != nil {
				waitFor(t, e.Server)
			}
		}
	}
	probeAll(1, 1)
	before := descriptors(t)
	probeAll(4, 4) // 256 probes
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors afterwards, %d before", after, before)
	}
}
