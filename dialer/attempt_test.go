package dialer

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"

	"certsweep/dialer/dialertest"
	"certsweep/dialer/hello"
)

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
	raw.Control(func(fd uintptr) { err = queueNone(fd) })
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
			h, err := probe(test.d, within(t, limit), endpointAt(test.addr, "a.test"))
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
	_, err := probe(new(Dialer), ctx, endpointAt(s.Addr(), "a.test"))
	checkFailure(t, err, PhaseHandshake, CodeCanceled)
	_, err = probe(new(Dialer), ctx, endpointAt(s.Addr(), "a.test"))
	checkFailure(t, err, PhaseConnect, CodeCanceled)
	_, err = probe(new(Dialer), ctx, Endpoint{Host: "a.test", Port: 443})
	checkFailure(t, err, PhaseResolve, CodeCanceled)
}

// TestClientCertificate has servers that want one and are given it.
func TestClientCertificate(t *testing.T) {
	ca := dialertest.NewCA("Client Root", dialertest.P256)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(hello.VersionName(version), func(t *testing.T) {
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
			h, err := probe(d, within(t, patience), endpointAt(s.Addr(), "a.test"))
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
			h, err := probe(d, within(t, patience), endpointAt(s.Addr(), "a.test"))
			if err != nil {
				t.Fatal(err)
			}
			version, cipher, group := hello.VersionName(h.Version), hello.SuiteName(h.CipherSuite), hello.KeyExchangeName(uint16(h.Group), h.CipherSuite)
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
