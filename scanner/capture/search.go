package capture

import (
	"bytes"
	"encoding/binary"
)

// found is what a segment begins with.
type found struct {
	what     what
	offset   int      // of the record
	preamble preamble // that is in front of it
	tds      bool     // it is in packets of TDS
	mayBe    bool     // it is too short to tell
}

type what uint8

const (
	nothing what = iota
	clientHello
	serverHello
	anyRecord
)

const (
	recordHeader = 5
	// maxHello bounds the hello that a segment is taken to begin with.
	maxHello = 1 << 17
	// leastHello is a ServerHello of SSL 3.0, RFC 6101 §5.6.1.3.
	leastHello = 38
)

// Requests to change to TLS that a client may send in one segment with its hello:
// PostgreSQL's SSLRequest, and MySQL's, which is a packet of 32 bytes with number 1.
// TDS has the whole handshake in packets of its own (MS-TDS §2.2.3.1).
var (
	postgresRequest = []byte{0, 0, 0, 8, 4, 0xD2, 0x16, 0x2F}
	mysqlRequest    = []byte{32, 0, 0, 1}
)

const (
	mysqlRequestSize = 36
	tdsHeader        = 8
	tdsReply         = 0x04
	tdsPrelogin      = 0x12
)

// findHello looks for a hello where one may stand: at a segment's beginning. Within
// segments there are others' bytes that look like one, such as those in tunnels.
func findHello(p []byte) found {
	at := found{}
	switch {
	case len(p) == 0:
		return at
	case bytes.HasPrefix(p, postgresRequest):
		at.offset, at.preamble = len(postgresRequest), preamblePostgres
	case len(p) > mysqlRequestSize && bytes.HasPrefix(p, mysqlRequest):
		at.offset, at.preamble = mysqlRequestSize, preambleMySQL
	case len(p) > tdsHeader && (p[0] == tdsPrelogin || p[0] == tdsReply) && p[1] <= 1:
		at.offset, at.preamble, at.tds = tdsHeader, preambleTDS, true
	}
	what, short := helloAt(p[at.offset:])
	at.what, at.mayBe = what, short && at.offset == 0
	return at
}

// findAnswer looks for what answers a hello that was seen: any record, which for
// PostgreSQL may come with the byte that permits TLS.
func findAnswer(p []byte, spoken preamble, tds bool) found {
	switch {
	case len(p) == 0:
	case spoken == preamblePostgres && p[0] == 'S' && isRecord(p[1:]):
		return found{what: anyRecord, offset: 1, preamble: spoken}
	case tds && len(p) > tdsHeader && p[0] == tdsReply && isRecord(p[tdsHeader:]):
		return found{what: anyRecord, offset: tdsHeader, preamble: spoken, tds: true}
	case isRecord(p):
		return found{what: anyRecord}
	}
	return found{}
}

// helloAt tells which hello bytes begin with: RFC 8446 §5.1 for the record, §4 for
// the message. short says that there are too few, and nothing against it.
func helloAt(p []byte) (w what, short bool) {
	const handshake, client, server = 22, 1, 2
	pattern := func(i int, ok bool) bool { return i >= len(p) || ok }
	at := func(i int) byte { return p[min(i, len(p)-1)] }
	if len(p) == 0 || p[0] != handshake || !pattern(1, at(1) == 3) || !pattern(2, at(2) <= 4) {
		return nothing, false
	}
	if len(p) <= recordHeader {
		return nothing, true
	}
	length := int(binary.BigEndian.Uint16(p[3:]))
	kind := p[recordHeader]
	if length < 1 || length > 1<<14 || kind != client && kind != server {
		return nothing, false
	}
	if len(p) >= 9 {
		if message := int(p[6])<<16 | int(p[7])<<8 | int(p[8]); message < leastHello || message > maxHello {
			return nothing, false
		}
	}
	if len(p) >= 10 && p[9] != 3 {
		return nothing, false
	}
	if kind == client {
		return clientHello, false
	}
	return serverHello, false
}

// isRecord reports whether bytes begin with the header of a TLS record that may
// come first: a handshake's or an alert's.
func isRecord(p []byte) bool {
	return len(p) >= recordHeader && (p[0] == 21 || p[0] == 22) && p[1] == 3 && p[2] <= 4
}

// preamble is the protocol that a client spoke before TLS, by what it said last.
type preamble uint8

const (
	preambleNone preamble = iota
	preambleUnknown
	preambleSMTP
	preambleLMTP
	preambleIMAP
	preamblePOP3
	preambleFTP
	preambleXMPP
	preambleLDAP
	preamblePostgres
	preambleMySQL
	preambleTDS
	preambleRDP
	preambleNNTP
	preambleSieve
	preambleIRC
)

// preambleNames are those of a target's starttls.
var preambleNames = map[preamble]string{
	preambleSMTP: "smtp", preambleLMTP: "lmtp", preambleIMAP: "imap", preamblePOP3: "pop3", preambleFTP: "ftp", preambleXMPP: "xmpp",
	preambleLDAP: "ldap", preamblePostgres: "postgres", preambleMySQL: "mysql", preambleTDS: "tds", preambleRDP: "rdp",
	preambleNNTP: "nntp", preambleSieve: "sieve", preambleIRC: "irc",
}

// ldapStartTLS is the object identifier of the request, RFC 4511 §4.14.1.
var ldapStartTLS = []byte("1.3.6.1.4.1.1466.20037")

// words are what the sides of a protocol say, and others do not.
var words = []struct {
	begin string
	means preamble
}{
	{"EHLO ", preambleSMTP}, {"HELO ", preambleSMTP}, {"LHLO ", preambleLMTP}, {"STLS", preamblePOP3}, {"AUTH TLS", preambleFTP}, {"AUTH SSL", preambleFTP},
	{"* OK", preambleIMAP}, {"+OK", preamblePOP3}, {"CAP ", preambleIRC}, {`"IMPLEMENTATION"`, preambleSieve},
	{"200 ", preambleNNTP}, {"201 ", preambleNNTP}, {"<?xml", preambleXMPP}, {"<stream:stream", preambleXMPP},
}

// hear notes what a segment before TLS says of the protocol.
func (q *preamble) hear(p []byte) {
	if *q == preambleNone {
		*q = preambleUnknown
	}
	if *q != preambleUnknown {
		return
	}
	p = p[:min(len(p), 256)]
	for _, w := range words {
		if len(p) >= len(w.begin) && bytes.EqualFold(p[:len(w.begin)], []byte(w.begin)) {
			*q = w.means
			return
		}
	}
	switch {
	case bytes.HasPrefix(p, postgresRequest):
		*q = preamblePostgres
	case len(p) > 5 && p[3] == 0 && p[4] == 10 && int(p[0]) == len(p)-4, len(p) == mysqlRequestSize && bytes.HasPrefix(p, mysqlRequest):
		*q = preambleMySQL // the greeting has sequence 0 and protocol 10
	case len(p) > tdsHeader && p[0] == tdsPrelogin && int(binary.BigEndian.Uint16(p[2:])) == len(p):
		*q = preambleTDS
	case len(p) > 10 && p[0] == 3 && p[1] == 0 && int(binary.BigEndian.Uint16(p[2:])) == len(p) && p[5] == 0xE0:
		*q = preambleRDP // an X.224 connection request in TPKT
	case p[0] == 0x30 && bytes.Contains(p, ldapStartTLS):
		*q = preambleLDAP
	}
}

// unwrap takes the packets of TDS off a side. What begins with no packet is TLS
// without them, as it is after the handshake.
type unwrap struct {
	header [tdsHeader]byte
	have   int // bytes of the header
	left   int // bytes of the packet
	bare   bool
}

// next returns what of p is TLS, up to the end of a packet, and the rest.
func (u *unwrap) next(p []byte) (tls, rest []byte) {
	if u.left == 0 && !u.bare {
		if u.have == 0 && p[0] != tdsPrelogin && p[0] != tdsReply {
			u.bare = true
			return p, nil
		}
		n := copy(u.header[u.have:], p)
		u.have += n
		if p = p[n:]; u.have < tdsHeader {
			return nil, nil
		}
		u.have, u.left = 0, max(0, int(binary.BigEndian.Uint16(u.header[2:]))-tdsHeader)
	}
	if u.bare {
		return p, nil
	}
	n := min(len(p), u.left)
	u.left -= n
	return p[:n], p[n:]
}
