package dialertest

import (
	"bufio"
	"encoding/asn1"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
)

// ldapDialogue answers with five-byte lengths, as Active Directory does.
var ldapDialogue = dialogue{
	turns: []turn{
		{ldapRequest, "\x30\x84\x00\x00\x00\x28\x02\x01{heard}\x78\x84\x00\x00\x00\x1f\x0a\x01\x00\x04\x00\x04\x00\x8a\x161.3.6.1.4.1.1466.20037"},
	},
	refusal:   "\x30\x24\x02\x01{heard}\x78\x1f\x0a\x01\x02\x04\x00\x04\x18TLS is not enabled here.",
	injected:  "\x30\x0c\x02\x01\x02\x61\x07\x0a\x01\x00\x04\x00\x04\x00",
	floodHead: "\x30\x83\x10\x00\x00\x02\x01\x01\x78\x83\x0f\xff\xf8", flood: "\x04\x02ab",
}

// ldapRequest hears StartTLS and returns the byte of its message id.
func ldapRequest(r *bufio.Reader) (string, error) {
	head, err := r.Peek(2)
	if err != nil {
		return "", err
	}
	message := make([]byte, 2+int(head[1]))
	if _, err := io.ReadFull(r, message); err != nil {
		return "", err
	}
	var request struct {
		ID       int
		Extended struct {
			Name []byte `asn1:"tag:0"`
		} `asn1:"application,tag:23"`
	}
	rest, err := asn1.Unmarshal(message, &request)
	if err != nil || len(rest) != 0 || string(request.Extended.Name) != "1.3.6.1.4.1.1466.20037" || request.ID < 1 || request.ID > 127 {
		return "", badSpeech(fmt.Sprintf("heard % x, want an LDAP StartTLS request: %v", message, err))
	}
	return string([]byte{byte(request.ID)}), nil
}

var postgresDialogue = dialogue{
	turns:   []turn{{exactly("\x00\x00\x00\x08\x04\xd2\x16\x2f"), "S"}},
	refusal: "N", injected: "R\x00\x00\x00\x08\x00\x00\x00\x00",
	floodHead: "E", flood: "could not fork new process for connection: ",
}

var mysqlDialogue = dialogue{
	turns: []turn{
		{nil, mysqlGreeting(0xffff)},
		{mysqlSSLRequest, ""},
	},
	refusal: mysqlGreeting(0xf7ff), injected: "\x07\x00\x00\x02\x00\x00\x00\x02\x00\x00\x00",
	floodHead: "\x00\x00\x10\x00\x0a", flood: "8.0.36-",
}

// mysqlGreeting is a HandshakeV10 with the lower half of its capabilities.
func mysqlGreeting(capabilities uint16) string {
	body := "\x0a5.5.5-10.11.6-MariaDB\x00" + "\x2a\x00\x00\x00" + "saltsalt\x00"
	body += string(binary.LittleEndian.AppendUint16(nil, capabilities))
	body += "\x2d\x02\x00\xff\x81\x15" + strings.Repeat("\x00", 10) + "saltsaltsalt\x00" + "mysql_native_password\x00"
	return string([]byte{byte(len(body)), 0, 0, 0}) + body
}

func mysqlSSLRequest(r *bufio.Reader) (string, error) {
	packet := make([]byte, 36)
	if _, err := io.ReadFull(r, packet); err != nil {
		return "", err
	}
	flags := binary.LittleEndian.Uint32(packet[4:])
	if string(packet[:4]) != "\x20\x00\x00\x01" || flags&0x800 == 0 || flags&0x200 == 0 || strings.Trim(string(packet[13:]), "\x00") != "" {
		return "", badSpeech(fmt.Sprintf("heard % x, want an SSLRequest", packet))
	}
	return "", nil
}

var rdpDialogue = dialogue{
	turns: []turn{
		{rdpRequest, "\x03\x00\x00\x13\x0e\xd0\x00\x00\x12\x34\x00\x02\x1f\x08\x00\x02\x00\x00\x00"},
	},
	refusal: "\x03\x00\x00\x13\x0e\xd0\x00\x00\x12\x34\x00\x03\x00\x08\x00\x02\x00\x00\x00", injected: "\x03\x00\x00\x07\x02\xf0\x80",
	floodHead: "\x03\x00\xff\xff\xfe\xd0\x00\x00\x12\x34\x00", flood: "\x02\x1f\x08\x00\x02\x00\x00\x00",
}

// rdpRequest hears a connection request that asks for TLS and CredSSP.
func rdpRequest(r *bufio.Reader) (string, error) {
	head, err := r.Peek(4)
	if err != nil {
		return "", err
	}
	request := make([]byte, max(19, int(binary.BigEndian.Uint16(head[2:]))))
	if _, err := io.ReadFull(r, request); err != nil {
		return "", err
	}
	negotiation := request[len(request)-8:]
	if request[0] != 3 || int(request[4]) != len(request)-5 || request[5] != 0xe0 || string(negotiation[:4]) != "\x01\x00\x08\x00" || negotiation[4]&3 != 3 {
		return "", badSpeech(fmt.Sprintf("heard % x, want a connection request", request))
	}
	return "", nil
}

var tdsDialogue = dialogue{
	turns:    []turn{{tdsPrelogin, tdsAnswer("\x01")}},
	refusal:  tdsAnswer("\x02"),
	injected: "\x04\x01\x00\x0d\x00\x00\x01\x00\xfd\x00\x00\x00\x00",
	flood:    "\x04\x00\x00\x0c\x00\x00\x01\x00\x00\x00\x1a\x00", insideTDS: true,
}

// tdsAnswer is a PRELOGIN message: version at 16, encryption at 22, instance at
// 23, with no bytes.
func tdsAnswer(encryption string) string {
	return "\x04\x01\x00\x1f\x00\x00\x01\x00" + "\x00\x00\x10\x00\x06" + "\x01\x00\x16\x00\x01" + "\x02\x00\x17\x00\x00" + "\xff" +
		"\x0f\x00\x07\xd0\x00\x00" + encryption
}

// tdsPrelogin hears a PRELOGIN message whose encryption is on.
func tdsPrelogin(r *bufio.Reader) (string, error) {
	header := make([]byte, 8)
	if _, err := io.ReadFull(r, header); err != nil {
		return "", err
	}
	message := make([]byte, max(0, int(binary.BigEndian.Uint16(header[2:]))-8))
	if _, err := io.ReadFull(r, message); err != nil {
		return "", err
	}
	if header[0] != 0x12 || header[1] != 1 || len(message) < 12 || message[0] != 0 || message[5] != 1 {
		return "", badSpeech(fmt.Sprintf("heard % x % x, want PRELOGIN with version and encryption", header, message))
	}
	if at := int(binary.BigEndian.Uint16(message[6:])); at >= len(message) || message[at] != 1 {
		return "", badSpeech(fmt.Sprintf("heard % x, want encryption on", message))
	}
	return "", nil
}

func exactly(want string) func(*bufio.Reader) (string, error) {
	return func(r *bufio.Reader) (string, error) {
		b := make([]byte, len(want))
		if _, err := io.ReadFull(r, b); err != nil {
			return "", err
		}
		if string(b) != want {
			return "", badSpeech(fmt.Sprintf("heard % x, want % x", b, want))
		}
		return "", nil
	}
}

// tdsServerConn unwraps and wraps a handshake, and passes everything on once
// it is done. Its packets are strict: 0x12, at most 4096 bytes.
type tdsServerConn struct {
	net.Conn
	done   bool
	packet []byte
}

func (c *tdsServerConn) Read(b []byte) (int, error) {
	if c.done && len(c.packet) == 0 {
		return c.Conn.Read(b)
	}
	if len(c.packet) == 0 {
		header := make([]byte, 8)
		if _, err := io.ReadFull(c.Conn, header); err != nil {
			return 0, err
		}
		length := int(binary.BigEndian.Uint16(header[2:]))
		if header[0] != 0x12 || length <= 8 || length > 4096 {
			return 0, badSpeech(fmt.Sprintf("heard % x, want the header of a packet with a handshake", header))
		}
		c.packet = make([]byte, length-8)
		if _, err := io.ReadFull(c.Conn, c.packet); err != nil {
			return 0, err
		}
	}
	n := copy(b, c.packet)
	c.packet = c.packet[n:]
	return n, nil
}

func (c *tdsServerConn) Write(b []byte) (int, error) {
	if c.done {
		return c.Conn.Write(b)
	}
	for written := 0; written < len(b); {
		part := b[written:min(len(b), written+1000)]
		status := byte(0)
		if written+len(part) == len(b) {
			status = 1
		}
		header := []byte{0x12, status, 0, 0, 0, 51, 0, 0}
		binary.BigEndian.PutUint16(header[2:], uint16(8+len(part)))
		if _, err := c.Conn.Write(append(header, part...)); err != nil {
			return written, err
		}
		written += len(part)
	}
	return len(b), nil
}
