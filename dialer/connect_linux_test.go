package dialer

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"certsweep/dialer/dialertest"
)

// plainDialer is a NetDialer whose connections have the methods of net.Conn
// alone, like a proxy's.
type plainDialer struct{ dialed atomic.Int32 }

type plainConn struct{ net.Conn }

func (d *plainDialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	d.dialed.Add(1)
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return plainConn{conn}, nil
}

// TestNetDialer: every connection is the NetDialer's, whatever it is for, and
// its failures have the codes of our own.
func TestNetDialer(t *testing.T) {
	farm := newFarm(t, "good", "eof-after-hello", "refused", "silent", "starttls-smtp")
	for _, test := range []struct {
		name   string
		dials  int32
		phase  Phase
		code   Code
		within time.Duration
	}{
		{"good", 1, "", "", patience},
		{"starttls-smtp", 1, "", "", patience},
		{"eof-after-hello", 5, PhaseHandshake, CodeEOF, patience},
		{"refused", 1, PhaseConnect, CodeRefused, patience},
		{"silent", 2, PhaseHandshake, CodeTimeout, impatience},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := farm.Endpoint(test.name)
			plain := new(plainDialer)
			target := endpointAt(e.Addr, e.Host)
			if test.name == "starttls-smtp" {
				target.StartTLS = "smtp"
			}
			h, err := probe(&Dialer{NetDialer: plain, DrainTimeout: patience, minDrain: patience}, within(t, test.within), target)
			if test.code != "" {
				checkFailure(t, err, test.phase, test.code)
			} else if err != nil || h.Drain.End != DrainEOF {
				t.Errorf("drain %q, %v", h.Drain.End, err)
			}
			if got := plain.dialed.Load(); got != test.dials {
				t.Errorf("%d connections, want %d", got, test.dials)
			}
		})
	}
}

// cancelable is a context that tells of its cancellation alone, as those of
// package scanner do.
type cancelable struct{ context.Context }

func (c cancelable) OnCancel(f func()) (stop func()) {
	undo := context.AfterFunc(c.Context, func() {
		if c.Err() == context.Canceled {
			f()
		}
	})
	return func() { undo() }
}

// TestCanceledAnywhere cancels probes in each phase, which then end at once.
func TestCanceledAnywhere(t *testing.T) {
	deaf := deafListener(t)
	farm := newFarm(t, "silent", "ignores-close")
	mute := dialertest.NewRaw(func(c net.Conn) { io.Copy(io.Discard, struct{ io.Reader }{c}) })
	t.Cleanup(mute.Close)
	smtp := endpointAt(mute.Addr(), "a.test")
	smtp.StartTLS = "smtp"
	at := func(name string) Endpoint { return endpointAt(farm.Endpoint(name).Addr, farm.Endpoint(name).Host) }
	for _, test := range []struct {
		name   string
		target Endpoint
		phase  Phase // empty: the drain
	}{
		{"connect", endpointAt(deaf, "a.test"), PhaseConnect},
		{"STARTTLS", smtp, PhaseStartTLS},
		{"handshake", at("silent"), PhaseHandshake},
		{"drain", at("ignores-close"), ""},
	} {
		for _, dialing := range []struct {
			name      string
			netDialer NetDialer
			tells     bool
		}{
			{"our own", nil, true},
			{"context of package context", nil, false},
			{"NetDialer", new(net.Dialer), true},
		} {
			if test.phase == "" && !dialing.tells {
				continue // who cancels it has no use for it, but the drain's time is its own
			}
			t.Run(test.name+", "+dialing.name, func(t *testing.T) {
				ctx, cancel := context.WithCancel(within(t, patience))
				if dialing.tells {
					ctx = cancelable{ctx}
				}
				time.AfterFunc(impatience, cancel)
				d := &Dialer{NetDialer: dialing.netDialer, ConnectTimeout: patience, DrainTimeout: patience, minDrain: patience}
				started := time.Now()
				h, err := probe(d, ctx, test.target)
				if took := time.Since(started); took > patience/2 {
					t.Errorf("it went on for %v", took)
				}
				if test.phase != "" {
					checkFailure(t, err, test.phase, CodeCanceled)
				} else if err != nil || h.Drain.End != DrainReset {
					t.Errorf("drain %q, %v", h.Drain.End, err)
				}
			})
		}
	}
}

// TestConnectionErrors: they say what those of package net say.
func TestConnectionErrors(t *testing.T) {
	farm := newFarm(t, "refused", "silent", "reset-after-hello")
	for _, test := range []struct{ name, before, after string }{
		{"refused", "dial tcp ADDR: connect: connection refused", ""},
		{"silent", "read tcp 127.0.0.1:", "->ADDR: i/o timeout"},
		{"reset-after-hello", "read tcp 127.0.0.1:", "->ADDR: read: connection reset by peer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := farm.Endpoint(test.name)
			limit := patience
			if test.name == "silent" {
				limit = impatience
			}
			err := new(Dialer).Probe(cancelable{within(t, limit)}, endpointAt(e.Addr, e.Host), new(Handshake))
			var op *net.OpError
			if !errors.As(err, &op) {
				t.Fatalf("%T: %v", err, err)
			}
			text := strings.ReplaceAll(op.Error(), e.Addr.String(), "ADDR")
			if !strings.HasPrefix(text, test.before) || !strings.HasSuffix(text, test.after) {
				t.Errorf("%q, want %q and %q", text, test.before, test.after)
			}
		})
	}
}

// TestConnectTo6 connects over IPv6, with and without a zone.
func TestConnectTo6(t *testing.T) {
	s, err := dialertest.Listen("[::1]:0", func(c net.Conn) { tls.Server(c, testConfig(0)).Handshake() })
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(s.Close)
	for _, zone := range []string{"", "lo", "1"} {
		addr := s.Addr().Addr().WithZone(zone)
		if _, err := probe(new(Dialer), within(t, patience), endpointAt(netip.AddrPortFrom(addr, s.Addr().Port()), "a.test")); err != nil {
			t.Errorf("%v: %v", addr, err)
		}
	}
	_, err = probe(new(Dialer), within(t, patience), endpointAt(netip.MustParseAddrPort("[fe80::1%nowhere0]:443"), "a.test"))
	checkFailure(t, err, PhaseConnect, CodeUnreachable)
}

// TestSelfConnection makes the one that the kernel makes of a port that it
// chooses for both ends.
func TestSelfConnection(t *testing.T) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "")
	t.Cleanup(func() { file.Close() })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Connect(fd, name); err != nil {
		t.Skip("this kernel makes none: ", err)
	}
	c := &tcpConn{file: file, remote: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(name.(*syscall.SockaddrInet4).Port))}
	if c.raw, err = file.SyscallConn(); err != nil {
		t.Fatal(err)
	}
	if !c.isSelf() {
		t.Errorf("%v is not taken for a connection to itself", c.local())
	}
	if c.remote = netip.AddrPortFrom(c.remote.Addr(), c.remote.Port()^1); c.isSelf() {
		t.Error("one to another port is")
	}
}
