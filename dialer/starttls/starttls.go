package starttls

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
)

// maxPreamble caps what one server may say before TLS. Real ones say less than
// 2 KiB; the cap leaves room for long greetings and stops those without an end.
const maxPreamble = 64 << 10

// maxWords caps how much of a server's words an error quotes.
const maxWords = 200

// clientName is what certsweep calls itself if a protocol wants a name.
// RFC 2606 §2 keeps the domain from ever being somebody's.
const clientName = "certsweep.invalid"

// preambles has what each protocol says before TLS. A preamble returns nil
// when it has read the server's go-ahead, and has asked for nothing beyond it.
// Its error is one of refused, unexpected and tooLarge, or that of a read or
// write.
var preambles = map[string]func(*preamble) error{
	// RFC 3207 §4 and RFC 2033 §4. STARTTLS is tried even if the capability
	// list lacks it: the answer is the server's own word on it.
	"smtp": replies(turn{"", "220"}, turn{"EHLO " + clientName, "250"}, turn{"STARTTLS", "220"}),
	"lmtp": replies(turn{"", "220"}, turn{"LHLO " + clientName, "250"}, turn{"STARTTLS", "220"}),
	// RFC 4217 §4 and RFC 4642 §2.2.
	"ftp":         replies(turn{"", "220"}, turn{"AUTH TLS", "234"}),
	"nntp":        replies(turn{"", "20"}, turn{"STARTTLS", "382"}),
	"pop3":        pop3,
	"imap":        imap,
	"sieve":       sieve,
	"irc":         irc,
	"xmpp":        xmpp("jabber:client"),
	"xmpp-server": xmpp("jabber:server"),
	"ldap":        ldap,
	"postgres":    postgres,
	"mysql":       mysql,
	"rdp":         rdp,
	"tds":         tds,
}

// Protocols returns the names of the protocols that Upgrade knows, sorted.
func Protocols() []string { return slices.Sorted(maps.Keys(preambles)) }

// Upgrade speaks the preamble of a protocol on conn and returns the connection
// for the TLS handshake: conn itself, or, if the protocol wraps the handshake
// in packets of its own, a connection around it whose NetConn returns conn.
// name is the server's, for protocols that serve many. Call [HandshakeDone]
// after the handshake.
//
// Upgrade blocks within the deadlines that conn has, and leaves conn open if it
// fails. The error is an *[Error], or wraps that of a read or write.
func Upgrade(conn net.Conn, protocol, name string) (net.Conn, error) {
	speak, ok := preambles[protocol]
	if !ok {
		return nil, &Error{Kind: Unknown, Err: fmt.Errorf("%q is not a STARTTLS protocol", words(protocol))}
	}
	// A small buffer: it is held for as long as a silent server keeps us waiting.
	p := &preamble{r: bufio.NewReaderSize(&cappedReader{conn, maxPreamble}, 512), conn: conn, name: name}
	err := speak(p)
	if n := p.r.Buffered(); err == nil && n > 0 {
		// What came along with the go-ahead was not protected by TLS, and would be
		// taken for a part of the session by a client that reads on (CVE-2011-0411).
		extra, _ := p.r.Peek(n)
		err = failed(Injection, "bytes between the go-ahead and the handshake: %q", words(string(extra)))
	}
	if err == nil {
		return p.conn, nil
	}
	if own, ok := errors.AsType[*Error](err); ok {
		own.Protocol = protocol
		return nil, own
	}
	return nil, fmt.Errorf("%s before TLS: %w", protocol, err)
}

// HandshakeDone ends the wrapping that [Upgrade] may have put around a
// connection. Call it once the TLS handshake on conn is complete, before
// anything else is sent. Any other connection is left as it is.
func HandshakeDone(conn net.Conn) {
	if c, ok := conn.(interface{ handshakeDone() }); ok {
		c.handshakeDone()
	}
}

// preamble is one conversation in the clear.
type preamble struct {
	r *bufio.Reader
	// conn is what the TLS handshake goes over. A protocol that wraps it replaces
	// conn when its preamble is over.
	conn net.Conn
	name string
}

func (p *preamble) send(s string) error {
	_, err := io.WriteString(p.conn, s)
	return err
}

// line reads one line and returns it without its end.
func (p *preamble) line() (string, error) {
	line, err := p.r.ReadString('\n')
	if err != nil {
		return "", cutOff(line, err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// next reads n bytes. Memory grows with what arrives, not with what a length
// field announces.
func (p *preamble) next(n int) ([]byte, error) {
	if n > maxPreamble {
		return nil, tooLarge()
	}
	var b bytes.Buffer
	if _, err := io.CopyN(&b, p.r, int64(n)); err != nil {
		return nil, cutOff(b.String(), err)
	}
	return b.Bytes(), nil
}

// cappedReader fails when more than left bytes are asked of it.
type cappedReader struct {
	r    io.Reader
	left int
}

func (c *cappedReader) Read(b []byte) (int, error) {
	if c.left == 0 {
		return 0, tooLarge()
	}
	n, err := c.r.Read(b[:min(len(b), c.left)])
	c.left -= n
	return n, err
}
