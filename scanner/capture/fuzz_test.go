package capture

import (
	"bytes"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"certsweep/results"
)

// seeds are captures to begin with: each format, and each version of TLS.
func seeds(f *testing.F) [][]byte {
	f.Helper()
	leaf := newCertificate(f, "captured.example")
	d12 := converse(f, &tls.Config{}, &tls.Config{MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{leaf}})
	d13 := converse(f, &tls.Config{}, &tls.Config{Certificates: []tls.Certificate{leaf}})
	frames := append(d12.connection(client, server), d13.connection("192.0.2.8:50000", server)...)
	return [][]byte{
		pcapOf(f, layers.LinkTypeEthernet, d12.connection(client, server)), pcapOf(f, layers.LinkTypeEthernet, frames),
		pcapngOf(f, d13.log.String(), frames), bigEndianPcapng(d13.log.String(), frames[:6]),
	}
}

// FuzzRead reads any file, with caps that are soon reached. What is said of it adds
// up, and is within the caps.
func FuzzRead(f *testing.F) {
	for _, seed := range seeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		r := &Reader{MaxPerConnection: MinPerConnection, MaxTotal: 64 << 10}
		records, err := read(t, r, file)
		if err != nil && !errors.Is(err, ErrCut) && !errors.Is(err, ErrNoCapture) && !strings.Contains(err.Error(), "gzip") && !strings.Contains(err.Error(), "zstd") {
			t.Error(err)
		}
		if most := r.table.maxTotal + int64(MinPerConnection) + maxRecordHeld; r.Counts.PeakBufferedBytes > most {
			t.Errorf("%d bytes were held, of %d", r.Counts.PeakBufferedBytes, most)
		}
		if r.table.total != 0 || len(r.table.flows) != 0 {
			t.Errorf("%d bytes of %d flows are left", r.table.total, len(r.table.flows))
		}
		encoder := results.NewEncoder(&bytes.Buffer{})
		for _, record := range records {
			if err := encoder.Encode(record); err != nil {
				t.Error(err)
			}
			if record.Status == results.StatusOK && record.Certificate == nil {
				t.Errorf("ok without a certificate: %+v", record)
			}
		}
	})
}

// maxRecordHeld is how far a segment can take what is held above a cap, before it is
// counted: it, and buffers that grow twofold.
const maxRecordHeld = 512 << 10

// FuzzDecode takes any packet of any link apart.
func FuzzDecode(f *testing.F) {
	w := newWire(client, server)
	w.send(false, "A", []byte("data"))
	ip := w.frames[0].data[14:]
	for link, data := range map[layers.LinkType][]byte{
		layers.LinkTypeEthernet: w.frames[0].data, layers.LinkTypeRaw: ip, layers.LinkTypePPP: append([]byte{0xFF, 3, 0, 0x21}, ip...),
		layers.LinkTypeNull: append([]byte{2, 0, 0, 0}, ip...), layers.LinkTypePPPEthernet: append([]byte{0x11, 0, 0, 1, 0, 60, 0, 0x21}, ip...),
	} {
		f.Add(uint16(link), data, uint16(len(data)))
	}
	for _, wrapped := range encapsulations {
		f.Add(uint16(wrapped.link), wrapped.wrap(ip), uint16(0))
	}
	f.Fuzz(func(t *testing.T, link uint16, data []byte, length uint16) {
		var d decoder
		var s segment
		p := packet{data: data, length: max(len(data), int(length)), link: layers.LinkType(link)}
		for range 2 { // a fragment may be kept
			if d.decode(&p, 1, &s) == kindTCP && (len(s.payload) > maxDatagram || s.missing < 0 || s.from > 1) {
				t.Errorf("%+v", s)
			}
		}
	})
}

// FuzzKeyLog: a key log is read the same however it is cut, and says nothing that is
// not in it.
func FuzzKeyLog(f *testing.F) {
	d := converse(f, &tls.Config{}, &tls.Config{Certificates: []tls.Certificate{newCertificate(f, "captured.example")}})
	f.Add(d.log.Bytes())
	f.Add([]byte("# comment\nCLIENT_RANDOM 00 11\r\n\nSERVER_HANDSHAKE_TRAFFIC_SECRET 0 "))
	f.Fuzz(func(t *testing.T, log []byte) {
		var k, embedded KeyLog
		embedded.maxEmbedded = 2
		known, err := k.Read(bytes.NewReader(log))
		if err != nil || len(k.secrets) > 0 && !known || len(k.secrets) > bytes.Count(log, []byte("HANDSHAKE_TRAFFIC_SECRET")) {
			t.Errorf("%d secrets, %v, %v", len(k.secrets), known, err)
		}
		if err := embedded.add(bytes.NewReader(log), true); err != nil || len(embedded.secrets) > 2 || len(embedded.embedded) != len(embedded.secrets) {
			t.Errorf("%d secrets of the capture's own, %v", len(embedded.secrets), err)
		}
		for _, s := range k.secrets {
			if int(s.serverLen) > len(s.server) || int(s.clientLen) > len(s.client) || s.serverLen+s.clientLen == 0 {
				t.Errorf("%+v", s)
			}
		}
	})
}

// FuzzStream holds and takes the pieces of a stream in any order, against a model
// that keeps the first copy of each byte.
func FuzzStream(f *testing.F) {
	f.Add([]byte{0, 3, 9, 2, 3, 6, 1, 1, 1}, uint32(0xFFFFFFF0), true)
	f.Add([]byte{5, 5, 0, 5, 3, 4}, uint32(7), false)
	f.Fuzz(func(t *testing.T, pieces []byte, base uint32, join bool) {
		var s stream
		s.sync(base)
		model := make(map[uint32]byte)
		for i := 0; i+1 < len(pieces) && i < 400; i += 2 {
			p := bytes.Repeat([]byte{byte(i)}, int(pieces[i+1])%40)
			seq := base + uint32(pieces[i])*3
			if !s.hold(seq, p, join) {
				t.Fatal("no room")
			}
			for j := range p {
				if _, there := model[seq+uint32(j)]; !there {
					model[seq+uint32(j)] = p[j]
				}
			}
			cost := 0
			for j, r := range s.held {
				cost += r.cost()
				if j > 0 && int32(r.seq-s.held[j-1].end()) < 0 {
					t.Fatal("runs overlap")
				}
			}
			if cost != int(s.heldFor) {
				t.Fatalf("counted %d, held %d", s.heldFor, cost)
			}
		}
		for {
			p, ok := s.take()
			if !ok {
				break
			}
			for _, b := range p {
				if model[s.next] != b {
					t.Fatalf("byte %d is %d, want %d", s.next-base, b, model[s.next])
				}
				delete(model, s.next)
				s.next++
			}
		}
		if _, there := model[s.next]; there {
			t.Error("a byte was not taken")
		}
	})
}

// FuzzFragments puts a packet together of any pieces: it comes out as it was, or not
// at all.
func FuzzFragments(f *testing.F) {
	f.Add([]byte{0, 2, 2, 9}, uint8(4))
	f.Add([]byte{1, 1, 0, 1}, uint8(2))
	f.Fuzz(func(t *testing.T, pieces []byte, size uint8) {
		whole := make([]byte, 8*(int(size)+1))
		for i := range whole {
			whole[i] = byte(i / 8)
		}
		var d decoder
		for i := 0; i+1 < len(pieces) && i < 600; i += 2 {
			from := min(len(whole), int(pieces[i])*8)
			to := min(len(whole), from+int(pieces[i+1])*8)
			got := d.fragments.add(&d, fragmentKey{id: 1}, from, to < len(whole), whole[from:to])
			if got != nil && !bytes.Equal(got, whole) {
				t.Fatalf("%d bytes of %d", len(got), len(whole))
			}
		}
		if d.fragments.bytes > maxFragmentBytes+maxDatagram {
			t.Errorf("%d bytes", d.fragments.bytes)
		}
	})
}

// FuzzSegments sends segments of any kind between two endpoints.
func FuzzSegments(f *testing.F) {
	f.Add([]byte{2, 0, 0, 0, 0x12, 0, 1, 0, 0x10, 0, 0, 4, 0x14, 1, 0, 9}, uint64(1))
	f.Fuzz(func(t *testing.T, script []byte, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 0))
		r := &Reader{MaxPerConnection: MinPerConnection, MaxTotal: 128 << 10}
		r.init()
		r.emit = func(*results.Record) error { return nil }
		stream := []byte{22, 3, 1, 0, 60, 1, 0, 0, 56, 3, 3}
		for len(stream) < 300 {
			stream = append(stream, byte(rng.IntN(24)))
		}
		for i := 0; i+3 < len(script); i += 4 {
			at, n := int(script[i+1]), int(script[i+3])
			s := segment{key: key{port: [2]uint16{1, uint16(script[i] >> 6)}}, from: script[i] & 1, seq: uint32(script[i+2])<<24 | uint32(at), hasAck: script[i]&2 != 0,
				syn: script[i]&4 != 0, fin: script[i]&8 != 0, rst: script[i]&16 != 0, ack: uint32(n), payload: stream[at:min(len(stream), at+n)], missing: int(script[i]>>5) & 1}
			r.now = start.Add(time.Duration(i) * time.Second)
			r.table.tick(r.now.UnixNano())
			r.segment(&s)
			total := int64(0)
			for _, f := range r.table.flows {
				total += int64(f.cost)
			}
			if total != r.table.total {
				t.Fatalf("counted %d, held %d", r.table.total, total)
			}
		}
		if err := r.End(r.emit); err != nil || r.table.total != 0 {
			t.Errorf("%d bytes are left, %v", r.table.total, err)
		}
	})
}
