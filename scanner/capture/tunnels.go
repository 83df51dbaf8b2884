package capture

import (
	"encoding/binary"

	"github.com/gopacket/gopacket/layers"
)

// decodeMPLS is by hand, as gopacket has no form of it that can be used again.
func (d *decoder) decodeMPLS(data []byte, s *segment) kind {
	const label, bottom, controlWord = 4, 1, 4 // RFC 3032 §2.1, RFC 4385 §3
	for {
		if !d.deeper() || len(data) < label {
			return kindMalformed
		}
		last := data[2]&bottom != 0
		if data = data[label:]; last {
			break
		}
	}
	if len(data) <= controlWord {
		return kindMalformed
	}
	switch data[0] >> 4 {
	case 4, 6:
		return d.decodeIP(data, s)
	case 0:
		return d.decodeEthernet(data[controlWord:], s)
	}
	return d.decodeEthernet(data, s)
}

func (d *decoder) decodePPPoE(data []byte, s *segment) kind {
	const header = 6 // RFC 2516 §4
	if len(data) < header {
		return kindMalformed
	}
	return d.decodePPP(data[header:], s)
}

// decodePPP is by hand for the same reason.
func (d *decoder) decodePPP(data []byte, s *segment) kind {
	const ipv4, ipv6 = 0x21, 0x57 // RFC 1332 §2.1, RFC 5072 §2
	if len(data) > 2 && data[0] == 0xFF && data[1] == 0x03 {
		data = data[2:] // address and control of RFC 1662 §3.1
	} else if len(data) > 4 && (data[0] == 0x0F || data[0] == 0x8F) && data[1] == 0 {
		// Cisco's HDLC has an EtherType in place of a protocol.
		return d.decodeEtherType(layers.EthernetType(binary.BigEndian.Uint16(data[2:])), data[4:], s)
	}
	if len(data) < 2 {
		return kindMalformed
	}
	protocol := uint16(data[0])
	if protocol&1 != 0 { // compressed to a byte, RFC 1661 §6.5
		data = data[1:]
	} else {
		protocol, data = binary.BigEndian.Uint16(data), data[2:]
	}
	if protocol != ipv4 && protocol != ipv6 {
		return kindOther
	}
	return d.decodeIP(data, s)
}

func (d *decoder) decodeGRE(data []byte, s *segment) kind {
	g := &d.gre
	if g.DecodeFromBytes(data, d) != nil {
		return kindMalformed
	}
	d.tunnel = g.Key
	if g.Version == 1 { // PPTP: half of the key is a length, RFC 2637 §4.1
		d.tunnel = g.Key & 0xFFFF
	}
	// What a mirror port sends, in front of the frame: draft-foschiano-erspan §4.
	const erspan2, erspan3, platform = 8, 12, 8
	switch g.Protocol {
	case etherTypeERSPAN2:
		if !g.SeqPresent { // type I has no header
			return d.decodeEthernet(g.Payload, s)
		}
		if len(g.Payload) < erspan2 {
			return kindMalformed
		}
		return d.decodeEthernet(g.Payload[erspan2:], s)
	case etherTypeERSPAN3:
		if len(g.Payload) < erspan3+platform {
			return kindMalformed
		}
		skip := erspan3
		if g.Payload[erspan3-1]&1 != 0 {
			skip += platform
		}
		return d.decodeEthernet(g.Payload[skip:], s)
	}
	return d.decodeEtherType(g.Protocol, g.Payload, s)
}

// The ports of tunnels over UDP: VXLAN's of RFC 7348 §8 and what Linux had before
// it, and Geneve's of RFC 8926 §3.3.
const (
	portVXLAN      = 4789
	portVXLANLinux = 8472
	portGeneve     = 6081
)

func (d *decoder) decodeUDP(data []byte, s *segment) kind {
	u := &d.udp
	if u.DecodeFromBytes(data, d) != nil {
		return kindMalformed
	}
	switch u.DstPort {
	case portVXLAN, portVXLANLinux:
		if d.vxlan.DecodeFromBytes(u.Payload, d) != nil {
			return kindMalformed
		}
		d.tunnel = d.vxlan.VNI
		return d.decodeEthernet(d.vxlan.Payload, s)
	case portGeneve:
		if d.geneve.DecodeFromBytes(u.Payload, d) != nil {
			return kindMalformed
		}
		d.tunnel = d.geneve.VNI
		return d.decodeEtherType(d.geneve.Protocol, d.geneve.Payload, s)
	}
	return kindOfDatagram(u.Payload)
}
