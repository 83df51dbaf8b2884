package dialertest_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"reflect"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"certsweep/dialer/dialertest"
	"certsweep/dialer/errno"
	"certsweep/dialer/starttls"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// seen is what one handshake of crypto/tls shows, and a drain after it.
type seen struct {
	phase string
	err   error
	state *tls.ConnectionState // from VerifyConnection
	conn  *tls.ConnectionState // after the handshake
	drain string
}

// patience is how long a probe waits for a server that never answers. Nothing
// but the cases that time out depends on it.
const patience = 300 * time.Millisecond

// probe does what a scanner does, in its simplest form.
func probe(t *testing.T, e *dialertest.Endpoint, config *tls.Config) seen {
	t.Helper()
	timeout := 20 * time.Second
	if e.Plain.Code == "timeout" {
		timeout = patience
	}
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()

	var s seen
	s.phase = "connect"
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", e.Addr.String())
	if err != nil {
		s.err = err
		return s
	}
	defer raw.Close()
	if e.StartTLS != "" {
		s.phase = "starttls"
		deadline, _ := ctx.Deadline()
		raw.SetDeadline(deadline)
		if raw, s.err = starttls.Upgrade(raw, e.StartTLS, e.Host); s.err != nil {
			return s
		}
	}
	s.phase = "handshake"
	config = config.Clone()
	config.ServerName = e.Host
	config.VerifyConnection = func(state tls.ConnectionState) error {
		s.state = &state
		return nil
	}
	conn := tls.Client(raw, config)
	if s.err = conn.HandshakeContext(ctx); s.err != nil {
		return s
	}
	s.conn = new(conn.ConnectionState())
	limit := 20 * time.Second
	if e.Plain.Drain == "deadline" {
		limit = patience
	}
	raw.SetDeadline(time.Now().Add(limit))
	s.drain, s.err = drain(conn)
	return s
}

// drain says goodbye and reads to the end, or 64 KiB.
func drain(conn *tls.Conn) (string, error) {
	if err := conn.CloseWrite(); err != nil {
		return code(err), err
	}
	n, err := io.Copy(io.Discard, io.LimitReader(conn, 64<<10))
	switch {
	case n == 64<<10:
		return "cap", nil
	case err == nil:
		return "eof", nil
	}
	if code(err) == "timeout" {
		return "deadline", nil
	}
	return code(err), err
}

// code tells failures apart by their types.
func code(err error) string {
	var header tls.RecordHeaderError
	var op *net.OpError
	var preamble *starttls.Error
	switch {
	case errors.As(err, &preamble):
		return "starttls_" + string(preamble.Kind)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout"
	case errno.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errno.Is(err, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE):
		return "reset"
	case errors.As(err, &header) && header.Conn != nil:
		return "not_tls"
	case errors.As(err, &header):
		return "bad_record"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "eof"
	case errors.As(err, &op) && op.Op == "remote error":
		return "alert"
	}
	return "protocol"
}

var alerts = map[string]uint8{
	"handshake_failure": 40, "protocol_version": 70, "internal_error": 80, "unrecognized_name": 112,
	"certificate_required": 116, "no_application_protocol": 120,
}

func alertNumber(err error) uint8 {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" {
		return 0
	}
	return uint8(reflect.ValueOf(op.Err).Uint())
}

// widest offers all that crypto/tls has and accepts every certificate.
func widest() *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS10, InsecureSkipVerify: true}
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		config.CipherSuites = append(config.CipherSuites, suite.ID)
	}
	return config
}

func TestCases(t *testing.T) {
	defer goleak.VerifyNone(t) // after Close
	farm, err := dialertest.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer farm.Close()
	if len(farm.Endpoints) != len(dialertest.Cases()) {
		t.Fatalf("%d endpoints for %d cases", len(farm.Endpoints), len(dialertest.Cases()))
	}
	for _, e := range farm.Endpoints {
		t.Run(e.Name, func(t *testing.T) { checkPlain(t, e, probe(t, e, widest())) })
	}
}

// checkPlain compares what was seen with the case's Plain.
func checkPlain(t *testing.T, e *dialertest.Endpoint, s seen) {
	t.Helper()
	want := e.Plain
	if got := s.state != nil; got != want.Certificate {
		t.Errorf("certificate seen: %v, want %v (%v)", got, want.Certificate, s.err)
	}
	switch {
	case s.conn != nil: // the handshake completed
		if want.Status != "ok" {
			t.Errorf("completed, want %s", want.Code)
		}
		end := s.drain
		if end == "protocol" {
			end = "" // a drain that fails in no way the record has a word for
		}
		if end != want.Drain {
			t.Errorf("drain ended with %q, want %q (%v)", s.drain, want.Drain, s.err)
		}
		if want.ClientCertRequired && alertNumber(s.err) != alerts["certificate_required"] {
			t.Errorf("drain: %v, want certificate_required", s.err)
		}
	case want.ClientCertRequired: // and TLS 1.2
		if want := map[string]string{"client-cert-eof": "eof", "client-cert-reset": "reset"}[e.Name]; want != "" && code(s.err) != want ||
			want == "" && alertNumber(s.err) != alerts["handshake_failure"] {
			t.Errorf("%v, want the end that %s says", s.err, e.Name)
		}
	default:
		if got := code(s.err); want.Status != "error" || got != want.Code {
			t.Errorf("%s (%v), want %s %s", got, s.err, want.Status, want.Code)
		}
		if want.Phase != "" && s.phase != want.Phase {
			t.Errorf("failed in %s, want %s", s.phase, want.Phase)
		}
		if want.Code == "alert" && alertNumber(s.err) != alerts[want.Alert] {
			t.Errorf("%v, want alert %s", s.err, want.Alert)
		}
	}
}

// TestCaseTable holds what the table promises about itself.
func TestCaseTable(t *testing.T) {
	name := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	names := make(map[string]bool)
	for _, c := range dialertest.Cases() {
		if !name.MatchString(c.Name) || names[c.Name] {
			t.Errorf("name %q is not in kebab-case or not unique", c.Name)
		}
		names[c.Name] = true
		if !strings.HasSuffix(c.About, ".") {
			t.Errorf("%s: About is no sentence: %q", c.Name, c.About)
		}
		for _, w := range []dialertest.Want{c.Want, c.Plain} {
			if (w.Status == "error") != (w.Code != "") {
				t.Errorf("%s: status %q with code %q", c.Name, w.Status, w.Code)
			}
			if (w.Code == "alert") != (w.Alert != "") {
				t.Errorf("%s: code %q with alert %q", c.Name, w.Code, w.Alert)
			}
			if w.Status == "ok" && !w.Certificate || w.Status == "error" && w.Drain != "" {
				t.Errorf("%s: contradicts itself: %+v", c.Name, w)
			}
		}
	}
	if _, err := dialertest.Find("no-such-case"); err == nil {
		t.Error("found a case that does not exist")
	}
	if _, err := dialertest.Start("good", "no-such-case"); err == nil {
		t.Error("started a case that does not exist")
	}
}
