package dialer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"certsweep/dialer/rescue"
)

// rescuesInFlight bounds the rescue hellos under way: each may be answered
// with 2 MiB.
const rescuesInFlight = 64

// rescueTimeout bounds one hello, so that peers that answer none of them do
// not keep the places from those that do.
const rescueTimeout = 3 * time.Second

// climb goes on where the handshake of crypto/tls showed no certificate: it
// asks again without a server name where the server did not like that, and
// with hellos made by hand where another hello may be answered. It returns
// the failure to report, which stays the handshake's own: a hello that got a
// certificate is no completed handshake.
func (d *Dialer) climb(ctx context.Context, e Endpoint, h *Handshake, failure *Error) *Error {
	if len(h.Certificates) > 0 || failure.Phase != PhaseHandshake || ctx.Err() != nil {
		return failure
	}
	if h.ServerName != "" && failure.Code == CodeAlert && (failure.Alert == alertUnrecognizedName || failure.Alert == alertInternalError) {
		nameless := Handshake{Addr: h.Addr, Timing: Timing{Resolve: h.Timing.Resolve}}
		a := attempt{d: d, h: &nameless, endpoint: e, phase: PhaseConnect}
		err := a.run(ctx)
		if err != nil && len(nameless.Certificates) == 0 && failure.Alert == alertUnrecognizedName {
			// The name is what it refused, so a hello by hand goes without too.
			err = d.rescue(ctx, e, &nameless, err)
		}
		if err == nil || len(nameless.Certificates) > 0 || err.Code == CodeShortage {
			*h = nameless
			return err
		}
	}
	return d.rescue(ctx, e, h, failure)
}

// rescuable reports whether another hello may show what this one did not: the
// server refused it, or its answer was beyond crypto/tls.
func rescuable(failure *Error) bool {
	switch failure.Code {
	case CodeAlert:
		return failure.Alert != alertUnrecognizedName
	case CodeProtocol, CodeBadRecord, CodeEOF, CodeReset:
		return true
	}
	return false
}

// stumbled reports whether a server that sent an alert may have meant the
// hello's form, and so take another. Those that do not bear a newer version or
// an extension end in whatever alert their parser or their choice of a suite
// happens to give.
func stumbled(alert rescue.AlertError) bool {
	switch alert {
	case alertUnexpectedMessage, alertBadRecordMAC, alertRecordOverflow, alertHandshakeFailure, alertIllegalParameter,
		alertDecodeError, alertProtocolVersion, alertInternalError, alertUnsupportedExtension:
		return true
	}
	return false
}

// rescue sends the hellos made by hand where they may help, as many at a time
// as there are places, the second only where the server may have stumbled over
// the first one's form.
func (d *Dialer) rescue(ctx context.Context, e Endpoint, h *Handshake, failure *Error) *Error {
	if d.NoRescue || !rescuable(failure) {
		return failure
	}
	select {
	case d.rescues <- struct{}{}:
		defer func() { <-d.rescues }()
	case <-ctx.Done():
		return failure
	}
	for _, hello := range []rescue.Hello{rescue.Hello13, rescue.Hello10} {
		d.rescued.Add(1)
		client := rescue.Client{Hello: hello, ServerName: h.ServerName, NoPostQuantum: d.offersNoPostQuantum()}
		got, err := d.fetch(ctx, e, h.Addr, &client)
		if len(got.Certificates) > 0 {
			h.keepRescued(hello, &got)
			return failure
		}
		switch {
		case errors.Is(err, rescue.ErrNoCertificate):
			return &Error{Phase: PhaseHandshake, Code: CodeNoCertificate, Err: fmt.Errorf("%w (%w)", err, failure.Err)}
		case errors.Is(err, rescue.ErrTooLarge):
			return &Error{Phase: PhaseHandshake, Code: CodeTooLarge, Err: fmt.Errorf("%w (%w)", err, failure.Err)}
		}
		alert, _ := errors.AsType[rescue.AlertError](err)
		failed := classify(PhaseHandshake, err)
		code := failed.Code
		if code == CodeShortage {
			return failed
		}
		if !stumbled(alert) && code != CodeEOF && code != CodeReset {
			break
		}
	}
	return failure
}

// fetch makes a connection of its own for one hello.
func (d *Dialer) fetch(ctx context.Context, e Endpoint, addr netip.AddrPort, client *rescue.Client) (rescue.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, rescueTimeout)
	defer cancel()
	a := attempt{d: d, h: &Handshake{Addr: addr}, endpoint: e, phase: PhaseConnect}
	conn, err := a.open(ctx)
	if err != nil {
		return rescue.Result{}, err
	}
	raw := rawConn(conn)
	defer raw.Close()
	stop := context.AfterFunc(ctx, func() { raw.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	return client.Fetch(conn)
}

// offersNoPostQuantum reports whether the configuration leaves the
// post-quantum groups out.
func (d *Dialer) offersNoPostQuantum() bool {
	for _, group := range d.base.CurvePreferences {
		if IsPostQuantum(group) {
			return false
		}
	}
	return len(d.base.CurvePreferences) > 0
}

// keepRescued takes over what a hello made by hand was shown.
func (h *Handshake) keepRescued(hello rescue.Hello, got *rescue.Result) {
	h.Method = Method(hello.String())
	h.Version = got.Version
	h.CipherSuite = got.CipherSuite
	h.Group = tls.CurveID(got.Group)
	h.ALPN = got.ALPN
	h.OCSPStapled = got.OCSPStapled
	h.SCTCount = got.SCTCount
	h.Certificates = got.Certificates
}

// Rescues returns how many hellos made by hand were sent so far.
func (d *Dialer) Rescues() int64 { return d.rescued.Load() }
