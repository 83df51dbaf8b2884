package dialertest

import (
	"io"
	"math/rand/v2"
	"net"
)

// raw is a server's part that needs no certificate.
func raw(serve func(net.Conn)) func(*pki) func(net.Conn) {
	return func(*pki) func(net.Conn) { return serve }
}

// banner speaks first, as the servers of many plain-text protocols do.
func banner(text string) func(*pki) func(net.Conn) {
	return raw(func(c net.Conn) {
		io.WriteString(c, text)
		finish(c)
	})
}

// answer waits for the client to speak.
func answer(text string) func(*pki) func(net.Conn) {
	return raw(func(c net.Conn) {
		readRecord(c)
		io.WriteString(c, text)
		finish(c)
	})
}

// strangerCases do not speak TLS, or nothing at all.
func strangerCases() []Case {
	return []Case{
		newCase("plain-http", "A plain HTTP server: it answers 400.",
			failed("not_tls"), answer("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n400 Bad Request")),
		newCase("ssh", "An SSH server.", failed("not_tls"), banner("SSH-2.0-OpenSSH_9.2p1\r\n")),
		newCase("smtp", "A mail server that speaks in the clear first.", failed("not_tls"), banner("220 smtp.test ESMTP\r\n")),
		newCase("garbage", "It sends 64 KiB of garbage.", failed("not_tls"), banner(garbage())),

		refused(),
		newCase("eof-at-accept", "It closes the connection as soon as it has accepted it.",
			failed("eof"), raw(finish)),
		newCase("eof-after-hello", "It closes the connection when it has read the ClientHello.",
			failed("eof"), raw(func(c net.Conn) {
				readRecord(c)
				finish(c)
			})),
		newCase("reset-at-accept", "It resets the connection as soon as it has accepted it.",
			Want{Status: "error", Code: "reset"}, raw(abort)),
		newCase("reset-after-hello", "It resets the connection when it has read the ClientHello.",
			failed("reset"), raw(func(c net.Conn) {
				readRecord(c)
				abort(c)
			})),
		newCase("silent", "It accepts and never says a word.", failed("timeout"), raw(discard)),
		newCase("slow", "It sends its first record at one byte every 50 ms.", failed("timeout"), raw(drip)),
	}
}

// refused is the port where nothing listens.
func refused() Case {
	c := newCase("refused", "A port where nothing listens.", failed("refused"), nil)
	c.Want.Phase, c.Plain.Phase = "connect", "connect"
	return c
}

// garbage is the same 64 KiB every time. Its first byte is not the type of any
// TLS record.
func garbage() string {
	b := make([]byte, 64<<10)
	rand.NewChaCha8([32]byte{}).Read(b)
	b[0] = 0xaa
	return string(b)
}
