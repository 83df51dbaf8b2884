package fingerprint

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"

	"certsweep/dialer/hello"
)

// NoJARM is the JARM of a server that answers none of the ten hellos.
const NoJARM = "00000000000000000000000000000000000000000000000000000000000000"

// JARM returns the JARM fingerprint of a server that is known by the name host, an
// address included: ten hellos of Salesforce's published algorithm (version 1.0 of
// github.com/salesforce/jarm), and a hash of what is chosen and in which order the
// extensions of the answers stand. Dial, Turn and Limit are used. It is [NoJARM] if
// the server answers none, or falls silent, and the error says that connections
// could be made no more. It blocks until ctx is done at the latest.
func (e *Enumerator) JARM(ctx context.Context, host string) (string, error) {
	r := &run{Enumerator: e, ctx: ctx}
	var answers []jarmAnswer
	for _, probe := range jarmProbes {
		var data []byte
		use := func(conn net.Conn) (err error) {
			data, err = probe.send(conn, host)
			return err
		}
		o, err := r.connect(use)
		for i := 0; o == absent && i < len(patience) && len(answers) > 0; i++ {
			r.pause(patience[i])
			o, err = r.connect(use)
		}
		switch o {
		case ended:
			return "", err
		case silent:
			return NoJARM, nil
		case absent:
			if len(answers) > 0 {
				return "", err
			}
			return NoJARM, nil
		}
		answers = append(answers, readJARM(data))
	}
	return hashJARM(answers), nil
}

// jarmProbe is one of the hellos.
type jarmProbe struct {
	record, version uint16
	suites          []uint16
	grease          bool
	rareALPN        bool
	versions        []uint16 // in the extension; nil leaves it out
	reverse         bool     // the protocols
}

// jarmSuites are the suites of all probes, the first of them those that one has
// without TLS 1.3's.
var jarmSuites = []uint16{
	0x0016, 0x0033, 0x0067, 0xC09E, 0xC0A2, 0x009E, 0x0039, 0x006B, 0xC09F, 0xC0A3, 0x009F, 0x0045, 0x00BE, 0x0088, 0x00C4, 0x009A, 0xC008, 0xC009,
	0xC023, 0xC0AC, 0xC0AE, 0xC02B, 0xC00A, 0xC024, 0xC0AD, 0xC0AF, 0xC02C, 0xC072, 0xC073, 0xCCA9, 0x1302, 0x1301, 0xCC14, 0xC007, 0xC012, 0xC013,
	0xC027, 0xC02F, 0xC014, 0xC028, 0xC030, 0xC060, 0xC061, 0xC076, 0xC077, 0xCCA8, 0x1305, 0x1304, 0x1303, 0xCC13, 0xC011, 0x000A, 0x002F, 0x003C,
	0xC09C, 0xC0A0, 0x009C, 0x0035, 0x003D, 0xC09D, 0xC0A1, 0x009D, 0x0041, 0x00BA, 0x0084, 0x00C0, 0x0007, 0x0004, 0x0005,
}

// jarmProbes are the ten, in order.
var jarmProbes = func() []jarmProbe {
	all := jarmSuites
	no13 := slices.DeleteFunc(slices.Clone(all), func(id uint16) bool { return id>>8 == 0x13 })
	to12 := []uint16{0x0301, 0x0302, 0x0303}
	to13 := []uint16{0x0301, 0x0302, 0x0303, 0x0304}
	return []jarmProbe{
		{0x0303, 0x0303, all, false, false, reversed(to12), true},
		{0x0303, 0x0303, reversed(all), false, false, to12, false},
		{0x0303, 0x0303, topHalf(all), false, false, nil, false},
		{0x0303, 0x0303, all[len(all)/2+1:], false, true, nil, false},
		{0x0303, 0x0303, middleOut(all), true, true, nil, true},
		{0x0302, 0x0302, all, false, false, nil, false},
		{0x0301, 0x0303, all, false, false, reversed(to13), true},
		{0x0301, 0x0303, reversed(all), false, false, to13, false},
		{0x0301, 0x0303, no13, false, false, to13, false},
		{0x0301, 0x0303, middleOut(all), true, false, reversed(to13), true},
	}
}()

func reversed[T any](list []T) []T {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}

// topHalf is the first half of a list of odd length, from its middle backwards.
func topHalf(list []uint16) []uint16 { return reversed(list[:len(list)/2+1]) }

// middleOut is a list of odd length from its middle on, in turn to both sides.
func middleOut(list []uint16) []uint16 {
	middle := len(list) / 2
	out := []uint16{list[middle]}
	for i := 1; i <= middle; i++ {
		out = append(out, list[middle+i], list[middle-i])
	}
	return out
}

// jarmALPN are the protocols that the probes offer, from the weakest to the
// strongest. The published list has one comma too few, and so keeps two together
// in every order.
var (
	jarmALPN     = [][]string{{"http/0.9"}, {"http/1.0"}, {"http/1.1"}, {"spdy/1"}, {"spdy/2"}, {"spdy/3", "h2"}, {"h2c"}, {"hq"}}
	jarmRareALPN = [][]string{{"http/0.9"}, {"http/1.0"}, {"spdy/1"}, {"spdy/2"}, {"spdy/3"}, {"h2c"}, {"hq"}}
)

// grease is a value that nobody knows (RFC 8701 §2). The published implementation
// takes any of them.
const grease = 0x0A0A

// send sends the probe, and returns the beginning of the answer, of which one read
// is enough if that is a whole record.
func (p *jarmProbe) send(conn net.Conn, host string) ([]byte, error) {
	record, err := (&hello.Client{Offer: p.offer(host)}).Marshal()
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(record); err != nil {
		return nil, err
	}
	const enough = 1484 // as the published implementation has it
	data := make([]byte, enough)
	n := 0
	for n < enough && (n < 5 || n < 5+int(binary.BigEndian.Uint16(data[3:]))) {
		more, err := conn.Read(data[n:])
		n += more
		if err != nil {
			return data[:n], err
		}
	}
	return data[:n], nil
}

func (p *jarmProbe) offer(host string) hello.Offer {
	suites := p.suites
	extensions := []hello.Extension{
		{Type: extensionServerName, Data: vector16(func(b *cryptobyte.Builder) {
			b.AddUint8(0)
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(host)) })
		})},
		{Type: extensionExtendedMasterSecret, Data: []byte{}},
		{Type: 1, Data: []byte{1}}, // max_fragment_length
		{Type: extensionRenegotiationInfo, Data: []byte{0}},
		{Type: extensionSupportedGroups, Data: []byte{0, 8, 0, 0x1D, 0, 0x17, 0, 0x18, 0, 0x19}},
		{Type: 11, Data: []byte{1, 0}}, // ec_point_formats
		{Type: 35, Data: []byte{}},     // session_ticket
		{Type: extensionALPN, Data: p.alpn()},
		{Type: extensionSignatureAlgorithms, Data: []byte{0, 0x12, 4, 3, 8, 4, 4, 1, 5, 3, 8, 5, 5, 1, 8, 6, 6, 1, 2, 1}},
		{Type: extensionKeyShare, Data: p.keyShare()},
		{Type: extensionPSKModes, Data: []byte{1, 1}},
	}
	versions := p.versions
	if p.grease {
		suites = append([]uint16{grease}, suites...)
		extensions = append([]hello.Extension{{Type: grease, Data: []byte{}}}, extensions...)
		if versions != nil {
			versions = append([]uint16{grease}, versions...)
		}
	}
	if versions != nil {
		var b cryptobyte.Builder
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) {
			for _, v := range versions {
				b.AddUint16(v)
			}
		})
		extensions = append(extensions, hello.Extension{Type: extensionSupportedVersions, Data: b.BytesOrPanic()})
	}
	return hello.Offer{Version: p.version, RecordVersion: p.record, CipherSuites: suites, SessionID: true, Extensions: extensions}
}

func vector16(body cryptobyte.BuilderContinuation) []byte {
	var b cryptobyte.Builder
	b.AddUint16LengthPrefixed(body)
	return b.BytesOrPanic()
}

func (p *jarmProbe) alpn() []byte {
	protocols := jarmALPN
	if p.rareALPN {
		protocols = jarmRareALPN
	}
	if p.reverse {
		protocols = reversed(protocols)
	}
	return vector16(func(b *cryptobyte.Builder) {
		for _, protocol := range slices.Concat(protocols...) {
			b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(protocol)) })
		}
	})
}

// keyShare is a share in X25519 to which nobody has the key.
func (p *jarmProbe) keyShare() []byte {
	return vector16(func(b *cryptobyte.Builder) {
		if p.grease {
			b.AddUint16(grease)
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddUint8(0) })
		}
		var share [32]byte
		rand.Read(share[:])
		b.AddUint16(0x1D)
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(share[:]) })
	})
}

// jarmAnswer is what counts of an answer; the zero value is none.
type jarmAnswer struct {
	suite, version uint16
	alpn           string
	extensions     string // types in hex, with dashes
	answered       bool
}

var errJARM = errors.New("not what the published implementation reads")

// readJARM reads an answer as the published implementation does, which knows no
// records: a ServerHello without extensions is one with them to it, or none, as
// the bytes behind it happen to be.
func readJARM(data []byte) jarmAnswer {
	if len(data) < 44 || data[0] != 22 || data[5] != hello.TypeServerHello {
		return jarmAnswer{}
	}
	at := 44 + int(data[43]) // behind the session ID
	if len(data) < at+2 {
		return jarmAnswer{}
	}
	a := jarmAnswer{suite: binary.BigEndian.Uint16(data[at:]), version: binary.BigEndian.Uint16(data[9:]), answered: true}
	if len(data) <= at+3 || data[at+3] == hello.TypeCertificate ||
		len(data) >= at+9 && string(data[at+6:at+9]) == "\x0e\xac\x0b" || len(data) >= 85 && string(data[82:85]) == "\x0f\xf0\x0b" {
		return a
	}
	if err := a.readExtensions(data[at+3:]); err != nil {
		return jarmAnswer{}
	}
	return a
}

func (a *jarmAnswer) readExtensions(data []byte) error {
	if len(data) < 2 {
		return errJARM
	}
	end := 2 + int(binary.BigEndian.Uint16(data)) - 1
	var types []string
	seenALPN := false
	for at := 2; at < end; {
		if len(data) < at+4 {
			return errJARM
		}
		kind := binary.BigEndian.Uint16(data[at:])
		length := int(binary.BigEndian.Uint16(data[at+2:]))
		value := data[at+4 : min(len(data), at+4+length)]
		if kind == extensionALPN && !seenALPN {
			seenALPN = true
			if length == 0 || !utf8.Valid(value[min(3, len(value)):]) {
				return errJARM
			}
			a.alpn = string(value[min(3, len(value)):])
		}
		types = append(types, fmt.Sprintf("%04x", kind))
		at += 4 + length
	}
	a.extensions = strings.Join(types, "-")
	return nil
}

// jarmOrder are the suites in the order of their numbers in the hash.
var jarmOrder = func() []uint16 {
	order := slices.DeleteFunc(slices.Clone(jarmSuites), func(id uint16) bool { return id>>8 == 0x13 })
	slices.Sort(order)
	return append(order, 0x1301, 0x1302, 0x1303, 0x1304, 0x1305)
}()

// hashJARM is 30 characters of suites and versions, and half of a SHA-256 of
// protocols and extensions.
func hashJARM(answers []jarmAnswer) string {
	if !slices.ContainsFunc(answers, func(a jarmAnswer) bool { return a.answered }) {
		return NoJARM
	}
	var fuzzy, rest strings.Builder
	for _, a := range answers {
		if !a.answered {
			fuzzy.WriteString("000")
			continue
		}
		number := slices.Index(jarmOrder, a.suite) + 1
		if number == 0 {
			number = len(jarmOrder) + 1
		}
		letters := "abcdef"
		fmt.Fprintf(&fuzzy, "%02s%c", strconv.FormatInt(int64(number), 16), letters[min(int(a.version&0xF), len(letters)-1)])
		rest.WriteString(a.alpn + a.extensions)
	}
	sum := sha256.Sum256([]byte(rest.String()))
	return fuzzy.String() + hex.EncodeToString(sum[:16])
}
