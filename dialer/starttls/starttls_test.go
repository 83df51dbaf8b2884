package starttls

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"certsweep/dialer/dialertest"
)

func TestEveryProtocolHasAFake(t *testing.T) {
	if got, want := dialertest.StartTLSProtocols(), Protocols(); !slices.Equal(got, want) {
		t.Errorf("dialertest speaks %q, this package %q", got, want)
	}
}

// outcome is what came of a preamble: its error's kind, "timeout", "eof", or
// "success".
func outcome(t *testing.T, err error) string {
	t.Helper()
	own, ok := errors.AsType[*Error](err)
	switch {
	case err == nil:
		return "success"
	case ok:
		return string(own.Kind)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "eof"
	}
	t.Errorf("neither an *Error nor one of the connection: %v", err)
	return "none"
}

// TestUpgrade meets every protocol with every behaviour.
func TestUpgrade(t *testing.T) {
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
					got, err := certificateAfter(t, server.Addr().String(), protocol, behaviour)
					checkUpgrade(t, protocol, behaviour, err)
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

// certificateAfter does what a Dialer does, and proves that the TLS
// session works both ways by the server's answer to close_notify.
func certificateAfter(t *testing.T, address, protocol string, behaviour dialertest.StartTLSBehaviour) ([]byte, error) {
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
	conn, err := Upgrade(raw, protocol, "starttls.test")
	if err != nil {
		return nil, err
	}
	client := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	if err := client.Handshake(); err != nil {
		t.Fatalf("handshake: %v", err)
	}
	HandshakeDone(conn)
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

func checkUpgrade(t *testing.T, protocol string, behaviour dialertest.StartTLSBehaviour, err error) {
	t.Helper()
	want := map[dialertest.StartTLSBehaviour]string{
		dialertest.StartTLSSuccess:      "success",
		dialertest.StartTLSOneByte:      "success",
		dialertest.StartTLSRefusal:      "refused",
		dialertest.StartTLSSilence:      "timeout",
		dialertest.StartTLSInjection:    "injection",
		dialertest.StartTLSHugeGreeting: "too_large",
		dialertest.StartTLSHalfClose:    "eof",
	}[behaviour]
	if behaviour == dialertest.StartTLSHugeGreeting {
		switch protocol {
		case "postgres":
			want = "refused" // its first byte was the refusal
		case "rdp":
			want = "unexpected" // the length of a connection confirm has one byte
		}
	}
	if got := outcome(t, err); got != want {
		t.Errorf("%s (%v), want %s", got, err, want)
	}
	if err == nil {
		return
	}
	t.Logf("%v", err)
	if !strings.HasPrefix(err.Error(), protocol+" before TLS: ") {
		t.Errorf("%v does not say which protocol it was", err)
	}
	if len(err.Error()) > 1200 {
		t.Errorf("a message of %d bytes", len(err.Error()))
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

func TestAnswers(t *testing.T) {
	long := strings.Repeat("\x00", 1000)
	for _, test := range []struct {
		name     string
		protocol string
		says     string
		want     string // an outcome
		message  string // a part of the error's
	}{
		{"greeting refused", "smtp", "554-mx.example.net\r\n554 No SMTP service here\r\n", "refused", `"554-mx.example.net\n554 No SMTP service here"`},
		{"not offered, granted all the same", "smtp", "220 a\r\n250 a\r\n220 go\r\n", "success", ""},
		{"bare codes", "smtp", "220\n250-\n250\n220\n", "success", ""},
		{"words are escaped and cut", "smtp", "554 " + long + "\r\n", "refused", `"554 ` + strings.Repeat(`\x00`, 196) + `"`},
		{"a reply of another kind", "smtp", "220 a\r\n354 a\r\n", "unexpected", `reply 250 expected, the server said "354 a"`},
		{"HTTP", "smtp", "HTTP/1.1 400 Bad Request\r\n", "unexpected", `"HTTP/1.1 400 Bad Request"`},
		{"cut off", "smtp", "220 mx.exa", "eof", `after "220 mx.exa"`},
		{"nothing", "smtp", "", "eof", ""},
		{"FTP on SMTP", "smtp", "220 ftp\r\n500 EHLO not understood\r\n", "refused", "EHLO not understood"},
		{"another mechanism", "ftp", "220 a\r\n334 ADAT\r\n", "unexpected", "334 ADAT"},
		{"posting allowed", "nntp", "200 a\r\n382 go\r\n", "success", ""},
		{"no access", "nntp", "502 no permission\r\n", "refused", "no permission"},
		{"greeting", "pop3", "-ERR too many connections\r\n", "refused", "too many"},
		{"other", "pop3", "220 a\r\n", "unexpected", "+OK expected"},
		{"BYE", "imap", "* BYE overloaded\r\n", "refused", "overloaded"},
		{"BYE later", "imap", "* OK a\r\n* BYE shutting down\r\n", "refused", "shutting down"},
		{"PREAUTH", "imap", "* PREAUTH a\r\na1 BAD already authenticated\r\n", "refused", "already authenticated"},
		{"another tag", "imap", "* OK a\r\na2 OK go\r\n", "unexpected", "a2 OK"},
		{"literal too large", "imap", "* OK {99999999999999999999}\r\n", "too_large", ""},
		{"other", "imap", "+OK a\r\n", "unexpected", "+OK a"},
		{"BYE", "sieve", "BYE (TRYLATER) \"busy\"\r\n", "refused", "busy"},
		{"IMAP", "sieve", "* OK a\r\n", "unexpected", "* OK a"},
		{"unknown command", "irc", ":irc.example.net 421 * STARTTLS :Unknown command\r\n", "refused", "Unknown command"},
		{"not among the capabilities", "irc", ":a CAP * LS * :sasl\r\n:a CAP * LS :multi-prefix\r\n", "refused", "CAP * LS :multi-prefix"},
		{"no capabilities", "irc", ":a CAP 1STAAAAAA LS :\r\n", "refused", "CAP 1STAAAAAA LS"},
		{"no CAP", "irc", ":a 421 * CAP :Unknown command\r\n:a 670 * :go\r\n", "success", ""},
		{"banned", "irc", "ERROR :Closing Link\r\n", "refused", "Closing Link"},
		{"please wait", "irc", ":a 439 * :Please wait\r\nPING :1\r\n:a 670 you :go\r\n", "success", ""},
		{"HTTP", "irc", "HTTP/1.1 400 Bad Request\r\n", "unexpected", "HTTP/1.1"},
		{"SMTP", "irc", "220 mx\r\n502 not implemented\r\n", "refused", "502 not implemented"},
		{"no version", "xmpp", "<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>", "refused", "<stream:stream"},
		{"host unknown", "xmpp", xmppServerHeader + "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>", "refused", "host-unknown"},
		{"no STARTTLS", "xmpp", xmppServerHeader + "<stream:features><register/></stream:features>", "refused", "<stream:features><register/></stream:features>"},
		{"stream ends", "xmpp", xmppServerHeader + "</stream:stream>", "refused", "</stream:stream>"},
		{"open and close tags", "xmpp-server", xmppServerHeader + " <stream:features>\n<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'></starttls></stream:features><proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'></proceed>", "success", ""},
		{"bad XML", "xmpp", xmppServerHeader + "<<", "unexpected", "XML expected"},
		{"cut off", "xmpp", xmppServerHeader + "<stream:fea", "eof", `after "<stream:fea"`},
		{"another stanza", "xmpp", xmppServerHeader + "<message xmlns='jabber:client'/>", "unexpected", "<features> expected"},
		{"HTTP", "xmpp", "HTTP/1.1 400 Bad Request\r\n\r\n<html>", "unexpected", "HTTP/1.1 400"},
		{"notice of disconnection", "ldap", "\x30\x24\x02\x01\x00\x78\x1f\x0a\x01\x34\x04\x00\x04\x00\x8a\x161.3.6.1.4.1.1466.20036", "refused", "result 52"},
		{"short form", "ldap", "\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00", "success", ""},
		{"indefinite length", "ldap", "\x30\x80\x02\x01\x01", "unexpected", "an LDAP message expected"},
		{"huge length", "ldap", "\x30\x84\xff\xff\xff\xff", "too_large", ""},
		{"bind response", "ldap", "\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00", "unexpected", "extended response"},
		{"SMTP", "ldap", "220 mx\r\n", "unexpected", `"22"`},
		{"no", "postgres", "N", "refused", `"N"`},
		{"old error", "postgres", "Ecould not fork\n\x00", "refused", `could not fork`},
		{"new error", "postgres", "E\x00\x00\x00\x0cMwrong\x00\x00", "refused", `Mwrong`},
		{"SMTP", "postgres", "220 mx\r\n", "unexpected", `S or N expected, the server said "2"`},
		{"host not allowed", "mysql", "\x1b\x00\x00\x00\xff\x6a\x04Host is not allowed here", "refused", "Host is not allowed here"},
		{"old version", "mysql", "\x05\x00\x00\x00\x093.0\x00", "unexpected", "a MySQL greeting"},
		{"SSH", "mysql", "SSH-2.0-OpenSSH_9.2\r\n", "unexpected", `"SSH-"`},
		{"without negotiation", "rdp", "\x03\x00\x00\x0b\x06\xd0\x00\x00\x12\x34\x00", "refused", "standard RDP security"},
		{"standard security chosen", "rdp", "\x03\x00\x00\x13\x0e\xd0\x00\x00\x12\x34\x00\x02\x00\x08\x00\x00\x00\x00\x00", "refused", "PROTOCOL_RDP"},
		{"unknown failure", "rdp", "\x03\x00\x00\x13\x0e\xd0\x00\x00\x12\x34\x00\x03\x00\x08\x00\x63\x00\x00\x00", "refused", "failure code 99"},
		{"CredSSP", "rdp", "\x03\x00\x00\x13\x0e\xd0\x00\x00\x12\x34\x00\x02\x1f\x08\x00\x08\x00\x00\x00", "success", ""},
		{"SSH", "rdp", "SSH-2.0-OpenSSH_9.2\r\n", "unexpected", `"SSH-"`},
		{"error token", "tds", "\x04\x01\x00\x0c\x00\x00\x01\x00\xaaboo", "refused", `boo`},
		{"two packets", "tds", "\x04\x00\x00\x0e\x00\x00\x01\x00\x01\x00\x06\x00\x01\xff\x04\x01\x00\x09\x00\x00\x02\x00\x03", "success", ""},
		{"offset outside", "tds", "\x04\x01\x00\x0e\x00\x00\x01\x00\x01\xff\xff\x00\x01\xff", "unexpected", "PRELOGIN"},
		{"SSH", "tds", "SSH-2.0-OpenSSH_9.2\r\n", "unexpected", `"SSH-2.0-"`},
	} {
		t.Run(test.protocol+"/"+test.name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(test.says), iotest.OneByteReader(strings.NewReader(test.says))} {
				_, err := Upgrade(&speech{Reader: r}, test.protocol, "starttls.test")
				if got := outcome(t, err); got != test.want {
					t.Errorf("%s (%v), want %s", got, err, test.want)
				}
				if err != nil && !strings.Contains(err.Error(), test.message) {
					t.Errorf("%v, want %s", err, test.message)
				}
			}
		})
	}
}

const xmppServerHeader = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='1' version='1.0'>"

func TestUnknownProtocol(t *testing.T) {
	for _, protocol := range []string{"", "gopher"} {
		conn := &speech{Reader: strings.NewReader("")}
		_, err := Upgrade(conn, protocol, "starttls.test")
		if got := outcome(t, err); got != "unknown" || conn.heard.Len() != 0 {
			t.Errorf("%q: %s, and it said %q", protocol, got, conn.heard.String())
		}
	}
}
