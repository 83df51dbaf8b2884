package dialertest

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"strings"
)

// dialogues has a server's half for every protocol, worded as real servers
// word it.
var dialogues = map[string]dialogue{
	"smtp": {
		turns: []turn{
			{nil, "220-mx.example.net ESMTP\r\n220 ready\r\n"},
			{command("EHLO "), "250-mx.example.net\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250-STARTTLS\r\n250 CHUNKING\r\n"},
			{command("STARTTLS"), "220 2.0.0 Ready to start TLS\r\n"},
		},
		refusal: "502 5.5.1 Error: command not implemented\r\n", injected: "250 2.1.0 Ok\r\n",
		flood: "220-mx.example.net ESMTP\r\n",
	},
	"lmtp": {
		turns: []turn{
			{nil, "220 mx.example.net LMTP\r\n"},
			{command("LHLO "), "250-mx.example.net\r\n250-STARTTLS\r\n250 8BITMIME\r\n"},
			{command("STARTTLS"), "220 2.0.0 Begin TLS negotiation now.\r\n"},
		},
		refusal: "502 5.5.1 Command not implemented\r\n", injected: "250 2.1.0 OK\r\n",
		flood: "220-mx.example.net LMTP\r\n",
	},
	"ftp": {
		// The line between begins with another code, as RFC 959 §4.2 allows.
		turns: []turn{
			{nil, "120 Service ready in 1 minute.\r\n220-Welcome.\r\n  331 anonymous users today\r\n\r\n220 Service ready for new user.\r\n"},
			{command("AUTH TLS"), "234 Proceed with negotiation.\r\n"},
		},
		refusal: "530 Please login with USER and PASS.\r\n", injected: "200 PBSZ set to 0.\r\n",
		floodHead: "220-Welcome.\r\n", flood: "there are many rules here\r\n",
	},
	"nntp": {
		turns: []turn{
			{nil, "201 news.example.net InterNetNews NNRP server ready (no posting)\r\n"},
			{command("STARTTLS"), "382 Begin TLS negotiation now\r\n"},
		},
		refusal: "580 Error initializing TLS\r\n", injected: "200 Posting allowed\r\n",
		floodHead: "200 ", flood: "news.example.net ",
	},
	"pop3": {
		turns: []turn{
			{nil, "+OK POP3 server ready <1896.697170952@example.net>\r\n"},
			{command("STLS"), "+OK Begin TLS negotiation now.\r\n"},
		},
		refusal: "-ERR Unknown command.\r\n", injected: "+OK Logged in.\r\n",
		floodHead: "+OK ", flood: "POP3 server ready ",
	},
	"imap": {
		turns: []turn{
			{nil, "* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] ready.\r\n"},
			{imapStartTLS, "* CAPABILITY IMAP4rev1\r\n* NO {11}\r\nfake OK\r\n {\r\n{heard} OK Begin TLS negotiation now.\r\n"},
		},
		refusal: "{heard} BAD Error in IMAP command STARTTLS: Unknown command.\r\n", injected: "* CAPABILITY IMAP4rev1\r\n",
		floodHead: "* OK ", flood: "IMAP4rev1 server ready ",
	},
	"sieve": {
		turns: []turn{
			{nil, "\"IMPLEMENTATION\" \"Example\"\r\n\"SASL\" \"\"\r\n\"SIEVE\" {8+}\r\nfileinto\r\n\"STARTTLS\"\r\nOK \"ready.\"\r\n"},
			{command("STARTTLS"), "OK {15}\r\nBegin TLS\r\nNow.\r\n"},
		},
		refusal: "NO \"TLS is not enabled.\"\r\n", injected: "\"IMPLEMENTATION\" \"Example\"\r\n",
		flood: "\"NOTIFY\" \"mailto\"\r\n",
	},
	"irc": {
		turns: []turn{
			{nil, ":irc.example.net NOTICE * :*** Looking up your hostname...\r\n"},
			{command("CAP LS"), ":irc.example.net CAP * LS * :multi-prefix\r\n:irc.example.net CAP * LS :tls sasl\r\n"},
			{command("STARTTLS"), "NOTICE AUTH :*** Found your hostname\r\n:irc.example.net 670 * :STARTTLS successful, go ahead with TLS handshake\r\n"},
		},
		refusal: ":irc.example.net 691 * :STARTTLS failure\r\n", injected: ":irc.example.net 001 you :Welcome\r\n",
		flood: ":irc.example.net NOTICE * :*** Looking up your hostname...\r\n",
	},
	"xmpp":        xmppDialogue("jabber:client"),
	"xmpp-server": xmppDialogue("jabber:server"),
	"ldap":        ldapDialogue,
	"postgres":    postgresDialogue,
	"mysql":       mysqlDialogue,
	"rdp":         rdpDialogue,
	"tds":         tdsDialogue,
}

// command hears one line: the command itself, or where want ends with a space,
// the command and one argument.
func command(want string) func(*bufio.Reader) (string, error) {
	return func(r *bufio.Reader) (string, error) {
		line, err := r.ReadString('\n')
		if err != nil {
			return "", err
		}
		argument, ok := strings.CutPrefix(strings.TrimSuffix(line, "\r\n"), want)
		if !ok || !strings.HasSuffix(line, "\r\n") || (argument != "") != strings.HasSuffix(want, " ") {
			return "", badSpeech(fmt.Sprintf("heard %q, want %q", line, want))
		}
		return argument, nil
	}
}

// imapStartTLS hears STARTTLS and returns its tag.
func imapStartTLS(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	tag, command, _ := strings.Cut(line, " ")
	if tag == "" || command != "STARTTLS\r\n" {
		return "", badSpeech(fmt.Sprintf("heard %q, want a tag and STARTTLS", line))
	}
	return tag, nil
}

func xmppDialogue(content string) dialogue {
	header := "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='" + content +
		"' id='1f6b' from='example.net' version='1.0' xml:lang='en'>"
	return dialogue{
		turns: []turn{
			{xmppStream(content), header},
			{nil, "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>" +
				"<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism></mechanisms></stream:features>"},
			{xmppStartTLS, "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"},
		},
		refusal:  "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>",
		injected: "<message from='admin@example.net'><body>hello</body></message>",
		// The header's attributes never end.
		floodHead: strings.TrimSuffix(header, ">") + " xml:base='", flood: "example.net ",
	}
}

// xmppTag hears up to the end of a tag of the given name and returns the tag's
// attributes by their local names.
func xmppTag(r *bufio.Reader, name xml.Name, document *strings.Builder) (map[string]string, error) {
	for {
		part, err := r.ReadString('>')
		if err != nil {
			return nil, err
		}
		document.WriteString(part)
		if strings.HasSuffix(part, "?>") {
			continue
		}
		var last xml.StartElement
		d := xml.NewDecoder(strings.NewReader(document.String()))
		for token, err := d.Token(); err == nil; token, err = d.Token() {
			if start, ok := token.(xml.StartElement); ok {
				last = start.Copy()
			}
		}
		if last.Name != name {
			return nil, badSpeech(fmt.Sprintf("heard %q, want <%s>", document.String(), name.Local))
		}
		attributes := make(map[string]string)
		for _, a := range last.Attr {
			attributes[a.Name.Local] = a.Value
		}
		return attributes, nil
	}
}

func xmppStream(content string) func(*bufio.Reader) (string, error) {
	return func(r *bufio.Reader) (string, error) {
		var document strings.Builder
		a, err := xmppTag(r, xml.Name{Space: "http://etherx.jabber.org/streams", Local: "stream"}, &document)
		if err != nil {
			return "", err
		}
		if a["xmlns"] != content || a["to"] == "" || a["version"] != "1.0" {
			return "", badSpeech(fmt.Sprintf("heard a stream with %q", a))
		}
		return "", nil
	}
}

func xmppStartTLS(r *bufio.Reader) (string, error) {
	var document strings.Builder
	_, err := xmppTag(r, xml.Name{Space: "urn:ietf:params:xml:ns:xmpp-tls", Local: "starttls"}, &document)
	return "", err
}
