package capture

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"testing"

	"certsweep/results"
)

func inTDS(kind byte, data []byte) []byte {
	return append(append(binary.BigEndian.AppendUint16([]byte{kind, 1}, uint16(len(data)+tdsHeader)), 0, 0, 1, 0), data...)
}

// TestStartTLS: the hello is found behind any preamble, and only where a segment
// begins.
func TestStartTLS(t *testing.T) {
	t.Parallel()
	leaf := newCertificate(t, "captured.example")
	mysql := append(append([]byte{32, 0, 0, 1}, make([]byte, 31)...), 0)
	for name, test := range map[string]struct {
		preamble []said
		change   func(d *dialogue)
		starttls string
		none     bool // nothing is found
	}{
		"smtp":     {preamble: smtpPreamble, starttls: "smtp"},
		"imap":     {preamble: []said{{true, []byte("* OK ready\r\n")}, {false, []byte("a1 STARTTLS\r\n")}, {true, []byte("a1 OK go\r\n")}}, starttls: "imap"},
		"pop3":     {preamble: []said{{true, []byte("+OK ready\r\n")}, {false, []byte("STLS\r\n")}, {true, []byte("+OK\r\n")}}, starttls: "pop3"},
		"ftp":      {preamble: []said{{true, []byte("220 ready\r\n")}, {false, []byte("AUTH TLS\r\n")}, {true, []byte("234 go\r\n")}}, starttls: "ftp"},
		"xmpp":     {preamble: []said{{false, []byte("<?xml version='1.0'?><stream:stream>")}, {true, []byte("<proceed/>")}}, starttls: "xmpp"},
		"ldap":     {preamble: []said{{false, append([]byte{0x30, 29, 2, 1, 1, 0x77, 24, 0x80, 22}, ldapStartTLS...)}, {true, []byte{0x30, 12}}}, starttls: "ldap"},
		"rdp":      {preamble: []said{{false, []byte{3, 0, 0, 19, 14, 0xE0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 1, 0, 0, 0}}, {true, []byte{3, 0, 0, 19, 14, 0xD0}}}, starttls: "rdp"},
		"proxy":    {preamble: []said{{false, []byte("CONNECT captured.example:443 HTTP/1.1\r\n\r\n")}, {true, []byte("HTTP/1.1 200 OK\r\n\r\n")}}},
		"postgres": {preamble: []said{{false, postgresRequest}, {true, []byte("S")}}, starttls: "postgres"},
		"postgres, hello at once": {change: func(d *dialogue) {
			d.all[0].data = append(bytes.Clone(postgresRequest), d.all[0].data...)
			d.all[1].data = append([]byte("S"), d.all[1].data...)
		}, starttls: "postgres"},
		"mysql":                {preamble: []said{{true, append([]byte{74, 0, 0, 0, 10}, make([]byte, 73)...)}, {false, mysql}}, starttls: "mysql"},
		"mysql, hello at once": {preamble: []said{{true, append([]byte{74, 0, 0, 0, 10}, make([]byte, 73)...)}}, change: func(d *dialogue) { d.all[1].data = append(bytes.Clone(mysql), d.all[1].data...) }, starttls: "mysql"},
		"tds": {preamble: []said{{false, inTDS(tdsPrelogin, make([]byte, 30))}, {true, inTDS(tdsReply, make([]byte, 30))}}, change: func(d *dialogue) {
			for i := range d.all[2:] {
				s := &d.all[2+i]
				kind := byte(tdsPrelogin)
				if s.server {
					kind = tdsReply
				}
				var packets []byte
				for data := s.data; len(data) > 0; {
					n := min(len(data), 500)
					packets, data = append(packets, inTDS(kind, data[:n])...), data[n:]
				}
				s.data = packets
			}
		}, starttls: "tds"},
		"inside of a segment": {change: func(d *dialogue) {
			d.all[0].data = append([]byte("tunnel"), d.all[0].data...)
			d.all[1].data = append([]byte("tunnel"), d.all[1].data...)
		}, none: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := converse(t, &tls.Config{ServerName: "captured.example"}, &tls.Config{MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{leaf}}, test.preamble...)
			if test.change != nil {
				test.change(d)
			}
			r := &Reader{}
			records, err := read(t, r, pcapOf(t, 1, d.connection(client, server)))
			if test.none {
				if len(records) != 0 || err != nil || r.Counts.Flows != 1 {
					t.Errorf("%d records, %v", len(records), err)
				}
				return
			}
			if err != nil || len(records) != 1 || leafOf(records[0]) != leafSHA256(leaf) || records[0].StartTLS != test.starttls || records[0].SNI != "captured.example" {
				t.Errorf("%d records, %v: %+v", len(records), err, records)
			}
		})
	}
}

// TestSmallSegments: a hello may come in the smallest pieces.
func TestSmallSegments(t *testing.T) {
	t.Parallel()
	leaf := newCertificate(t, "captured.example")
	d := converse(t, &tls.Config{ServerName: "captured.example"}, &tls.Config{MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{leaf}})
	for _, size := range []int{1, 2, 3, 5, 7} {
		w := newWire(client, server)
		w.mss = size
		w.open()
		w.say(d.all)
		if got := readOne(t, &Reader{}, w.frames); leafOf(got) != leafSHA256(leaf) || got.SNI != "captured.example" {
			t.Errorf("%d bytes each: %+v", size, got.Error)
		}
	}
}

// TestNotTLS: what answers a hello with something else is told.
func TestNotTLS(t *testing.T) {
	t.Parallel()
	d := converse(t, &tls.Config{ServerName: "captured.example"}, &tls.Config{MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{newCertificate(t, "captured.example")}})
	for answer, code := range map[string]string{
		"HTTP/1.1 400 Bad Request\r\n\r\n": results.CodeNotTLS, "\x15\x03\x01\x00\x02\x02\x28": results.CodeAlert, "\x16\x03\x03\xFF\xFF": results.CodeNotTLS,
		"\x16\x03\x03\x00\x04\x0e\x00\x00\x00": results.CodeProtocol, "": results.CodeEOF,
	} {
		w := newWire(client, server)
		w.open()
		w.say(d.all[:1])
		if answer != "" {
			w.send(true, "A", []byte(answer))
		}
		w.send(true, "FA", nil)
		w.send(false, "FA", nil)
		if got := readOne(t, &Reader{}, w.frames); codeOf(got) != code || got.SNI != "captured.example" {
			t.Errorf("%q: %+v", answer, got.Error)
		}
	}
	w := newWire(client, server)
	w.open()
	w.say(d.all[:1])
	w.send(true, "RA", nil)
	if got := readOne(t, &Reader{}, w.frames); codeOf(got) != results.CodeReset {
		t.Errorf("%+v", got.Error)
	}
}
