package dialer

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"certsweep/dialer/dialertest"
)

// checkFailure holds err to a phase and a code.
func checkFailure(t *testing.T, err error, phase Phase, code Code) {
	t.Helper()
	var failure *Error
	if !errors.As(err, &failure) || failure.Phase != phase || failure.Code != code {
		t.Errorf("%v, want %s: %s", err, phase, code)
	}
}

// deafListener returns the address of a listener whose queue is full: the
// kernel drops every further SYN.
func deafListener(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 0) })
	if err != nil {
		t.Fatal(err)
	}
	d := net.Dialer{Timeout: impatience}
	for range 10 {
		c, err := d.Dial("tcp", l.Addr().String())
		if err != nil {
			return l.Addr().(*net.TCPAddr).AddrPort()
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Skip("this kernel queues more connections than it was told to")
	return netip.AddrPort{}
}

func TestTimeouts(t *testing.T) {
	deaf := deafListener(t)
	silent := newFarm(t, "silent").Endpoint("silent").Addr
	for _, test := range []struct {
		name  string
		addr  netip.AddrPort
		d     *Dialer
		phase Phase
		own   bool // the connect's own limit
	}{
		{"connect timeout", deaf, &Dialer{ConnectTimeout: impatience}, PhaseConnect, true},
		{"total, connecting", deaf, new(Dialer), PhaseConnect, false},
		{"total, connecting, no limit of its own", deaf, &Dialer{ConnectTimeout: -1}, PhaseConnect, false},
		{"total, in the handshake", silent, new(Dialer), PhaseHandshake, false},
		{"connect timeout ends with the connect", silent, &Dialer{ConnectTimeout: impatience / 3}, PhaseHandshake, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			limit := impatience
			if test.own {
				limit = patience
			}
			h, err := test.d.Probe(within(t, limit), endpointAt(test.addr, "a.test"))
			checkFailure(t, err, test.phase, CodeTimeout)
			if errors.Is(err, errConnectTimeout) != test.own {
				t.Errorf("%v: by the connect's own limit: %v, want %v", err, !test.own, test.own)
			}
			if h.Timing.Connect <= 0 || (h.Timing.Handshake > 0) != (test.phase == PhaseHandshake) {
				t.Errorf("timing %+v", h.Timing)
			}
		})
	}
}

func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := dialertest.NewRaw(func(c net.Conn) {
		c.Read(make([]byte, 1)) // the hello
		cancel()
		io.Copy(io.Discard, struct{ io.Reader }{c})
	})
	t.Cleanup(s.Close)
	_, err := new(Dialer).Probe(ctx, endpointAt(s.Addr(), "a.test"))
	checkFailure(t, err, PhaseHandshake, CodeCanceled)
	_, err = new(Dialer).Probe(ctx, endpointAt(s.Addr(), "a.test"))
	checkFailure(t, err, PhaseConnect, CodeCanceled)
	_, err = new(Dialer).Probe(ctx, Endpoint{Host: "a.test", Port: 443})
	checkFailure(t, err, PhaseResolve, CodeCanceled)
}

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
			h, err := d.Probe(within(t, patience), Endpoint{Host: test.host, Port: port})
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

// TestClientCertificate has servers that want one and are given it.
func TestClientCertificate(t *testing.T) {
	ca := dialertest.NewCA("Client Root", dialertest.P256)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(VersionName(version), func(t *testing.T) {
			shown := make(chan int, 1)
			server := testConfig(version)
			server.ClientAuth = tls.RequireAndVerifyClientCert
			server.ClientCAs = ca.Pool()
			server.VerifyConnection = func(state tls.ConnectionState) error {
				shown <- len(state.PeerCertificates)
				return nil
			}
			s := dialertest.NewTLS(server)
			t.Cleanup(s.Close)
			client := WideConfig()
			client.Certificates = []tls.Certificate{ca.Issue(dialertest.Leaf{CommonName: "scanner"})}
			d := &Dialer{Config: client, DrainTimeout: patience, minDrain: patience}
			h, err := d.Probe(within(t, patience), endpointAt(s.Addr(), "a.test"))
			if err != nil {
				t.Fatal(err)
			}
			if h.ClientCertRequired || h.Drain.End != DrainEOF {
				t.Errorf("client certificate required: %v, drain %q", h.ClientCertRequired, h.Drain.End)
			}
			if n := <-shown; n != 1 {
				t.Errorf("the server was shown %d certificates", n)
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
			h, err := d.Probe(within(t, patience), Endpoint{Host: test.host, ServerName: test.serverName, Port: s.Addr().Port()})
			if err != nil {
				t.Fatal(err)
			}
			if got := <-sent; got != test.want || h.ServerName != test.want {
				t.Errorf("sent %q, reported %q, want %q", got, h.ServerName, test.want)
			}
		})
	}
}

// TestNegotiated compares what a probe reports with the server's own state.
func TestNegotiated(t *testing.T) {
	for _, test := range []struct {
		name   string
		key    dialertest.Key
		server func(*tls.Config)
		client func(*tls.Config)

		version, cipher, group, alpn string
	}{
		{"TLS 1.3", dialertest.P256, func(*tls.Config) {}, nil, "1.3", "TLS_AES_128_GCM_SHA256", "X25519MLKEM768", ""},
		{"TLS 1.3, classic groups", dialertest.P256, func(*tls.Config) {},
			func(c *tls.Config) { c.CurvePreferences = ClassicGroups() }, "1.3", "TLS_AES_128_GCM_SHA256", "X25519", ""},
		{"TLS 1.3, P-384 after a retry", dialertest.P256, func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.CurveP384} }, nil,
			"1.3", "TLS_AES_128_GCM_SHA256", "P-384", ""},
		{"TLS 1.2, ECDSA", dialertest.P256, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, nil,
			"1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "X25519", ""},
		{"TLS 1.2, RSA key exchange", dialertest.RSA2048, func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_256_GCM_SHA384}
		}, nil, "1.2", "TLS_RSA_WITH_AES_256_GCM_SHA384", "RSA", ""},
		{"ALPN", dialertest.P256, func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} },
			func(c *tls.Config) { c.NextProtos = []string{"h2", "http/1.1"} }, "1.3", "TLS_AES_128_GCM_SHA256", "X25519MLKEM768", "http/1.1"},
		{"client's highest version", dialertest.P256, func(*tls.Config) {},
			func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, "1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "X25519", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			ca := dialertest.NewCA("Test Root", dialertest.P256)
			cert := ca.Issue(dialertest.Leaf{DNSNames: []string{"a.test"}, Key: test.key})
			cert.OCSPStaple = []byte("staple")
			cert.SignedCertificateTimestamps = [][]byte{{1}, {2}}
			server := &tls.Config{MinVersion: tls.VersionTLS10, Certificates: []tls.Certificate{cert}}
			test.server(server)
			s := dialertest.NewTLS(server)
			t.Cleanup(s.Close)
			client := WideConfig()
			if test.client != nil {
				test.client(client)
			}
			d := &Dialer{Config: client, DrainTimeout: patience, minDrain: patience}
			h, err := d.Probe(within(t, patience), endpointAt(s.Addr(), "a.test"))
			if err != nil {
				t.Fatal(err)
			}
			version, cipher, group := VersionName(h.Version), CipherName(h.CipherSuite), KeyExchangeName(h.Group, h.CipherSuite)
			if version != test.version || cipher != test.cipher || group != test.group || h.ALPN != test.alpn {
				t.Errorf("%s %s %s %q, want %s %s %s %q", version, cipher, group, h.ALPN, test.version, test.cipher, test.group, test.alpn)
			}
			if !h.OCSPStapled || h.SCTCount != 2 {
				t.Errorf("stapled %v, %d SCTs", h.OCSPStapled, h.SCTCount)
			}
			if len(h.Certificates) != 1 || string(h.Certificates[0]) != string(cert.Certificate[0]) {
				t.Error("another certificate than the server's")
			}
		})
	}
}

// TestNoSource tells an address that cannot be reached from here from a lack
// of ports. That a link-local address without its zone has no way to it is all
// that is sure on every machine; ControlContext stands for the kernel.
func TestNoSource(t *testing.T) {
	nowhere := netip.MustParseAddrPort("[fe80::1]:443")
	here := netip.MustParseAddrPort("127.0.0.1:443")
	if hasSource(nowhere) || !hasSource(here) {
		t.Errorf("a source for %v: %v, for %v: %v", nowhere, hasSource(nowhere), here, hasSource(here))
	}
	d := &Dialer{NetDialer: &net.Dialer{ControlContext: func(context.Context, string, string, syscall.RawConn) error {
		return os.NewSyscallError("connect", syscall.EADDRNOTAVAIL)
	}}}
	_, err := d.Probe(within(t, patience), endpointAt(nowhere, ""))
	checkFailure(t, err, PhaseConnect, CodeUnreachable)
	_, err = d.Probe(within(t, patience), endpointAt(here, ""))
	checkFailure(t, err, PhaseLocal, CodeShortage)
}

// TestDescriptorShortage runs this process out of descriptors.
func TestDescriptorShortage(t *testing.T) {
	dns := newDNSServer(t, zone{"host.test.": {addrs: []string{"127.0.0.1"}}})
	d := &Dialer{Resolver: &Resolver{Servers: []string{dns.addr}}}
	// What Go's resolver reads once is read before.
	if _, err := d.Lookup(within(t, patience), "host.test"); err != nil {
		t.Fatal(err)
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	_, resolveErr := d.Probe(within(t, patience), Endpoint{Host: "other.test", Port: 443})
	_, connectErr := d.Probe(within(t, patience), Endpoint{Host: "127.0.0.1", Port: 443})
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
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
	farm := newFarm(t, "good", "tls12", "client-cert-tls13", "handshake-failure", "plain-http", "refused", "eof-after-hello",
		"reset-after-hello", "silent", "unoffered-suite", "bad-signature-tls13", "no-close-notify", "ignores-close", "reset-on-close",
		"flood", "key-update-flood")
	d := &Dialer{DrainTimeout: impatience}
	probeAll := func(width, times int) {
		var wg sync.WaitGroup
		for _, e := range slices.Repeat(farm.Endpoints, width) {
			wg.Go(func() {
				for range times {
					d.Probe(within(t, impatience), endpointAt(e.Addr, e.Host))
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
