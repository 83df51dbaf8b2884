package capture

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/klauspost/compress/zstd"

	"certsweep/results"
)

// pcapngOf returns a pcapng with secrets, of two sections and two interfaces.
func pcapngOf(t testing.TB, log string, frames []frame) []byte {
	t.Helper()
	var b bytes.Buffer
	for i, part := range [][]frame{frames[:len(frames)/2], frames[len(frames)/2:]} {
		w, err := pcapgo.NewNgWriter(&b, layers.LinkTypeRaw)
		if err == nil && i == 0 {
			err = w.WriteDecryptionSecretsBlock(ngTLSKeyLog, []byte(log))
		}
		second := 0
		if err == nil {
			second, err = w.AddInterface(pcapgo.NgInterface{LinkType: layers.LinkTypeEthernet, TimestampResolution: 9})
		}
		for _, f := range part {
			if err == nil {
				err = w.WritePacket(gopacket.CaptureInfo{Timestamp: f.at, CaptureLength: len(f.data), Length: len(f.data), InterfaceIndex: second}, f.data)
			}
		}
		if err := errors.Join(err, w.Flush()); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// bigEndianPcapng returns a pcapng as few write them: big-endian, with an unknown
// block, an obsolete packet and simple ones.
func bigEndianPcapng(log string, frames []frame) []byte {
	var b []byte
	block := func(kind uint32, body []byte) {
		for len(body)%4 != 0 {
			body = append(body, 0)
		}
		size := uint32(len(body) + ngOverhead)
		b = binary.BigEndian.AppendUint32(b, kind)
		b = binary.BigEndian.AppendUint32(b, size)
		b = append(b, body...)
		b = binary.BigEndian.AppendUint32(b, size)
	}
	u32 := func(values ...uint32) (p []byte) {
		for _, v := range values {
			p = binary.BigEndian.AppendUint32(p, v)
		}
		return p
	}
	block(ngSection, u32(ngMagic, 1<<16, 0xFFFFFFFF, 0xFFFFFFFF))
	block(0xBAD, []byte("unknown"))
	block(ngDescribes, u32(1<<16, 0)) // Ethernet, without limit, microseconds
	block(ngSecrets, append(u32(ngTLSKeyLog, uint32(len(log))), log...))
	for i, f := range frames {
		micro := uint64(f.at.UnixMicro())
		n := uint32(len(f.data))
		switch i % 3 {
		case 0:
			block(ngEnhanced, append(u32(0, uint32(micro>>32), uint32(micro), n, n), f.data...))
		case 1:
			block(ngObsolete, append(u32(7, uint32(micro>>32), uint32(micro), n, n), f.data...))
		case 2:
			block(ngSimple, append(u32(n), f.data...))
		}
	}
	return b
}

// TestFormats: the same packets give the same records in every format, read at once
// or byte by byte.
func TestFormats(t *testing.T) {
	t.Parallel()
	leaf := newCertificate(t, "captured.example")
	d := converse(t, &tls.Config{ServerName: "captured.example"}, &tls.Config{Certificates: []tls.Certificate{leaf}})
	frames := d.connection(client, server)
	nano := pcapOf(t, layers.LinkTypeEthernet, frames)
	var micro, zipped bytes.Buffer
	w := pcapgo.NewWriter(&micro)
	err := w.WriteFileHeader(96, layers.LinkTypeEthernet) // a snapshot length that the packets do not keep to
	for _, f := range frames {
		err = errors.Join(err, w.WritePacket(gopacket.CaptureInfo{Timestamp: f.at, CaptureLength: len(f.data), Length: len(f.data)}, f.data))
	}
	z := gzip.NewWriter(&zipped)
	z.Write(nano)
	encoder, zerr := zstd.NewWriter(nil)
	if err := errors.Join(err, z.Close(), zerr); err != nil {
		t.Fatal(err)
	}
	ng := pcapngOf(t, d.log.String(), frames)
	for name, file := range map[string][]byte{
		"pcap of nanoseconds": nano, "pcap of microseconds": micro.Bytes(), "big-endian pcap": swapped(nano), "gzip": zipped.Bytes(), "zstd": encoder.EncodeAll(ng, nil),
		"pcapng": ng, "big-endian pcapng": bigEndianPcapng(d.log.String(), frames),
	} {
		for _, bytewise := range []bool{false, true} {
			r := &Reader{}
			if !strings.Contains(name, "pcapng") && name != "zstd" {
				r.Keys = keysOf(t, d)
			}
			var in io.Reader = bytes.NewReader(file)
			if bytewise {
				in = iotest.OneByteReader(in)
			}
			var got []*results.Record
			emit := func(record *results.Record) error { got = append(got, record); return nil }
			if err := errors.Join(r.Read(1, "", in, emit), r.End(emit)); err != nil || len(got) != 1 {
				t.Fatalf("%s: %d records, %v", name, len(got), err)
			}
			if leafOf(got[0]) != leafSHA256(leaf) || !got[0].Time.Equal(start.Add(4*time.Millisecond)) || r.Counts.Packets != int64(len(frames)) {
				t.Errorf("%s: %+v at %v, %d packets", name, got[0].Error, got[0].Time, r.Counts.Packets)
			}
		}
	}
}

// swapped returns a little-endian pcap as a big-endian one.
func swapped(file []byte) []byte {
	b := bytes.Clone(file)
	swap := func(i, n int) { slices.Reverse(b[i : i+n]) }
	for _, field := range [][2]int{{0, 4}, {4, 2}, {6, 2}, {8, 4}, {12, 4}, {16, 4}, {20, 4}} {
		swap(field[0], field[1])
	}
	for at := 24; at < len(b); {
		n := int(binary.LittleEndian.Uint32(b[at+8:]))
		for i := range 4 {
			swap(at+4*i, 4)
		}
		at += 16 + n
	}
	return b
}

// TestCutFiles: wherever a file ends, what came before has its record, and the error
// says that it was cut, but at the end of a packet.
func TestCutFiles(t *testing.T) {
	t.Parallel()
	d := converse(t, &tls.Config{}, &tls.Config{MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{newCertificate(t, "captured.example")}})
	frames := d.connection(client, server)[:9]
	for name, file := range map[string][]byte{"pcap": pcapOf(t, layers.LinkTypeEthernet, frames), "pcapng": bigEndianPcapng("", frames)} {
		whole := 0
		for n := range len(file) {
			records, err := read(t, &Reader{}, file[:n])
			switch {
			case n == 0:
				if !errors.Is(err, ErrNoCapture) {
					t.Errorf("%s: an empty file: %v", name, err)
				}
			case err == nil:
				whole++
			case !errors.Is(err, ErrCut) && !(n < 4 && errors.Is(err, ErrNoCapture)):
				t.Fatalf("%s: %d bytes: %v", name, n, err)
			}
			if n > 3000 && len(records) != 1 {
				t.Fatalf("%s: %d bytes: %d records", name, n, len(records))
			}
		}
		if whole < len(frames) || whole > len(frames)+5 {
			t.Errorf("%s: %d files of %d packets were whole", name, whole, len(frames))
		}
	}
	for text, want := range map[string]error{"example.com\n": ErrNoCapture, "\x1f\x8bgarbage": ErrCut, "\x28\xb5\x2f\xfdgarbage": ErrCut, "BZh91AY": ErrNoCapture, "\n\r\r\n": ErrCut} {
		if _, err := read(t, &Reader{}, []byte(text)); !errors.Is(err, want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// encapsulation is what may be around an IP packet.
type encapsulation struct {
	link layers.LinkType
	wrap func(ip []byte) []byte
	vlan []int
}

func etherTypeOf(ip []byte) layers.EthernetType {
	if ip[0]>>4 == 6 {
		return layers.EthernetTypeIPv6
	}
	return layers.EthernetTypeIPv4
}

func ethernet(t layers.EthernetType, payload []byte) []byte {
	return append(binary.BigEndian.AppendUint16(make([]byte, 12), uint16(t)), payload...)
}

func tag(id uint16, t layers.EthernetType, payload []byte) []byte {
	return append(binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, id), uint16(t)), payload...)
}

// outer is an IPv4 packet around a payload.
func outer(protocol layers.IPProtocol, payload []byte) []byte {
	w := &wire{}
	return w.ip(netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("203.0.113.2"), protocol, payload)
}

func udpTo(port uint16, payload []byte) []byte {
	return outer(layers.IPProtocolUDP, serialize(payload, &layers.UDP{SrcPort: 9, DstPort: layers.UDPPort(port)}))
}

var encapsulations = map[string]encapsulation{
	"Ethernet": {1, func(ip []byte) []byte { return ethernet(etherTypeOf(ip), ip) }, nil},
	"VLAN":     {1, func(ip []byte) []byte { return ethernet(layers.EthernetTypeDot1Q, tag(7, etherTypeOf(ip), ip)) }, []int{7}},
	"QinQ": {1, func(ip []byte) []byte {
		return ethernet(layers.EthernetTypeQinQ, tag(100, layers.EthernetTypeDot1Q, tag(0, etherTypeOf(ip), ip)))
	}, []int{100, 0}},
	"MPLS": {1, func(ip []byte) []byte {
		return ethernet(layers.EthernetTypeMPLSUnicast, append([]byte{0, 1, 0, 64, 0, 2, 1, 64}, ip...))
	}, nil},
	"a pseudowire": {1, func(ip []byte) []byte {
		return ethernet(layers.EthernetTypeMPLSUnicast, append([]byte{0, 2, 1, 64, 0, 0, 0, 0}, ethernet(etherTypeOf(ip), ip)...))
	}, nil},
	"PPPoE": {1, func(ip []byte) []byte {
		p := []byte{0x11, 0, 0, 1, 0, byte(len(ip) + 2), 0, 0x21}
		if ip[0]>>4 == 6 {
			p[7] = 0x57
		}
		return ethernet(layers.EthernetTypePPPoESession, append(p, ip...))
	}, nil},
	"GRE": {101, func(ip []byte) []byte {
		return outer(layers.IPProtocolGRE, append(binary.BigEndian.AppendUint16([]byte{0x20, 0}, uint16(etherTypeOf(ip))), append([]byte{0, 0, 0, 9}, ip...)...))
	}, nil},
	"ERSPAN": {101, func(ip []byte) []byte {
		return outer(layers.IPProtocolGRE, append([]byte{0x10, 0, 0x88, 0xBE, 0, 0, 0, 1, 0x10, 1, 0, 0, 0, 0, 0, 0}, ethernet(etherTypeOf(ip), ip)...))
	}, nil},
	"VXLAN": {101, func(ip []byte) []byte {
		return udpTo(portVXLAN, append([]byte{8, 0, 0, 0, 0, 0, 5, 0}, ethernet(etherTypeOf(ip), ip)...))
	}, nil},
	"Geneve": {101, func(ip []byte) []byte {
		return udpTo(portGeneve, append([]byte{0, 0, 0x65, 0x58, 0, 0, 5, 0}, ethernet(etherTypeOf(ip), ip)...))
	}, nil},
	"IP in IP": {101, func(ip []byte) []byte {
		if ip[0]>>4 == 6 {
			return outer(layers.IPProtocolIPv6, ip)
		}
		return outer(layers.IPProtocolIPv4, ip)
	}, nil},
	"SLL": {layers.LinkTypeLinuxSLL, func(ip []byte) []byte {
		return append(binary.BigEndian.AppendUint16(append([]byte{0, 0, 0, 1, 0, 6}, make([]byte, 8)...), uint16(etherTypeOf(ip))), ip...)
	}, nil},
	"SLL2": {layers.LinkTypeLinuxSLL2, func(ip []byte) []byte {
		return append(append(binary.BigEndian.AppendUint16(nil, uint16(etherTypeOf(ip))), []byte{0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0}...), ip...)
	}, nil},
	"null":     {layers.LinkTypeNull, func(ip []byte) []byte { return append([]byte{2, 0, 0, 0}, ip...) }, nil},
	"loop":     {layers.LinkTypeLoop, func(ip []byte) []byte { return append([]byte{0, 0, 0, 2}, ip...) }, nil},
	"raw":      {layers.LinkTypeRaw, func(ip []byte) []byte { return ip }, nil},
	"raw BSD":  {12, func(ip []byte) []byte { return ip }, nil},
	"IPv4 raw": {layers.LinkTypeIPv4, func(ip []byte) []byte { return ip }, nil},
	"PPP": {layers.LinkTypePPP, func(ip []byte) []byte {
		if ip[0]>>4 == 6 {
			return append([]byte{0xFF, 3, 0, 0x57}, ip...)
		}
		return append([]byte{0xFF, 3, 0x21}, ip...)
	}, nil},
	"padding": {1, func(ip []byte) []byte { return append(ethernet(etherTypeOf(ip), ip), "padding"...) }, nil},
	"extension headers": {101, func(ip []byte) []byte {
		if ip[0]>>4 == 4 {
			return ip
		}
		// Hop-by-hop, destination options, routing: each of 8 bytes.
		b := bytes.Clone(ip[:40])
		payload := append([]byte{60, 0, 1, 4, 0, 0, 0, 0, 43, 0, 1, 4, 0, 0, 0, 0, b[6], 0, 0, 0, 0, 0, 0, 0}, ip[40:]...)
		b[6] = 0
		binary.BigEndian.PutUint16(b[4:], uint16(len(payload)))
		return append(b, payload...)
	}, nil},
}

// TestEncapsulations: whatever is around the packets, the records are the same.
func TestEncapsulations(t *testing.T) {
	t.Parallel()
	leaf := newCertificate(t, "captured.example")
	d := converse(t, &tls.Config{}, &tls.Config{MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{leaf}})
	for name, e := range encapsulations {
		for _, ends := range [][2]string{{client, server}, {"[2001:db8::7]:50000", "[2001:db8::9]:443"}} {
			w := newWire(ends[0], ends[1])
			w.mss = 1200
			w.wrap = func(ip []byte, _ bool) []byte { return e.wrap(ip) }
			w.open()
			w.say(d.all)
			w.shut()
			r := &Reader{}
			records, err := read(t, r, pcapOf(t, e.link, w.frames))
			if err != nil || len(records) != 1 || leafOf(records[0]) != leafSHA256(leaf) || records[0].Capture.Client != ends[0] {
				t.Errorf("%s of %s: %d records, %v, %+v", name, ends[0], len(records), err, r.Counts)
				continue
			}
			if !slices.Equal(records[0].Capture.VLAN, append([]int{}, e.vlan...)) {
				t.Errorf("%s: VLANs %v", name, records[0].Capture.VLAN)
			}
		}
	}
	// The same endpoints on two VLANs are two connections.
	var frames []frame
	for i := range 40 {
		for id := range uint16(2) {
			w := newWire(client, server)
			w.wrap = func(ip []byte, _ bool) []byte {
				return ethernet(layers.EthernetTypeDot1Q, tag(id, etherTypeOf(ip), ip))
			}
			w.open()
			w.say(d.all)
			w.shut()
			if i < len(w.frames) {
				frames = append(frames, w.frames[i])
			}
		}
	}
	if records, err := read(t, &Reader{}, pcapOf(t, 1, frames)); err != nil || len(records) != 2 {
		t.Errorf("%d records of two VLANs, %v", len(records), err)
	}
	r := &Reader{}
	if _, err := read(t, r, pcapOf(t, 200, frames)); err != nil || r.Counts.UnknownLink != int64(len(frames)) {
		t.Errorf("%+v, %v", r.Counts, err)
	}
}

// TestFragmented: packets in fragments, in any order.
func TestFragmented(t *testing.T) {
	t.Parallel()
	leaf := newCertificate(t, "captured.example")
	d := converse(t, &tls.Config{}, &tls.Config{MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{leaf}})
	for _, ends := range [][2]string{{client, server}, {"[2001:db8::7]:50000", "[2001:db8::9]:443"}} {
		w := newWire(ends[0], ends[1])
		w.wrap = func(ip []byte, _ bool) []byte { return ip }
		w.open()
		w.say(d.all)
		w.shut()
		var frames []frame
		for i, f := range w.frames {
			parts := fragmentsOf(f.data, i)
			slices.Reverse(parts)
			for _, p := range parts {
				frames = append(frames, frame{at: f.at, data: p})
			}
		}
		r := &Reader{}
		records, err := read(t, r, pcapOf(t, layers.LinkTypeRaw, frames))
		if err != nil || len(records) != 1 || leafOf(records[0]) != leafSHA256(leaf) || r.Counts.Fragments == 0 {
			t.Errorf("%s: %d records, %v, %+v", ends[0], len(records), err, r.Counts)
		}
	}
}

// fragmentsOf divides an IP packet into pieces of 400 bytes.
func fragmentsOf(ip []byte, id int) (parts [][]byte) {
	const size = 400
	header := 20
	if ip[0]>>4 == 6 {
		header = 40
	}
	payload := ip[header:]
	for at := 0; at < len(payload); at += size {
		part := payload[at:min(len(payload), at+size)]
		more := at+size < len(payload)
		b := bytes.Clone(ip[:header])
		if header == 20 {
			binary.BigEndian.PutUint16(b[2:], uint16(header+len(part)))
			binary.BigEndian.PutUint16(b[4:], uint16(id))
			flags := uint16(at / 8)
			if more {
				flags |= 0x2000
			}
			binary.BigEndian.PutUint16(b[6:], flags)
		} else {
			binary.BigEndian.PutUint16(b[4:], uint16(8+len(part)))
			offset := uint16(at)
			if more {
				offset |= 1
			}
			b = append(b, b[6], 0, byte(offset>>8), byte(offset), 0, 0, 0, byte(id))
			b[6] = 44
		}
		parts = append(parts, append(b, part...))
	}
	return parts
}
