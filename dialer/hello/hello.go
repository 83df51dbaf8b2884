package hello

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"

	"golang.org/x/crypto/cryptobyte"
)

// Extension types, from the IANA registry "TLS ExtensionType Values".
const (
	extensionServerName           = 0  // RFC 6066 §3
	extensionStatusRequest        = 5  // RFC 6066 §8
	extensionSupportedGroups      = 10 // RFC 8446 §4.2.7
	extensionECPointFormats       = 11 // RFC 8422 §5.1.2
	extensionSignatureAlgorithms  = 13 // RFC 8446 §4.2.3
	extensionALPN                 = 16 // RFC 7301 §3.1
	extensionSCT                  = 18 // RFC 6962 §3.3.1
	extensionExtendedMasterSecret = 23 // RFC 7627 §5.1
	extensionSupportedVersions    = 43 // RFC 8446 §4.2.1
	extensionCookie               = 44 // RFC 8446 §4.2.2
	extensionKeyShare             = 51 // RFC 8446 §4.2.8
)

// maxPlaintext is the longest fragment of a record, RFC 8446 §5.1.
const maxPlaintext = 1 << 14

// clientHello is what changes from one hello to the next.
type clientHello struct {
	client    *Client
	random    [32]byte
	sessionID []byte
	shares    []*keyShare
	cookie    []byte // asked for by HelloRetryRequest
}

func newClientHello(c *Client) (*clientHello, error) {
	h := &clientHello{client: c}
	rand.Read(h.random[:])
	if c.Offer.SessionID {
		h.sessionID = make([]byte, 32)
		rand.Read(h.sessionID)
	}
	for _, group := range c.Offer.KeyShares {
		share, err := newKeyShare(group)
		if err != nil {
			return nil, err
		}
		h.shares = append(h.shares, share)
	}
	return h, nil
}

// marshal returns the handshake message, header included.
func (h *clientHello) marshal() ([]byte, error) {
	offer := &h.client.Offer
	var b cryptobyte.Builder
	b.AddUint8(TypeClientHello)
	b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
		b.AddUint16(offer.Version)
		b.AddBytes(h.random[:])
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(h.sessionID) })
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { addUint16s(b, offer.CipherSuites) })
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddUint8(0) }) // no compression
		b.AddUint16LengthPrefixed(h.addExtensions)
	})
	message, err := b.Bytes()
	if err == nil && len(message) > maxPlaintext {
		err = errors.New("hello: the ClientHello does not fit into one record")
	}
	return message, err
}

func (h *clientHello) addExtensions(b *cryptobyte.Builder) {
	offer := &h.client.Offer
	if name := sniName(h.client.ServerName); name != "" {
		addExtension(b, extensionServerName, func(b *cryptobyte.Builder) {
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
				b.AddUint8(0) // host_name
				b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(name)) })
			})
		})
	}
	if len(offer.Groups) > 0 {
		addExtension(b, extensionSupportedGroups, func(b *cryptobyte.Builder) {
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { addUint16s(b, offer.Groups) })
		})
		addExtension(b, extensionECPointFormats, func(b *cryptobyte.Builder) {
			b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddUint8(0) }) // uncompressed
		})
	}
	if len(offer.SignatureSchemes) > 0 {
		addExtension(b, extensionSignatureAlgorithms, func(b *cryptobyte.Builder) {
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { addUint16s(b, offer.SignatureSchemes) })
		})
	}
	if len(offer.ALPN) > 0 {
		addExtension(b, extensionALPN, h.addALPN)
	}
	if offer.OCSP {
		addExtension(b, extensionStatusRequest, func(b *cryptobyte.Builder) {
			b.AddBytes([]byte{1, 0, 0, 0, 0}) // ocsp, no responder IDs, no extensions
		})
	}
	if offer.SCT {
		addExtension(b, extensionSCT, func(*cryptobyte.Builder) {})
	}
	if offer.ExtendedMasterSecret {
		addExtension(b, extensionExtendedMasterSecret, func(*cryptobyte.Builder) {})
	}
	if len(offer.SupportedVersions) > 0 {
		addExtension(b, extensionSupportedVersions, func(b *cryptobyte.Builder) {
			b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { addUint16s(b, offer.SupportedVersions) })
		})
	}
	if h.cookie != nil {
		addExtension(b, extensionCookie, func(b *cryptobyte.Builder) {
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(h.cookie) })
		})
	}
	if len(h.shares) > 0 {
		addExtension(b, extensionKeyShare, func(b *cryptobyte.Builder) {
			b.AddUint16LengthPrefixed(h.addShares)
		})
	}
}

func (h *clientHello) addALPN(b *cryptobyte.Builder) {
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		for _, protocol := range h.client.Offer.ALPN {
			b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(protocol)) })
		}
	})
}

func (h *clientHello) addShares(b *cryptobyte.Builder) {
	for _, share := range h.shares {
		b.AddUint16(share.group)
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(share.public) })
	}
}

func addExtension(b *cryptobyte.Builder, extension uint16, body func(*cryptobyte.Builder)) {
	b.AddUint16(extension)
	b.AddUint16LengthPrefixed(body)
}

func addUint16s(b *cryptobyte.Builder, values []uint16) {
	for _, v := range values {
		b.AddUint16(v)
	}
}

// sniName returns what RFC 6066 §3 lets a client send of a name: nothing of an
// IP address, and no dot at the end.
func sniName(name string) string {
	host := strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	if _, err := netip.ParseAddr(host); err == nil {
		return ""
	}
	return strings.TrimRight(name, ".")
}

// plainRecord puts a payload of at most maxPlaintext bytes into a record.
func plainRecord(contentType uint8, version uint16, payload []byte) []byte {
	record := make([]byte, 0, recordHeaderSize+len(payload))
	record = append(record, contentType)
	record = binary.BigEndian.AppendUint16(record, version)
	record = binary.BigEndian.AppendUint16(record, uint16(len(payload)))
	return append(record, payload...)
}
