package dialer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"certsweep/dialer/fingerprint"
	"certsweep/dialer/hello"
)

// Pace is how a Survey may go about its connections. The zero value has it make
// one after another, as fast as they come.
type Pace struct {
	// Turn, if it is not nil, is called before each connection, and waits until
	// it may be made.
	Turn func(ctx context.Context) error
	// Parallel, if it is not nil, runs some tasks at the same time, and returns
	// if all are done. Each makes one connection at a time.
	Parallel func(tasks ...func())
}

// Surveys reports whether the Dialer asks for more of a server than Probe does.
func (d *Dialer) Surveys() bool { return d.Enumerate != 0 || d.Fingerprint }

// Survey adds to h what the Dialer is to enumerate and to fingerprint, for an
// endpoint that Probe returned h and failure of. It enumerates nothing if no TLS
// server was met. It blocks until it is done; d.EnumerateTimeout bounds the time that
// its connections take, and ctx ends it early.
func (d *Dialer) Survey(ctx context.Context, e Endpoint, h *Handshake, failure error, pace Pace) {
	d.init()
	if d.Enumerate != 0 && speaksTLS(failure) {
		h.Enumeration = d.enumerator(e, h, pace).Run(ctx)
	}
	if d.Fingerprint {
		d.fingerprint(ctx, e, h, failure, pace)
	}
}

// fingerprint takes JARM and JA3S. An endpoint that no connection can be made to
// has the JARM of one that does not answer, which takes no more connections.
func (d *Dialer) fingerprint(ctx context.Context, e Endpoint, h *Handshake, failure error, pace Pace) {
	if failed, ok := errors.AsType[*Error](failure); ok {
		switch failed.Phase {
		case PhaseConnect:
			h.JARM = fingerprint.NoJARM
			return
		case PhaseHandshake:
		default:
			return
		}
	}
	en := d.enumerator(e, h, pace)
	if h.JARM, h.FingerprintError = en.JARM(ctx, e.Name()); h.JARM == fingerprint.NoJARM || h.FingerprintError != nil {
		return
	}
	// A server that does not like this hello has none.
	h.JA3S, _ = en.JA3S(ctx)
}

// speaksTLS reports whether what ended a probe is the doing of something that may
// speak TLS.
func speaksTLS(failure error) bool {
	if failure == nil {
		return true
	}
	e, ok := errors.AsType[*Error](failure)
	if !ok || e.Phase != PhaseHandshake {
		return false
	}
	switch e.Code {
	case CodeAlert, CodeBadRecord, CodeProtocol, CodeEOF, CodeReset, CodeNoCertificate, CodeTooLarge:
		return true
	}
	return false
}

func (d *Dialer) enumerator(e Endpoint, h *Handshake, pace Pace) *fingerprint.Enumerator {
	least := d.base.MinVersion
	if least <= tls.VersionTLS10 {
		least = 0 // as for the hellos made by hand, see newRungs
	}
	en := &fingerprint.Enumerator{
		Dial:          d.dialer(e, h.Addr),
		ServerName:    h.ServerName,
		ALPN:          d.base.NextProtos,
		What:          d.Enumerate,
		MinVersion:    least,
		MaxVersion:    d.base.MaxVersion,
		NoPostQuantum: !hasPostQuantum(d.base.CurvePreferences),
		Limit:         d.EnumerateTimeout,
		Turn:          pace.Turn,
		Parallel:      pace.Parallel,
	}
	if h.Method != "" {
		en.Known = fingerprint.Known{Version: h.Version, Suite: h.CipherSuite, Group: uint16(h.Group)}
	}
	if len(h.Certificates) > 0 {
		en.Known.CertificateCurve = hello.CurveOf(h.Certificates[0])
	}
	return en
}

// dialer returns what makes connections to an address of an endpoint that are
// ready for a ClientHello.
func (d *Dialer) dialer(e Endpoint, addr netip.AddrPort) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		a := d.newAttempt(ctx, &e, &Handshake{Addr: addr})
		err := a.open(ctx)
		if err == nil {
			// From here on the enumerator looks after the time.
			a.detach()
			return a.conn, nil
		}
		if failed := a.end(ctx, err); failed != nil && failed.Code == CodeShortage {
			err = fmt.Errorf("%w: %w", fingerprint.ErrShortage, err)
		}
		return nil, err
	}
}

// DefaultEnumerateTimeout is the limit of the time that the connections of an
// enumeration take together.
const DefaultEnumerateTimeout time.Duration = fingerprint.DefaultLimit
