package dialer

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"certsweep/dialer/dialertest"
)

// glanced makes a probe in steps, where that can be, as package scanner does.
func glanced(d *Dialer, ctx context.Context, e Endpoint) (Handshake, error) {
	var h Handshake
	g := d.Begin(ctx, &e, &h)
	if g == nil {
		return probe(d, ctx, e)
	}
	for more := g.stage != glanceDone; more; more = g.Step() {
		g.Wait()
	}
	err := g.Finish()
	return h, err
}

// TestFastCases holds that a Dialer that is Fast gets what any other does from every
// server of the farm, in steps and in one go, that it never calls a key proved that
// it did not see proved, and resets nobody who behaves.
func TestFastCases(t *testing.T) {
	farm, err := dialertest.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer farm.Close()
	through := func() *Dialer { return &Dialer{Fast: true, NetDialer: new(net.Dialer)} }
	for name, use := range map[string]struct {
		dialer func() *Dialer
		probe  func(*Dialer, context.Context, Endpoint) (Handshake, error)
	}{
		"steps":     {func() *Dialer { return &Dialer{Fast: true} }, glanced},
		"whole":     {func() *Dialer { return &Dialer{Fast: true} }, probe},
		"NetDialer": {through, probe},
	} {
		t.Run(name, func(t *testing.T) {
			for _, e := range farm.Endpoints {
				t.Run(e.Name, func(t *testing.T) {
					t.Parallel()
					timeout := patience
					if e.Want.Code == "timeout" {
						timeout = impatience
					}
					d := use.dialer()
					d.DrainTimeout, d.minDrain = patience, patience
					if e.Want.Drain == "deadline" {
						d.DrainTimeout = impatience
					}
					target := endpointAt(e.Addr, e.Host)
					target.StartTLS = Protocol(e.StartTLS)
					h, err := use.probe(d, within(t, timeout), target)
					checkFast(t, e, &h, err)
				})
			}
		})
	}
	for _, e := range farm.Endpoints {
		if e.Server == nil {
			continue
		}
		if err := e.Server.Wait(within(t, patience)); err != nil {
			t.Errorf("%s: a connection is still open: %v", e.Name, err)
		}
		// More certificates than a Query and the drain together read are not waited for.
		if e.Want.Status == "ok" && e.Want.Drain == "eof" && e.Server.Resets() != 0 && e.Name != "big-chain" {
			t.Errorf("%s: %d resets", e.Name, e.Server.Resets())
		}
	}
}

// checkFast compares a fast probe with what a case says of an ordinary one.
func checkFast(t *testing.T, e *dialertest.Endpoint, h *Handshake, err error) {
	t.Helper()
	want := e.Want
	fast := h.Method == MethodFast12 || h.Method == MethodFast13
	t.Logf("%s %v %v", h.Method, err, h.Drain)
	switch {
	case fast && err != nil:
		t.Errorf("a certificate and %v", err)
	case fast && (h.KeyProved || h.PostQuantumOffered || h.ClientCertRequired || h.Drain != Drain{}):
		t.Errorf("more than a certificate is known: %+v", h)
	case fast:
	case want.Status == "ok":
		if err != nil {
			t.Error(err)
		}
	default:
		checkError(t, err, want)
	}
	if got := len(h.Certificates) > 0; got != want.Certificate && !(fast && got) {
		t.Errorf("certificate: %v, want %v", got, want.Certificate)
	}
	if h.Addr != e.Addr {
		t.Errorf("address %v, want %v", h.Addr, e.Addr)
	}
}

// TestFastSilent holds how often a silent peer is asked, and for how long.
func TestFastSilent(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		config *tls.Config
		serve  func(net.Conn)
		asked  int64
	}{
		"silent":                       {nil, hang, 2},
		"silent, up to 1.2":            {&tls.Config{MaxVersion: tls.VersionTLS12}, hang, 1},
		"silent, from 1.3":             {&tls.Config{MinVersion: tls.VersionTLS13}, hang, 1},
		"silent after a part of it":    {nil, func(c net.Conn) { c.Read(make([]byte, 1)); c.Write([]byte{22, 3}); hang(c) }, 2},
		"nothing but another protocol": {nil, func(c net.Conn) { c.Write([]byte("SSH-2.0-x\r\n")); hang(c) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, probe := range []func(*Dialer, context.Context, Endpoint) (Handshake, error){probe, glanced} {
				s := dialertest.NewRaw(test.serve)
				began := time.Now()
				h, err := probe(&Dialer{Fast: true, Config: test.config}, within(t, 2*time.Second), endpointAt(s.Addr(), "a.test"))
				if took := time.Since(began); err == nil || h.Method != "" || took > patience {
					t.Errorf("%v after %v, method %q", err, took, h.Method)
				}
				// The server may be late.
				for wait := within(t, patience); s.Accepted() < test.asked && wait.Err() == nil; {
					time.Sleep(10 * time.Millisecond)
				}
				if n := s.Accepted(); n != test.asked {
					t.Errorf("asked %d times, want %d", n, test.asked)
				}
				s.Close()
			}
		})
	}
}

func hang(c net.Conn) { io.Copy(io.Discard, struct{ io.Reader }{c}) }

// TestFastCanceled cancels fast probes while they wait.
func TestFastCanceled(t *testing.T) {
	t.Parallel()
	for name, serve := range map[string]func(net.Conn){
		"silent":                hang,
		"in its certificate":    func(c net.Conn) { c.Read(make([]byte, 1)); c.Write([]byte{22, 3, 3, 0, 90, 2}); hang(c) },
		"in the second attempt": func(c net.Conn) { c.Read(make([]byte, 1)); c.Write([]byte{21, 3, 3, 0, 2, 2, 70}); hang(c) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := dialertest.NewRaw(serve)
			defer s.Close()
			for _, probe := range []func(*Dialer, context.Context, Endpoint) (Handshake, error){probe, glanced} {
				ctx, cancel := context.WithCancel(within(t, 2*patience))
				began := time.Now()
				time.AfterFunc(100*time.Millisecond, cancel)
				_, err := probe(&Dialer{Fast: true}, ctx, endpointAt(s.Addr(), "a.test"))
				if failed, ok := errors.AsType[*Error](err); !ok || failed.Code != CodeCanceled {
					t.Errorf("%v", err)
				}
				if took := time.Since(began); took > patience {
					t.Errorf("it took %v", took)
				}
			}
			if err := s.Wait(within(t, patience)); err != nil {
				t.Errorf("a connection is still open: %v", err)
			}
		})
	}
}

// TestFastAddresses: an address that takes no connection is not the last that is
// asked, and a failure says which was.
func TestFastAddresses(t *testing.T) {
	t.Parallel()
	good := newFarm(t, "good").Endpoint("good")
	refused := netip.MustParseAddr("127.0.0.77")
	for name, test := range map[string]struct {
		addrs []netip.Addr
		last  netip.Addr
		ok    bool
	}{
		"the second":   {[]netip.Addr{refused, good.Addr.Addr()}, good.Addr.Addr(), true},
		"none of them": {[]netip.Addr{netip.MustParseAddr("127.0.0.78"), refused}, refused, false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, steps := range []bool{true, false} {
				var h Handshake
				d := &Dialer{Fast: true}
				d.init()
				g := &Glance{attempt: attempt{d: d, h: &h, endpoint: &Endpoint{Host: "a.test", Port: good.Addr.Port()}}, ctx: within(t, patience), others: test.addrs}
				if !steps {
					d.NetDialer = new(net.Dialer)
				}
				for g.dial(); g.stage != glanceDone; g.Step() {
					g.Wait()
				}
				err := g.Finish()
				if (err == nil) != test.ok || h.Addr.Addr() != test.last {
					t.Errorf("%v at %v", err, h.Addr)
				}
				if !test.ok {
					checkFailure(t, err, PhaseConnect, CodeRefused)
				}
			}
		})
	}
}
