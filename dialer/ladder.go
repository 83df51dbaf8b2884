package dialer

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"certsweep/dialer/hello"
)

// rescuesInFlight bounds the rescue hellos that are being answered: each may be
// answered with 2 MiB.
const rescuesInFlight = 64

// rescueTimeout bounds one hello, so that peers that do not finish their answer do
// not keep the places from those that do.
const rescueTimeout = 3 * time.Second

// rescuePart is the part of its time that a handshake leaves to the hellos made by
// hand, rescueTimeout at most, as long as no certificate has come.
const rescuePart = 3

// climb goes on where the handshake of crypto/tls showed no certificate: it
// asks again without a server name where the server did not like that, and
// with hellos made by hand where another hello may be answered. It returns
// the failure to report, which stays the handshake's own: a hello that got a
// certificate is no completed handshake.
func (d *Dialer) climb(ctx context.Context, e *Endpoint, h *Handshake, failure *Error) *Error {
	if len(h.Certificates) > 0 || failure.Phase != PhaseHandshake || ctx.Err() != nil {
		return failure
	}
	if h.ServerName != "" && failure.Code == CodeAlert && (failure.Alert == alertUnrecognizedName || failure.Alert == alertInternalError) {
		nameless := Handshake{Addr: h.Addr, Timing: Timing{Resolve: h.Timing.Resolve}}
		err := d.newAttempt(ctx, e, &nameless).run(ctx)
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
// server refused it, its answer was beyond crypto/tls, or none came: a middlebox may
// have dropped a hello of two segments, and a server may have fallen silent after
// its certificate, before crypto/tls shows that.
func rescuable(failure *Error) bool {
	switch failure.Code {
	case CodeAlert:
		return failure.Alert != alertUnrecognizedName
	case CodeProtocol, CodeBadRecord, CodeEOF, CodeReset, CodeTimeout:
		return true
	}
	return false
}

// stumbled reports whether a server that sent an alert may have meant the
// hello's form, and so take another. Those that do not bear a newer version or
// an extension end in whatever alert their parser or their choice of a suite
// happens to give.
func stumbled(alert uint8) bool {
	switch alert {
	case alertUnexpectedMessage, alertBadRecordMAC, alertRecordOverflow, alertHandshakeFailure, alertIllegalParameter,
		alertDecodeError, alertProtocolVersion, alertInternalError, alertUnsupportedExtension:
		return true
	}
	return false
}

// rescue sends the hellos made by hand where they may help, one rung after the
// other: the next only where the server may have stumbled over the form of the one
// before.
func (d *Dialer) rescue(ctx context.Context, e *Endpoint, h *Handshake, failure *Error) *Error {
	if d.NoRescue || !rescuable(failure) {
		return failure
	}
	for _, rung := range d.rungs {
		d.rescued.Add(1)
		if failure.Alert == alertNoApplicationProtocol {
			// The protocols are what it refused.
			rung.offer.ALPN = nil
		}
		got, err := d.fetch(ctx, e, h.Addr, &hello.Client{Offer: rung.offer, ServerName: h.ServerName}, d.rescues)
		if len(got.Certificates) > 0 {
			h.keepRescued(&rung, &got)
			return failure
		}
		failed := classify(PhaseHandshake, err)
		switch failed.Code {
		case CodeShortage:
			return failed
		case CodeNoCertificate, CodeTooLarge:
			failed.Err = fmt.Errorf("%w (%w)", failed.Err, failure.Err)
			return failed
		case CodeEOF, CodeReset:
			continue
		case CodeAlert:
			if stumbled(failed.Alert) {
				continue
			}
		}
		return failure
	}
	return failure
}

// rung is a hello made by hand.
type rung struct {
	method Method
	offer  hello.Offer
}

// newRungs returns the hellos to try, within what config offers: versions,
// protocols, and whether post-quantum groups are among them. That its versions
// begin at TLS 1.0 is as low as crypto/tls goes, and no limit.
func newRungs(config *tls.Config) []rung {
	least := config.MinVersion
	if least <= tls.VersionTLS10 {
		least = 0
	}
	var rungs []rung
	for _, r := range []rung{{MethodHello13, hello.Hello13()}, {MethodHello10, hello.Hello10()}} {
		offer, ok := r.offer.Limit(least, config.MaxVersion)
		if !ok {
			continue
		}
		if r.method == MethodHello13 {
			offer.ALPN = config.NextProtos
		}
		if !hasPostQuantum(config.CurvePreferences) {
			offer = offer.WithoutPostQuantum()
		}
		rungs = append(rungs, rung{r.method, offer})
	}
	return rungs
}

// hasPostQuantum reports whether groups that a configuration prefers have a
// post-quantum one; the default ones do.
func hasPostQuantum(groups []tls.CurveID) bool {
	return len(groups) == 0 || slices.ContainsFunc(groups, func(group tls.CurveID) bool { return hello.IsPostQuantum(uint16(group)) })
}

// fetch makes a connection of its own for one hello. The answer takes a place as
// soon as it begins, and not before: who never answers has none.
func (d *Dialer) fetch(ctx context.Context, e *Endpoint, addr netip.AddrPort, client *hello.Client, places chan struct{}) (hello.Result, error) {
	a := d.newAttempt(ctx, e, &Handshake{Addr: addr})
	if limit := time.Now().Add(rescueTimeout); a.deadline.IsZero() || limit.Before(a.deadline) {
		a.deadline = limit
	}
	var got hello.Result
	err := a.open(ctx)
	if err == nil {
		answer := &answerConn{Conn: a.conn, ctx: ctx, places: places}
		got, err = client.Fetch(answer)
		answer.leave()
	}
	if failure := a.end(ctx, err); failure != nil {
		return got, failure
	}
	return got, nil
}

// answerConn is a connection whose answer takes a place when it begins, and has
// rescueTimeout from then on: waiting for a place is not the peer's doing.
type answerConn struct {
	net.Conn
	ctx    context.Context
	places chan struct{}
	taken  bool
}

// AwaitRead waits for the answer to begin, and for a place.
func (c *answerConn) AwaitRead() error {
	if patient, ok := c.Conn.(interface{ AwaitRead() error }); ok {
		if err := patient.AwaitRead(); err != nil {
			return err
		}
	}
	if c.places == nil {
		return nil
	}
	select {
	case c.places <- struct{}{}:
		c.taken = true
		limit := time.Now().Add(rescueTimeout)
		if end, ok := c.ctx.Deadline(); ok && end.Before(limit) {
			limit = end
		}
		return c.SetDeadline(limit)
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
}

// leave gives the place up.
func (c *answerConn) leave() {
	if c.taken {
		<-c.places
		c.taken = false
	}
}

// keepRescued takes over what a hello made by hand was shown.
func (h *Handshake) keepRescued(r *rung, got *hello.Result) {
	h.Method = r.method
	h.PostQuantumOffered = r.offer.PostQuantum()
	h.KeyProved, h.ClientCertRequested = got.KeyProved, got.ClientCertRequested
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
