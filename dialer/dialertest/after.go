package dialertest

import (
	"crypto/tls"
	"io"
	"net"
	"time"
)

// afterHandshake returns a server with a good certificate that completes the
// handshake and then leaves the connection to the given function.
func afterHandshake(host string, then func(c net.Conn, t *tls.Conn)) func(*pki) func(net.Conn) {
	return func(p *pki) func(net.Conn) {
		config := &tls.Config{Certificates: []tls.Certificate{p.inter.Issue(Leaf{DNSNames: []string{host}})}}
		return func(c net.Conn) {
			if t := tls.Server(c, config); t.Handshake() == nil {
				then(c, t)
			}
		}
	}
}

// afterCases complete the handshake and misbehave after it.
func afterCases() []Case {
	return []Case{
		newCase("greeting", "It sends a line as soon as the handshake is done, as mail servers do.",
			ok(), afterHandshake("greeting.test", greet)),
		newCase("no-close-notify", "It closes the connection without answering close_notify.",
			ok(), afterHandshake("no-close-notify.test", func(c net.Conn, t *tls.Conn) {
				io.Copy(io.Discard, t)
				finish(c)
			})),
		newCase("ignores-close", "It keeps the connection open, whatever the client says.",
			ok().withDrain("deadline"), afterHandshake("ignores-close.test", func(c net.Conn, _ *tls.Conn) { discard(c) })),
		newCase("reset-on-close", "It answers close_notify with a TCP reset.",
			ok().withDrain("reset"), afterHandshake("reset-on-close.test", func(c net.Conn, t *tls.Conn) {
				io.Copy(io.Discard, t)
				abort(c)
			})),
		newCase("flood", "It sends data for ever, as fast as it can.",
			ok().withDrain("cap"), afterHandshake("flood.test", flood)),
		newCase("slow-flood", "It sends one byte every 50 ms, for ever.",
			ok().withDrain("deadline"), afterHandshake("slow-flood.test", slowFlood)),
		newCase("key-update-flood", "TLS 1.3; it asks for new keys without end and never reads the answers.",
			ok().withDrain(""), keyUpdateFlood),
	}
}

// greet sends a line and then behaves well.
func greet(c net.Conn, t *tls.Conn) {
	io.WriteString(t, "* OK IMAP4rev1 greeting.test ready\r\n")
	if _, err := io.Copy(io.Discard, t); err == nil {
		t.CloseWrite()
	}
	finish(c)
}

func flood(_ net.Conn, t *tls.Conn) {
	zeros := make([]byte, maxPlaintext)
	for {
		if _, err := t.Write(zeros); err != nil {
			return
		}
	}
}

func slowFlood(c net.Conn, t *tls.Conn) {
	for pause(c, 50*time.Millisecond) {
		if _, err := t.Write([]byte{0}); err != nil {
			return
		}
	}
}
