package hello

import (
	"bytes"

	"golang.org/x/crypto/cryptobyte"
)

// ClientHello is a ClientHello of any version, as it was received.
type ClientHello struct {
	Random     [32]byte
	SessionID  []byte
	ServerName string // empty if none is sent
	// Offer has all extensions with their bytes, so that a [Client] with it and
	// the server name sends the same hello but for random and session ID, and
	// besides what the fields of an Offer have room for. RecordVersion and the
	// limits of versions are zero.
	Offer Offer
}

// ParseClientHello reads the body of a ClientHello (RFC 8446 §4.1.2; RFC 6101
// §5.6.1.2 has no extensions). As in [ParseServerHello], what is wrong with
// the extensions is passed over, and nothing of body is kept. An error is a
// [*ProtocolError].
func ParseClientHello(body []byte) (ClientHello, error) {
	h := ClientHello{Offer: Offer{Extensions: []Extension{}}}
	o := &h.Offer
	var suites cryptobyte.String
	s := cryptobyte.String(bytes.Clone(body))
	if !s.ReadUint16(&o.Version) || !s.CopyBytes(h.Random[:]) || !s.ReadUint8LengthPrefixed((*cryptobyte.String)(&h.SessionID)) ||
		!s.ReadUint16LengthPrefixed(&suites) || !s.ReadUint8LengthPrefixed((*cryptobyte.String)(&o.Compression)) {
		return h, protocolError("a ClientHello of %d bytes", len(body))
	}
	o.SessionID = len(h.SessionID) > 0
	o.CipherSuites = uint16s(suites)
	var extensions cryptobyte.String
	if s.ReadUint16LengthPrefixed(&extensions) {
		for extension, data := range eachExtension(extensions) {
			o.Extensions = append(o.Extensions, Extension{extension, data})
			h.read(extension, data)
		}
	}
	return h, nil
}

func (h *ClientHello) read(extension uint16, data cryptobyte.String) {
	o := &h.Offer
	var list cryptobyte.String
	switch extension {
	case extensionServerName:
		h.ServerName = parseServerName(data)
	case extensionSupportedGroups:
		data.ReadUint16LengthPrefixed(&list)
		o.Groups = uint16s(list)
	case extensionSignatureAlgorithms:
		data.ReadUint16LengthPrefixed(&list)
		o.SignatureSchemes = uint16s(list)
	case extensionALPN:
		o.ALPN = nil
		data.ReadUint16LengthPrefixed(&list)
		for name := (cryptobyte.String)(nil); list.ReadUint8LengthPrefixed(&name); {
			o.ALPN = append(o.ALPN, string(name))
		}
	case extensionStatusRequest:
		o.OCSP = true
	case extensionSCT:
		o.SCT = true
	case extensionExtendedMasterSecret:
		o.ExtendedMasterSecret = true
	case extensionSupportedVersions:
		data.ReadUint8LengthPrefixed(&list)
		o.SupportedVersions = uint16s(list)
	case extensionKeyShare:
		o.KeyShares = nil
		data.ReadUint16LengthPrefixed(&list)
		var group uint16
		for share := (cryptobyte.String)(nil); list.ReadUint16(&group) && list.ReadUint16LengthPrefixed(&share); {
			o.KeyShares = append(o.KeyShares, group)
		}
	}
}

// parseServerName returns the host name, RFC 6066 §3.
func parseServerName(data cryptobyte.String) string {
	const hostName = 0
	var list, name cryptobyte.String
	var kind uint8
	data.ReadUint16LengthPrefixed(&list)
	for list.ReadUint8(&kind) && list.ReadUint16LengthPrefixed(&name) {
		if kind == hostName {
			return string(name)
		}
	}
	return ""
}

func uint16s(s cryptobyte.String) []uint16 {
	values := make([]uint16, 0, len(s)/2)
	for v := uint16(0); s.ReadUint16(&v); {
		values = append(values, v)
	}
	return values
}
