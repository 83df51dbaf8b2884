//go:build unix

package reach

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"

	"certsweep/dialer/dialertest"
)

// A suite that crypto/tls offers, for TLS 1.2.
const reachSuite12 = 0xC02F // ECDHE_RSA_WITH_AES_128_GCM_SHA256

// reachForms are servers of TLS 1.2 whose messages are cut, ordered or composed
// in a way of their own.
func reachForms(chain [][]byte) (cases []reachCase) {
	hello, certificate, done := reachServerHello(0x0303, reachSuite12), reachCertificate(chain), dialertest.Message(reachTypeDone, nil)
	record := func(messages ...[]byte) []byte {
		return dialertest.Record(reachRecordHandshake, 0x0303, slices.Concat(messages...))
	}
	flight := record(hello, certificate, done)
	cut := func(size int) (records []byte) {
		for part := range slices.Chunk(slices.Concat(hello, certificate, done), size) {
			records = append(records, record(part)...)
		}
		return records
	}
	warning := func(description uint8) []byte {
		return dialertest.Record(reachRecordAlert, 0x0303, []byte{1, description})
	}
	helloRequest := record(dialertest.Message(0, nil))
	downgraded, compressed := bytes.Clone(hello), bytes.Clone(hello)
	copy(downgraded[4+2+24:], "DOWNGRD\x01") // RFC 8446 §4.1.3
	compressed[len(compressed)-1] = 1
	longer := dialertest.Message(reachTypeCertificate, append(bytes.Clone(certificate[4:]), 1, 2, 3))
	shorter := bytes.Clone(certificate)
	shorter[6]++ // the list claims one byte more than the message has
	for name, answer := range map[string][]byte{
		"ordinary":                                                      flight,
		"a record for each message":                                     slices.Concat(record(hello), record(certificate), record(done)),
		"records of one byte":                                           cut(1),
		"records of three bytes":                                        cut(3),
		"records of version SSL 3.0":                                    dialertest.Record(reachRecordHandshake, 0x0300, slices.Concat(hello, certificate, done)),
		"records of version TLS 1.0":                                    dialertest.Record(reachRecordHandshake, 0x0301, slices.Concat(hello, certificate, done)),
		"a warning before the ServerHello":                              append(warning(112), flight...),
		"ten warnings before the ServerHello":                           append(bytes.Repeat(warning(112), 10), flight...),
		"a HelloRequest before the flight":                              append(bytes.Clone(helloRequest), flight...),
		"ten empty records before the flight":                           append(bytes.Repeat(reachHeader(0), 10), flight...),
		"a duplicate extension":                                         record(reachServerHello(0x0303, reachSuite12, 0, 23, 0, 0, 0, 23, 0, 0), certificate, done),
		"an extension nobody asked for":                                 record(reachServerHello(0x0303, reachSuite12, 0x5a, 0x5a, 0, 1, 0), certificate, done),
		"extensions that are cut short":                                 record(reachServerHello(0x0303, reachSuite12, 0, 23, 0, 9, 1), certificate, done),
		"an ALPN answer nobody asked for":                               record(reachServerHello(0x0303, reachSuite12, 0, 16, 0, 5, 0, 3, 2, 'h', '2'), certificate, done),
		"an empty list of extensions":                                   record(reachServerHello(0x0303, reachSuite12, []byte{}...), certificate, done),
		"a ServerHello with the mark of TLS 1.3's downgrade protection": record(downgraded, certificate, done),
		"compression":                                                   record(compressed, certificate, done),
		"a suite of TLS 1.3 under TLS 1.2":                              record(reachServerHello(0x0303, 0x1301), certificate, done),
		"a suite that nobody assigned":                                  record(reachServerHello(0x0303, 0x5b5b), certificate, done),
		"TLS 1.1 with a suite of TLS 1.2":                               reachFlight(0x0302, reachSuite12, chain),
		"bytes after the list of certificates":                          record(hello, longer, done),
		"a list of certificates longer than its message":                record(hello, shorter, done),
		"end of stream after the Certificate message":                   record(hello, certificate),
		"handshake_failure after the Certificate message":               append(record(hello, certificate), reachAlert(0x0303, 40)...),
		"HTTP after the Certificate message":                            append(record(hello, certificate), "HTTP/1.1 400 Bad Request\r\n\r\n"...),
		"Finished after the Certificate message":                        record(hello, certificate, dialertest.Message(20, make([]byte, 12))),
		"an unknown message after the Certificate message":              record(hello, certificate, dialertest.Message(99, nil)),
		"a ServerKeyExchange that is cut short":                         record(hello, certificate, dialertest.Message(12, []byte{3, 0}), done),
		"a ServerKeyExchange with a curve of nobody's":                  record(hello, certificate, dialertest.Message(12, []byte{3, 0x5b, 0x5b, 1, 4}), done),
		"a ServerKeyExchange with an explicit curve":                    record(hello, certificate, dialertest.Message(12, []byte{1, 0, 0}), done),
		"a chain of 2.5 MiB":                                            reachFlight(0x0303, reachSuite12, slices.Repeat([][]byte{reachPadding(512 << 10)}, 5)),
		"no Certificate message":                                        record(hello, done),
		"the SSL 2.0 protocol":                                          append([]byte{0x80, 0x0b, 4, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0}, chain[0]...),
		"TLCP (GB/T 38636), whose version TLS does not have":            reachFlight(0x0101, 0xE013, chain),
	} {
		want := chain
		if name == "a chain of 2.5 MiB" {
			want = nil
		}
		cases = append(cases, reachScript(name, want, func(*reachHello) []byte { return answer }))
	}
	return append(cases, reachEnds(chain, record(hello, certificate), flight)...)
}

// reachHeader is a record of no content, or the beginning of one.
func reachHeader(length uint8) []byte { return []byte{reachRecordHandshake, 3, 3, 0, length} }

// reachEnds are servers that go at their own pace, or away.
func reachEnds(chain [][]byte, begun, flight []byte) []reachCase {
	stall := reachRaw("silence after the Certificate message", chain, func(c net.Conn) {
		readReachHello(c)
		c.Write(begun)
		io.Copy(io.Discard, c)
	})
	stall.stalls = true
	return []reachCase{stall,
		reachRaw("reset after the Certificate message", chain, func(c net.Conn) {
			readReachHello(c)
			c.Write(begun)
			reachAbort(c)
		}),
		reachRaw("a write for each byte", chain, func(c net.Conn) {
			readReachHello(c)
			for i := range flight {
				if _, err := c.Write(flight[i : i+1]); err != nil {
					return
				}
			}
			reachFinish(c)
		}),
	}
}

// reachRefusals are the ways of a server to say that it does not like a hello.
var reachRefusals = []struct {
	name   string
	answer []byte // nil: a reset
	hangs  bool
}{
	{"reset", nil, false},
	{"end of stream", []byte{}, false},
	{"close_notify", dialertest.Record(reachRecordAlert, 0x0301, []byte{1, 0}), false},
	{"unexpected_message", reachAlert(0x0301, 10), false},
	{"bad_record_mac", reachAlert(0x0300, 20), false},
	{"record_overflow", reachAlert(0x0301, 22), false},
	{"handshake_failure", reachAlert(0x0300, 40), false},
	{"illegal_parameter", reachAlert(0x0301, 47), false},
	{"decode_error", reachAlert(0x0301, 50), false},
	{"protocol_version", reachAlert(0x0301, 70), false},
	{"internal_error", reachAlert(0x0301, 80), false},
	{"unsupported_extension", reachAlert(0x0301, 110), false},
	{"silence", nil, true},
}

// reachDislikes are what old servers stumble over in a hello.
var reachDislikes = []struct {
	name string
	hit  func(h *reachHello) bool
}{
	{"a version above TLS 1.0", func(h *reachHello) bool { return h.version > 0x0301 }},
	{"a version above TLS 1.1", func(h *reachHello) bool { return h.version > 0x0302 }},
	{"supported_versions", func(h *reachHello) bool { return h.extensions[43] != nil }},
	{"signature_algorithms", func(h *reachHello) bool { return h.extensions[13] != nil }},
	{"key_share", func(h *reachHello) bool { return h.extensions[51] != nil }},
	{"extended_master_secret", func(h *reachHello) bool { _, ok := h.extensions[23]; return ok }},
	{"a hello of more than 255 bytes", func(h *reachHello) bool { return h.size > 255 }},
	{"a hello of 256 to 511 bytes", func(h *reachHello) bool { return h.size > 255 && h.size < 512 }},
	{"a hello of two segments", func(h *reachHello) bool { return h.size > 1400 }},
	{"more than 128 suites", func(h *reachHello) bool { return len(h.suites) > 128 }},
	{"any extension but the server's name", func(h *reachHello) bool { return len(h.extensions) > 1 }},
	{"the server's name", func(h *reachHello) bool { return h.extensions[0] != nil }},
}

// reachIntolerant are servers of TLS 1.0 that refuse a newer client's hello for
// its form. The suite is one that crypto/tls has not, so that none gets off
// lightly.
func reachIntolerant(*testing.T) (cases []reachCase) {
	const suite = 0x0033 // DHE_RSA_WITH_AES_128_CBC_SHA
	chain := reachLeaf(dialertest.RSA1024)
	for i, dislike := range reachDislikes {
		for _, refusal := range reachRefusals {
			// Every way for the versions, and the commonest for the rest.
			if i > 0 && refusal.name != "reset" && refusal.name != "decode_error" && refusal.name != "handshake_failure" {
				continue
			}
			c := reachRaw(fmt.Sprintf("%s answers %s", refusal.name, dislike.name), chain, func(c net.Conn) {
				h := readReachHello(c)
				switch {
				case h == nil:
				case !dislike.hit(h) && h.offers(suite):
					c.Write(reachFlight(0x0301, suite, chain))
				case !dislike.hit(h):
					c.Write(reachAlert(0x0301, 40))
				case refusal.hangs:
					io.Copy(io.Discard, c)
				case refusal.answer == nil:
					reachAbort(c)
				default:
					c.Write(refusal.answer)
				}
				reachFinish(c)
			})
			c.stalls = refusal.hangs
			cases = append(cases, c)
		}
	}
	return append(cases, reachUnrecognized(chain)...)
}

// reachUnrecognized are servers that know no name, and have no suite in common
// with crypto/tls, or one.
func reachUnrecognized(chain [][]byte) (cases []reachCase) {
	for name, suite := range map[string]uint16{"a suite of crypto/tls": reachSuite12, "a suite of its own": 0x009E} {
		cases = append(cases, reachScript("unrecognized_name answers any name, "+name, chain, func(h *reachHello) []byte {
			switch {
			case h.extensions[0] != nil:
				return reachAlert(0x0303, 112)
			case !h.offers(suite):
				return reachAlert(0x0303, 40)
			}
			return reachFlight(0x0303, suite, chain)
		}))
	}
	return cases
}
