package dialertest

import (
	"fmt"
	"net"
	"slices"
	"strings"
)

// Case is one named behaviour of a server, and what a scanner has to make of
// it.
type Case struct {
	// Name is short and in kebab-case, such as "expired".
	Name string
	// About says in one sentence what the server is or does.
	About string
	// Host is the name to send as SNI and to expect in the certificate. Empty
	// means that the server is known by its address alone.
	Host string
	// StartTLS is the protocol to speak before TLS. Empty means TLS from the
	// first byte.
	StartTLS string
	// Want is what a full scan reports: the farm's root is the only trust
	// anchor, no ALPN protocol is offered, and the rescue hello is on.
	Want Want
	// Plain is what one handshake of crypto/tls shows, without the rescue
	// hello. It differs from Want in few cases only.
	Plain Want

	// serve returns the server's part. It is nil for a port where nothing
	// listens.
	serve func(*pki) func(net.Conn)
}

// Want is what must be in the record of a case, in the record's own words.
type Want struct {
	Status string // "ok" or "error"
	// Phase, Code and Alert say how the probe failed. Phase is empty if it
	// is not determined: a reset may fall into the connect or the handshake.
	Phase, Code, Alert string
	// Certificate says that the record must hold the server's certificate.
	Certificate        bool
	ClientCertRequired bool
	// Findings must all be in the record; with Clean set, it must have none.
	Findings []string
	Clean    bool
	// Drain is how the connection must end: eof, deadline, cap, reset or
	// alert. It is empty if that is not determined or there is no drain.
	Drain string
}

// ok is the outcome of a completed handshake with a server that answers
// close_notify.
func ok(findings ...string) Want {
	return Want{Status: "ok", Certificate: true, Findings: findings, Clean: len(findings) == 0, Drain: "eof"}
}

// failed is the outcome of a handshake that shows no certificate.
func failed(code string) Want {
	return Want{Status: "error", Phase: "handshake", Code: code}
}

func alerted(alert string) Want {
	w := failed("alert")
	w.Alert = alert
	return w
}

func (w Want) withCertificate() Want {
	w.Certificate = true
	return w
}

func (w Want) withDrain(end string) Want {
	w.Drain = end
	return w
}

// newCase returns a case in which the rescue hello changes nothing.
func newCase(name, about string, want Want, serve func(*pki) func(net.Conn)) Case {
	return Case{Name: name, About: about, Host: name + ".test", Want: want, Plain: want, serve: serve}
}

// plain sets what a handshake without the rescue hello shows.
func (c Case) plain(w Want) Case {
	c.Plain = w
	return c
}

// Cases returns all cases, the well-behaved first.
func Cases() []Case {
	return slices.Concat(certificateCases(), chainCases(), unsupportedCases(), protocolCases(), refusalCases(), strangerCases(), handshakeCases(), afterCases(), impostorCases(), startTLSCases())
}

// Find returns the case of that name.
func Find(name string) (Case, error) {
	var names []string
	for _, c := range Cases() {
		if c.Name == name {
			return c, nil
		}
		names = append(names, c.Name)
	}
	return Case{}, fmt.Errorf("dialertest: no case %q (known: %s)", name, strings.Join(names, " "))
}
