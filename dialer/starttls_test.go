package dialer

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"certsweep/dialer/dialertest"
)

func TestEveryProtocolHasAPreamble(t *testing.T) {
	for name, s := range schemes {
		if s.starttls == "" {
			continue
		}
		if preambles[s.starttls] == nil {
			t.Errorf("scheme %s: no preamble for %q", name, s.starttls)
		}
	}
	for p := range preambles {
		if got, err := ParseProtocol(string(p)); got != p || err != nil {
			t.Errorf("ParseProtocol(%q) = %q, %v", p, got, err)
		}
		if !slices.Contains(dialertest.StartTLSProtocols(), string(p)) {
			t.Errorf("no fake server for %q", p)
		}
	}
}

// TestStartTLS meets every protocol with every behaviour.
func TestStartTLS(t *testing.T) {
	certificate := dialertest.SelfSigned(dialertest.Leaf{DNSNames: []string{"starttls.test"}})
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		config := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: version, MaxVersion: version}
		for _, protocol := range dialertest.StartTLSProtocols() {
			for _, behaviour := range dialertest.StartTLSBehaviours() {
				t.Run(tls.VersionName(version)+"/"+protocol+"/"+string(behaviour), func(t *testing.T) {
					t.Parallel()
					server, err := dialertest.NewStartTLS(protocol, behaviour, config)
					if err != nil {
						t.Fatal(err)
					}
					defer server.Close()
					got, err := certificateAfterStartTLS(t, server.Addr().String(), Protocol(protocol), behaviour)
					checkStartTLS(t, Protocol(protocol), behaviour, err)
					if err == nil && !bytes.Equal(got, certificate.Certificate[0]) {
						t.Error("another certificate than the server's")
					}
					if err := server.Err(); err != nil {
						t.Errorf("the server: %v", err)
					}
				})
			}
		}
	}
}

// certificateAfterStartTLS does what a Dialer does, and proves that the TLS
// session works both ways by the server's answer to close_notify.
func certificateAfterStartTLS(t *testing.T, address string, p Protocol, behaviour dialertest.StartTLSBehaviour) ([]byte, error) {
	raw, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if behaviour == dialertest.StartTLSSilence {
		// A deadline that has passed stands for one that a silent server
		// exhausts; the command of a client that speaks first goes nowhere.
		raw.SetReadDeadline(time.Now().Add(-time.Second))
	}
	conn, err := startTLS(raw, p, "starttls.test")
	if err != nil {
		return nil, err
	}
	client := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	if err := client.Handshake(); err != nil {
		t.Fatalf("handshake: %v", err)
	}
	handshakeDone(conn)
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, client); n != 0 || err != nil {
		t.Errorf("the drain read %d bytes, %v", n, err)
	}
	if under, ok := conn.(interface{ NetConn() net.Conn }); conn != raw && (!ok || under.NetConn() != raw) {
		t.Error("the connection does not unwrap to the one dialed")
	}
	return client.ConnectionState().PeerCertificates[0].Raw, nil
}

func checkStartTLS(t *testing.T, p Protocol, behaviour dialertest.StartTLSBehaviour, err error) {
	t.Helper()
	want := map[dialertest.StartTLSBehaviour]Code{
		dialertest.StartTLSRefusal:      CodeStartTLSRefused,
		dialertest.StartTLSSilence:      CodeTimeout,
		dialertest.StartTLSInjection:    CodeStartTLSInjection,
		dialertest.StartTLSHugeGreeting: CodeTooLarge,
		dialertest.StartTLSHalfClose:    CodeEOF,
	}[behaviour]
	if behaviour == dialertest.StartTLSHugeGreeting {
		switch p {
		case "postgres":
			want = CodeStartTLSRefused // its first byte was the refusal
		case "rdp":
			want = CodeProtocol // the length of a connection confirm has one byte
		}
	}
	if want == "" {
		if err != nil {
			t.Errorf("startTLS: %v", err)
		}
		return
	}
	if err == nil {
		t.Fatalf("startTLS succeeded, want %s", want)
	}
	e := classify(PhaseStartTLS, err)
	if e.Phase != PhaseStartTLS || e.Code != want {
		t.Errorf("got %v, want %s", e, want)
	}
	t.Logf("%v", e)
	if len(e.Error()) > 1200 {
		t.Errorf("a message of %d bytes", len(e.Error()))
	}
}

// speech is a connection whose other end has said everything already.
type speech struct {
	io.Reader
	net.Conn
	heard bytes.Buffer
}

func (s *speech) Read(b []byte) (int, error)  { return s.Reader.Read(b) }
func (s *speech) Write(b []byte) (int, error) { return s.heard.Write(b) }

func TestStartTLSAnswers(t *testing.T) {
	long := strings.Repeat("\x00", 1000)
	for _, test := range []struct {
		name     string
		protocol Protocol
		says     string
		code     Code   // empty: success
		message  string // a part of the error's
	}{
		{"greeting refused", "smtp", "554-mx.example.net\r\n554 No SMTP service here\r\n", CodeStartTLSRefused, `"554-mx.example.net\n554 No SMTP service here"`},
		{"not offered, granted all the same", "smtp", "220 a\r\n250 a\r\n220 go\r\n", "", ""},
		{"bare codes", "smtp", "220\n250-\n250\n220\n", "", ""},
		{"words are escaped and cut", "smtp", "554 " + long + "\r\n", CodeStartTLSRefused, `"554 ` + strings.Repeat(`\x00`, 196) + `"`},
		{"a reply of another kind", "smtp", "220 a\r\n354 a\r\n", CodeProtocol, `reply 250 expected, the server said "354 a"`},
		{"HTTP", "smtp", "HTTP/1.1 400 Bad Request\r\n", CodeProtocol, `"HTTP/1.1 400 Bad Request"`},
		{"cut off", "smtp", "220 mx.exa", CodeEOF, `after "220 mx.exa"`},
		{"nothing", "smtp", "", CodeEOF, ""},
		{"FTP on SMTP", "smtp", "220 ftp\r\n500 EHLO not understood\r\n", CodeStartTLSRefused, "EHLO not understood"},
		{"another mechanism", "ftp", "220 a\r\n334 ADAT\r\n", CodeProtocol, "334 ADAT"},
		{"posting allowed", "nntp", "200 a\r\n382 go\r\n", "", ""},
		{"no access", "nntp", "502 no permission\r\n", CodeStartTLSRefused, "no permission"},
		{"greeting", "pop3", "-ERR too many connections\r\n", CodeStartTLSRefused, "too many"},
		{"other", "pop3", "220 a\r\n", CodeProtocol, "+OK expected"},
		{"BYE", "imap", "* BYE overloaded\r\n", CodeStartTLSRefused, "overloaded"},
		{"BYE later", "imap", "* OK a\r\n* BYE shutting down\r\n", CodeStartTLSRefused, "shutting down"},
		{"PREAUTH", "imap", "* PREAUTH a\r\na1 BAD already authenticated\r\n", CodeStartTLSRefused, "already authenticated"},
		{"another tag", "imap", "* OK a\r\na2 OK go\r\n", CodeProtocol, "a2 OK"},
		{"literal too large", "imap", "* OK {99999999999999999999}\r\n", CodeTooLarge, ""},
		{"other", "imap", "+OK a\r\n", CodeProtocol, "+OK a"},
		{"BYE", "sieve", "BYE (TRYLATER) \"busy\"\r\n", CodeStartTLSRefused, "busy"},
		{"IMAP", "sieve", "* OK a\r\n", CodeProtocol, "* OK a"},
		{"unknown command", "irc", ":irc.example.net 421 * STARTTLS :Unknown command\r\n", CodeStartTLSRefused, "Unknown command"},
		{"not among the capabilities", "irc", ":a CAP * LS * :sasl\r\n:a CAP * LS :multi-prefix\r\n", CodeStartTLSRefused, "CAP * LS :multi-prefix"},
		{"no capabilities", "irc", ":a CAP 1STAAAAAA LS :\r\n", CodeStartTLSRefused, "CAP 1STAAAAAA LS"},
		{"no CAP", "irc", ":a 421 * CAP :Unknown command\r\n:a 670 * :go\r\n", "", ""},
		{"banned", "irc", "ERROR :Closing Link\r\n", CodeStartTLSRefused, "Closing Link"},
		{"please wait", "irc", ":a 439 * :Please wait\r\nPING :1\r\n:a 670 you :go\r\n", "", ""},
		{"HTTP", "irc", "HTTP/1.1 400 Bad Request\r\n", CodeProtocol, "HTTP/1.1"},
		{"SMTP", "irc", "220 mx\r\n502 not implemented\r\n", CodeStartTLSRefused, "502 not implemented"},
		{"no version", "xmpp", "<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>", CodeStartTLSRefused, "<stream:stream"},
		{"host unknown", "xmpp", xmppServerHeader + "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>", CodeStartTLSRefused, "host-unknown"},
		{"no STARTTLS", "xmpp", xmppServerHeader + "<stream:features><register/></stream:features>", CodeStartTLSRefused, "<stream:features><register/></stream:features>"},
		{"stream ends", "xmpp", xmppServerHeader + "</stream:stream>", CodeStartTLSRefused, "</stream:stream>"},
		{"open and close tags", "xmpp-server", xmppServerHeader + " <stream:features>\n<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'></starttls></stream:features><proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'></proceed>", "", ""},
		{"bad XML", "xmpp", xmppServerHeader + "<<", CodeProtocol, "XML expected"},
		{"cut off", "xmpp", xmppServerHeader + "<stream:fea", CodeEOF, `after "<stream:fea"`},
		{"another stanza", "xmpp", xmppServerHeader + "<message xmlns='jabber:client'/>", CodeProtocol, "<features> expected"},
		{"HTTP", "xmpp", "HTTP/1.1 400 Bad Request\r\n\r\n<html>", CodeProtocol, "HTTP/1.1 400"},
		{"notice of disconnection", "ldap", "\x30\x24\x02\x01\x00\x78\x1f\x0a\x01\x34\x04\x00\x04\x00\x8a\x161.3.6.1.4.1.1466.20036", CodeStartTLSRefused, "result 52"},
		{"short form", "ldap", "\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00", "", ""},
		{"indefinite length", "ldap", "\x30\x80\x02\x01\x01", CodeProtocol, "an LDAP message expected"},
		{"huge length", "ldap", "\x30\x84\xff\xff\xff\xff", CodeTooLarge, ""},
		{"bind response", "ldap", "\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00", CodeProtocol, "extended response"},
		{"SMTP", "ldap", "220 mx\r\n", CodeProtocol, `"22"`},
		{"no", "postgres", "N", CodeStartTLSRefused, `"N"`},
		{"old error", "postgres", "Ecould not fork\n\x00", CodeStartTLSRefused, `could not fork`},
		{"new error", "postgres", "E\x00\x00\x00\x0cMwrong\x00\x00", CodeStartTLSRefused, `Mwrong`},
		{"SMTP", "postgres", "220 mx\r\n", CodeProtocol, `S or N expected, the server said "2"`},
		{"host not allowed", "mysql", "\x1b\x00\x00\x00\xff\x6a\x04Host is not allowed here", CodeStartTLSRefused, "Host is not allowed here"},
		{"old version", "mysql", "\x05\x00\x00\x00\x093.0\x00", CodeProtocol, "a MySQL greeting"},
		{"SSH", "mysql", "SSH-2.0-OpenSSH_9.2\r\n", CodeProtocol, `"SSH-"`},
		{"without negotiation", "rdp", "\x03\x00\x00\x0b\x06\xd0\x00\x00\x12\x34\x00", CodeStartTLSRefused, "standard RDP security"},
		{"standard security chosen", "rdp", "\x03\x00\x00\x13\x0e\xd0\x00\x00\x12\x34\x00\x02\x00\x08\x00\x00\x00\x00\x00", CodeStartTLSRefused, "PROTOCOL_RDP"},
		{"unknown failure", "rdp", "\x03\x00\x00\x13\x0e\xd0\x00\x00\x12\x34\x00\x03\x00\x08\x00\x63\x00\x00\x00", CodeStartTLSRefused, "failure code 99"},
		{"CredSSP", "rdp", "\x03\x00\x00\x13\x0e\xd0\x00\x00\x12\x34\x00\x02\x1f\x08\x00\x08\x00\x00\x00", "", ""},
		{"SSH", "rdp", "SSH-2.0-OpenSSH_9.2\r\n", CodeProtocol, `"SSH-"`},
		{"error token", "tds", "\x04\x01\x00\x0c\x00\x00\x01\x00\xaaboo", CodeStartTLSRefused, `boo`},
		{"two packets", "tds", "\x04\x00\x00\x0e\x00\x00\x01\x00\x01\x00\x06\x00\x01\xff\x04\x01\x00\x09\x00\x00\x02\x00\x03", "", ""},
		{"offset outside", "tds", "\x04\x01\x00\x0e\x00\x00\x01\x00\x01\xff\xff\x00\x01\xff", CodeProtocol, "PRELOGIN"},
		{"SSH", "tds", "SSH-2.0-OpenSSH_9.2\r\n", CodeProtocol, `"SSH-2.0-"`},
	} {
		t.Run(string(test.protocol)+"/"+test.name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(test.says), iotest.OneByteReader(strings.NewReader(test.says))} {
				_, err := startTLS(&speech{Reader: r}, test.protocol, "starttls.test")
				if test.code == "" {
					if err != nil {
						t.Error(err)
					}
					continue
				}
				if err == nil {
					t.Fatal("success")
				}
				e := classify(PhaseStartTLS, err)
				if e.Phase != PhaseStartTLS || e.Code != test.code || !strings.Contains(e.Error(), test.message) {
					t.Errorf("got %v, want %s and %s", e, test.code, test.message)
				}
			}
		})
	}
}

const xmppServerHeader = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='1' version='1.0'>"

func TestStartTLSWithoutProtocol(t *testing.T) {
	conn := &speech{Reader: strings.NewReader("")}
	if got, err := startTLS(conn, "", "starttls.test"); got != net.Conn(conn) || err != nil {
		t.Errorf("startTLS = %v, %v, want the connection itself", got, err)
	}
	if _, err := startTLS(conn, "gopher", "starttls.test"); err == nil {
		t.Error("an unknown protocol was spoken")
	}
	if conn.heard.Len() != 0 {
		t.Errorf("it said %q", conn.heard.String())
	}
}

func TestXMPPHeader(t *testing.T) {
	if h := xmppHeader("jabber:client", "a'><b"); strings.Contains(h, "'><b") {
		t.Errorf("the name left its attribute: %s", h)
	}
	if h := xmppHeader("jabber:server", "a"); !strings.Contains(h, " from='certsweep.invalid'") {
		t.Errorf("a server that does not name itself: %s", h)
	}
}

// TestTDSConn reads packets and the bare records after them, whatever the
// sizes of the reads.
func TestTDSConn(t *testing.T) {
	wire := appendTDSPacket(nil, []byte("hello "), false)
	wire = appendTDSPacket(wire, []byte("in packets"), true)
	wire = append(wire, "\x15\x03\x03\x00\x02\x01\x00"...)
	for size := 1; size < 20; size++ {
		c := &tdsConn{Conn: &speech{Reader: bytes.NewReader(wire)}}
		var got []byte
		b := make([]byte, size)
		for {
			n, err := c.Read(b)
			got = append(got, b[:n]...)
			if err != nil {
				break
			}
		}
		if want := "hello in packets\x15\x03\x03\x00\x02\x01\x00"; string(got) != want {
			t.Errorf("reads of %d: %q, want %q", size, got, want)
		}
	}
	under := &speech{Reader: bytes.NewReader(nil)}
	c := &tdsConn{Conn: under}
	big := bytes.Repeat([]byte("x"), 10000)
	if n, err := c.Write(big); n != len(big) || err != nil {
		t.Fatalf("Write = %d, %v", n, err)
	}
	back, err := io.ReadAll(&tdsConn{Conn: &speech{Reader: &under.heard}})
	if !bytes.Equal(back, big) || err != nil {
		t.Errorf("10000 bytes came back as %d, %v", len(back), err)
	}
	empty := &tdsConn{Conn: &speech{Reader: strings.NewReader("\x12\x01\x00\x08\x00\x00\x00\x00")}}
	if _, err := empty.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("an empty packet: %v", err)
	}
}
