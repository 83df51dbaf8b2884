//go:build unix

// As in cmd/certsweep, so that the same certificates and key exchanges pass.
//
//go:debug tlssha1=1
//go:debug rsa1024min=0
//go:debug x509negativeserial=1

// Package reach has tests alone: package dialer against servers that nobody
// here wrote, odd ones that somebody could have written, and hostile ones.
package reach

import (
	"context"
	"testing"
	"time"

	"certsweep/dialer"

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

// probe returns what a probe learnt.
func probe(d *dialer.Dialer, ctx context.Context, e dialer.Endpoint) (h dialer.Handshake, err error) {
	err = d.Probe(ctx, e, &h)
	return h, err
}

// drainTries is how many probes of a server may end in a drain's deadline that
// shall not: a server on loopback has 250 ms to answer, and is late if it shares
// a busy processor with all the others.
const drainTries = 10

// overtime is far beyond what a probe's time and its drain come to, and still
// no hang.
const overtime = 10 * time.Second

// probeInTime probes once, and again while the drain ends by its deadline but
// shall not. It fails the test if a probe goes on after its time.
func probeInTime(t *testing.T, d *dialer.Dialer, e dialer.Endpoint, limit time.Duration, deadline bool) (h dialer.Handshake, err error) {
	t.Helper()
	for range drainTries {
		began := time.Now()
		h, err = probe(d, within(t, limit), e)
		if took := time.Since(began); took > limit+overtime {
			t.Errorf("the probe took %v", took)
		}
		if deadline || h.Drain.End != dialer.DrainDeadline {
			break
		}
	}
	return h, err
}
