package dialer

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"certsweep/dialer/dialertest"
)

// TestProbeStartTLS has a Dialer speak every protocol.
func TestProbeStartTLS(t *testing.T) {
	certificate := dialertest.SelfSigned(dialertest.Leaf{DNSNames: []string{"starttls.test"}})
	config := &tls.Config{Certificates: []tls.Certificate{certificate}}
	want := map[dialertest.StartTLSBehaviour]Code{
		dialertest.StartTLSSuccess:   "",
		dialertest.StartTLSOneByte:   "",
		dialertest.StartTLSRefusal:   CodeStartTLSRefused,
		dialertest.StartTLSInjection: CodeStartTLSInjection,
		dialertest.StartTLSHalfClose: CodeEOF,
	}
	for _, protocol := range dialertest.StartTLSProtocols() {
		for behaviour, code := range want {
			t.Run(protocol+"/"+string(behaviour), func(t *testing.T) {
				t.Parallel()
				server, err := dialertest.NewStartTLS(protocol, behaviour, config)
				if err != nil {
					t.Fatal(err)
				}
				defer server.Close()
				got, err := probe(&Dialer{DrainTimeout: patience, minDrain: patience}, t.Context(), startTLSEndpoint(server.Addr(), Protocol(protocol)))
				if code != "" {
					checkStartTLSError(t, got, err, code)
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if len(got.Certificates) != 1 || !bytes.Equal(got.Certificates[0], certificate.Certificate[0]) {
					t.Error("another certificate than the server's")
				}
				if got.Drain != (Drain{End: DrainEOF}) || got.Timing.Handshake == 0 {
					t.Errorf("drain %v, timing %v", got.Drain, got.Timing)
				}
			})
		}
	}
}

func startTLSEndpoint(addr netip.AddrPort, p Protocol) Endpoint {
	return Endpoint{Host: addr.Addr().String(), Port: addr.Port(), ServerName: "starttls.test", StartTLS: p}
}

func checkStartTLSError(t *testing.T, got Handshake, err error, code Code) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Phase != PhaseStartTLS || e.Code != code {
		t.Errorf("got %v, want %s", err, code)
	}
	if !strings.Contains(err.Error(), " before TLS: ") {
		t.Errorf("%v does not say which protocol it was", err)
	}
	if got.Method != "" || got.Timing.Handshake != 0 || got.Drain.End != "" {
		t.Errorf("a handshake before TLS: %+v", got)
	}
}

func TestProbeStartTLSDeadline(t *testing.T) {
	server, err := dialertest.NewStartTLS("smtp", dialertest.StartTLSSilence, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), impatience)
	defer cancel()
	got, err := probe(new(Dialer), ctx, startTLSEndpoint(server.Addr(), "smtp"))
	checkStartTLSError(t, got, err, CodeTimeout)
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("a message of many lines: %q", err)
	}
}

// TestProbeStartTLSCanceled cancels once the server has heard the client.
func TestProbeStartTLSCanceled(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer cancel()
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		conn.Read(make([]byte, 8))
		cancel()
		conn.Read(make([]byte, 1)) // until the client has gone
		conn.Close()
	}()
	got, err := probe(new(Dialer), ctx, startTLSEndpoint(listener.Addr().(*net.TCPAddr).AddrPort(), "postgres"))
	checkStartTLSError(t, got, err, CodeCanceled)
	<-ended
}

// TestProbeTLSBrokenAfterStartTLS meets a server that goes ahead with plain
// text: the failure is the handshake's.
func TestProbeTLSBrokenAfterStartTLS(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		conn.Read(make([]byte, 8))
		conn.Write([]byte("S"))
		conn.Read(make([]byte, 1024)) // the ClientHello
		conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n"))
		conn.Read(make([]byte, 1024))
	}()
	_, err = probe(new(Dialer), t.Context(), startTLSEndpoint(listener.Addr().(*net.TCPAddr).AddrPort(), "postgres"))
	var e *Error
	if !errors.As(err, &e) || e.Phase != PhaseHandshake || e.Code != CodeNotTLS {
		t.Errorf("got %v, want %s in the handshake", err, CodeNotTLS)
	}
	<-ended
}
