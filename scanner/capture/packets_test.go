package capture

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"certsweep/results"
)

// said is what one side wrote at once.
type said struct {
	server bool
	data   []byte
}

// dialogue is a conversation of a client and a server in the order in which it
// went.
type dialogue struct {
	mu  sync.Mutex
	all []said
	log bytes.Buffer // the key log
}

// heard is a connection whose writes are noted.
type heard struct {
	net.Conn
	d      *dialogue
	server bool
}

func (h heard) Write(p []byte) (int, error) {
	h.d.mu.Lock()
	h.d.all = append(h.d.all, said{h.server, bytes.Clone(p)})
	h.d.mu.Unlock()
	return h.Conn.Write(p)
}

// converse has crypto/tls talk to itself. preamble is what is said before. Either
// side may fail.
func converse(t testing.TB, client, server *tls.Config, preamble ...said) *dialogue {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ours, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	theirs, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	d := &dialogue{all: preamble}
	client.KeyLogWriter = &d.log
	if client.RootCAs == nil {
		client.InsecureSkipVerify = true
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer theirs.Close()
		conn := tls.Server(heard{theirs, d, true}, server)
		if conn.Handshake() == nil {
			conn.Write(bytes.Repeat([]byte("answer "), 700))
			io.Copy(io.Discard, conn)
		}
	}()
	conn := tls.Client(heard{ours, d, false}, client)
	if conn.Handshake() == nil {
		io.ReadFull(conn, make([]byte, 4900))
		conn.Write([]byte("thanks"))
	}
	conn.Close()
	ours.Close()
	<-ended
	return d
}

// newCertificate makes a self-signed certificate for a name.
func newCertificate(t testing.TB, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: start.AddDate(0, -1, 0), NotAfter: start.AddDate(0, 2, 0),
		ExtraExtensions: []pkix.Extension{{Id: []int{1, 2, 3, 4}, Value: make([]byte, 1200)}}, // two segments
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// start is when captures begin.
var start = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// frame is a packet of a capture that is made.
type frame struct {
	at     time.Time
	data   []byte
	length int // on the wire; 0: all of it
}

// wire makes frames of a TCP connection.
type wire struct {
	client, server netip.AddrPort
	mss            int
	seq            [2]uint32 // the client's, the server's
	at             time.Time
	frames         []frame
	// wrap puts an IP packet into what is around it.
	wrap func(ip []byte, v6 bool) []byte
}

func newWire(client, server string) *wire {
	return &wire{client: netip.MustParseAddrPort(client), server: netip.MustParseAddrPort(server), mss: 1400, seq: [2]uint32{1000, 5000}, at: start, wrap: inEthernet}
}

func inEthernet(ip []byte, v6 bool) []byte {
	kind := layers.EthernetTypeIPv4
	if v6 {
		kind = layers.EthernetTypeIPv6
	}
	return serialize(gopacket.Payload(ip), &layers.Ethernet{SrcMAC: make([]byte, 6), DstMAC: make([]byte, 6), EthernetType: kind})
}

// serialize puts layers in front of what they carry, the outer first.
func serialize(payload gopacket.Payload, around ...gopacket.SerializableLayer) []byte {
	b := gopacket.NewSerializeBuffer()
	all := append(around, payload)
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true}, all...); err != nil {
		panic(err)
	}
	return bytes.Clone(b.Bytes())
}

// send adds a segment.
func (w *wire) send(server bool, flags string, data []byte) {
	from, to, me, peer := w.client, w.server, 0, 1
	if server {
		from, to, me, peer = to, from, 1, 0
	}
	has := func(flag byte) bool { return bytes.IndexByte([]byte(flags), flag) >= 0 }
	tcp := &layers.TCP{
		SrcPort: layers.TCPPort(from.Port()), DstPort: layers.TCPPort(to.Port()), Seq: w.seq[me], Ack: w.seq[peer], Window: 60000,
		SYN: has('S'), ACK: has('A'), FIN: has('F'), RST: has('R'),
	}
	w.seq[me] += uint32(len(data))
	if tcp.SYN || tcp.FIN {
		w.seq[me]++
	}
	ip := w.ip(from.Addr(), to.Addr(), layers.IPProtocolTCP, serialize(data, tcp))
	w.at = w.at.Add(time.Millisecond)
	w.frames = append(w.frames, frame{at: w.at, data: w.wrap(ip, from.Addr().Is6())})
}

func (w *wire) ip(from, to netip.Addr, protocol layers.IPProtocol, payload []byte) []byte {
	if from.Is4() {
		return serialize(payload, &layers.IPv4{Version: 4, TTL: 64, Protocol: protocol, SrcIP: from.AsSlice(), DstIP: to.AsSlice()})
	}
	return serialize(payload, &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: protocol, SrcIP: from.AsSlice(), DstIP: to.AsSlice()})
}

// open, say and shut are the parts of a connection.
func (w *wire) open() {
	w.send(false, "S", nil)
	w.send(true, "SA", nil)
	w.send(false, "A", nil)
}

func (w *wire) say(all []said) {
	for _, s := range all {
		for data := s.data; len(data) > 0; {
			n := min(w.mss, len(data))
			w.send(s.server, "A", data[:n])
			data = data[n:]
		}
	}
}

func (w *wire) shut() {
	w.send(false, "FA", nil)
	w.send(true, "FA", nil)
	w.send(false, "A", nil)
}

// connection returns the frames of a whole connection.
func (d *dialogue) connection(client, server string) []frame {
	w := newWire(client, server)
	w.open()
	w.say(d.all)
	w.shut()
	return w.frames
}

// pcapOf returns a capture with frames.
func pcapOf(t testing.TB, link layers.LinkType, frames []frame) []byte {
	t.Helper()
	var b bytes.Buffer
	w := pcapgo.NewWriterNanos(&b)
	err := w.WriteFileHeader(1<<18, link)
	for _, f := range frames {
		err = errors.Join(err, w.WritePacket(gopacket.CaptureInfo{Timestamp: f.at, CaptureLength: len(f.data), Length: max(f.length, len(f.data))}, f.data))
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// read returns the records of a capture.
func read(t testing.TB, r *Reader, captures ...[]byte) ([]*results.Record, error) {
	t.Helper()
	var records []*results.Record
	emit := func(r *results.Record) error {
		records = append(records, r)
		return nil
	}
	var failed error
	for i, c := range captures {
		failed = errors.Join(failed, r.Read(i+1, "test.pcap", bytes.NewReader(c), emit))
	}
	if err := r.End(emit); err != nil {
		t.Fatal(err)
	}
	checkCounts(t, &r.Counts, len(records), r.Unique)
	return records, failed
}

// checkCounts holds the sums that Counts promises.
func checkCounts(t testing.TB, c *results.CaptureCounts, records int, unique bool) {
	t.Helper()
	if sum := c.TCP + c.QUIC + c.DTLS + c.Other + c.Fragments + c.Malformed + c.UnknownLink; sum != c.Packets {
		t.Errorf("%d packets, in parts %d: %+v", c.Packets, sum, c)
	}
	if !unique && c.Handshakes != int64(records) || c.Handshakes > c.Flows {
		t.Errorf("%d records: %+v", records, c)
	}
}

// keysOf returns the key log of dialogues.
func keysOf(t testing.TB, all ...*dialogue) *KeyLog {
	t.Helper()
	var k KeyLog
	for _, d := range all {
		if known, err := k.Read(bytes.NewReader(d.log.Bytes())); err != nil || !known {
			t.Fatal(known, err)
		}
	}
	return &k
}

// readOne returns the only record of a capture.
func readOne(t testing.TB, r *Reader, frames []frame) *results.Record {
	t.Helper()
	records, err := read(t, r, pcapOf(t, layers.LinkTypeEthernet, frames))
	if err != nil || len(records) != 1 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	return records[0]
}
