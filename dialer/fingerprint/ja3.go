package fingerprint

import (
	"crypto/md5"
	"encoding/hex"
	"strconv"

	"certsweep/dialer/hello"
)

// extensionPointFormats is ec_point_formats, RFC 8422 §5.1.2.
const extensionPointFormats = 11

// HashJA3 returns the JA3 fingerprint (github.com/salesforce/ja3) of a client's
// hello: the MD5 of its version, suites, extensions, groups and point formats, without
// the values of RFC 8701 that mean nothing.
func HashJA3(h *hello.ClientHello) string {
	var types []uint16
	var formats []byte
	for _, e := range h.Offer.Extensions {
		types = append(types, e.Type)
		if e.Type == extensionPointFormats && len(e.Data) > 0 {
			formats = e.Data[1:min(len(e.Data), 1+int(e.Data[0]))]
		}
	}
	text := strconv.AppendUint(nil, uint64(h.Offer.Version), 10)
	for _, list := range [][]uint16{h.Offer.CipherSuites, types, h.Offer.Groups} {
		text = appendJA3(append(text, ','), list)
	}
	text = appendJA3(append(text, ','), formats)
	sum := md5.Sum(text)
	return hex.EncodeToString(sum[:])
}

func appendJA3[N uint16 | byte](text []byte, list []N) []byte {
	first := true
	for _, n := range list {
		if isGREASE(uint16(n)) {
			continue
		}
		if !first {
			text = append(text, '-')
		}
		text, first = strconv.AppendUint(text, uint64(n), 10), false
	}
	return text
}

// isGREASE reports whether a value is of those that clients offer to see servers
// pass over, RFC 8701 §2.
func isGREASE(n uint16) bool { return n&0x0F0F == 0x0A0A && n>>8 == n&0xFF }
