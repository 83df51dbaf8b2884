package dialer

import (
	"errors"
	"io"
	"net/netip"
	"time"
)

// leave ends the connection: with a goodbye, and when the server has ended it too, if
// that is to be in peace.
func (g *Glance) leave(closed error, peace bool) {
	g.begun = time.Now()
	if closed != nil || !peace {
		g.hangUp(errors.Is(closed, io.EOF))
		return
	}
	if g.err == nil || g.err.Code != CodeAlert && g.err.Code != CodeEOF {
		g.wire.say(g.query.Goodbye())
	}
	g.query = nil
	if g.d.DrainTimeout < 0 {
		g.hangUp(true)
		return
	}
	g.stage = glancePart
	limit := g.begun.Add(g.d.drainTimeout(g.h.Timing.Connect))
	if g.next != nextNothing && !g.deadline.IsZero() {
		// The time is the next hello's too.
		if most := g.begun.Add(g.deadline.Sub(g.begun) / rescuePart); most.Before(limit) {
			limit = most
		}
	}
	g.wire.SetReadDeadline(limit)
	if g.next == nextNothing && g.d.BeforeDrain != nil {
		g.d.BeforeDrain(g.ctx)
	}
}

// part reads to the end of the connection, as far as it is there.
func (g *Glance) part() {
	buf := drainBuffers.Get().(*[drainBuffer]byte)
	defer drainBuffers.Put(buf)
	most := g.d.DrainBytes
	if most == 0 {
		most = DefaultDrainBytes
	}
	err := g.wire.waited()
	for err == nil && g.read < most {
		var n int
		n, err = g.wire.take(buf[:])
		g.read += int64(n)
	}
	if err != errNothing {
		g.hangUp(errors.Is(err, io.EOF))
	}
}

// hangUp closes the connection, and goes on with what follows it.
func (g *Glance) hangUp(peace bool) {
	if g.next == nextNothing {
		g.h.Timing.Drain = time.Since(g.begun)
	}
	g.close(peace)
	g.query = nil
	if g.next != nextHello {
		g.stage = glanceDone
		return
	}
	if g.first = g.err; g.err.Code == CodeTimeout {
		// Those may be many, and hold no more than they have to.
		g.first = errSilent
	}
	g.next, g.second, g.err, g.read = nextNothing, true, nil, 0
	g.others = []netip.Addr{g.h.Addr.Addr()}
	g.dial()
}

// close closes the connection, if there is one.
func (g *Glance) close(peace bool) {
	g.detach()
	switch {
	case g.wire != nil:
		g.wire.end(peace)
	case g.conn != nil:
		rawConn(g.conn).Close()
	}
	g.wire, g.conn = nil, nil
}
