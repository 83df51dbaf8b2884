package capture

import (
	"encoding/binary"

	"github.com/gopacket/gopacket/layers"
)

// key is what the packets of one connection have in common: both endpoints, the
// lesser first, the VLANs they were seen on, and the tunnel.
type key struct {
	addr   [2][16]byte // IPv4 as IPv6
	port   [2]uint16
	vlan   uint32 // the inner two, each with vlanTagged
	tunnel uint32 // the network's number in it
}

// vlanTagged marks a VLAN's number, which may be 0.
const vlanTagged = 0x1000

// vlans returns the numbers of a key, the outer first.
func (k *key) vlans() []int {
	numbers := []int{}
	for _, tag := range []uint32{k.vlan >> 16, k.vlan & 0xFFFF} {
		if tag&vlanTagged != 0 {
			numbers = append(numbers, int(tag&0xFFF))
		}
	}
	return numbers
}

// segment is a TCP segment, good until the next packet is read.
type segment struct {
	key     key
	from    uint8 // which endpoint of the key sent it
	seq     uint32
	ack     uint32
	hasAck  bool
	syn     bool
	fin     bool
	rst     bool
	payload []byte
	missing int // bytes that it had on the wire, and were not captured
}

// kind is what came of decoding a packet.
type kind uint8

const (
	kindOther kind = iota
	kindTCP
	kindQUIC
	kindDTLS
	kindFragment // kept for the rest
	kindMalformed
	kindUnknownLink
)

// maxNesting bounds the headers of one packet.
const maxNesting = 24

// decoder takes packets apart. Its layers are used again for each.
type decoder struct {
	ethernet  layers.Ethernet
	vlan      layers.Dot1Q
	sll       layers.LinuxSLL
	sll2      layers.LinuxSLL2
	loopback  layers.Loopback
	gre       layers.GRE
	vxlan     layers.VXLAN
	geneve    layers.Geneve
	ip4       layers.IPv4
	ip6       layers.IPv6
	extension layers.IPv6ExtensionSkipper
	fragment6 layers.IPv6Fragment
	tcp       layers.TCP
	udp       layers.UDP

	fragments fragments

	// Of the packet:
	src, dst     [16]byte
	vlans        uint32
	tunnel       uint32
	missing      int // bytes of the innermost IP packet that were not captured
	wholeMissing int // bytes of the packet that were not
	depth        int
	at           int64
}

// SetTruncated is called by gopacket's layers. What is missing is worked out from
// the lengths.
func (d *decoder) SetTruncated() {}

// decode reads the headers of a packet into s, if it is kindTCP. at is the clock of
// what is kept of fragments.
func (d *decoder) decode(p *packet, at int64, s *segment) kind {
	d.vlans, d.tunnel, d.missing, d.depth, d.at = 0, 0, 0, 0, at
	d.wholeMissing = max(0, p.length-len(p.data))
	switch p.link {
	case layers.LinkTypeEthernet:
		return d.decodeEthernet(p.data, s)
	case layers.LinkTypeLinuxSLL:
		if d.sll.DecodeFromBytes(p.data, d) != nil {
			return kindMalformed
		}
		return d.decodeEtherType(d.sll.EthernetType, d.sll.Payload, s)
	case layers.LinkTypeLinuxSLL2:
		if d.sll2.DecodeFromBytes(p.data, d) != nil {
			return kindMalformed
		}
		return d.decodeEtherType(d.sll2.ProtocolType, d.sll2.Payload, s)
	case layers.LinkTypeNull, layers.LinkTypeLoop:
		if d.loopback.DecodeFromBytes(p.data, d) != nil {
			return kindMalformed
		}
		return d.decodeIP(d.loopback.Payload, s)
	case layers.LinkTypeRaw, 12, 14, layers.LinkTypeIPv4, layers.LinkTypeIPv6: // 12 and 14 are DLT_RAW's own number
		return d.decodeIP(p.data, s)
	case layers.LinkTypePPP, layers.LinkTypePPP_HDLC:
		return d.decodePPP(p.data, s)
	case layers.LinkTypePPPEthernet:
		return d.decodePPPoE(p.data, s)
	}
	return kindUnknownLink
}

// deeper counts the headers of a packet.
func (d *decoder) deeper() bool {
	d.depth++
	return d.depth <= maxNesting
}

func (d *decoder) decodeEthernet(data []byte, s *segment) kind {
	if !d.deeper() || d.ethernet.DecodeFromBytes(data, d) != nil {
		return kindMalformed
	}
	return d.decodeEtherType(d.ethernet.EthernetType, d.ethernet.Payload, s)
}

// EtherTypes that gopacket has no name for: the tag that switches gave QinQ before
// 802.1ad, MPLS with an upstream label, and ERSPAN.
const (
	etherTypeOldQinQ      = 0x9100
	etherTypeMPLSUpstream = 0x8848
	etherTypeERSPAN2      = 0x88BE
	etherTypeERSPAN3      = 0x22EB
	etherTypePPP          = 0x880B
)

func (d *decoder) decodeEtherType(t layers.EthernetType, data []byte, s *segment) kind {
	switch t {
	case layers.EthernetTypeIPv4, layers.EthernetTypeIPv6:
		return d.decodeIP(data, s)
	case layers.EthernetTypeDot1Q, layers.EthernetTypeQinQ, etherTypeOldQinQ:
		if !d.deeper() || d.vlan.DecodeFromBytes(data, d) != nil {
			return kindMalformed
		}
		d.vlans = d.vlans<<16 | vlanTagged | uint32(d.vlan.VLANIdentifier)
		return d.decodeEtherType(d.vlan.Type, d.vlan.Payload, s)
	case layers.EthernetTypeMPLSUnicast, etherTypeMPLSUpstream:
		return d.decodeMPLS(data, s)
	case layers.EthernetTypePPPoESession:
		return d.decodePPPoE(data, s)
	case layers.EthernetTypeTransparentEthernetBridging:
		return d.decodeEthernet(data, s)
	case etherTypePPP:
		return d.decodePPP(data, s)
	}
	return kindOther
}

// decodeIP tells the version by its number.
func (d *decoder) decodeIP(data []byte, s *segment) kind {
	if !d.deeper() || len(data) == 0 {
		return kindMalformed
	}
	switch data[0] >> 4 {
	case 4:
		return d.decodeIPv4(data, s)
	case 6:
		return d.decodeIPv6(data, s)
	}
	return kindMalformed
}

func (d *decoder) decodeIPv4(data []byte, s *segment) kind {
	ip := &d.ip4
	if ip.DecodeFromBytes(data, d) != nil {
		return kindMalformed
	}
	d.missing = d.wholeMissing // of a packet that the card is to cut up, and so is without length
	if length := int(binary.BigEndian.Uint16(data[2:])); length != 0 {
		d.missing = max(0, length-len(data))
	}
	d.src, d.dst = mapped(ip.SrcIP), mapped(ip.DstIP)
	if ip.Flags&layers.IPv4MoreFragments == 0 && ip.FragOffset == 0 {
		return d.decodeProtocol(ip.Protocol, ip.Payload, s)
	}
	whole := d.fragments.add(d, fragmentKey{id: uint32(ip.Id), protocol: ip.Protocol}, int(ip.FragOffset)*8, ip.Flags&layers.IPv4MoreFragments != 0, ip.Payload)
	return d.decodeWhole(ip.Protocol, whole, s)
}

func mapped(ip4 []byte) (a [16]byte) {
	a[10], a[11] = 0xFF, 0xFF
	copy(a[12:], ip4)
	return a
}

func (d *decoder) decodeIPv6(data []byte, s *segment) kind {
	ip := &d.ip6
	if ip.DecodeFromBytes(data, d) != nil {
		return kindMalformed
	}
	const header = 40 // RFC 8200 §3
	d.missing = 0
	if ip.Length != 0 {
		d.missing = max(0, int(ip.Length)+header-len(data))
	}
	d.src, d.dst = [16]byte(ip.SrcIP), [16]byte(ip.DstIP)
	next := ip.NextHeader
	if ip.HopByHop != nil {
		next = ip.HopByHop.NextHeader
	}
	return d.decodeProtocol(next, ip.Payload, s)
}

// decodeWhole goes on with a packet that was put together of fragments.
func (d *decoder) decodeWhole(protocol layers.IPProtocol, whole []byte, s *segment) kind {
	if whole == nil {
		return kindFragment
	}
	d.missing = 0
	return d.decodeProtocol(protocol, whole, s)
}

func (d *decoder) decodeProtocol(protocol layers.IPProtocol, data []byte, s *segment) kind {
	if !d.deeper() {
		return kindMalformed
	}
	switch protocol {
	case layers.IPProtocolTCP:
		return d.decodeTCP(data, s)
	case layers.IPProtocolUDP:
		return d.decodeUDP(data, s)
	case layers.IPProtocolIPv4, layers.IPProtocolIPv6:
		return d.decodeIP(data, s)
	case layers.IPProtocolGRE:
		return d.decodeGRE(data, s)
	case layers.IPProtocolMPLSInIP:
		return d.decodeMPLS(data, s)
	case layers.IPProtocolIPv6HopByHop, layers.IPProtocolIPv6Routing, layers.IPProtocolIPv6Destination:
		if d.extension.DecodeFromBytes(data, d) != nil {
			return kindMalformed
		}
		return d.decodeProtocol(d.extension.NextHeader, d.extension.Payload, s)
	case layers.IPProtocolIPv6Fragment:
		f := &d.fragment6
		if f.DecodeFromBytes(data, d) != nil {
			return kindMalformed
		}
		if f.FragmentOffset == 0 && !f.MoreFragments {
			return d.decodeProtocol(f.NextHeader, f.Payload, s)
		}
		protocol := f.NextHeader
		whole := d.fragments.add(d, fragmentKey{id: f.Identification, protocol: protocol, v6: true}, int(f.FragmentOffset)*8, f.MoreFragments, f.Payload)
		return d.decodeWhole(protocol, whole, s)
	case layers.IPProtocolAH:
		const unit, least = 4, 12 // RFC 4302 §2
		if len(data) < least || len(data) < (int(data[1])+2)*unit {
			return kindMalformed
		}
		return d.decodeProtocol(layers.IPProtocol(data[0]), data[(int(data[1])+2)*unit:], s)
	}
	return kindOther
}

func (d *decoder) decodeTCP(data []byte, s *segment) kind {
	t := &d.tcp
	if t.DecodeFromBytes(data, d) != nil {
		return kindMalformed
	}
	*s = segment{seq: t.Seq, ack: t.Ack, hasAck: t.ACK, syn: t.SYN, fin: t.FIN, rst: t.RST, payload: t.Payload, missing: d.missing}
	s.key, s.from = d.key(uint16(t.SrcPort), uint16(t.DstPort))
	return kindTCP
}

// key returns the key of a packet's endpoints, and which of them sent it.
func (d *decoder) key(src, dst uint16) (k key, from uint8) {
	k = key{addr: [2][16]byte{d.src, d.dst}, port: [2]uint16{src, dst}, vlan: d.vlans, tunnel: d.tunnel}
	if less := compare(&d.src, &d.dst); less > 0 || less == 0 && src > dst {
		k.addr[0], k.addr[1], k.port[0], k.port[1] = k.addr[1], k.addr[0], k.port[1], k.port[0]
		from = 1
	}
	return k, from
}

func compare(a, b *[16]byte) int {
	for i := range a {
		if a[i] != b[i] {
			return int(a[i]) - int(b[i])
		}
	}
	return 0
}

// kindOfDatagram tells QUIC by a long header of version 1, 2 or a draft's (RFC 9000
// §17.2, RFC 9369 §3.1), and DTLS by the header of a record (RFC 6347 §4.1).
func kindOfDatagram(b []byte) kind {
	if len(b) >= 5 && b[0]&0xC0 == 0xC0 {
		switch version := binary.BigEndian.Uint32(b[1:]); {
		case version == 1, version == 0x6B3343CF, version>>8 == 0xFF0000:
			return kindQUIC
		}
	}
	if len(b) >= 13 && 20 <= b[0] && b[0] <= 23 && b[1] == 0xFE && (b[2] == 0xFF || b[2] == 0xFD) {
		return kindDTLS
	}
	return kindOther
}
