package dialer

import (
	"errors"
	"testing"

	"certsweep/dialer/dialertest"
)

func TestCases(t *testing.T) {
	farm, err := dialertest.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer farm.Close()
	for _, e := range farm.Endpoints {
		t.Run(e.Name, func(t *testing.T) {
			timeout := patience
			if e.Plain.Code == "timeout" {
				timeout = impatience
			}
			d := &Dialer{DrainTimeout: patience, minDrain: patience, NoRescue: true}
			if e.Plain.Drain == "deadline" {
				d.DrainTimeout = impatience
			}
			target := endpointAt(e.Addr, e.Host)
			target.StartTLS = Protocol(e.StartTLS)
			h, err := probe(d, within(t, timeout), target)
			checkPlain(t, e, h, err)
			checkNoReset(t, e)
		})
	}
}

// checkPlain compares a probe with what a case says of it.
func checkPlain(t *testing.T, e *dialertest.Endpoint, h Handshake, err error) {
	t.Helper()
	want := e.Plain
	if want.Status == "ok" {
		if err != nil {
			t.Fatal(err)
		}
	} else {
		checkError(t, err, want)
	}
	if got := len(h.Certificates) > 0; got != want.Certificate {
		t.Errorf("certificate: %v, want %v", got, want.Certificate)
	}
	if len(h.Parsed) != len(h.Certificates) {
		t.Errorf("%d certificates, %d parsed", len(h.Certificates), len(h.Parsed))
	}
	if got := h.Method == MethodHandshake; got != want.Certificate {
		t.Errorf("method %q", h.Method)
	}
	if h.ClientCertRequired != want.ClientCertRequired {
		t.Errorf("client certificate required: %v, want %v", h.ClientCertRequired, want.ClientCertRequired)
	}
	drain := want.Drain
	if e.Name == "key-update-flood" {
		// crypto/tls has said goodbye, cannot answer an update, and takes what
		// comes under the new keys for a breach of the protocol.
		drain = "reset"
	}
	if string(h.Drain.End) != drain {
		t.Errorf("drain ended with %q, want %q", h.Drain.End, drain)
	}
	if h.Addr != e.Addr {
		t.Errorf("address %v, want %v", h.Addr, e.Addr)
	}
}

func checkError(t *testing.T, err error, want dialertest.Want) {
	t.Helper()
	var failure *Error
	if !errors.As(err, &failure) {
		t.Fatalf("error %v, want %s", err, want.Code)
	}
	if string(failure.Code) != want.Code {
		t.Errorf("%v, want code %s", err, want.Code)
	}
	if want.Phase != "" && string(failure.Phase) != want.Phase {
		t.Errorf("%v, want phase %s", err, want.Phase)
	}
	if want.Alert != "" && AlertName(failure.Alert) != want.Alert {
		t.Errorf("alert %s, want %s", AlertName(failure.Alert), want.Alert)
	}
}

// checkNoReset holds a probe to an ordinary close where the server behaved.
func checkNoReset(t *testing.T, e *dialertest.Endpoint) {
	t.Helper()
	if e.Server == nil {
		return
	}
	if err := e.Server.Wait(within(t, patience)); err != nil {
		t.Fatalf("the connection is still open: %v", err)
	}
	if e.Plain.Drain == "eof" && e.Server.Resets() != 0 {
		t.Errorf("%d resets", e.Server.Resets())
	}
}
