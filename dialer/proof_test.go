package dialer

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"

	"certsweep/dialer/dialertest"
	"certsweep/dialer/hello"
)

// TestImpostors has servers that show somebody's chain and nothing of its key.
func TestImpostors(t *testing.T) {
	farm := newFarm(t)
	tried := 0
	for _, e := range farm.Endpoints {
		if !strings.HasPrefix(e.Name, "impostor-") {
			continue
		}
		tried++
		t.Run(e.Name, func(t *testing.T) {
			endpoint := endpointAt(e.Addr, e.Host)
			endpoint.StartTLS = Protocol(e.StartTLS)
			h, err := probe(new(Dialer), within(t, patience), endpoint)
			if err == nil || h.ClientCertRequired || h.KeyProved {
				t.Errorf("error %v, client certificate required %v, key proved %v", err, h.ClientCertRequired, h.KeyProved)
			}
			if len(h.Certificates) == 0 {
				t.Error("no certificate, so nothing was tried")
			}
		})
	}
	if tried < 5 {
		t.Errorf("only %d impostors", tried)
	}
}

// TestImpostorsAfterOthers: nothing that one server has proved counts for the next
// that is probed with the same configuration.
func TestImpostorsAfterOthers(t *testing.T) {
	farm := newFarm(t)
	d := new(Dialer)
	for _, before := range farm.Endpoints {
		if before.Plain.Status != "ok" || before.Plain.Drain != "eof" {
			continue
		}
		for _, e := range farm.Endpoints {
			if !strings.HasPrefix(e.Name, "impostor-") {
				continue
			}
			for _, e := range []*dialertest.Endpoint{before, e} {
				endpoint := endpointAt(e.Addr, e.Host)
				endpoint.StartTLS = Protocol(e.StartTLS)
				h, err := probe(d, within(t, patience), endpoint)
				if e != before && (err == nil || h.ClientCertRequired || h.KeyProved) {
					t.Errorf("%s after %s: error %v, client certificate required %v, key proved %v", e.Name, before.Name, err, h.ClientCertRequired, h.KeyProved)
				}
			}
		}
	}
}

// TestStartTLSImpostors: no protocol before TLS makes a difference.
func TestStartTLSImpostors(t *testing.T) {
	certificate := dialertest.SelfSigned(dialertest.Leaf{DNSNames: []string{"starttls.test"}})
	config := &tls.Config{Certificates: []tls.Certificate{certificate}}
	for _, protocol := range dialertest.StartTLSProtocols() {
		server, err := dialertest.NewStartTLS(protocol, dialertest.StartTLSImpostor, config)
		if err != nil {
			t.Fatal(err)
		}
		h, err := probe(new(Dialer), within(t, patience), startTLSEndpoint(server.Addr(), Protocol(protocol)))
		if failed, ok := err.(*Error); !ok || failed.Alert != alertCertificateRequired || h.ClientCertRequired || h.KeyProved || len(h.Certificates) != 1 {
			t.Errorf("%s: error %v, client certificate required %v, key proved %v, %d certificates", protocol, err, h.ClientCertRequired, h.KeyProved, len(h.Certificates))
		}
		server.Close()
	}
}

// mute drops what a server of TLS 1.2 sends of alerts.
type mute struct{ net.Conn }

func (m mute) Write(p []byte) (int, error) {
	const alert = 21 // RFC 5246 §6.2.1
	if p[0] == alert {
		return len(p), nil
	}
	return m.Conn.Write(p)
}

// TestRefusedWithoutAlert has servers that end the connection for want of a
// client certificate and do not say so, and others that look like them.
func TestRefusedWithoutAlert(t *testing.T) {
	const tls12, tls13 = tls.VersionTLS12, tls.VersionTLS13
	rsaExchange := []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}
	for _, test := range []struct {
		name    string
		version uint16
		suites  []uint16
		key     dialertest.Key
		auth    tls.ClientAuthType
		reset   bool
		listen  bool // the server reads on until the client says goodbye

		code             Code
		proved, required bool
	}{
		{"TLS 1.2, FIN", tls12, nil, dialertest.P256, tls.RequireAnyClientCert, false, false, "", true, true},
		{"TLS 1.2, RST", tls12, nil, dialertest.P256, tls.RequireAnyClientCert, true, false, "", true, true},
		{"TLS 1.2, ECDHE with RSA", tls12, nil, dialertest.RSA2048, tls.RequireAnyClientCert, false, false, "", true, true},
		{"TLS 1.2, RSA key exchange", tls12, rsaExchange, dialertest.RSA2048, tls.RequireAnyClientCert, false, false, CodeEOF, false, false},
		{"TLS 1.2, not asked", tls12, nil, dialertest.P256, tls.NoClientCert, false, false, "", true, false},
		{"TLS 1.3, FIN", tls13, nil, dialertest.P256, tls.RequestClientCert, false, false, "", true, true},
		{"TLS 1.3, RST", tls13, nil, dialertest.P256, tls.RequestClientCert, true, false, "", true, true},
		{"TLS 1.3, FIN, not asked", tls13, nil, dialertest.P256, tls.NoClientCert, false, false, "", true, false},
		{"TLS 1.3, FIN after our goodbye", tls13, nil, dialertest.P256, tls.RequestClientCert, false, true, "", true, false},
		{"TLS 1.3, RST after our goodbye", tls13, nil, dialertest.P256, tls.RequestClientCert, true, true, "", true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			ca := dialertest.NewCA("Root", dialertest.P256)
			config := &tls.Config{
				MinVersion: test.version, MaxVersion: test.version, CipherSuites: test.suites, ClientAuth: test.auth,
				Certificates: []tls.Certificate{ca.Issue(dialertest.Leaf{DNSNames: []string{"a.test"}, Key: test.key})},
			}
			s := dialertest.NewRaw(func(c net.Conn) {
				var conn net.Conn = c
				if test.version == tls12 {
					conn = mute{c}
				}
				server := tls.Server(conn, config)
				if server.Handshake() == nil && test.listen {
					server.Read(make([]byte, 1))
				}
				if test.reset {
					c.(interface{ SetLinger(int) error }).SetLinger(0)
				} else if test.version == tls13 || test.auth != tls.NoClientCert {
					c.(interface{ CloseWrite() error }).CloseWrite()
					io.Copy(io.Discard, struct{ io.Reader }{c})
				}
				c.Close()
			})
			t.Cleanup(s.Close)
			d := &Dialer{NoRescue: true, DrainTimeout: 2 * impatience, minDrain: 2 * impatience}
			h, err := probe(d, within(t, patience), endpointAt(s.Addr(), "a.test"))
			if test.code != "" {
				checkFailure(t, err, PhaseHandshake, test.code)
			} else if err != nil {
				t.Error(err)
			}
			if h.KeyProved != test.proved || h.ClientCertRequired != test.required {
				t.Errorf("key proved %v, client certificate required %v; drain %q", h.KeyProved, h.ClientCertRequired, h.Drain.End)
			}
			if want := test.auth != tls.NoClientCert; h.ClientCertRequested != want {
				t.Errorf("client certificate requested: %v", h.ClientCertRequested)
			}
		})
	}
}

// TestAlertWithRSAKeyExchange has an honest server: nothing that it sends before
// its alert is proof of its key.
func TestAlertWithRSAKeyExchange(t *testing.T) {
	ca := dialertest.NewCA("Root", dialertest.P256)
	for suite, proved := range map[uint16]bool{tls.TLS_RSA_WITH_AES_128_GCM_SHA256: false, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: true} {
		s := dialertest.NewTLS(&tls.Config{
			MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite}, ClientAuth: tls.RequireAnyClientCert,
			Certificates: []tls.Certificate{ca.Issue(dialertest.Leaf{DNSNames: []string{"a.test"}, Key: dialertest.RSA2048})},
		})
		t.Cleanup(s.Close)
		h, err := probe(new(Dialer), within(t, patience), endpointAt(s.Addr(), "a.test"))
		if h.KeyProved != proved || h.ClientCertRequired != proved || (err == nil) != proved {
			t.Errorf("%s: proved %v, required %v, %v", hello.SuiteName(suite), h.KeyProved, h.ClientCertRequired, err)
		}
	}
}
