package dialer

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/iotest"

	"certsweep/dialer/dialertest"
	"certsweep/dialer/hello"
)

// TestClassifyHello: what the reader of a hello by hand says has the code that
// the same answer has from crypto/tls.
func TestClassifyHello(t *testing.T) {
	serverHello := "\x16\x03\x03\x00\x2A\x02\x00\x00\x26\x03\x03" + strings.Repeat("r", 32) + "\x00\xC0\x2F\x00"
	for name, test := range map[string]struct {
		answer io.Reader
		code   Code
		alert  uint8
	}{
		"alert":          {strings.NewReader("\x15\x03\x03\x00\x02\x02\x28"), CodeAlert, alertHandshakeFailure},
		"eof":            {strings.NewReader(""), CodeEOF, 0},
		"eof inside":     {strings.NewReader(serverHello[:20]), CodeEOF, 0},
		"close_notify":   {strings.NewReader("\x15\x03\x03\x00\x02\x01\x00"), CodeEOF, 0},
		"reset":          {iotest.ErrReader(readError(os.NewSyscallError("read", syscall.ECONNRESET))), CodeReset, 0},
		"timeout":        {iotest.ErrReader(readError(os.ErrDeadlineExceeded)), CodeTimeout, 0},
		"canceled":       {iotest.ErrReader(context.Canceled), CodeCanceled, 0},
		"no certificate": {strings.NewReader(serverHello + "\x16\x03\x03\x00\x04\x0E\x00\x00\x00"), CodeNoCertificate, 0},
		"empty list":     {strings.NewReader(serverHello + "\x16\x03\x03\x00\x07\x0B\x00\x00\x03\x00\x00\x00"), CodeNoCertificate, 0},
		"too large":      {strings.NewReader(serverHello + "\x16\x03\x03\x00\x04\x0B\xFF\xFF\xFF"), CodeTooLarge, 0},
		"useless":        {strings.NewReader(strings.Repeat("\x16\x03\x03\x00\x00", 17)), CodeTooLarge, 0},
		"not TLS":        {strings.NewReader("HTTP/1.1 400 Bad Request\r\n"), CodeNotTLS, 0},
		"bad record":     {strings.NewReader(serverHello + "HTTP/1.1"), CodeBadRecord, 0},
		"protocol":       {strings.NewReader("\x17\x03\x03\x00\x01x"), CodeProtocol, 0},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := new(hello.Client).Fetch(scriptedConn{answer: test.answer})
			if got := classify(PhaseHandshake, err); got.Phase != PhaseHandshake || got.Code != test.code || got.Alert != test.alert {
				t.Errorf("%v: %s, alert %d; want %s, %d", err, got.Code, got.Alert, test.code, test.alert)
			}
		})
	}
}

// TestRungs: versions, protocols and groups of the Dialer bind the hellos made
// by hand.
func TestRungs(t *testing.T) {
	for name, test := range map[string]struct {
		config   *tls.Config
		methods  []Method
		versions []uint16 // of the first
		pq       bool
	}{
		"nothing asked": {&tls.Config{}, []Method{MethodHello13, MethodHello12, MethodHello12, MethodHello10, MethodHello13}, []uint16{tls.VersionTLS13, tls.VersionTLS12, tls.VersionTLS11, tls.VersionTLS10}, true},
		"up to 1.2":     {&tls.Config{MaxVersion: tls.VersionTLS12}, []Method{MethodHello13, MethodHello12, MethodHello12, MethodHello10}, []uint16{tls.VersionTLS12, tls.VersionTLS11, tls.VersionTLS10}, false},
		"from 1.1":      {&tls.Config{MinVersion: tls.VersionTLS11}, []Method{MethodHello13, MethodHello12, MethodHello12, MethodHello13}, []uint16{tls.VersionTLS13, tls.VersionTLS12, tls.VersionTLS11}, true},
		"1.3 alone":     {&tls.Config{MinVersion: tls.VersionTLS13}, []Method{MethodHello13, MethodHello13}, []uint16{tls.VersionTLS13}, true},
		"classic":       {&tls.Config{CurvePreferences: ClassicGroups()}, []Method{MethodHello13, MethodHello12, MethodHello12, MethodHello10, MethodHello13}, []uint16{tls.VersionTLS13, tls.VersionTLS12, tls.VersionTLS11, tls.VersionTLS10}, false},
		"protocols":     {&tls.Config{NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS13}, []Method{MethodHello13, MethodHello13}, []uint16{tls.VersionTLS13}, true},
	} {
		t.Run(name, func(t *testing.T) {
			rungs := newRungs(test.config)
			var methods []Method
			for _, r := range rungs {
				methods = append(methods, r.method)
			}
			if !slices.Equal(methods, test.methods) {
				t.Fatalf("methods %v, want %v", methods, test.methods)
			}
			first := rungs[0].offer
			if !slices.Equal(first.SupportedVersions, test.versions) || first.PostQuantum() != test.pq || !slices.Equal(first.ALPN, test.config.NextProtos) {
				t.Errorf("offers versions %x, post-quantum %v, protocols %q", first.SupportedVersions, first.PostQuantum(), first.ALPN)
			}
		})
	}
}

// TestLimitsBindEveryHello: a server hangs up on the first hello, so that one
// made by hand must follow, and notes what that one offers.
func TestLimitsBindEveryHello(t *testing.T) {
	for name, test := range map[string]struct {
		config  *tls.Config // the Dialer's
		server  uint16      // its only version, 0 for any
		method  Method      // empty: no certificate
		version uint16
		offered bool // a post-quantum group
		hellos  int32
	}{
		"no limit":           {WideConfig(), 0, MethodHello13, tls.VersionTLS13, true, 3},
		"up to TLS 1.2":      {limited(0, tls.VersionTLS12), 0, MethodHello13, tls.VersionTLS12, false, 2},
		"1.2 despite 1.3":    {WideConfig(), tls.VersionTLS12, MethodHello13, tls.VersionTLS12, true, 3},
		"1.3 only, beyond":   {limited(0, tls.VersionTLS12), tls.VersionTLS13, "", 0, false, 6},
		"from TLS 1.3":       {limited(tls.VersionTLS13, 0), 0, MethodHello13, tls.VersionTLS13, true, 3},
		"TLS 1.2, not taken": {limited(tls.VersionTLS13, 0), tls.VersionTLS12, "", 0, false, 3},
	} {
		t.Run(name, func(t *testing.T) {
			var hellos atomic.Int32
			config := testConfig(test.server)
			config.NextProtos = []string{"h2"}
			config.GetConfigForClient = func(info *tls.ClientHelloInfo) (*tls.Config, error) {
				if hellos.Load() == 2 && !slices.Equal(info.SupportedProtos, []string{"h2"}) {
					t.Errorf("the hello made by hand offers the protocols %q", info.SupportedProtos)
				}
				return nil, nil
			}
			s := dialertest.NewRaw(func(c net.Conn) {
				if hellos.Add(1) == 1 {
					c.Read(make([]byte, 4096))
					return
				}
				tls.Server(c, config).Handshake()
			})
			defer s.Close()
			test.config.NextProtos = []string{"h2"}
			d := &Dialer{Config: test.config, DrainTimeout: patience, minDrain: patience}
			h, err := probe(d, within(t, patience), endpointAt(s.Addr(), "a.test"))
			checkFailure(t, err, PhaseHandshake, CodeEOF)
			if h.Method != test.method || h.Version != test.version || h.PostQuantumOffered != test.offered {
				t.Errorf("method %q, version %x, post-quantum offered %v", h.Method, h.Version, h.PostQuantumOffered)
			}
			if got := hellos.Load(); got != test.hellos {
				t.Errorf("%d hellos, want %d", got, test.hellos)
			}
			if want := config.Certificates[0].Certificate[0]; test.method != "" && (len(h.Certificates) == 0 || !bytes.Equal(h.Certificates[0], want)) {
				t.Error("not the server's certificate")
			}
		})
	}
}

func limited(least, most uint16) *tls.Config {
	config := WideConfig()
	if least != 0 {
		config.MinVersion = least
	}
	config.MaxVersion = most
	return config
}

// TestPostQuantumOffered: a server is held to a group that the hello of the
// handshake had, whatever version it then chose.
func TestPostQuantumOffered(t *testing.T) {
	for name, test := range map[string]struct {
		config *tls.Config
		server uint16
		want   bool
	}{
		"TLS 1.3":                 {WideConfig(), tls.VersionTLS13, true},
		"TLS 1.2 in place of 1.3": {WideConfig(), tls.VersionTLS12, true},
		"TLS 1.2 is all":          {limited(0, tls.VersionTLS12), tls.VersionTLS12, false},
		"without ML-KEM":          {&tls.Config{CurvePreferences: ClassicGroups()}, tls.VersionTLS13, false},
		"default groups":          {&tls.Config{}, tls.VersionTLS13, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, testConfig(test.server), func(c *tls.Conn) { io.Copy(io.Discard, c) })
			d := &Dialer{Config: test.config, DrainTimeout: patience, minDrain: patience}
			h, err := probe(d, within(t, patience), endpointAt(s.Addr(), "a.test"))
			if err != nil || h.PostQuantumOffered != test.want {
				t.Errorf("offered %v, want %v; %v", h.PostQuantumOffered, test.want, err)
			}
		})
	}
}
