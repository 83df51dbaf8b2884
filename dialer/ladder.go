package dialer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
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
	if failure.Alert == alertNoApplicationProtocol && len(d.base.NextProtos) > 0 {
		if err, ok := d.withoutProtocols(ctx, e, h); ok {
			return err
		}
	}
	named := h.ServerName != ""
	if named && refusesName(failure) {
		if err, ok := d.nameless(ctx, e, h, failure); ok {
			return err
		}
		named = false
	}
	err := d.rescue(ctx, e, h, failure, len(d.rungs))
	switch {
	case len(h.Certificates) > 0:
		return d.askSmaller(ctx, e, h, err)
	case named && err == failure && !d.NoRescue && !h.answered && mayRefuseName(failure):
		return d.namelessByHand(ctx, e, h, failure)
	}
	return err
}

// withoutProtocols asks again without an application protocol, if those that were
// offered are what the server refused (RFC 7301 §3.2). ok is false if that shows
// nothing either.
func (d *Dialer) withoutProtocols(ctx context.Context, e *Endpoint, h *Handshake) (err *Error, ok bool) {
	plain := Handshake{Addr: h.Addr, ServerName: h.ServerName, Timing: Timing{Resolve: h.Timing.Resolve}}
	a := d.newAttempt(ctx, e, &plain)
	a.plain = true
	err = a.run(ctx)
	if err != nil && len(plain.Certificates) == 0 && err.Code != CodeShortage {
		return err, false
	}
	plain.ALPNRefused = true
	*h = plain
	return err, true
}

// refusesName reports whether a server's alert is about the name that it was asked
// for: OpenSSL and nginx answer internal_error, Python access_denied.
func refusesName(failure *Error) bool {
	if failure.Code != CodeAlert {
		return false
	}
	switch failure.Alert {
	case alertUnrecognizedName, alertInternalError, alertAccessDenied:
		return true
	}
	return false
}

// mayRefuseName reports whether the name may be what the server did not like, as
// nothing else was found to be: Node.js closes, and some send what they send for
// any reason.
func mayRefuseName(failure *Error) bool {
	switch failure.Code {
	case CodeEOF, CodeReset:
		return true
	case CodeAlert:
		return failure.Alert == alertHandshakeFailure || failure.Alert == alertDecodeError
	}
	return false
}

// nameless asks again without a server name. ok is false if that changed nothing.
func (d *Dialer) nameless(ctx context.Context, e *Endpoint, h *Handshake, failure *Error) (err *Error, ok bool) {
	if ctx.Err() != nil {
		return failure, false
	}
	nameless := Handshake{Addr: h.Addr, Timing: Timing{Resolve: h.Timing.Resolve}}
	err = d.newAttempt(ctx, e, &nameless).run(ctx)
	if err != nil && len(nameless.Certificates) == 0 {
		// If the name is what it refused, hellos by hand go without too.
		if failure.Alert == alertUnrecognizedName {
			err = d.rescue(ctx, e, &nameless, err, len(d.rungs))
		} else if err.Code != failure.Code || err.Alert != failure.Alert {
			err = d.rescue(ctx, e, &nameless, err, 1)
		}
	}
	if err == nil || len(nameless.Certificates) > 0 || err.Code == CodeShortage {
		*h = nameless
		return err, true
	}
	return failure, false
}

// namelessByHand asks again without a server name, by hand first: that hello has
// most suites, and who refuses everything is asked but once. Who answers it may
// complete a handshake without the name.
func (d *Dialer) namelessByHand(ctx context.Context, e *Endpoint, h *Handshake, failure *Error) *Error {
	if ctx.Err() != nil {
		return failure
	}
	nameless := Handshake{Addr: h.Addr, Timing: Timing{Resolve: h.Timing.Resolve}}
	err := d.rescue(ctx, e, &nameless, failure, 1)
	if len(nameless.Certificates) == 0 {
		return err
	}
	*h = nameless
	if ctx.Err() != nil || !d.speaks(h) {
		return err
	}
	whole := Handshake{Addr: h.Addr, Timing: Timing{Resolve: h.Timing.Resolve}}
	again := d.newAttempt(ctx, e, &whole).run(ctx)
	if again == nil || len(whole.Certificates) > 0 || again.Code == CodeShortage {
		*h, err = whole, again
	}
	return err
}

// askSmaller asks crypto/tls again if what it is that the server did not like may
// be the size of its hello: with a post-quantum share it takes two segments, and
// the hello by hand that was answered takes one. What then completes is the
// handshake of a server that does not bear what browsers send.
func (d *Dialer) askSmaller(ctx context.Context, e *Endpoint, h *Handshake, failure *Error) *Error {
	rungs := d.rungsAfter(failure)
	if !d.offersPostQuantum || h.answered || len(rungs) == 0 || h.Method != MethodHello13 && h.Method != rungs[0].method || !mayBeSize(failure) || ctx.Err() != nil || !d.speaks(h) {
		return failure
	}
	// Whoever answers now what it did not before is flaky, which is the caller's to
	// try again for.
	for _, classic := range []bool{false, true} {
		again := Handshake{Addr: h.Addr, ServerName: h.ServerName, Timing: Timing{Resolve: h.Timing.Resolve}}
		a := d.newAttempt(ctx, e, &again)
		a.classic = classic
		err := a.run(ctx)
		switch {
		case err != nil && err.Code == CodeShortage:
			return err
		case classic && err == nil:
			again.HelloIntolerant = true
			*h = again
			return nil
		case !classic && (err == nil || !mayBeSize(err)):
			return failure
		}
	}
	return failure
}

// mayBeSize reports whether a failure is what a hello of two segments gets from a
// server, or something before it, that reads one.
func mayBeSize(failure *Error) bool {
	switch failure.Code {
	case CodeEOF, CodeReset, CodeTimeout:
		return true
	case CodeAlert:
		return failure.Alert != alertHandshakeFailure && stumbled(failure.Alert)
	}
	return false
}

// speaks reports whether crypto/tls may well complete what a hello by hand began:
// it has the suite, and takes the key.
func (d *Dialer) speaks(h *Handshake) bool {
	if h.Version < tls.VersionTLS10 {
		return false
	}
	has := h.Version == tls.VersionTLS13 && h.CipherSuite <= tls.TLS_CHACHA20_POLY1305_SHA256 || slices.Contains(d.base.CipherSuites, h.CipherSuite)
	_, err := x509.ParseCertificate(h.Certificates[0])
	return has && err == nil
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

// rescue sends hellos made by hand where they may help, one rung after the other,
// most of them at most: the next only where the server may have stumbled over the
// form of the one before.
func (d *Dialer) rescue(ctx context.Context, e *Endpoint, h *Handshake, failure *Error, most int) *Error {
	if d.NoRescue || !rescuable(failure) && !saysSSL2(failure) {
		return failure
	}
	if saysSSL2(failure) {
		return d.askSSL2(ctx, e, h, failure)
	}
	rungs := d.rungsAfter(failure)
	said, last := refusals{handshake: failure}, failure
	for i := range rungs[:min(most, len(rungs))] {
		if i == 1 {
			rungs = said.order(rungs)
		}
		if said.spares(&rungs[i]) {
			continue
		}
		failed := d.climbTo(ctx, e, h, failure, &rungs[i])
		if failed == nil {
			return failure
		}
		said.note(&rungs[i], failed)
		switch last = failed; failed.Code {
		case CodeShortage:
			return failed
		case CodeNoCertificate, CodeTooLarge:
			failed.Err = fmt.Errorf("%w (%w)", failed.Err, failure.Err)
			return failed
		case CodeEOF, CodeReset:
			continue
		case CodeAlert:
			// Whatever a server says that had said nothing, it does speak.
			if stumbled(failed.Alert) || i == 0 && failure.Code == CodeTimeout {
				continue
			}
		case CodeNotTLS:
			if saysSSL2(failed) {
				return d.askSSL2(ctx, e, h, failure)
			}
		}
		return failure
	}
	if most == len(d.rungs) && last.Code == CodeAlert && last.Alert == alertProtocolVersion {
		// It has none of the versions from SSL 3.0 on.
		return d.askSSL2(ctx, e, h, failure)
	}
	return failure
}

// climbTo sends the hello of one rung. It returns nil if that got a certificate. As
// most peers that say nothing to crypto/tls say nothing to this, its frames are as
// small as those of an attempt (see run).
func (d *Dialer) climbTo(ctx context.Context, e *Endpoint, h *Handshake, failure *Error, r *rung) *Error {
	d.rescued.Add(1)
	got, err := d.fetch(ctx, e, h.Addr, r.client(h, failure), d.rescues)
	if len(got.Certificates) > 0 {
		h.keepRescued(r, got)
		return nil
	}
	return classify(PhaseHandshake, err)
}

// client returns what sends the rung's hello.
//
//go:noinline
func (r *rung) client(h *Handshake, failure *Error) *hello.Client {
	if h.ServerName == "" && failure.Alert != alertNoApplicationProtocol {
		return r.nameless
	}
	client := &hello.Client{Offer: r.offer, ServerName: h.ServerName}
	if failure.Alert == alertNoApplicationProtocol {
		// The protocols are what it refused.
		client.Offer.ALPN = nil
	}
	return client
}

// saysSSL2 reports whether what answered a hello of TLS is an error of SSL 2.0: a
// record of three bytes, the first of them zero.
func saysSSL2(failure *Error) bool {
	var first []byte
	if header, ok := errors.AsType[tls.RecordHeaderError](failure.Err); ok {
		first = header.RecordHeader[:]
	} else if notTLS, ok := errors.AsType[*hello.NotTLSError](failure.Err); ok {
		first = notTLS.First
	}
	return len(first) >= 3 && first[0] == 0x80 && first[1] == 3 && first[2] == 0
}

// askSSL2 sends the hello of SSL 2.0, whose server shows its certificate at once.
func (d *Dialer) askSSL2(ctx context.Context, e *Endpoint, h *Handshake, failure *Error) *Error {
	if !offersSSL2(d.base) || ctx.Err() != nil {
		return failure
	}
	d.rescued.Add(1)
	var got hello.Result
	var kinds []string
	err := d.exchange(ctx, e, h.Addr, func(conn net.Conn) (err error) {
		got, kinds, err = hello.FetchSSL2(conn)
		return err
	})
	if len(got.Certificates) > 0 {
		h.keepRescued(&rung{method: MethodSSL2}, &got)
		if len(kinds) > 0 {
			h.CipherName = kinds[0]
		}
	} else if failed := classify(PhaseHandshake, err); failed.Code == CodeShortage {
		return failed
	}
	return failure
}

// keepRescued takes over what a hello made by hand was shown.
func (h *Handshake) keepRescued(r *rung, got *hello.Result) {
	h.Method = r.method
	h.PostQuantumOffered = r.offer.PostQuantum()
	h.KeyProved, h.ClientCertRequested = got.KeyProved, got.ClientCertRequested
	h.Version, h.SupportsTLS13 = got.Version, got.SupportsTLS13
	h.CipherSuite = got.CipherSuite
	h.Group = tls.CurveID(got.Group)
	h.ALPN = got.ALPN
	h.OCSPStapled = got.OCSPStapled
	h.SCTCount = got.SCTCount
	h.Certificates = got.Certificates
}

// Rescues returns how many hellos made by hand were sent so far.
func (d *Dialer) Rescues() int64 { return d.rescued.Load() }
