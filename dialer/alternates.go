package dialer

import (
	"bytes"
	"context"
	"fmt"

	"certsweep/dialer/hello"
)

// alternatesInFlight bounds the hellos under way that ask for other
// certificates: each may be answered with 2 MiB.
const alternatesInFlight = 256

// Alternate is a further certificate of an endpoint, which it shows to clients
// that take another kind of key.
type Alternate struct {
	Method  Method
	Version uint16
	// KeyProved is as in [Handshake].
	KeyProved bool
	// Certificates are as received, the leaf first.
	Certificates [][]byte
}

// askForAlternates asks for the kinds of key that the handshake did not show,
// each with a hello made by hand on a connection of its own. A server without
// one refuses it.
func (d *Dialer) askForAlternates(ctx context.Context, e *Endpoint, h *Handshake) {
	if len(h.Certificates) == 0 {
		return
	}
	h.Alternates = []Alternate{}
	select {
	case d.alternates <- struct{}{}:
		defer func() { <-d.alternates }()
	case <-ctx.Done():
		h.AlternatesError = classify(PhaseHandshake, ctx.Err())
		return
	}
	shown := hello.KindOf(h.Certificates[0])
	for _, kind := range hello.KeyKinds() {
		if kind == shown || len(d.rungs) == 0 {
			continue
		}
		rung := d.rungs[0]
		got, err := d.fetch(ctx, e, h.Addr, &hello.Client{Offer: rung.offer.OnlyKeys(kind), ServerName: h.ServerName}, nil)
		if len(got.Certificates) > 0 {
			if !bytes.Equal(got.Certificates[0], h.Certificates[0]) {
				h.Alternates = append(h.Alternates, Alternate{rung.method, got.Version, got.KeyProved, got.Certificates})
			}
			continue
		}
		failed := classify(PhaseHandshake, err)
		switch failed.Code {
		case CodeAlert, CodeEOF, CodeReset, CodeProtocol, CodeNoCertificate:
			// It has none.
		default:
			failed.Err = fmt.Errorf("asking for an %s certificate: %w", kind, failed.Err)
			h.AlternatesError = failed
			return
		}
	}
}
