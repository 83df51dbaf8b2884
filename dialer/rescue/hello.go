package rescue

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"

	"golang.org/x/crypto/cryptobyte"
)

// Hello is a rung of the ladder: which ClientHello is sent.
type Hello int

const (
	// Hello13 offers TLS 1.3 and, to servers that do not know it, everything
	// below down to SSL 3.0; some 950 bytes.
	Hello13 Hello = iota

	// Hello10 offers TLS 1.0 and SSL 3.0, without supported_versions, ALPN or
	// anything else a server of that time may stumble over. With a server name
	// of up to 50 bytes it is not longer than 255, the most that some servers
	// bear.
	Hello10
)

// String returns "hello13" or "hello10".
func (h Hello) String() string {
	if h == Hello10 {
		return "hello10"
	}
	return "hello13"
}

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
	if c.Hello == Hello10 {
		return h, nil
	}
	// A session ID makes TLS 1.3 look like a resumption of 1.2 to middleboxes,
	// RFC 8446 §D.4.
	h.sessionID = make([]byte, 32)
	rand.Read(h.sessionID)
	for _, group := range firstShares {
		share, err := newKeyShare(group)
		if err != nil {
			return nil, err
		}
		h.shares = append(h.shares, share)
	}
	return h, nil
}

// groups returns the groups of the hello, in order of preference.
func (h *clientHello) groups() []uint16 {
	switch {
	case h.client.Hello == Hello10:
		return groups10
	case h.client.NoPostQuantum:
		return groupsClassic
	}
	return append(groupsPostQuantum[:len(groupsPostQuantum):len(groupsPostQuantum)], groupsClassic...)
}

// marshal returns the handshake message, header included.
func (h *clientHello) marshal() ([]byte, error) {
	var b cryptobyte.Builder
	b.AddUint8(typeClientHello)
	b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
		version := uint16(versionTLS12) // the highest that stands here, RFC 8446 §4.1.2
		if h.client.Hello == Hello10 {
			version = versionTLS10
		}
		b.AddUint16(version)
		b.AddBytes(h.random[:])
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(h.sessionID) })
		b.AddUint16LengthPrefixed(h.addSuites)
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddUint8(0) }) // no compression
		b.AddUint16LengthPrefixed(h.addExtensions)
	})
	message, err := b.Bytes()
	if err == nil && len(message) > maxPlaintext {
		err = errors.New("rescue: the ClientHello does not fit into one record")
	}
	return message, err
}

func (h *clientHello) addSuites(b *cryptobyte.Builder) {
	if h.client.Hello == Hello10 {
		addUint16s(b, suites10)
	} else {
		for _, s := range suites {
			b.AddUint16(s.id)
		}
	}
	b.AddUint16(emptyRenegotiationInfo)
}

func (h *clientHello) addExtensions(b *cryptobyte.Builder) {
	if name := sniName(h.client.ServerName); name != "" {
		addExtension(b, extensionServerName, func(b *cryptobyte.Builder) {
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
				b.AddUint8(0) // host_name
				b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(name)) })
			})
		})
	}
	addExtension(b, extensionSupportedGroups, func(b *cryptobyte.Builder) {
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { addUint16s(b, h.groups()) })
	})
	addExtension(b, extensionECPointFormats, func(b *cryptobyte.Builder) {
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddUint8(0) }) // uncompressed
	})
	if h.client.Hello == Hello10 {
		return
	}
	addExtension(b, extensionSignatureAlgorithms, func(b *cryptobyte.Builder) {
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { addUint16s(b, signatureSchemes) })
	})
	if len(h.client.ALPN) > 0 {
		addExtension(b, extensionALPN, h.addALPN)
	}
	addExtension(b, extensionStatusRequest, func(b *cryptobyte.Builder) {
		b.AddBytes([]byte{1, 0, 0, 0, 0}) // ocsp, no responder IDs, no extensions
	})
	addExtension(b, extensionSCT, func(*cryptobyte.Builder) {})
	// Some servers in FIPS mode refuse TLS 1.2 without it.
	addExtension(b, extensionExtendedMasterSecret, func(*cryptobyte.Builder) {})
	addExtension(b, extensionSupportedVersions, func(b *cryptobyte.Builder) {
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) {
			addUint16s(b, []uint16{versionTLS13, versionTLS12, versionTLS11, versionTLS10})
		})
	})
	if h.cookie != nil {
		addExtension(b, extensionCookie, func(b *cryptobyte.Builder) {
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(h.cookie) })
		})
	}
	addExtension(b, extensionKeyShare, func(b *cryptobyte.Builder) {
		b.AddUint16LengthPrefixed(h.addShares)
	})
}

func (h *clientHello) addALPN(b *cryptobyte.Builder) {
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		for _, protocol := range h.client.ALPN {
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
