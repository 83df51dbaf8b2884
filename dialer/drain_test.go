package dialer

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"certsweep/dialer/dialertest"
	"certsweep/dialer/hello"
)

// TestGoodbyeComesFirst has a server that speaks only when it has the client's
// close_notify: a drain that reads first would wait for it in vain.
func TestGoodbyeComesFirst(t *testing.T) {
	const greeting = "goodbye to you too"
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(hello.VersionName(version), func(t *testing.T) {
			s := newServer(t, testConfig(version), func(c *tls.Conn) {
				if _, err := c.Read(make([]byte, 1)); err != io.EOF {
					t.Errorf("server read %v, want close_notify", err)
					return
				}
				io.WriteString(c, greeting)
				c.CloseWrite()
				c.NetConn().(interface{ CloseWrite() error }).CloseWrite()
				// A conn of dialertest notes a reset where it is read from.
				io.Copy(io.Discard, struct{ io.Reader }{c.NetConn()})
			})
			d := &Dialer{DrainTimeout: patience, minDrain: patience}
			h, err := probe(d, within(t, patience), endpointAt(s.Addr(), "a.test"))
			if err != nil {
				t.Fatal(err)
			}
			if h.Drain != (Drain{Bytes: int64(len(greeting)), End: DrainEOF}) || h.Timing.Drain <= 0 {
				t.Errorf("drain %+v in %v", h.Drain, h.Timing.Drain)
			}
			waitFor(t, s)
			if s.Resets() != 0 {
				t.Error("the connection was reset after both had said goodbye")
			}
		})
	}
}

// TestDrainReadsToTheEnd has a server that sends more after its close_notify, a
// moment later: the stream is not over before TCP says so.
func TestDrainReadsToTheEnd(t *testing.T) {
	for name, more := range map[string]int{"nothing": 0, "some bytes": 1000, "more than the cap": DefaultDrainBytes + 1} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, testConfig(tls.VersionTLS13), func(c *tls.Conn) {
				c.Read(make([]byte, 1))
				c.CloseWrite()
				raw := c.NetConn()
				raw.SetWriteDeadline(time.Time{}) // CloseWrite has set one
				time.Sleep(20 * time.Millisecond) // or it may come together
				raw.Write(make([]byte, more))
				raw.(interface{ CloseWrite() error }).CloseWrite()
				io.Copy(io.Discard, struct{ io.Reader }{raw})
			})
			d := &Dialer{DrainTimeout: patience, minDrain: patience}
			h, err := probe(d, within(t, patience), endpointAt(s.Addr(), "a.test"))
			if err != nil || h.Drain.End != DrainEOF || h.Drain.Bytes != int64(min(more, DefaultDrainBytes)) {
				t.Errorf("drain %+v, %v", h.Drain, err)
			}
			waitFor(t, s)
			if resets := s.Resets() != 0; resets != (more > DefaultDrainBytes) {
				t.Errorf("%d resets", s.Resets())
			}
		})
	}
}

// TestBeforeDrain: it is called for what drains, with the probe's context, and
// once.
func TestBeforeDrain(t *testing.T) {
	farm := newFarm(t, "good", "client-cert-tls13", "unoffered-suite", "silent", "refused")
	type key struct{}
	for _, test := range []struct {
		name  string
		d     *Dialer
		calls int
	}{
		{"good", &Dialer{}, 1},
		{"client-cert-tls13", &Dialer{}, 1},
		{"good", &Dialer{DrainTimeout: -1}, 0},
		{"good", &Dialer{AllCertificates: true}, 0},
		{"unoffered-suite", &Dialer{}, 0},
		{"silent", &Dialer{}, 0},
		{"refused", &Dialer{}, 0},
	} {
		calls := 0
		test.d.BeforeDrain = func(ctx context.Context) {
			if ctx.Value(key{}) == test.name {
				calls++
			}
		}
		e := farm.Endpoint(test.name)
		limit := patience
		if test.name == "silent" {
			limit = impatience
		}
		probe(test.d, context.WithValue(within(t, limit), key{}, test.name), endpointAt(e.Addr, e.Host))
		if calls != test.calls {
			t.Errorf("%s: %d calls, want %d", test.name, calls, test.calls)
		}
	}
}

func TestDrainCap(t *testing.T) {
	farm := newFarm(t, "flood")
	e := farm.Endpoint("flood")
	for i, test := range []struct{ bytes, want int64 }{
		{1, 1}, {drainBuffer, drainBuffer}, {5000, 5000}, {1 << 20, 1 << 20}, {0, DefaultDrainBytes},
	} {
		d := &Dialer{DrainBytes: test.bytes, DrainTimeout: patience, minDrain: patience}
		h, err := probe(d, within(t, patience), endpointAt(e.Addr, e.Host))
		if err != nil {
			t.Fatal(err)
		}
		if h.Drain != (Drain{Bytes: test.want, End: DrainCap}) {
			t.Errorf("cap %d: drain %+v, want %d bytes", test.bytes, h.Drain, test.want)
		}
		waitFor(t, e.Server)
		if got := e.Server.Resets(); got != int64(i)+1 {
			t.Errorf("cap %d: %d resets, want one of each of %d probes", test.bytes, got, i+1)
		}
	}
}

// TestDrainDeadline has servers that never close, quiet and talkative.
func TestDrainDeadline(t *testing.T) {
	farm := newFarm(t, "ignores-close", "slow-flood")
	for _, e := range farm.Endpoints {
		t.Run(e.Name, func(t *testing.T) {
			d := &Dialer{DrainTimeout: impatience, minDrain: impatience}
			h, err := probe(d, within(t, patience), endpointAt(e.Addr, e.Host))
			if err != nil {
				t.Fatal(err)
			}
			if h.Drain.End != DrainDeadline || h.Timing.Drain < impatience {
				t.Errorf("drain ended with %q after %v", h.Drain.End, h.Timing.Drain)
			}
			// Closed with a reset, so that nothing stays behind in the kernel.
			waitFor(t, e.Server)
			if e.Server.Resets() != 1 {
				t.Errorf("%d resets, want 1", e.Server.Resets())
			}
		})
	}
}

func TestDrainTimeout(t *testing.T) {
	const ms = time.Millisecond
	for _, test := range []struct{ limit, connect, want time.Duration }{
		{0, 0, 250 * ms},
		{0, 80 * ms, 250 * ms},
		{0, 100 * ms, 300 * ms},
		{0, 400 * ms, time.Second},
		{2 * time.Second, 400 * ms, 1200 * ms},
		{200 * ms, 100 * ms, 200 * ms},
		{30 * ms, 0, 30 * ms},
		{30 * ms, time.Second, 30 * ms},
	} {
		d := Dialer{DrainTimeout: test.limit}
		if got := d.drainTimeout(test.connect); got != test.want {
			t.Errorf("limit %v, connected in %v: %v, want %v", test.limit, test.connect, got, test.want)
		}
	}
}

// TestDrainFollowsConnect has nothing but the connect's time to bound a drain.
func TestDrainFollowsConnect(t *testing.T) {
	e := newFarm(t, "ignores-close").Endpoints[0]
	d := &Dialer{DrainTimeout: time.Hour, minDrain: 1}
	h, err := probe(d, within(t, patience), endpointAt(e.Addr, e.Host))
	if err != nil {
		t.Fatal(err)
	}
	if h.Drain.End != DrainDeadline || h.Timing.Drain < drainRoundTrips*h.Timing.Connect {
		t.Errorf("drain ended with %q after %v; the connect took %v", h.Drain.End, h.Timing.Drain, h.Timing.Connect)
	}
}

// TestDrainOff still says goodbye, and waits for nothing.
func TestDrainOff(t *testing.T) {
	goodbye := make(chan error, 1)
	s := newServer(t, testConfig(tls.VersionTLS12), func(c *tls.Conn) {
		_, err := c.Read(make([]byte, 1))
		goodbye <- err
		io.Copy(io.Discard, struct{ io.Reader }{c.NetConn()})
	})
	d := &Dialer{DrainTimeout: -1, minDrain: patience}
	h, err := probe(d, within(t, patience), endpointAt(s.Addr(), "a.test"))
	if err != nil {
		t.Fatal(err)
	}
	if h.Drain != (Drain{End: DrainOff}) || h.Timing.Drain != 0 {
		t.Errorf("drain %+v in %v", h.Drain, h.Timing.Drain)
	}
	if err := <-goodbye; err != io.EOF {
		t.Errorf("server read %v, want close_notify", err)
	}
	waitFor(t, s)
	if s.Resets() != 0 {
		t.Error("the connection was reset")
	}
}

// TestFailedHandshakeResets holds a failed dial to SO_LINGER 0.
func TestFailedHandshakeResets(t *testing.T) {
	farm := newFarm(t, "silent")
	e := farm.Endpoint("silent")
	if _, err := probe(&Dialer{NoRescue: true}, within(t, impatience), endpointAt(e.Addr, e.Host)); err == nil {
		t.Fatal("a handshake with a silent server succeeded")
	}
	waitFor(t, e.Server)
	if e.Server.Resets() != 1 {
		t.Errorf("%d resets, want 1", e.Server.Resets())
	}
}

// TestAlertBeforeReset has a server that sent its alert and reset the
// connection before our goodbye: the alert is still there to be read.
func TestAlertBeforeReset(t *testing.T) {
	config := testConfig(tls.VersionTLS13)
	config.ClientAuth = tls.RequireAnyClientCert
	closed := make(chan struct{})
	s := dialertest.NewRaw(func(c net.Conn) {
		defer close(closed)
		if tls.Server(c, config).Handshake() == nil {
			t.Error("the server did not want a certificate")
		}
		c.(interface{ SetLinger(int) error }).SetLinger(0)
		c.Close()
	})
	t.Cleanup(s.Close)

	d := &Dialer{DrainTimeout: patience, minDrain: patience}
	d.init()
	e := endpointAt(s.Addr(), "a.test")
	ctx := within(t, patience)
	a := d.newAttempt(ctx, &e, &Handshake{Addr: s.Addr(), ServerName: "a.test"})
	if err := a.open(ctx); err != nil {
		t.Fatal(err)
	}
	defer a.end(ctx, nil)
	a.begin()
	if err := a.tls.Handshake(); err != nil {
		t.Fatal(err)
	}
	a.complete()
	<-closed
	a.drain(a.tls)
	if a.h.Drain.End != DrainAlert || !a.h.ClientCertRequired {
		t.Errorf("drain %q, client certificate required: %v", a.h.Drain.End, a.h.ClientCertRequired)
	}
}

func TestDrainEnd(t *testing.T) {
	local := &net.OpError{Op: "local error", Err: tls.AlertError(20)}
	required := &net.OpError{Op: "remote error", Err: tls.AlertError(116)}
	internal := &net.OpError{Op: "remote error", Err: tls.AlertError(80)}
	for _, test := range []struct {
		err  error
		want DrainEnd
		cert bool
	}{
		{io.EOF, DrainEOF, false},
		{io.ErrUnexpectedEOF, DrainEOF, false},
		{errDrainCap, DrainCap, false},
		{required, DrainAlert, true},
		{internal, DrainAlert, false},
		{local, DrainReset, false},
		{net.ErrClosed, DrainReset, false},
		{errors.New("tls: received record with version 4141 when expecting version 304"), DrainReset, false},
	} {
		a := attempt{h: new(Handshake)}
		if got := a.drainEnd(test.err); got != test.want || a.h.ClientCertRequired != test.cert {
			t.Errorf("%v: %q, client certificate required %v", test.err, got, a.h.ClientCertRequired)
		}
	}
}

// slowReader takes its time over all it reads after the first.
type slowReader struct {
	net.Conn
	began bool
}

func (r *slowReader) Read(p []byte) (int, error) {
	if r.began {
		<-time.After(minDrainTimeout + 50*time.Millisecond)
	}
	r.began = true
	return r.Conn.Read(p)
}

// TestBusyServerRefuses has a server that gets to the client's empty certificate
// long after a drain on loopback would have ended.
func TestBusyServerRefuses(t *testing.T) {
	config := testConfig(tls.VersionTLS13).Clone()
	config.ClientAuth = tls.RequireAnyClientCert
	s, err := dialertest.Listen("127.0.0.1:0", func(c net.Conn) {
		tls.Server(&slowReader{Conn: c}, config).Handshake()
		io.Copy(io.Discard, c)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	h, err := probe(&Dialer{DrainTimeout: patience}, within(t, patience), endpointAt(s.Addr(), "a.test"))
	if err != nil || !h.ClientCertRequired || h.Drain.End != DrainAlert {
		t.Errorf("required %v, drain %+v, %v", h.ClientCertRequired, h.Drain, err)
	}
}
