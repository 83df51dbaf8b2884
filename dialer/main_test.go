// As in cmd/certsweep, so that the same certificates and key exchanges pass.
//
//go:debug tlssha1=1
//go:debug rsa1024min=0
//go:debug x509negativeserial=1

package dialer

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"certsweep/dialer/dialertest"

	"go.uber.org/goleak"
)

// patience is longer than anything takes that is not meant to time out.
const patience = 20 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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
