package dialertest

import (
	"crypto/tls"
	"net"
)

// startTLSCase returns a case of a server that speaks a protocol before TLS.
func startTLSCase(name, about, protocol string, behaviour StartTLSBehaviour, want Want) Case {
	c := newCase(name, about, want, func(p *pki) func(net.Conn) {
		config := &tls.Config{Certificates: []tls.Certificate{p.inter.Issue(Leaf{DNSNames: []string{name + ".test"}})}}
		s := speaker{dialogue: dialogues[protocol], behaviour: behaviour, config: config, fail: func(error) {}}
		return s.serve
	})
	c.StartTLS = protocol
	return c
}

// startTLSCases begin in the clear.
func startTLSCases() []Case {
	failed := func(code string) Want { return Want{Status: "error", Phase: "starttls", Code: code} }
	return []Case{
		startTLSCase("starttls-smtp", "A mail server that changes to TLS on STARTTLS.", "smtp", StartTLSSuccess, ok()),
		startTLSCase("starttls-postgres", "PostgreSQL: one byte says that it has TLS.", "postgres", StartTLSSuccess, ok()),
		startTLSCase("starttls-refused", "A mail server that does not know STARTTLS.", "smtp", StartTLSRefusal, failed("starttls_refused")),
		startTLSCase("starttls-injection", "IMAP; it says more in the clear after its go-ahead.", "imap", StartTLSInjection, failed("starttls_injection")),
		startTLSCase("starttls-silent", "LDAP; it accepts and never says a word.", "ldap", StartTLSSilence, failed("timeout")),
	}
}
