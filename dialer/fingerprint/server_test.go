package fingerprint

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"golang.org/x/crypto/cryptobyte"

	"certsweep/dialer/hello"
)

// server is what a test's server accepts.
type server struct {
	versions []uint16
	suites   []uint16 // in its order
	groups   []uint16
	byClient bool // it goes by the client's order
	// limit has the most suites it bears, 0 for any number.
	limit int
	// certificate is the size of its chain.
	certificate int
	// plain leaves out the extensions of its hello.
	plain bool
}

// behaviour answers the nth connection, from 0, of a hello. Nil is silence.
type behaviour func(n int, client *hello.ClientHello) answered

// answered is what a server does: it sends bytes, then closes, or refuses the
// connection at once.
type answered struct {
	bytes  []byte
	silent bool
	absent bool
}

var (
	handshakeFailure = answered{bytes: []byte{21, 3, 3, 0, 2, 2, 40}}
	protocolVersion  = answered{bytes: []byte{21, 3, 3, 0, 2, 2, 70}}
	closes           = answered{}
)

// answer is that of a well-behaved server.
func (s *server) answer(_ int, client *hello.ClientHello) answered {
	offer := client.Offer
	if s.limit > 0 && len(offer.CipherSuites) > s.limit {
		return handshakeFailure
	}
	version := uint16(0)
	for _, v := range s.versions {
		if slices.Contains(offer.SupportedVersions, v) || len(offer.SupportedVersions) == 0 && v <= offer.Version && v < versionTLS13 {
			version = max(version, v)
		}
	}
	if version == 0 {
		return protocolVersion
	}
	if slices.Contains(offer.CipherSuites, 0x5600) && version < slices.Max(s.versions) {
		return answered{bytes: []byte{21, 3, 3, 0, 2, 2, 86}}
	}
	suites := slices.DeleteFunc(slices.Clone(s.suites), func(id uint16) bool { return !slices.Contains(hello.AllSuites(version), id) })
	suite, ok := s.choose(suites, offer.CipherSuites)
	group, grouped := s.choose(s.groups, offer.Groups)
	if !ok || !grouped && s.groups != nil {
		return handshakeFailure
	}
	return answered{bytes: s.flight(version, suite, group)}
}

func (s *server) choose(ours, theirs []uint16) (uint16, bool) {
	if s.byClient {
		ours, theirs = theirs, ours
	}
	i := slices.IndexFunc(ours, func(v uint16) bool { return slices.Contains(theirs, v) })
	if i < 0 {
		return 0, false
	}
	return ours[i], true
}

// flight is a ServerHello, or a HelloRetryRequest, and what comes behind it.
func (s *server) flight(version, suite, group uint16) []byte {
	var random [32]byte
	var extensions cryptobyte.Builder
	extension := func(kind uint16, data ...byte) {
		extensions.AddUint16(kind)
		extensions.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(data) })
	}
	legacy := version
	if version == versionTLS13 {
		legacy = versionTLS12
		copy(random[:], retryRandom)
		extension(43, 3, 4)
		extension(51, byte(group>>8), byte(group))
	} else if !s.plain {
		extension(0xFF01, 0)
		extension(23)
	}
	flight := message(2, func(b *cryptobyte.Builder) {
		b.AddUint16(legacy)
		b.AddBytes(random[:])
		b.AddUint8(0)
		b.AddUint16(suite)
		b.AddUint8(0)
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(extensions.BytesOrPanic()) })
	})
	if version == versionTLS13 {
		return flight
	}
	der := make([]byte, max(s.certificate, 10))
	flight = append(flight, message(11, func(b *cryptobyte.Builder) {
		b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
			b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(der) })
		})
	})...)
	flight = append(flight, message(12, func(b *cryptobyte.Builder) { b.AddBytes([]byte{3, byte(group >> 8), byte(group), 0}) })...)
	return append(flight, message(14, func(*cryptobyte.Builder) {})...)
}

var retryRandom = []byte{
	0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91,
	0xC2, 0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
}

// message is a handshake message in as many records as it takes.
func message(kind uint8, body cryptobyte.BuilderContinuation) []byte {
	var b cryptobyte.Builder
	b.AddUint8(kind)
	b.AddUint24LengthPrefixed(body)
	var records []byte
	for part := range slices.Chunk(b.BytesOrPanic(), 1<<14) {
		records = append(binary.BigEndian.AppendUint16(append(records, 22, 3, 3), uint16(len(part))), part...)
	}
	return records
}

// dial returns connections to a server with a behaviour. An SSL 2.0 hello is
// closed on.
func dial(b behaviour) func(context.Context) (net.Conn, error) {
	var mu sync.Mutex
	n := 0
	return func(ctx context.Context) (net.Conn, error) {
		client, server := net.Pipe()
		mu.Lock()
		number := n
		n++
		mu.Unlock()
		// Whether it takes the connection may depend on nothing but its number.
		if b(number, nil).absent {
			return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
		}
		go func() {
			defer server.Close()
			record := make([]byte, 1<<14)
			size, _ := server.Read(record)
			if size < 9 || record[0] != 22 {
				return
			}
			parsed, err := hello.ParseClientHello(record[9:size])
			if err != nil {
				panic(err)
			}
			a := b(number, &parsed)
			if a.silent {
				server.Read(record)
				return
			}
			server.Write(a.bytes)
		}()
		return client, nil
	}
}

// modern is a server of today.
func modern() *server {
	return &server{versions: []uint16{versionTLS12, versionTLS13}, suites: []uint16{0x1302, 0x1301, 0xC030, 0xC02F, 0x009D}, groups: []uint16{0x1D, 0x17}}
}

// enumerate runs an enumeration in fake time.
func enumerate(t *testing.T, b behaviour, change func(*Enumerator)) (e *Enumeration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		en := &Enumerator{Dial: dial(b)}
		if change != nil {
			change(en)
		}
		e = en.Run(t.Context())
	})
	return e
}

// sameSuites reports whether the suites of a version are these, in this order.
func sameSuites(e *Enumeration, version uint16, ids ...uint16) bool {
	var names []string
	for _, id := range ids {
		names = append(names, hello.SuiteName(id))
	}
	i := slices.IndexFunc(e.Versions, func(v Version) bool { return v.Version == version })
	return i >= 0 && slices.Equal(e.Versions[i].Suites, names)
}

// wellBehaved puts up with being asked without a hello.
func wellBehaved(s *server) behaviour {
	return func(n int, client *hello.ClientHello) answered {
		if client == nil {
			return answered{}
		}
		return s.answer(n, client)
	}
}

var errTest = errors.New("for the test")

// TestFallbackIsProof: a server that sees the mark of a client that fell back shows
// by that that it still answers, and is asked for nothing more.
func TestFallbackIsProof(t *testing.T) {
	s := modern()
	s.versions, s.suites = []uint16{versionTLS11, versionTLS12}, []uint16{0xC030, 0xC014, 0xC013}
	marked := false
	e := enumerate(t, func(n int, client *hello.ClientHello) answered {
		if marked {
			t.Error("it is asked for more")
		}
		if client == nil {
			return answered{}
		}
		marked = slices.Contains(client.Offer.CipherSuites, 0x5600)
		return s.answer(n, client)
	}, nil)
	if !e.Complete || !marked || e.NoFallbackSCSV || !sameSuites(e, versionTLS11, 0xC014, 0xC013) {
		t.Errorf("%+v", e)
	}
}

func TestElimination(t *testing.T) {
	e := enumerate(t, wellBehaved(modern()), nil)
	if !e.Complete || !sameSuites(e, versionTLS13, 0x1302, 0x1301) || !sameSuites(e, versionTLS12, 0xC030, 0xC02F, 0x009D) || len(e.Versions) != 2 {
		t.Errorf("%+v", e)
	}
	for _, v := range e.Versions {
		if v.ServerPreference == nil || !*v.ServerPreference {
			t.Errorf("%#x: server preference %v", v.Version, v.ServerPreference)
		}
	}
	for i, want := range []uint16{versionTLS13, versionTLS12} {
		if list := e.Groups[i]; list.Version != want || !slices.Equal(list.Groups, []uint16{0x1D, 0x17}) || list.Preferred != 0x1D {
			t.Errorf("groups %+v", list)
		}
	}
	// Five suites and four groups; two refusals and a test for each of four lists,
	// a third for one that has the client's order by chance; four versions that are
	// not accepted, one of them in silence.
	if e.Connections > 5+4+4*3+2+4+1 {
		t.Errorf("%d connections", e.Connections)
	}
	if e.Compression || e.InsecureRenegotiation || e.NoExtendedMasterSecret || e.NoFallbackSCSV {
		t.Errorf("%+v", e)
	}
}

func TestClientOrder(t *testing.T) {
	s := modern()
	s.byClient, s.plain = true, true
	s.versions = append(s.versions, versionTLS10, versionTLS11)
	s.suites = append(s.suites, 0x002F, 0x0035)
	e := enumerate(t, wellBehaved(s), nil)
	if !e.Complete || len(e.Versions) != 4 || e.Groups[0].Preferred != 0 {
		t.Errorf("%+v", e)
	}
	for _, v := range e.Versions {
		if v.ServerPreference == nil || *v.ServerPreference {
			t.Errorf("%#x: server preference %v", v.Version, v.ServerPreference)
		}
	}
	if !sameSuites(e, versionTLS10, 0x002F, 0x0035) || !e.InsecureRenegotiation || !e.NoExtendedMasterSecret || e.NoFallbackSCSV {
		t.Errorf("%+v", e)
	}
}

// TestLies: what cannot be true is not called complete, and what cannot be known
// neither.
func TestLies(t *testing.T) {
	good := modern()
	other := modern()
	other.suites = []uint16{0x1303, 0xCCA8, 0xC02F}
	limited := func(from, to int, a answered) behaviour {
		return func(n int, client *hello.ClientHello) answered {
			if n >= from && n < to {
				return a
			}
			if client == nil {
				return answered{}
			}
			return good.answer(n, client)
		}
	}
	const ever = 1 << 30
	for name, b := range map[string]behaviour{
		"chooses what was not offered": func(n int, client *hello.ClientHello) answered {
			return answered{bytes: good.flight(versionTLS12, 0x5B5B, 0x1D)}
		},
		"chooses the same again": func(n int, client *hello.ClientHello) answered {
			return answered{bytes: good.flight(versionTLS12, 0xC02F, 0x1D)}
		},
		"two configurations in turn": func(n int, client *hello.ClientHello) answered {
			if client == nil {
				return answered{}
			}
			return []*server{good, other}[n%2].answer(n, client)
		},
		"handshake_failure from then on": limited(7, ever, handshakeFailure),
		"closes from then on":            limited(9, ever, closes),
		"silent from then on":            limited(8, ever, answered{silent: true}),
		"absent from then on":            limited(8, ever, answered{absent: true}),
		"absent at once":                 limited(0, ever, answered{absent: true}),
		"refuses everything":             limited(0, ever, handshakeFailure),
		"silent":                         limited(0, ever, answered{silent: true}),
		"speaks HTTP from then on":       limited(8, ever, answered{bytes: []byte("HTTP/1.1 503 Slow down\r\n\r\n")}),
		"garbage":                        limited(0, ever, answered{bytes: bytes.Repeat([]byte{22, 3, 3, 0, 1, 0xFF}, 1000)}),
		"endless certificate": func(n int, client *hello.ClientHello) answered {
			s := modern()
			s.certificate = 2 << 20
			if client == nil {
				return answered{}
			}
			return s.answer(n, client)
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := enumerate(t, b, func(en *Enumerator) { en.Known = Known{Version: versionTLS12, Suite: 0xC030} })
			if e.Complete || e.Err == nil {
				t.Errorf("%+v", e)
			}
			if e.Connections > 60 {
				t.Errorf("%d connections", e.Connections)
			}
		})
	}
}

// TestLimited: a server that refuses some connections and then goes on loses
// nothing.
func TestLimited(t *testing.T) {
	good := modern()
	for name, a := range map[string]answered{"alert": handshakeFailure, "closes": closes, "absent": {absent: true}, "silent": {silent: true}} {
		for from := 5; from < 25; from++ {
			e := enumerate(t, func(n int, client *hello.ClientHello) answered {
				if n == from || n == from+1 && a.bytes == nil && !a.silent {
					return a
				}
				if client == nil {
					return answered{}
				}
				return good.answer(n, client)
			}, nil)
			whole := len(e.Versions) == 2 && len(e.Versions[0].Suites) == 2 && len(e.Versions[1].Suites) == 3 &&
				len(e.Groups) == 2 && len(e.Groups[0].Groups) == 2 && len(e.Groups[1].Groups) == 2
			if e.Complete && !whole {
				t.Errorf("%s at %d: called complete: %+v", name, from, e)
			}
		}
	}
}

// TestShortHellos: a server that bears no more than so many suites is asked with
// fewer at a time, and its order found all the same.
func TestShortHellos(t *testing.T) {
	s := modern()
	s.versions, s.limit = []uint16{versionTLS12}, 150
	s.suites = []uint16{0x000A, 0xC030, 0x00FF00FF & 0x8C, 0xC02F}
	e := enumerate(t, wellBehaved(s), nil)
	if !e.Complete || !sameSuites(e, versionTLS12, s.suites...) {
		t.Errorf("%v %+v", e.Err, e.Versions)
	}
}

func TestLimits(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errTest)
	e := (&Enumerator{Dial: dial(wellBehaved(modern()))}).Run(ctx)
	if e.Complete || !errors.Is(e.Err, errTest) || e.Connections != 0 {
		t.Errorf("canceled: %+v", e)
	}
	short := 0
	e = enumerate(t, wellBehaved(modern()), func(en *Enumerator) {
		dial := en.Dial
		en.Dial = func(ctx context.Context) (net.Conn, error) {
			if short++; short%3 == 0 {
				return nil, ErrShortage
			}
			return dial(ctx)
		}
	})
	if !e.Complete || len(e.Versions) != 2 {
		t.Errorf("with shortages: %v %+v", e.Err, e)
	}
	turns := 0
	e = enumerate(t, wellBehaved(modern()), func(en *Enumerator) {
		en.Turn = func(context.Context) error { turns++; return nil }
	})
	if turns != e.Connections {
		t.Errorf("%d turns for %d connections", turns, e.Connections)
	}
}

func TestParseWhat(t *testing.T) {
	for s, want := range map[string]What{"versions": Versions, "suites, groups": Suites | Groups, "all": Versions | Suites | Groups, "": 0, "all,x": 0} {
		if got, err := ParseWhat(s); got != want || (err != nil) != (want == 0) {
			t.Errorf("ParseWhat(%q) = %v, %v", s, got, err)
		}
	}
	for w := Versions; w <= Versions|Suites|Groups; w++ {
		if got, err := ParseWhat(w.String()); got != w || err != nil {
			t.Errorf("%v: %v, %v", w, got, err)
		}
	}
}
