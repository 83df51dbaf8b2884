//go:build unix

package reach

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"certsweep/dialer"
	"certsweep/dialer/dialertest"

	"go.uber.org/goleak"
)

// The peers of this file mean harm, or act as if. A probe has hostileTime and
// a drain.
const hostileTime = time.Second

// hostilePeer is one server and what the probe has to make of it.
type hostilePeer struct {
	name  string
	serve func(net.Conn)
	codes string // one of these, or "ok"
	ends  string // one of these drains, where there is one
	// certificate says that the record has the server's.
	certificate bool
}

// fromFarm are cases of dialertest, as hostile peers.
var fromFarm = map[string]hostilePeer{
	"silent":                  {codes: "timeout"},
	"slow":                    {codes: "timeout"},
	"stall-after-hello":       {codes: "timeout"},
	"stall-after-certificate": {codes: "timeout", certificate: true},
	"plain-http":              {codes: "not_tls"},
	"ssh":                     {codes: "not_tls"},
	"smtp":                    {codes: "not_tls"},
	"garbage":                 {codes: "not_tls"},
	"oversized-record":        {codes: "bad_record"},
	"warning-flood":           {codes: "too_large"},
	"retry-loop":              {codes: "protocol"},
	"too-large":               {codes: "too_large"},
	"big-chain":               {codes: "ok", ends: "eof", certificate: true},
	"flood":                   {codes: "ok", ends: "cap", certificate: true},
	"slow-flood":              {codes: "ok", ends: "deadline", certificate: true},
	"ignores-close":           {codes: "ok", ends: "deadline", certificate: true},
	"reset-on-close":          {codes: "ok", ends: "reset", certificate: true},
	"key-update-flood":        {codes: "ok", ends: "reset deadline cap", certificate: true},
}

// hostilePeers are the rest.
func hostilePeers() []hostilePeer {
	sealed := func(kind uint8, payload []byte) func(*dialertest.Sealer) []byte {
		return func(s *dialertest.Sealer) []byte { return s.Seal(kind, payload) }
	}
	// One byte of data among them keeps crypto/tls from counting them as useless.
	among := func(kind uint8, payload []byte) func(*dialertest.Sealer) []byte {
		return func(s *dialertest.Sealer) (records []byte) {
			for range 12 {
				records = append(records, s.Seal(kind, payload)...)
			}
			return append(records, s.Seal(23, []byte{0})...)
		}
	}
	ticket := dialertest.Message(4, slices.Concat(make([]byte, 8), []byte{1, 0, 0, 16}, make([]byte, 16), []byte{0, 0})) // RFC 8446 §4.6.1
	request := dialertest.Message(13, []byte{0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3})                                          // RFC 8446 §4.6.2
	after := func(name string, version uint16, ends string, next func(*dialertest.Sealer) []byte) hostilePeer {
		return hostilePeer{name: name, serve: hostileAfter(version, next), codes: "ok", ends: ends, certificate: true}
	}
	return slices.Concat([]hostilePeer{
		after("HelloRequest flood, TLS 1.2", tls.VersionTLS12, "reset", sealed(22, dialertest.Message(0, nil))),
		after("HelloRequests among data, TLS 1.2", tls.VersionTLS12, "reset", among(22, dialertest.Message(0, nil))),
		after("warning flood, TLS 1.2", tls.VersionTLS12, "reset", sealed(21, []byte{1, 100})),
		after("warnings among data, TLS 1.2", tls.VersionTLS12, "reset deadline cap", among(21, []byte{1, 100})),
		after("empty records, TLS 1.2", tls.VersionTLS12, "reset", sealed(23, nil)),
		after("records of one byte, TLS 1.2", tls.VersionTLS12, "deadline cap", sealed(23, []byte{0})),
		after("KeyUpdate flood", tls.VersionTLS13, "reset", sealed(22, dialertest.Message(24, []byte{1}))),
		after("CertificateRequest after the handshake", tls.VersionTLS13, "reset", sealed(22, request)),
		after("session ticket flood", tls.VersionTLS13, "reset", sealed(22, ticket)),
		after("session tickets among data", tls.VersionTLS13, "deadline cap", among(22, ticket)),
		after("empty records, TLS 1.3", tls.VersionTLS13, "reset", sealed(23, nil)),
		after("empty records among data, TLS 1.3", tls.VersionTLS13, "deadline cap", among(23, nil)),
		after("records of one byte, TLS 1.3", tls.VersionTLS13, "deadline cap", sealed(23, []byte{0})),
		after("user_canceled flood", tls.VersionTLS13, "reset", sealed(21, []byte{1, 90})),
	}, hostileStrangers())
}

// hostileAfter is a server's part that completes a handshake of one version
// and then sends, without end and without reading, the records that next makes.
func hostileAfter(version uint16, next func(*dialertest.Sealer) []byte) func(net.Conn) {
	cert := dialertest.SelfSigned(dialertest.Leaf{DNSNames: []string{reachName}})
	return func(c net.Conn) {
		dialertest.ServeSealed(c, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: version}, func(s *dialertest.Sealer) {
			for {
				if _, err := c.Write(next(s)); err != nil {
					return
				}
			}
		})
	}
}

// hostileStrangers never come as far as a handshake.
func hostileStrangers() []hostilePeer {
	forever := func(first, then []byte) func(net.Conn) {
		return func(c net.Conn) {
			_, err := c.Write(first)
			for err == nil {
				_, err = c.Write(then)
			}
		}
	}
	keepOpen := func(banner string) func(net.Conn) {
		return func(c net.Conn) {
			io.WriteString(c, banner)
			io.Copy(io.Discard, c)
		}
	}
	chargen := []byte(strings.Repeat("!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefg\r\n", 50))
	oneByte := bytes.Repeat(dialertest.Record(reachRecordHandshake, 0x0303, []byte{0}), 1000)
	hello := dialertest.Record(reachRecordHandshake, 0x0303, reachServerHello(0x0303, reachSuite12))
	announced := dialertest.Record(reachRecordHandshake, 0x0303, []byte{reachTypeCertificate, 0xff, 0xff, 0xff})
	return []hostilePeer{
		{name: "chargen", serve: forever(nil, chargen), codes: "not_tls"},
		{name: "a banner only", serve: keepOpen("220 reach.test ESMTP\r\n"), codes: "not_tls"},
		{name: "a banner of three bytes", serve: keepOpen("220"), codes: "timeout"},
		{name: "MySQL", serve: keepOpen("J\x00\x00\x00\x0a5.5.5-10.11\x00"), codes: "not_tls"},
		{name: "RDP", serve: keepOpen("\x03\x00\x00\x13\x0e\xd0\x00\x00\x124\x00\x02\x1f\x08\x00\x02\x00\x00\x00"), codes: "not_tls"},
		{name: "empty records for ever", serve: forever(nil, bytes.Repeat(reachHeader(0), 1000)), codes: "too_large protocol"},
		{name: "ServerHello of 64 KiB in records of one byte", serve: forever(dialertest.Record(reachRecordHandshake, 0x0303, []byte{2, 0, 0xff, 0xff}), oneByte), codes: "protocol"},
		{name: "Certificate of 16 MiB announced, then nothing", codes: "too_large", serve: func(c net.Conn) {
			readReachHello(c)
			c.Write(append(bytes.Clone(hello), announced...))
			io.Copy(io.Discard, c)
		}},
		{name: "HelloRequests for ever before the ServerHello", serve: forever(nil, bytes.Repeat(dialertest.Record(reachRecordHandshake, 0x0303, dialertest.Message(0, nil)), 1000)), codes: "too_large protocol"},
	}
}

// TestHostilePeers holds that no peer keeps a probe beyond its time, that each
// is told for what it is, and that nothing is left behind: no goroutine, no
// descriptor, no socket in the kernel that says goodbye to nobody.
func TestHostilePeers(t *testing.T) {
	if testing.Short() {
		t.Skip("waits out every hostile peer")
	}
	dialertest.NewTLS(new(tls.Config)).Close() // the poller's descriptors stay
	before, goroutines := descriptorCount(t), goleak.IgnoreCurrent()
	t.Run("peer", func(t *testing.T) {
		for name, peer := range fromFarm {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				farm, err := dialertest.Start(name)
				if err != nil {
					t.Fatal(err)
				}
				defer farm.Close()
				e := farm.Endpoint(name)
				at := dialer.Endpoint{Host: e.Addr.Addr().String(), Port: e.Addr.Port(), ServerName: e.Host}
				peer.check(t, at)
				peer.checkFast(t, at)
			})
		}
		for _, peer := range hostilePeers() {
			t.Run(peer.name, func(t *testing.T) {
				t.Parallel()
				server := dialertest.NewRaw(peer.serve)
				defer server.Close()
				at := dialer.Endpoint{Host: server.Addr().Addr().String(), Port: server.Addr().Port(), ServerName: reachName}
				peer.check(t, at)
				peer.checkFast(t, at)
			})
		}
	})
	goleak.VerifyNone(t, goroutines)
	if after := descriptorCount(t); after > before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

// check probes the peer while it still runs.
func (p hostilePeer) check(t *testing.T, e dialer.Endpoint) {
	t.Helper()
	before := socketsTo(t, e.Port) // of an earlier server with the same port
	h, err := probeInTime(t, new(dialer.Dialer), e, hostileTime, strings.Contains(p.ends, "deadline"))
	status := reachStatus(&h, err)
	if !slices.Contains(strings.Fields(p.codes), status) {
		t.Errorf("%s (%v), want %s", status, err, p.codes)
	}
	if got := len(h.Certificates) > 0; got != p.certificate {
		t.Errorf("certificate got: %t", got)
	}
	if end := string(h.Drain.End); end != p.ends && !slices.Contains(strings.Fields(p.ends), end) {
		t.Errorf("drain ended with %q after %d bytes, want %s", end, h.Drain.Bytes, p.ends)
	}
	if h.Drain.Bytes > dialer.DefaultDrainBytes {
		t.Errorf("the drain read %d bytes", h.Drain.Bytes)
	}
	if h.Drain.End != dialer.DrainEOF {
		for local, state := range socketsTo(t, e.Port) {
			if before[local] == "" {
				t.Errorf("a socket to the peer is left in state %s", state)
			}
		}
	}
}

// checkFast does so with a Dialer that is Fast.
func (p hostilePeer) checkFast(t *testing.T, e dialer.Endpoint) {
	t.Helper()
	before := socketsTo(t, e.Port)
	h, err := probeInTime(t, &dialer.Dialer{Fast: true}, e, hostileTime, strings.Contains(p.ends, "deadline"))
	status, fast := reachStatus(&h, err), h.Method == dialer.MethodFast12 || h.Method == dialer.MethodFast13
	if fast && (err != nil || h.KeyProved || h.Drain != dialer.Drain{}) {
		t.Errorf("fast: %v, key proved: %t, drain %v", err, h.KeyProved, h.Drain)
	}
	// A hello by hand says after a few bytes already what is not TLS.
	if !fast && !slices.Contains(append(strings.Fields(p.codes), string(dialer.CodeNotTLS)), status) {
		t.Errorf("fast: %s (%v), want %s", status, err, p.codes)
	}
	if p.certificate && len(h.Certificates) == 0 {
		t.Error("fast: no certificate")
	}
	for local, state := range socketsTo(t, e.Port) {
		// A close that waits for the peer's, which may never come.
		if finWait := state == "04" || state == "05"; finWait && before[local] == "" {
			t.Errorf("fast: a socket to the peer is left in state %s", state)
		}
	}
}

// descriptorCount is how many descriptors the process has open.
func descriptorCount(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(names)
}

// socketsTo returns the kernel's states (include/net/tcp_states.h) of the
// sockets that are connected to the loopback port, by their own addresses. It
// is empty where the kernel is another than Linux.
func socketsTo(t *testing.T, port uint16) map[string]string {
	t.Helper()
	text, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return nil
	}
	states := make(map[string]string)
	remote := fmt.Sprintf("0100007F:%04X", port)
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 3 && f[2] == remote {
			states[f[1]] = f[3]
		}
	}
	return states
}

// TestVanishingPeer has a peer that, after the handshake, neither reads nor
// writes nor closes.
func TestVanishingPeer(t *testing.T) {
	cert := dialertest.SelfSigned(dialertest.Leaf{DNSNames: []string{reachName}})
	gone := make(chan struct{})
	server := dialertest.NewRaw(func(c net.Conn) {
		if tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}}).Handshake() == nil {
			<-gone
		}
	})
	defer server.Close()
	defer close(gone)
	peer := hostilePeer{codes: "ok", ends: "deadline", certificate: true}
	peer.check(t, dialer.Endpoint{Host: server.Addr().Addr().String(), Port: server.Addr().Port(), ServerName: reachName})
}
