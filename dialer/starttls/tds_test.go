package starttls

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

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
