package dialer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"certsweep/dialer/hello"
)

// Glance is a probe of a Dialer that is Fast, in steps, so that little memory is
// held while a peer is waited for: the one who waits needs hardly a stack, and who
// takes the steps never waits. [Dialer.Begin] begins one; then Wait and Step follow
// each other until Step returns false, and Finish once. The calls may be made by
// different goroutines, one after the other.
type Glance struct {
	attempt // at the present address, with the present hello
	ctx     context.Context
	others  []netip.Addr // to try if this address takes no connection
	second  bool         // it is the second hello

	wire  glanceWire
	query *hello.Query
	stage glanceStage
	next  glanceNext // after the end of the connection
	err   *Error     // of the probe, as far as it is known
	first *Error     // of the first hello
	begun time.Time  // of the drain
	read  int64      // bytes read in it
}

type glanceStage uint8

const (
	glanceAnswer glanceStage = iota // the server's flight is waited for
	glancePart                      // its end of the connection is
	glanceDone
)

// glanceNext says what follows a connection.
type glanceNext uint8

const (
	nextNothing   glanceNext = iota
	nextHello                // the second hello
	nextHandshake            // the ordinary probe
)

// glanceWire is the connection of a Glance. Only wait blocks, or both it and take.
type glanceWire interface {
	// wait blocks until the hello is sent and something came, the end or the
	// deadline included.
	wait()
	// connected returns when the TCP connection was made, and else why it was not.
	connected() (time.Time, error)
	// take reads what is there, errNothing if nothing is.
	take(room []byte) (int, error)
	// waited returns the error that wait ended with, nil if something came.
	waited() error
	// say sends something, if there is room.
	say(record []byte)
	// SetReadDeadline is that of a [net.Conn].
	SetReadDeadline(time.Time) error
	// end closes the connection: with a reset unless it ended in peace.
	end(peace bool)
}

// errSilent is the failure of a peer that was silent to the first hello.
var errSilent = &Error{Phase: PhaseHandshake, Code: CodeTimeout, Err: fmt.Errorf("read: %w", os.ErrDeadlineExceeded)}

var errNothing = errors.New("nothing is there yet")

// fastOffers returns the two hellos of a Dialer that is Fast, nil for one that has
// nothing to offer within config's versions.
func fastOffers(config *tls.Config) (first, second *hello.Asker, err error) {
	least := config.MinVersion
	if least <= tls.VersionTLS10 {
		least = 0
	}
	if config.MaxVersion == 0 || config.MaxVersion >= tls.VersionTLS13 {
		offer, _ := hello.Fast13().Limit(least, config.MaxVersion)
		offer.ALPN = config.NextProtos
		if second, err = hello.NewAsker(offer); err != nil {
			return nil, nil, err
		}
	}
	if offer, ok := hello.Fast12().Limit(least, config.MaxVersion); ok {
		offer.ALPN = config.NextProtos
		first, err = hello.NewAsker(offer)
	}
	return first, second, err
}

// Begin begins the probe of an endpoint by a Dialer that is Fast, which goes on as
// [Dialer.Probe] says. It returns nil if only Probe can make it: the TCP connection
// is not the Dialer's own, or has a preamble. Begin blocks for a look-up.
func (d *Dialer) Begin(ctx context.Context, e *Endpoint, h *Handshake) *Glance {
	if !d.Fast || !canStep || d.NetDialer != nil || e.StartTLS != "" || d.AllCertificates {
		return nil
	}
	d.init()
	return d.glance(ctx, e, h)
}

// fast makes the whole of a Glance, and blocks meanwhile.
func (d *Dialer) fast(ctx context.Context, e *Endpoint, h *Handshake) error {
	g := d.glance(ctx, e, h)
	for g.stage != glanceDone {
		g.Wait()
		g.Step()
	}
	return g.Finish()
}

// glance resolves the endpoint and begins with its first address.
func (d *Dialer) glance(ctx context.Context, e *Endpoint, h *Handshake) *Glance {
	g := &Glance{attempt: attempt{d: d, h: h, endpoint: e}, ctx: ctx}
	addrs, failure := d.resolve(ctx, e, h)
	if failure != nil {
		g.stage, g.err = glanceDone, failure
		return g
	}
	if d.fastErr != nil {
		g.stage, g.err = glanceDone, classify(PhaseLocal, d.fastErr)
		return g
	}
	g.others = addrs
	g.second = d.fast12 == nil
	g.dial()
	return g
}

// dial asks at the first of the other addresses. If that fails at once, it asks at
// the next.
func (g *Glance) dial() {
	for {
		g.h.Addr = netip.AddrPortFrom(g.others[0], g.endpoint.Port)
		g.others = g.others[1:]
		err := g.ask()
		if err == nil {
			g.stage = glanceAnswer
			return
		}
		g.close(false)
		if !g.elsewhere(g.failure(g.ctx, err)) {
			g.stage = glanceDone
			return
		}
	}
}

// elsewhere notes a failure, and reports whether another address is worth a try
// after it, as this one took no connection.
func (g *Glance) elsewhere(failure *Error) bool {
	if g.err = failure; g.first != nil && g.phase == PhaseConnect && failure.Code != CodeShortage && failure.Code != CodeCanceled {
		// It did take a connection.
		g.err = g.first
		return false
	}
	return g.phase == PhaseConnect && failure.Phase != PhaseLocal && failure.Phase != PhaseProxy && g.ctx.Err() == nil && len(g.others) > 0
}

// ask connects, and sends the hello or has it sent.
func (g *Glance) ask() error {
	g.attempt = attempt{d: g.d, h: g.h, endpoint: g.endpoint, phase: PhaseConnect, start: time.Now()}
	g.deadline, _ = g.ctx.Deadline()
	limit := g.deadline
	if !g.second && g.d.fast13 != nil && !limit.IsZero() {
		// A silent peer is asked again, as its firewall may not like the first form.
		limit = limit.Add(-min(rescueTimeout, time.Until(limit)/rescuePart))
	}
	asker := g.d.fast12
	if g.second {
		asker = g.d.fast13
	}
	query, record, err := asker.Ask(g.h.ServerName)
	if err != nil {
		return err
	}
	g.query = query
	if canStep && g.d.NetDialer == nil && g.endpoint.StartTLS == "" {
		return g.dialSteps(record, limit)
	}
	if err := g.open(g.ctx); err != nil {
		return err
	}
	wire := &blockingWire{conn: g.conn, made: g.start}
	g.conn.SetDeadline(limit)
	g.wire = wire
	_, wire.err = g.conn.Write(record)
	return nil
}

// Wait blocks until there is a step to take, the deadlines of the probe's context and
// its cancellation included.
func (g *Glance) Wait() {
	if g.wire != nil {
		g.wire.wait()
	}
}

// Step does what there is to do, and does not block. It returns false if nothing is
// left but Finish.
func (g *Glance) Step() (more bool) {
	switch g.stage {
	case glanceAnswer:
		g.answer()
	case glancePart:
		g.part()
	}
	return g.stage != glanceDone
}

// Blocks reports whether Finish may block: the server answered nothing that is of
// use, and is asked as any Dialer asks.
func (g *Glance) Blocks() bool { return g.err != nil && g.next == nextHandshake }

// Finish ends the probe, and returns what Probe does.
func (g *Glance) Finish() error {
	if g.next == nextHandshake {
		h, addr := g.h, g.h.Addr.Addr()
		*h = Handshake{ServerName: g.d.serverName(g.endpoint), Timing: Timing{Resolve: h.Timing.Resolve}}
		g.err = g.d.handshake(g.ctx, g.endpoint, []netip.Addr{addr}, h)
	}
	if g.err != nil {
		return g.err
	}
	return nil
}

// answer takes what the server answered.
func (g *Glance) answer() {
	if g.phase == PhaseConnect {
		made, err := g.wire.connected()
		if g.h.Timing.Connect = time.Since(g.start); err == nil {
			g.h.Timing.Connect = made.Sub(g.start)
			g.phase, g.start = PhaseHandshake, made
		} else {
			g.close(false)
			if failure := g.failure(g.ctx, g.connectError(err)); g.elsewhere(failure) {
				g.dial()
			} else {
				g.stage = glanceDone
			}
			return
		}
	}
	if g.query == nil {
		g.query = g.d.fast12.Query()
	}
	certified := len(g.query.Certificates) > 0
	err := g.wire.waited()
	for err == nil {
		var n int
		if n, err = g.wire.take(g.query.Room()); err != nil {
			break
		}
		if ended, err := g.query.Received(n); ended {
			g.answered(err, nil)
			return
		}
	}
	if err != errNothing {
		g.answered(g.query.Closed(err), err)
	} else if !certified && len(g.query.Certificates) > 0 {
		// What is left of the flight is not worth all of the time.
		g.wire.SetReadDeadline(time.Now().Add(g.d.drainTimeout(g.h.Timing.Connect)))
	}
}

// answered ends the wait for an answer. err is nil if there is a certificate, and
// closed is the error of the connection if it has ended.
func (g *Glance) answered(err, closed error) {
	g.h.Timing.Handshake = time.Since(g.start)
	if err != nil {
		g.refused(g.failure(g.ctx, err), closed)
		return
	}
	g.err = nil
	g.keep()
	g.leave(closed, true)
}

// keep notes what the server showed.
func (g *Glance) keep() {
	method := MethodFast12
	if g.second {
		method = MethodFast13
	}
	g.h.keepRescued(&rung{method: method}, &g.query.Result)
	g.h.PostQuantumOffered = false
}

// refused decides what follows an answer without a certificate.
func (g *Glance) refused(failure *Error, closed error) {
	g.err = failure
	again := !g.second && g.d.fast13 != nil
	peace := true
	g.next = nextHandshake
	switch failure.Code {
	case CodeTimeout:
		// Whoever is silent to two small hellos has nothing to say to a large one.
		peace, g.next = false, nextNothing
		if again {
			g.next = nextHello
		}
	case CodeAlert:
		if again && failure.Alert == alertProtocolVersion {
			g.next = nextHello
		}
	case CodeNotTLS:
		if peace = false; !mayBeTLS(failure) {
			g.next = nextNothing
		}
	case CodeShortage, CodeCanceled:
		peace, g.next = false, nextNothing
	case CodeBadRecord, CodeReset:
		peace = false
	}
	if g.ctx.Err() != nil {
		g.next = nextNothing
	}
	g.leave(closed, peace)
}

// mayBeTLS reports whether what does not begin as the answer to a hello of TLS does
// may be a broken record of it, or SSL 2.0.
func mayBeTLS(failure *Error) bool {
	notTLS, ok := errors.AsType[*hello.NotTLSError](failure.Err)
	return ok && len(notTLS.First) > 0 && 20 <= notTLS.First[0] && notTLS.First[0] <= 23 || saysSSL2(failure)
}

// connectError says if it was the time of the connect alone that was up.
func (g *Glance) connectError(err error) error {
	if own := g.d.connectTimeout(); own > 0 && isTimeout(err) && g.ctx.Err() == nil && (g.deadline.IsZero() || g.start.Add(own).Before(g.deadline)) {
		return &Error{Phase: PhaseConnect, Code: CodeTimeout, Err: errConnectTimeout}
	}
	return err
}
