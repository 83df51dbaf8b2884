package capture

import (
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"certsweep/results"
)

// flood feeds segments of many connections to a Reader. next fills a segment and
// reports whether there is one.
func flood(r *Reader, next func(i int, s *segment) bool) {
	r.init()
	if r.emit == nil {
		r.emit = func(*results.Record) error { return nil }
	}
	var s segment
	for i := 0; ; i++ {
		s = segment{}
		if !next(i, &s) {
			return
		}
		r.now = start.Add(time.Duration(i) * time.Microsecond)
		r.table.tick(r.now.UnixNano())
		r.segment(&s)
	}
}

// connectionKey is that of the i-th client of one server.
func connectionKey(i int) (k key) {
	k.addr[0][15], k.addr[1][15] = 1, 2
	binary.BigEndian.PutUint32(k.addr[0][8:], uint32(i))
	k.port = [2]uint16{50000, 443}
	return k
}

// begunHello is the beginning of a ClientHello that goes on.
var begunHello = append([]byte{22, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3}, make([]byte, 90)...)

// floods are connections that never come to an end.
var floods = map[string]func(i int, s *segment){
	"half-open":     func(i int, s *segment) { s.key, s.syn, s.seq = connectionKey(i), true, uint32(i) },
	"a begun hello": func(i int, s *segment) { s.key, s.seq, s.payload = connectionKey(i), 1, begunHello },
	"gaps": func(i int, s *segment) {
		s.key, s.seq, s.payload = connectionKey(i/20), uint32(1000+i%20*200), begunHello[:100]
		if i%20 == 0 {
			s.seq, s.payload = 1, begunHello
		}
	},
	"one-byte segments behind gaps": func(i int, s *segment) {
		s.key, s.seq, s.payload = connectionKey(i/200), uint32(1000+i%200*2), begunHello[:1]
		if i%200 == 0 {
			s.seq, s.payload = 1, begunHello
		}
	},
	"gaps, backwards": func(i int, s *segment) {
		s.key, s.seq, s.payload = connectionKey(i/200), uint32(100_000-i%200*3), begunHello[:2]
		if i%200 == 0 {
			s.seq, s.payload = 1, begunHello
		}
	},
	"announced messages": func(i int, s *segment) {
		s.key, s.from = connectionKey(i/40), 1
		s.seq, s.payload = uint32(1+i%40*1400), largeMessage[i%40*1400:i%40*1400+1400]
	},
	"before a hello": func(i int, s *segment) {
		s.key, s.seq, s.payload = connectionKey(i/50), uint32(1000+i%50*2000), begunHello[20:]
	},
}

// largeMessage begins with a ServerHello and a Certificate message of 1 MiB, in
// records of 16 KiB.
var largeMessage = func() []byte {
	hello := append([]byte{2, 0, 0, 38, 3, 3}, make([]byte, 36)...)
	b := append([]byte{22, 3, 3, 0, byte(len(hello))}, hello...)
	certificate := append([]byte{11, 16, 0, 0, 15, 0xFF, 0xF0}, make([]byte, 60_000)...)
	for len(certificate) > 0 {
		n := min(len(certificate), 1<<14)
		b = append(append(b, 22, 3, 3, byte(n>>8), byte(n)), certificate[:n]...)
		certificate = certificate[n:]
	}
	return b
}()

// TestIdleFlowsHarmNobody: while idle connections fill the total cap, others lose
// nothing.
func TestIdleFlowsHarmNobody(t *testing.T) {
	t.Parallel()
	leaf := newCertificate(t, "captured.example")
	d := converse(t, &tls.Config{}, &tls.Config{MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{leaf}})
	var frames []frame
	// Each holds 30 KB behind a gap of one byte.
	for i := range 500 {
		w := newWire(fmt.Sprintf("192.0.2.8:%d", 10000+i), server)
		w.open()
		w.send(false, "A", begunHello)
		w.seq[0]++
		for range 22 {
			w.send(false, "A", make([]byte, 1400))
		}
		frames = append(frames, w.frames...)
	}
	const others = 400
	rng := rand.New(rand.NewPCG(9, 9))
	at := make([]int, others)
	all := make([][]frame, others)
	for i := range all {
		all[i] = d.connection(fmt.Sprintf("192.0.2.7:%d", 10000+i), server)
	}
	for left := others; left > 0; {
		i := rng.IntN(others)
		if at[i] < len(all[i]) {
			frames = append(frames, all[i][at[i]])
			if at[i]++; at[i] == len(all[i]) {
				left--
			}
		}
	}
	r := &Reader{MaxTotal: 4 << 20}
	records, err := read(t, r, pcapOf(t, 1, frames))
	if err != nil || len(records) != 500+others {
		t.Fatalf("%d records, %v", len(records), err)
	}
	got := make(map[string]int)
	for _, r := range records {
		if leafOf(r) == leafSHA256(leaf) {
			got["leaf"]++
		}
		got[codeOf(r)]++
	}
	if got["leaf"] != others || got[""] != others || got[results.CodeMemoryCap] == 0 || int64(got[results.CodeMemoryCap]) != r.Counts.TotalCap {
		t.Errorf("%v, %+v", got, r.Counts)
	}
}

// TestConnectionCap: a message that is too large for the cap is said to be, and one
// below it is read.
func TestConnectionCap(t *testing.T) {
	t.Parallel()
	w := newWire(client, server)
	w.open()
	w.send(false, "A", append([]byte{22, 3, 1, 0, 45, 1, 0, 0, 41, 3, 3}, make([]byte, 39)...))
	w.say([]said{{true, largeMessage}})
	r := &Reader{MaxPerConnection: 32 << 10}
	if got := readOne(t, r, w.frames); codeOf(got) != results.CodeTooLarge || got.Error.Phase != results.PhaseCapture || r.Counts.ConnectionCap != 1 {
		t.Errorf("%+v, %+v", got.Error, r.Counts)
	}
	if got := readOne(t, &Reader{}, w.frames); codeOf(got) != results.CodeIncomplete {
		t.Errorf("%+v", got.Error)
	}
}

// TestUnique counts what is the same, and lets records out early rather than hold
// too many.
func TestUnique(t *testing.T) {
	t.Parallel()
	var frames []frame
	for i := range 6 {
		leaf := newCertificate(t, "captured.example")
		d := converse(t, &tls.Config{ServerName: "captured.example"}, &tls.Config{MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{leaf}})
		for j := range 5 {
			w := newWire(fmt.Sprintf("192.0.2.7:%d", 10000+i*10+j), server)
			w.at = start.Add(time.Duration(i*10+j) * time.Second)
			w.open()
			w.say(d.all)
			w.shut()
			frames = append(frames, w.frames...)
		}
	}
	records, err := read(t, &Reader{Unique: true}, pcapOf(t, 1, frames))
	if err != nil || len(records) != 6 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	for i, r := range records {
		if r.Capture.Seen != 5 || !r.Time.Equal(start.Add(time.Duration(i*10)*time.Second+4*time.Millisecond)) {
			t.Errorf("seen %d times since %v", r.Capture.Seen, r.Time)
		}
	}
	r := &Reader{Unique: true}
	r.init()
	r.unique.max = 8 << 10
	records, err = read(t, r, pcapOf(t, 1, frames))
	seen := 0
	for _, r := range records {
		seen += r.Capture.Seen
	}
	if err != nil || seen != 30 || len(records) < 6 || r.Counts.UniqueEarly == 0 {
		t.Errorf("%d records of %d handshakes, %v", len(records), seen, err)
	}
}
