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
	extensionServerName              = 0  // RFC 6066 §3
	extensionStatusRequest           = 5  // RFC 6066 §8
	extensionSupportedGroups         = 10 // RFC 8446 §4.2.7
	extensionECPointFormats          = 11 // RFC 8422 §5.1.2
	extensionSignatureAlgorithms     = 13 // RFC 8446 §4.2.3
	extensionALPN                    = 16 // RFC 7301 §3.1
	extensionSCT                     = 18 // RFC 6962 §3.3.1
	extensionExtendedMasterSecret    = 23 // RFC 7627 §5.1
	extensionPreSharedKey            = 41 // RFC 8446 §4.2.11
	extensionSupportedVersions       = 43 // RFC 8446 §4.2.1
	extensionCookie                  = 44 // RFC 8446 §4.2.2
	extensionSignatureAlgorithmsCert = 50 // RFC 8446 §4.2.3
	extensionKeyShare                = 51 // RFC 8446 §4.2.8
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
	h.renew()
	if c.Offer.givesKeyShare() {
		return h, nil
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

// renew makes what is random.
func (h *clientHello) renew() {
	rand.Read(h.random[:])
	if h.client.Offer.SessionID {
		h.sessionID = make([]byte, 32)
		rand.Read(h.sessionID)
	}
}

// marshal returns the handshake message, header included.
func (h *clientHello) marshal() ([]byte, error) {
	offer := &h.client.Offer
	compression := offer.Compression
	if compression == nil {
		compression = []byte{0} // none
	}
	// The short hellos fit, which are sent most: without, they grow by copies.
	b := cryptobyte.NewBuilder(make([]byte, 0, 256))
	b.AddUint8(TypeClientHello)
	b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
		b.AddUint16(offer.Version)
		b.AddBytes(h.random[:])
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(h.sessionID) })
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { addUint16s(b, offer.CipherSuites) })
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(compression) })
		if offer.Extensions == nil || len(offer.Extensions) > 0 {
			b.AddUint16LengthPrefixed(h.addExtensions)
		}
	})
	message, err := b.Bytes()
	if err == nil && len(message) > maxPlaintext {
		err = errors.New("hello: the ClientHello does not fit into one record")
	}
	return message, err
}

// usualOrder is that of the extensions of an offer that does not say another.
var usualOrder = []Extension{
	{Type: extensionServerName}, {Type: extensionSupportedGroups}, {Type: extensionECPointFormats}, {Type: extensionSignatureAlgorithms},
	{Type: extensionSignatureAlgorithmsCert},
	{Type: extensionALPN}, {Type: extensionStatusRequest}, {Type: extensionSCT}, {Type: extensionExtendedMasterSecret},
	{Type: extensionSupportedVersions}, {Type: extensionCookie}, {Type: extensionKeyShare},
}

func (h *clientHello) addExtensions(b *cryptobyte.Builder) {
	extensions := h.client.Offer.Extensions
	if extensions == nil {
		extensions = usualOrder
	} else if h.cookie != nil {
		// No order has a place for what only a HelloRetryRequest calls for.
		extensions = append([]Extension{{Type: extensionCookie}}, extensions...)
	}
	for _, e := range extensions {
		body := func(b *cryptobyte.Builder) { b.AddBytes(e.Data) }
		// Shares beside given ones were asked for by a HelloRetryRequest.
		if e.Data == nil || e.Type == extensionKeyShare && len(h.shares) > 0 {
			made, wanted := h.extension(e.Type)
			if !wanted {
				continue
			}
			body = made
		}
		addExtension(b, e.Type, body)
	}
}

// extension returns what the offer has to say in an extension; wanted is false
// if that is nothing.
func (h *clientHello) extension(extension uint16) (body func(*cryptobyte.Builder), wanted bool) {
	offer := &h.client.Offer
	empty := func(*cryptobyte.Builder) {}
	switch extension {
	case extensionServerName:
		name := sniName(h.client.ServerName)
		return func(b *cryptobyte.Builder) {
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
				b.AddUint8(0) // host_name
				b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(name)) })
			})
		}, name != ""
	case extensionSupportedGroups:
		return list16(offer.Groups), len(offer.Groups) > 0
	case extensionECPointFormats:
		return func(b *cryptobyte.Builder) { b.AddBytes([]byte{1, 0}) }, len(offer.Groups) > 0 // uncompressed alone
	case extensionSignatureAlgorithms:
		return list16(offer.SignatureSchemes), len(offer.SignatureSchemes) > 0
	case extensionSignatureAlgorithmsCert:
		return list16(offer.CertificateSchemes), len(offer.CertificateSchemes) > 0
	case extensionALPN:
		return h.addALPN, len(offer.ALPN) > 0
	case extensionStatusRequest:
		// ocsp, no responder IDs, no extensions
		return func(b *cryptobyte.Builder) { b.AddBytes([]byte{1, 0, 0, 0, 0}) }, offer.OCSP
	case extensionSCT:
		return empty, offer.SCT
	case extensionExtendedMasterSecret:
		return empty, offer.ExtendedMasterSecret
	case extensionSupportedVersions:
		return func(b *cryptobyte.Builder) {
			b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { addUint16s(b, offer.SupportedVersions) })
		}, len(offer.SupportedVersions) > 0
	case extensionCookie:
		return func(b *cryptobyte.Builder) {
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(h.cookie) })
		}, h.cookie != nil
	case extensionKeyShare:
		return func(b *cryptobyte.Builder) { b.AddUint16LengthPrefixed(h.addShares) }, len(h.shares) > 0
	}
	return empty, true
}

func list16(values []uint16) func(*cryptobyte.Builder) {
	return func(b *cryptobyte.Builder) {
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { addUint16s(b, values) })
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
