package dialertest

import (
	"encoding/binary"
	"io"
	"net"
	"time"
)

// Record types and handshake messages (RFC 8446 §5.1 and §4).
const (
	recordAlert       = 21
	recordHandshake   = 22
	recordApplication = 23

	serverHello        = 2
	certificate        = 11
	certificateRequest = 13
	serverKeyExchange  = 12
	serverHelloDone    = 14
	keyUpdate          = 24
)

// recordHeader is the length of what stands before a record's payload.
const recordHeader = 5

// maxPlaintext is the most a record may hold (RFC 8446 §5.1).
const maxPlaintext = 1 << 14

// version12 is the version in the header of every record but the first.
const version12 = 0x0303

// Record returns the payload as records of one type in the clear, an empty one
// as one empty record (RFC 8446 §5.1).
func Record(kind uint8, version uint16, payload []byte) []byte {
	var out []byte
	for first := true; first || len(payload) > 0; first = false {
		n := min(len(payload), maxPlaintext)
		out = append(out, kind)
		out = binary.BigEndian.AppendUint16(out, version)
		out = binary.BigEndian.AppendUint16(out, uint16(n))
		out = append(out, payload[:n]...)
		payload = payload[n:]
	}
	return out
}

func record(kind uint8, payload []byte) []byte { return Record(kind, version12, payload) }

// alert returns the record of a fatal alert (RFC 8446 §6).
func alert(number byte) []byte { return record(recordAlert, []byte{2, number}) }

// Message returns a handshake message (RFC 8446 §4). The body may have 16 MiB.
func Message(kind uint8, body []byte) []byte {
	return append([]byte{kind, byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}, body...)
}

// readRecord reads one record of the client, which for a ClientHello is all of
// it, and returns its payload: nil where the connection ended before.
func readRecord(c net.Conn) []byte {
	header := make([]byte, 5)
	if _, err := io.ReadFull(c, header); err != nil {
		return nil
	}
	payload := make([]byte, binary.BigEndian.Uint16(header[3:]))
	if _, err := io.ReadFull(c, payload); err != nil {
		return nil
	}
	return payload
}

// drip sends the beginning of a long ServerHello, one byte at a time.
func drip(c net.Conn) {
	readRecord(c)
	for _, b := range record(recordHandshake, Message(serverHello, make([]byte, maxPlaintext-4))) {
		if _, err := c.Write([]byte{b}); err != nil || !pause(c, 50*time.Millisecond) {
			return
		}
	}
}

// pause waits, and reports false as soon as the connection ends.
func pause(c net.Conn, d time.Duration) bool {
	c.SetReadDeadline(time.Now().Add(d))
	_, err := io.Copy(io.Discard, struct{ io.Reader }{c})
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}
