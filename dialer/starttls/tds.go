package starttls

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
)

// Packets of TDS, MS-TDS §2.2.3.1.
const (
	tdsHeader       = 8
	tdsPacket       = 4096 // the size until a login has negotiated another
	tdsReply        = 0x04
	tdsPrelogin     = 0x12
	tdsEndOfMessage = 0x01
)

// Encryption in a PRELOGIN message, MS-TDS §2.2.6.5: the option's token, two of
// its values, and what ends the list of options.
const (
	tdsEncryption   = 0x01
	tdsEncryptNotIn = 0x02
	tdsEncryptReq   = 0x03
	tdsTerminator   = 0xff
)

// tdsError is the ERROR token, MS-TDS §2.2.7.10, of a server that answers
// without PRELOGIN.
const tdsError = 0xaa

// tdsPreloginOptions is a PRELOGIN message with a version, encryption on, the
// default instance, a thread id and no MARS.
const tdsPreloginOptions = "\x00\x00\x1a\x00\x06" + "\x01\x00\x20\x00\x01" + "\x02\x00\x21\x00\x01" + "\x03\x00\x22\x00\x04" + "\x04\x00\x26\x00\x01" + "\xff" +
	"\x11\x00\x00\x00\x00\x00" + "\x01" + "\x00" + "\x00\x00\x00\x00" + "\x00"

// tds is MS-TDS §3.2.5.1 up to the TLS handshake.
func tds(p *preamble) error {
	if err := p.send(string(appendTDSPacket(nil, []byte(tdsPreloginOptions), true))); err != nil {
		return err
	}
	var message []byte
	for {
		header, err := p.next(tdsHeader)
		if err != nil {
			return err
		}
		length := int(binary.BigEndian.Uint16(header[2:]))
		if header[0] != tdsReply || length < tdsHeader {
			return unexpected("a TDS reply", string(header))
		}
		part, err := p.next(length - tdsHeader)
		if err != nil {
			return err
		}
		message = append(message, part...)
		if header[1]&tdsEndOfMessage != 0 {
			break
		}
	}
	encryption, ok := tdsEncryptionOption(message)
	switch {
	case !ok && len(message) > 0 && message[0] == tdsError:
		return refused(string(message))
	case !ok || encryption > tdsEncryptReq:
		return unexpected("a PRELOGIN message", string(message))
	case encryption == tdsEncryptNotIn:
		return refused("ENCRYPT_NOT_SUP")
	}
	// Off means that only the login is encrypted: the handshake is the same.
	p.conn = &tdsConn{Conn: p.conn}
	return nil
}

// tdsEncryptionOption finds the encryption in a PRELOGIN message: a list of
// token, offset and length, which ends with a terminator.
func tdsEncryptionOption(message []byte) (byte, bool) {
	for list := message; len(list) >= 5 && list[0] != tdsTerminator; list = list[5:] {
		offset, length := int(binary.BigEndian.Uint16(list[1:])), int(binary.BigEndian.Uint16(list[3:]))
		if list[0] == tdsEncryption && length == 1 && offset < len(message) {
			return message[offset], true
		}
	}
	return 0, false
}

// appendTDSPacket appends a packet of the type that a client's PRELOGIN and
// handshake have in common.
func appendTDSPacket(b, payload []byte, last bool) []byte {
	var status byte
	if last {
		status = tdsEndOfMessage
	}
	b = append(b, tdsPrelogin, status)
	b = binary.BigEndian.AppendUint16(b, uint16(tdsHeader+len(payload)))
	b = append(b, 0, 0, 0, 0) // SPID, packet id, window
	return append(b, payload...)
}

// tdsConn carries a TLS handshake inside PRELOGIN packets, as TDS 7 has it
// (MS-TDS §2.2.6.5). What is sent after HandshakeDone is bare TLS; what is
// received is told apart by its first byte, since no packet type is the type
// of a TLS record. It is for one reader and one writer, like tls.Conn.
type tdsConn struct {
	net.Conn
	bare    bool // what is written goes without packets
	left    int  // bytes of the current packet not yet read
	unread  byte // the first byte of a bare record, if hasByte
	hasByte bool
	bareIn  bool // what is read comes without packets
}

// NetConn returns the connection under the packets.
func (c *tdsConn) NetConn() net.Conn { return c.Conn }

func (c *tdsConn) handshakeDone() { c.bare = true }

func (c *tdsConn) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if c.left == 0 && !c.bareIn {
		if err := c.nextPacket(); err != nil {
			return 0, err
		}
	}
	if c.hasByte {
		b[0], c.hasByte = c.unread, false
		return 1, nil
	}
	if c.bareIn {
		return c.Conn.Read(b)
	}
	n, err := c.Conn.Read(b[:min(len(b), c.left)])
	c.left -= n
	return n, err
}

// nextPacket reads a header, or finds that bare TLS has begun. The first byte
// is read alone: a whole TLS alert may be shorter than a header.
func (c *tdsConn) nextPacket() error {
	var header [tdsHeader]byte
	if _, err := io.ReadFull(c.Conn, header[:1]); err != nil {
		return err
	}
	if header[0] != tdsPrelogin && header[0] != tdsReply {
		c.bareIn, c.unread, c.hasByte = true, header[0], true
		return nil
	}
	if _, err := io.ReadFull(c.Conn, header[1:]); err != nil {
		return err
	}
	// Empty packets are refused, because a peer could send them without end.
	length := int(binary.BigEndian.Uint16(header[2:]))
	if length <= tdsHeader {
		return fmt.Errorf("TDS packet of %d bytes around the TLS handshake", length)
	}
	c.left = length - tdsHeader
	return nil
}

func (c *tdsConn) Write(b []byte) (int, error) {
	if c.bare {
		return c.Conn.Write(b)
	}
	const room = tdsPacket - tdsHeader
	var packets []byte
	for rest := b; len(rest) > 0; {
		n := min(len(rest), room)
		packets = appendTDSPacket(packets, rest[:n], n == len(rest))
		rest = rest[n:]
	}
	if _, err := c.Conn.Write(packets); err != nil {
		return 0, err
	}
	return len(b), nil
}
