//go:build unix

package reach

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"slices"
	"sync"
	"testing"

	"certsweep/dialer"
	"certsweep/dialer/dialertest"
)

// sniServer notes the names of the hellos that come, "" for none, and answers
// each as choose says: with an alert, or, where that is 0, with a certificate
// in a suite of its choice.
type sniServer struct {
	*dialertest.Server
	chain [][]byte

	mu    sync.Mutex
	names []string
}

func newSNIServer(t *testing.T, suite uint16, choose func(name string) (alert uint8)) *sniServer {
	s := &sniServer{chain: reachLeaf(dialertest.P256)}
	s.Server = dialertest.NewRaw(func(c net.Conn) {
		h := readReachHello(c)
		if h == nil {
			return
		}
		var name string
		if list := h.extensions[0]; len(list) > 5 { // RFC 6066 §3: a list of one
			name = string(list[5:])
		}
		s.mu.Lock()
		s.names = append(s.names, name)
		s.mu.Unlock()
		switch alert := choose(name); {
		case alert != 0:
			c.Write(reachAlert(0x0303, alert))
		case !h.offers(suite):
			c.Write(reachAlert(0x0303, 40))
		default:
			c.Write(reachFlight(0x0303, suite, s.chain))
		}
		reachFinish(c)
	})
	t.Cleanup(s.Close)
	return s
}

func (s *sniServer) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.names)
}

// TestNameRefused holds what is tried where a server does not like the name, in
// which order, and that the handshake says which name was really sent.
func TestNameRefused(t *testing.T) {
	const (
		own = 0x009E // DHE_RSA_WITH_AES_128_GCM_SHA256, which crypto/tls has not
		// Alerts, RFC 8446 §6.
		handshakeFailure, internalError, unrecognizedName = 40, 80, 112
	)
	always := func(alert uint8) func(string) uint8 { return func(string) uint8 { return alert } }
	ifNamed := func(alert uint8) func(string) uint8 {
		return func(name string) uint8 {
			if name == "" {
				return 0
			}
			return alert
		}
	}
	unlessNamed := func(alert uint8) func(string) uint8 {
		return func(name string) uint8 {
			if name != "" {
				return 0
			}
			return alert
		}
	}
	for name, test := range map[string]struct {
		suite  uint16
		choose func(string) uint8
		server string // the endpoint's name; empty: it is an address

		noSNI, noRescue bool

		asked  []string // the names of all hellos
		sent   string
		got    bool
		method dialer.Method
		status string
	}{
		"knows no name": {suite: reachSuite12, choose: always(unrecognizedName), server: reachName,
			asked: []string{reachName, ""}, sent: reachName, status: "alert unrecognized_name"},
		"answers only without": {suite: reachSuite12, choose: ifNamed(unrecognizedName), server: reachName,
			asked: []string{reachName, ""}, got: true, method: "handshake", status: "protocol"},
		"answers only without, a suite of its own": {suite: own, choose: ifNamed(unrecognizedName), server: reachName,
			asked: []string{reachName, "", ""}, got: true, method: "hello13", status: "alert handshake_failure"},
		"answers only without, but is not asked by hand": {suite: own, choose: ifNamed(unrecognizedName), server: reachName, noRescue: true,
			asked: []string{reachName, ""}, sent: reachName, status: "alert unrecognized_name"},
		"internal_error for any name": {suite: reachSuite12, choose: ifNamed(internalError), server: reachName,
			asked: []string{reachName, ""}, got: true, method: "handshake", status: "protocol"},
		"internal_error always": {suite: reachSuite12, choose: always(internalError), server: reachName,
			asked: []string{reachName, "", reachName, reachName, reachName}, sent: reachName, status: "alert internal_error"},
		"another alert for any name": {suite: reachSuite12, choose: ifNamed(handshakeFailure), server: reachName,
			asked: []string{reachName, reachName, reachName, reachName, "", ""}, got: true, method: "handshake", status: "protocol"},
		"another alert for any name, a suite of its own": {suite: own, choose: ifNamed(handshakeFailure), server: reachName,
			asked: []string{reachName, reachName, reachName, reachName, ""}, got: true, method: "hello13", status: "alert handshake_failure"},
		"another alert always": {suite: reachSuite12, choose: always(handshakeFailure), server: reachName,
			asked: []string{reachName, reachName, reachName, reachName, ""}, sent: reachName, status: "alert handshake_failure"},
		"wants a name, and the endpoint has none": {suite: reachSuite12, choose: unlessNamed(unrecognizedName),
			asked: []string{""}, status: "alert unrecognized_name"},
		"internal_error without a name, and the endpoint has none": {suite: reachSuite12, choose: unlessNamed(internalError),
			asked: []string{"", "", "", ""}, status: "alert internal_error"},
		"wants a name that shall not be sent": {suite: reachSuite12, choose: unlessNamed(unrecognizedName), server: reachName, noSNI: true,
			asked: []string{""}, status: "alert unrecognized_name"},
		"a suite of its own, and a name that shall not be sent": {suite: own, choose: always(0), server: reachName, noSNI: true,
			asked: []string{"", ""}, got: true, method: "hello13", status: "alert handshake_failure"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSNIServer(t, test.suite, test.choose)
			ctx, cancel := context.WithTimeout(t.Context(), reachPatience)
			defer cancel()
			d := dialer.Dialer{NoSNI: test.noSNI, NoRescue: test.noRescue}
			h, err := probe(&d, ctx, dialer.Endpoint{Host: "127.0.0.1", Port: s.Addr().Port(), ServerName: test.server})
			if asked := s.asked(); !slices.Equal(asked, test.asked) {
				t.Errorf("asked for %q, want %q", asked, test.asked)
			}
			if h.ServerName != test.sent {
				t.Errorf("ServerName %q, want %q", h.ServerName, test.sent)
			}
			if got := slices.EqualFunc(h.Certificates, s.chain, bytes.Equal); got != test.got || h.Method != test.method {
				t.Errorf("certificate got: %t by %q, want %t by %q", got, h.Method, test.got, test.method)
			}
			if status := reachStatus(&h, err); status != test.status {
				t.Errorf("%s (%v), want %s", status, err, test.status)
			}
		})
	}
}

// TestNoApplicationProtocol has a server refuse the protocols that a scan is
// told to offer: the handshake is then one without any.
func TestNoApplicationProtocol(t *testing.T) {
	cert := dialertest.SelfSigned(dialertest.Leaf{DNSNames: []string{reachName}})
	server := dialertest.NewTLS(&tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"acme-tls/1"}})
	defer server.Close()
	config := dialer.WideConfig()
	config.NextProtos = []string{"h2", "http/1.1"}
	d := dialer.Dialer{Config: config}
	ctx, cancel := context.WithTimeout(t.Context(), reachPatience)
	defer cancel()
	h, err := probe(&d, ctx, dialer.Endpoint{Host: "127.0.0.1", Port: server.Addr().Port(), ServerName: reachName})
	if err != nil || !h.ALPNRefused {
		t.Errorf("%v, ALPN refused %v", err, h.ALPNRefused)
	}
	if h.Method != "handshake" || h.ALPN != "" || !slices.EqualFunc(h.Certificates, cert.Certificate, bytes.Equal) {
		t.Errorf("got %d certificates by %q, ALPN %q", len(h.Certificates), h.Method, h.ALPN)
	}
	if d.Rescues() != 0 || server.Accepted() != 2 {
		t.Errorf("%d hellos by hand, %d connections", d.Rescues(), server.Accepted())
	}
}

// TestGoodEndpointsNeedNoRescue holds that a scan of endpoints in good order
// sends no hello by hand and makes one connection each. The benchmark does the
// same for any number of them.
func TestGoodEndpointsNeedNoRescue(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 2,000 handshakes")
	}
	probeGood(t, 2000)
}

// BenchmarkGoodEndpoints probes good endpoints, eight at a time, and fails where
// one needs a hello by hand: -benchtime 10000x is a scan of 10,000.
func BenchmarkGoodEndpoints(b *testing.B) {
	probeGood(b, b.N)
}

func probeGood(t testing.TB, endpoints int) {
	const certificates, workers = 100, 8
	bulk, err := dialertest.NewBulk(dialertest.NewCA("Bulk Root", dialertest.P256), certificates, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer bulk.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*reachPatience)
	defer cancel()
	var d dialer.Dialer
	var probes sync.WaitGroup
	for worker := range workers {
		probes.Go(func() {
			for i := worker; i < endpoints; i += workers {
				name := bulk.Host(i % certificates)
				h, err := probe(&d, ctx, dialer.Endpoint{Host: "127.0.0.1", Port: bulk.Addrs()[0].Port(), ServerName: name})
				if err != nil || h.Method != dialer.MethodHandshake || h.Parsed[0].DNSNames[0] != name {
					t.Errorf("%s: %v, by %q", name, err, h.Method)
				}
			}
		})
	}
	probes.Wait()
	if d.Rescues() != 0 || bulk.Servers()[0].Accepted() != int64(endpoints) {
		t.Errorf("%d endpoints: %d hellos by hand, %d connections", endpoints, d.Rescues(), bulk.Servers()[0].Accepted())
	}
}
