package dialer

import (
	"cmp"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"certsweep/dialer/errno"
)

// The limits of a drain.
const (
	// DefaultDrainTimeout is long enough for one round trip to anywhere.
	DefaultDrainTimeout = time.Second
	// DefaultDrainBytes is more than a server has reason to say after a
	// handshake in which it was told nothing: a greeting, an error page.
	DefaultDrainBytes = 64 << 10

	// minDrainTimeout is what a server on the same network gets to answer a
	// close_notify in, whatever its share of drainRoundTrips comes to: as long as
	// it, or this machine, may be busy with others. A peer that never closes
	// holds no worker meanwhile (see BeforeDrain).
	minDrainTimeout = 250 * time.Millisecond
	// drainRoundTrips is how many times the TCP connect's time the drain
	// lasts: one round trip for goodbye and answer, and two for a loss.
	drainRoundTrips = 3
	// drainBuffer is small because thousands are in use at once.
	drainBuffer = 2 << 10
)

// DrainEnd says what ended a drain.
type DrainEnd string

// The ends of a drain.
const (
	DrainEOF      DrainEnd = "eof"      // the peer closed, as it should
	DrainDeadline DrainEnd = "deadline" // the time was up
	DrainCap      DrainEnd = "cap"      // the peer sent more than the cap
	DrainReset    DrainEnd = "reset"    // the connection broke, or what came broke the protocol
	DrainAlert    DrainEnd = "alert"    // the peer sent a fatal alert
	DrainOff      DrainEnd = "off"      // connections are not drained
)

// Drain is how a connection ended after its handshake. The zero value means
// that it did not come to a drain.
type Drain struct {
	Bytes int64 // application data read
	End   DrainEnd
}

var drainBuffers = sync.Pool{New: func() any { return new([drainBuffer]byte) }}

// drain says goodbye and reads what the peer still has to say, within limits. A
// connection that is only closed leaves the kernel
// with unread data, which resets the peer; a drain that only reads waits out
// its time on every well-behaved server, since those wait for us.
//
// A read error never spoils the handshake, but an alert here is the only place
// where TLS 1.3 tells that a client certificate is required.
func (a *attempt) drain(conn *tls.Conn) {
	raw := rawConn(conn)
	if a.d.DrainTimeout < 0 {
		// The goodbye still goes out, as it does in tls.Conn.Close.
		raw.SetDeadline(time.Now().Add(a.d.minDrainTimeout()))
		conn.CloseWrite()
		a.h.Drain.End = DrainOff
		setLinger(raw, -1)
		return
	}
	start := time.Now()
	// Reads and writes: crypto/tls answers a KeyUpdate with a write while it
	// holds both of its locks, and would hang on a peer that does not read.
	raw.SetDeadline(start.Add(a.drainLimit()))
	end, ended := a.awaitRefusal(conn, raw, start)
	err := conn.CloseWrite()
	if !ended {
		end = a.read(conn)
	}
	if errors.Is(end, io.EOF) {
		// A close_notify is not yet the end of the stream. What may come after it
		// would find the connection closed, and be answered with a reset.
		a.read(raw)
	}
	// A goodbye that did not get out is no reason not to read: a server that
	// has refused and reset us has sent its alert before.
	if ended || err == nil || isAlert(end) {
		err = end
	}
	a.h.Drain.End = a.drainEnd(err)
	if a.h.Drain.End == DrainEOF {
		// Both sides are done: an ordinary close, without a reset.
		setLinger(raw, -1)
	}
	a.h.Timing.Drain = time.Since(start)
}

// awaitRefusal waits, before the goodbye, for a server that was refused a
// certificate to end the connection: only then does that say anything, as after our
// goodbye every server ends it. GnuTLS and PHP have servers that send no alert, and
// PHP's look for the certificate after the handshake of any version. It waits for half of the drain's time at most, and reports
// whether the connection has ended, and how.
func (a *attempt) awaitRefusal(conn *tls.Conn, raw net.Conn, start time.Time) (end error, ended bool) {
	if !a.withheldCert() {
		return nil, false
	}
	limit := a.d.drainTimeout(a.h.Timing.Connect)
	raw.SetReadDeadline(start.Add(limit / 2))
	defer raw.SetReadDeadline(start.Add(a.drainLimit()))
	var first [1]byte
	n, err := conn.Read(first[:])
	a.h.Drain.Bytes += int64(n)
	switch {
	case err == nil, isTimeout(err):
		return nil, false
	case !isAlert(err) && (errors.Is(err, io.EOF) || errno.Is(err, syscall.ECONNRESET)):
		a.h.ClientCertRequired = true
	}
	return err, true
}

// drainLimit returns how long this drain may last. If a server of TLS 1.3 was
// refused a certificate, what it says in the drain belongs to the answer, however
// busy it is: then it has all of the Dialer's time. A server that does not mind
// answers our goodbye as soon as any other.
func (a *attempt) drainLimit() time.Duration {
	if a.h.Version == tls.VersionTLS13 && a.withheldCert() {
		return cmp.Or(a.d.DrainTimeout, DefaultDrainTimeout)
	}
	return a.d.drainTimeout(a.h.Timing.Connect)
}

// drainTimeout returns how long a drain may last.
func (d *Dialer) drainTimeout(connect time.Duration) time.Duration {
	limit := d.DrainTimeout
	if limit == 0 {
		limit = DefaultDrainTimeout
	}
	return min(limit, max(d.minDrainTimeout(), drainRoundTrips*connect))
}

func (d *Dialer) minDrainTimeout() time.Duration {
	if d.minDrain == 0 {
		return minDrainTimeout
	}
	return d.minDrain
}

var errDrainCap = errors.New("drain cap reached")

// read reads until an error, which may be the cap.
func (a *attempt) read(conn net.Conn) error {
	most := a.d.DrainBytes
	if most == 0 {
		most = DefaultDrainBytes
	}
	buf := drainBuffers.Get().(*[drainBuffer]byte)
	defer drainBuffers.Put(buf)
	for a.h.Drain.Bytes < most {
		n, err := conn.Read(buf[:min(most-a.h.Drain.Bytes, drainBuffer)])
		a.h.Drain.Bytes += int64(n)
		if err != nil {
			return err
		}
	}
	return errDrainCap
}

func (a *attempt) drainEnd(err error) DrainEnd {
	switch {
	case err == errDrainCap:
		return DrainCap
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return DrainEOF
	}
	if alert, ok := remoteAlert(err); ok {
		a.h.ClientCertRequired = a.alertWantsClientCert(alert)
		return DrainAlert
	}
	if isTimeout(err) {
		return DrainDeadline
	}
	return DrainReset
}

func isAlert(err error) bool {
	_, ok := remoteAlert(err)
	return ok
}

// rawConn returns the TCP connection under conn.
func rawConn(conn net.Conn) net.Conn {
	for {
		wrapped, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return conn
		}
		conn = wrapped.NetConn()
	}
}

// setLinger sets what closing the connection does, if it can be set.
func setLinger(conn net.Conn, seconds int) {
	if tcp, ok := conn.(interface{ SetLinger(int) error }); ok {
		tcp.SetLinger(seconds)
	}
}
