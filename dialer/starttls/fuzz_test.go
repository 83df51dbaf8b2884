package starttls

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// FuzzUpgrade gives a preamble the whole of a server's speech. The seeds are
// what real servers said.
func FuzzUpgrade(f *testing.F) {
	protocols := Protocols()
	seeds := 0
	for protocol, speeches := range realSpeeches {
		index := slices.Index(protocols, protocol)
		for _, s := range speeches {
			f.Add(uint8(index), []byte(s))
			f.Add(uint8(index), []byte(s+"\x00"))
			seeds++
		}
		if len(speeches) == 0 {
			f.Errorf("no seed for %s", protocol)
		}
	}
	if len(realSpeeches) != len(protocols) || seeds < len(protocols) {
		f.Fatal("not every protocol has its seeds")
	}
	f.Fuzz(func(t *testing.T, index uint8, says []byte) {
		protocol := protocols[int(index)%len(protocols)]
		whole := bytes.NewReader(says)
		got := fuzzOutcome(t, whole, protocol)
		if got == "success" && whole.Len() == 0 && len(says) > maxPreamble {
			t.Errorf("%d bytes were taken", len(says))
		}
		// One byte at a time nothing can come along with the go-ahead; all else
		// is the same.
		single := bytes.NewReader(says)
		again := fuzzOutcome(t, iotest.OneByteReader(single), protocol)
		switch got {
		case "injection":
			if again != "success" || single.Len() == 0 {
				t.Errorf("injection, and one byte at a time %q with %d bytes left", again, single.Len())
			}
		case again:
		default:
			t.Errorf("%q, and one byte at a time %q", got, again)
		}
	})
}

// fuzzOutcome speaks a preamble and returns what came of it.
func fuzzOutcome(t *testing.T, r io.Reader, protocol string) string {
	_, err := Upgrade(&speech{Reader: r}, protocol, "starttls.test")
	// A quoted byte takes up to four, and a rune that cannot be printed ten.
	if err != nil && len(err.Error()) > 10*maxWords+200 {
		t.Errorf("a message of %d bytes", len(err.Error()))
	}
	return outcome(t, err)
}

// realSpeeches has, for each protocol, what servers said from the greeting
// to the go-ahead or refusal.
var realSpeeches = map[string][]string{
	"smtp": {
		"220 mail.example.net ESMTP Postfix (Debian/GNU)\r\n250-mail.example.net\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250-VRFY\r\n250-ETRN\r\n250-STARTTLS\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-DSN\r\n250-SMTPUTF8\r\n250 CHUNKING\r\n220 2.0.0 Ready to start TLS\r\n",
		"220-mx.example.net ESMTP Exim 4.96\r\n220 no UBE\r\n250-mx Hello certsweep.invalid\r\n250 HELP\r\n503 STARTTLS command used when not advertised\r\n",
		"554 5.7.1 You are not allowed to connect.\r\n",
	},
	"lmtp": {"220 vm Dovecot (Debian) ready.\r\n250-vm\r\n250-STARTTLS\r\n250-8BITMIME\r\n250 PIPELINING\r\n220 2.0.0 Begin TLS negotiation now.\r\n"},
	"ftp": {
		"220 (vsFTPd 3.0.3)\r\n234 Proceed with negotiation.\r\n",
		"120 wait\r\n220-Welcome\r\n 220 not yet\r\n220 ProFTPD Server ready.\r\n500 AUTH not understood\r\n",
	},
	"nntp": {
		"200 news.certsweep.invalid InterNetNews NNRP server INN 2.7.1 ready (posting ok)\r\n382 Begin TLS negotiation now\r\n",
		"201 ready\r\n483 Strong encryption layer is required\r\n",
	},
	"pop3": {"+OK Dovecot (Debian) ready.\r\n+OK Begin TLS negotiation now.\r\n", "+OK\r\n-ERR Unknown command.\r\n"},
	"imap": {
		"* OK [CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ STARTTLS LOGINDISABLED] Dovecot (Debian) ready.\r\na1 OK Begin TLS negotiation now.\r\n",
		"* PREAUTH hello\r\n* NO {3}\r\nabc\r\na1 BAD no\r\n",
	},
	"sieve": {
		"\"IMPLEMENTATION\" \"Dovecot (Debian) Pigeonhole\"\r\n\"SIEVE\" \"fileinto reject envelope\"\r\n\"SASL\" \"\"\r\n\"STARTTLS\"\r\n\"VERSION\" \"1.0\"\r\nOK \"Dovecot (Debian) ready.\"\r\nOK \"Begin TLS negotiation now.\"\r\n",
		"OK {3+}\r\nhi!\r\nNO (TRYLATER) \"later\"\r\n",
	},
	"irc": {
		":irc.certsweep.invalid NOTICE * :*** Looking up your hostname...\r\n:irc.certsweep.invalid CAP 999AAAAAA LS :tls cap-notify\r\n:irc.certsweep.invalid 670 999AAAAAA :STARTTLS successful, go ahead with TLS handshake\r\n",
		":irc.example.net 451 * :You have not registered\r\n", "ERROR :Closing Link\r\n",
	},
	"xmpp": {
		"<?xml version='1.0'?><stream:stream xml:lang='en' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='e8a8d8ba' from='localhost'><stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features><proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
		xmppServerHeader + "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>",
	},
	"xmpp-server": {
		"<?xml version='1.0'?><stream:stream xmlns:db='jabber:server:dialback' xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:server' version='1.0' id='1'><stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><dialback xmlns='urn:xmpp:features:dialback'/></stream:features><failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>",
	},
	"ldap": {
		"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00",
		"\x30\x84\x00\x00\x00\x28\x02\x01\x01\x78\x84\x00\x00\x00\x1f\x0a\x01\x00\x04\x00\x04\x00\x8a\x161.3.6.1.4.1.1466.20037",
		"\x30\x24\x02\x01\x01\x78\x1f\x0a\x01\x02\x04\x00\x04\x18unsupported extended ope",
	},
	"postgres": {"S", "N", "EFATAL:  sorry, too many clients already\n\x00", "E\x00\x00\x00\x0cMwrong\x00\x00"},
	"mysql": {
		"\x59\x00\x00\x00\x0a5.5.5-10.11.6-MariaDB-0+deb12u1\x00\x1f\x00\x00\x00abcdefgh\x00\xfe\xff\x2d\x02\x00\xff\x81\x15\x00\x00\x00\x00\x00\x00\x1d\x00\x00\x00abcdefghijkl\x00mysql_native_password\x00",
		"\x1b\x00\x00\x00\xff\x6a\x04Host is not allowed here",
	},
	"rdp": {
		"\x03\x00\x00\x13\x0e\xd0\x00\x00\x12\x34\x00\x02\x01\x08\x00\x01\x00\x00\x00",
		"\x03\x00\x00\x13\x0e\xd0\x00\x00\x12\x34\x00\x03\x00\x08\x00\x05\x00\x00\x00",
		"\x03\x00\x00\x0b\x06\xd0\x00\x00\x12\x34\x00",
	},
	"tds": {
		"\x04\x01\x00\x2b\x00\x00\x01\x00\x00\x00\x1a\x00\x06\x01\x00\x20\x00\x01\x02\x00\x21\x00\x01\x03\x00\x22\x00\x00\x04\x00\x22\x00\x01\xff\x0f\x00\x07\xd0\x00\x00\x01\x00\x00",
		"\x04\x00\x00\x0e\x00\x00\x01\x00\x01\x00\x06\x00\x01\xff\x04\x01\x00\x09\x00\x00\x01\x00\x02",
	},
}

// FuzzTDSConn reads arbitrary packets: what comes out went in, and in its order.
func FuzzTDSConn(f *testing.F) {
	f.Add(appendTDSPacket(nil, []byte("\x16\x03\x03"), true), uint8(3))
	f.Add(append(appendTDSPacket(nil, []byte("\x16\x03\x03"), false), "\x15\x03\x03\x00\x02\x01\x00"...), uint8(1))
	f.Add([]byte("\x04\x01\x00\x08\x00\x00\x00\x00"), uint8(9))
	f.Fuzz(func(t *testing.T, wire []byte, size uint8) {
		c := &tdsConn{Conn: &speech{Reader: bytes.NewReader(wire)}}
		rest, b := string(wire), make([]byte, int(size)+1)
		for {
			n, err := c.Read(b)
			if n == 0 && err == nil {
				t.Fatal("nothing was read, without an error")
			}
			for _, part := range b[:n] {
				i := strings.IndexByte(rest, part)
				if i < 0 {
					t.Fatalf("byte %#x was not sent", part)
				}
				rest = rest[i+1:]
			}
			if err != nil {
				return
			}
		}
	})
}
