package dialer

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"time"
)

// Protocol is an application protocol that starts in the clear and changes to
// TLS on the same connection. The empty Protocol is TLS from the first byte.
type Protocol string

// DefaultPort returns the port that IANA gave the protocol, or 0 for TLS from
// the first byte.
func (p Protocol) DefaultPort() uint16 {
	if p == "" {
		return 0
	}
	return schemes[string(p)].port
}

// scheme is what the part of a URL before "://" says about an endpoint.
type scheme struct {
	port     uint16
	starttls Protocol
}

// schemes has the port that IANA's service name registry gives each scheme;
// those of PostgreSQL's, MySQL's and SQL Server's URLs are their clients'.
var schemes = map[string]scheme{
	"https": {443, ""}, "wss": {443, ""}, "tls": {443, ""}, "ssl": {443, ""},

	"smtp": {25, "smtp"}, "submission": {587, "smtp"}, "smtps": {465, ""}, "submissions": {465, ""},
	"lmtp": {24, "lmtp"},
	"imap": {143, "imap"}, "imaps": {993, ""},
	"pop3": {110, "pop3"}, "pop3s": {995, ""},
	"ftp": {21, "ftp"}, "ftps": {990, ""},
	"sieve": {4190, "sieve"}, "managesieve": {4190, "sieve"},
	"nntp": {119, "nntp"}, "nntps": {563, ""}, "snews": {563, ""},
	"irc": {6667, "irc"}, "ircs": {6697, ""},
	"xmpp": {5222, "xmpp"}, "xmpp-client": {5222, "xmpp"}, "xmpps": {5223, ""},
	"xmpp-server": {5269, "xmpp-server"}, "xmpps-server": {5270, ""},
	"ldap": {389, "ldap"}, "ldaps": {636, ""},
	"postgres": {5432, "postgres"}, "postgresql": {5432, "postgres"},
	"mysql": {3306, "mysql"}, "mariadb": {3306, "mysql"},
	"rdp": {3389, "rdp"},
	"tds": {1433, "tds"}, "mssql": {1433, "tds"}, "sqlserver": {1433, "tds"},
	"mqtts": {8883, ""}, "amqps": {5671, ""}, "rediss": {6379, ""}, "dot": {853, ""}, "telnets": {992, ""},
}

// ParseProtocol returns the STARTTLS protocol that a scheme's name stands for.
func ParseProtocol(s string) (Protocol, error) {
	if known, ok := schemes[strings.ToLower(s)]; ok && known.starttls != "" {
		return known.starttls, nil
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(schemes)) {
		if schemes[name].starttls == Protocol(name) {
			names = append(names, name)
		}
	}
	return "", fmt.Errorf("%q is not a STARTTLS protocol (known: %s)", cut(s), strings.Join(names, " "))
}

// maxPreamble caps what one server may say before TLS. Real ones say less than
// 2 KiB; the cap leaves room for long greetings and stops those without an end.
const maxPreamble = 64 << 10

// maxWords caps how much of a server's words an error quotes.
const maxWords = 200

// clientName is what certsweep calls itself where a protocol wants a name.
// RFC 2606 §2 keeps the domain from ever being somebody's.
const clientName = "certsweep.invalid"

// preambles has what each protocol says before TLS. A preamble returns nil
// when it has read the server's go-ahead, and has asked for nothing beyond it.
var preambles = map[Protocol]func(*preamble) error{
	// RFC 3207 §4 and RFC 2033 §4. STARTTLS is tried even where the capability
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

// startTLS speaks the preamble of a protocol on conn and returns the
// connection for the TLS handshake: conn itself, or for tds a *tdsConn around
// it. The empty protocol has no preamble. name is the server's, for protocols
// that serve many. startTLS blocks within the deadlines that conn has, and
// leaves conn open when it fails. The error is an *Error, or wraps that of a
// read or write.
func startTLS(conn net.Conn, protocol Protocol, name string) (net.Conn, error) {
	if protocol == "" {
		return conn, nil
	}
	speak, ok := preambles[protocol]
	if !ok {
		return nil, startTLSError(CodeProtocol, "%q is not a STARTTLS protocol", cut(string(protocol)))
	}
	// A small buffer: it is held for as long as a silent server keeps us waiting.
	p := &preamble{r: bufio.NewReaderSize(&cappedReader{conn, maxPreamble}, 512), w: conn, name: name}
	if err := speak(p); err != nil {
		return nil, fmt.Errorf("%s before TLS: %w", protocol, err)
	}
	// What came along with the go-ahead was not protected by TLS, and would be
	// taken for a part of the session by a client that reads on (CVE-2011-0411).
	if n := p.r.Buffered(); n > 0 {
		extra, _ := p.r.Peek(n)
		return nil, startTLSError(CodeStartTLSInjection, "bytes between the go-ahead and the handshake: %q", words(string(extra)))
	}
	if protocol == "tds" {
		return &tdsConn{Conn: conn}, nil
	}
	return conn, nil
}

// dialStartTLS connects, speaks the endpoint's preamble and makes the
// handshake.
func (a *attempt) dialStartTLS(ctx context.Context, config *tls.Config) (*tls.Conn, error) {
	conn, err := a.open(ctx)
	if err != nil {
		return nil, err
	}
	a.phase, a.start = PhaseHandshake, time.Now()
	client := tls.Client(conn, config)
	if err := client.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	handshakeDone(conn)
	return client, nil
}

// open connects and speaks the endpoint's preamble, if it has one. What it
// returns is ready for a ClientHello.
func (a *attempt) open(ctx context.Context) (net.Conn, error) {
	raw, err := a.d.netDialer.DialContext(ctx, "tcp", a.h.Addr.String())
	if err != nil {
		return nil, err
	}
	a.phase = PhaseStartTLS
	// The context does not touch a connection that is made.
	stop := context.AfterFunc(ctx, func() { raw.SetDeadline(time.Unix(1, 0)) })
	conn, err := startTLS(raw, a.endpoint.StartTLS, a.endpoint.Name())
	stop()
	if err != nil {
		raw.Close()
		if cause := ctx.Err(); cause != nil {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		return nil, err
	}
	return conn, nil
}

// preamble is one conversation in the clear.
type preamble struct {
	r    *bufio.Reader
	w    io.Writer
	name string
}

func (p *preamble) send(s string) error {
	_, err := io.WriteString(p.w, s)
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
		return nil, errTooLarge()
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
		return 0, errTooLarge()
	}
	n, err := c.r.Read(b[:min(len(b), c.left)])
	c.left -= n
	return n, err
}

func startTLSError(code Code, format string, args ...any) *Error {
	return &Error{Phase: PhaseStartTLS, Code: code, Err: fmt.Errorf(format, args...)}
}

// refused is the failure of a server that has no TLS for us, in its own words.
func refused(said string) *Error {
	return startTLSError(CodeStartTLSRefused, "the server said %q", words(said))
}

// unexpected is the failure of a server that speaks another protocol.
func unexpected(want, said string) *Error {
	return startTLSError(CodeProtocol, "%s expected, the server said %q", want, words(said))
}

func errTooLarge() *Error {
	return startTLSError(CodeTooLarge, "the server says more than %d bytes before TLS", maxPreamble)
}

// cutOff adds to a read's error what had come of the server's answer.
func cutOff(said string, err error) error {
	if said == "" {
		return err
	}
	return fmt.Errorf("after %q: %w", words(said), err)
}

func words(said string) string { return said[:min(len(said), maxWords)] }
