// As in cmd/certsweep, so that the same certificates and key exchanges pass.
//
//go:debug tlssha1=1
//go:debug rsa1024min=0
//go:debug x509negativeserial=1

package dialer

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"certsweep/dialer/dialertest"

	"go.uber.org/goleak"
)

// patience is longer than anything takes that is not meant to time out;
// impatience is for what is.
const (
	patience   = 20 * time.Second
	impatience = slowness * 300 * time.Millisecond
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// probe returns what a probe learnt.
func probe(d *Dialer, ctx context.Context, e Endpoint) (h Handshake, err error) {
	err = d.Probe(ctx, e, &h)
	return h, err
}

// within returns a context that ends with the test or after d.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// endpointAt is the server at addr under a name.
func endpointAt(addr netip.AddrPort, name string) Endpoint {
	return Endpoint{Host: addr.Addr().String(), Port: addr.Port(), ServerName: name}
}

// waitFor blocks until no connection to s is open.
func waitFor(t *testing.T, s *dialertest.Server) {
	t.Helper()
	if err := s.Wait(within(t, patience)); err != nil {
		t.Fatal(err)
	}
}

// testConfig is a server's configuration with a good certificate.
func testConfig(version uint16) *tls.Config {
	ca := dialertest.NewCA("Test Root", dialertest.P256)
	return &tls.Config{
		MinVersion: version, MaxVersion: version,
		Certificates: []tls.Certificate{ca.Issue(dialertest.Leaf{DNSNames: []string{"a.test"}})},
	}
}

// newServer starts a server that completes the handshake and leaves the rest
// to the given function.
func newServer(t *testing.T, config *tls.Config, then func(*tls.Conn)) *dialertest.Server {
	t.Helper()
	s := dialertest.NewRaw(func(c net.Conn) {
		if conn := tls.Server(c, config); conn.Handshake() == nil {
			then(conn)
		}
	})
	t.Cleanup(s.Close)
	return s
}

func newFarm(t *testing.T, names ...string) *dialertest.Farm {
	t.Helper()
	farm, err := dialertest.Start(names...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(farm.Close)
	return farm
}

// checkFailure holds err to a phase and a code.
func checkFailure(t *testing.T, err error, phase Phase, code Code) {
	t.Helper()
	var failure *Error
	if !errors.As(err, &failure) || failure.Phase != phase || failure.Code != code {
		t.Errorf("%v, want %s: %s", err, phase, code)
	}
}
