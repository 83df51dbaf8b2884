package hello

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
)

// ask sends a query on a connection and reads the answer in parts, of size bytes
// at most.
func ask(o Offer, conn net.Conn, size int) (*Query, error) {
	asker, err := NewAsker(o)
	if err != nil {
		return nil, err
	}
	q, record, err := asker.Ask("a.test")
	if err != nil {
		return nil, err
	}
	if q == nil {
		q = asker.Query()
	}
	if _, err := conn.Write(record); err != nil {
		return q, err
	}
	for {
		room := q.Room()
		n, err := conn.Read(room[:min(size, len(room))])
		if ended, failure := q.Received(n); ended {
			return q, failure
		}
		if err != nil {
			return q, q.Closed(err)
		}
	}
}

// TestQuery asks servers of crypto/tls, and takes leave of them.
func TestQuery(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		offer         Offer
		least, most   uint16
		version       uint16
		supportsTLS13 bool
		asks          bool
		alert         AlertError
	}{
		"1.2 of a server that knows 1.3":     {offer: Fast12(), version: versionTLS12, supportsTLS13: true},
		"1.2 alone":                          {offer: Fast12(), most: versionTLS12, version: versionTLS12},
		"1.1 of a server that knows 1.2":     {offer: Offer{Version: versionTLS11, CipherSuites: suites12Short, Groups: []uint16{groupP256}}, version: versionTLS11},
		"1.1 alone":                          {offer: Fast12(), most: versionTLS11, version: versionTLS11},
		"1.3":                                {offer: Fast13(), version: versionTLS13},
		"1.3, and 1.2 is all the server has": {offer: Fast13(), most: versionTLS12, version: versionTLS12},
		"1.3 alone":                          {offer: Fast12(), least: versionTLS13, alert: 70},
		"1.2, asks for a certificate":        {offer: Fast12(), version: versionTLS12, supportsTLS13: true, asks: true},
		"1.3, asks for a certificate":        {offer: Fast13(), version: versionTLS13, asks: true},
	} {
		for _, size := range []int{1 << 20, 1} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				config := &tls.Config{Certificates: []tls.Certificate{newCertificate(t, ecdsaKey())}, MinVersion: max(test.least, tls.VersionTLS10), MaxVersion: test.most}
				if test.asks {
					config.ClientAuth = tls.RequireAnyClientCert
				}
				listener, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				var ended error
				var served sync.WaitGroup
				served.Go(func() {
					if conn, err := listener.Accept(); err == nil {
						ended = tls.Server(conn, config).Handshake()
						conn.Close()
					}
				})
				conn := dial(t, listener.Addr().String())
				q, err := ask(test.offer, conn, size)
				if test.alert != 0 {
					if !errors.Is(err, test.alert) || q.Goodbye() != nil {
						t.Errorf("%v, goodbye %x", err, q.Goodbye())
					}
				} else if err != nil {
					t.Error(err)
				} else if q.Version != test.version || q.SupportsTLS13 != test.supportsTLS13 || q.ClientCertRequested != test.asks || q.KeyProved ||
					q.Group == 0 || !slices.EqualFunc(q.Certificates, config.Certificates[0].Certificate, bytes.Equal) {
					t.Errorf("%+v", q.Result)
				}
				conn.Write(q.Goodbye())
				// The server closes, as it understood.
				io.Copy(io.Discard, conn)
				listener.Close()
				served.Wait()
				if test.alert == 0 && !errors.Is(ended, io.EOF) {
					t.Errorf("the server ended with %v, not for the goodbye", ended)
				}
			})
		}
	}
}

// TestAsker holds that its hellos are those of a Client, but for what is random.
func TestAsker(t *testing.T) {
	t.Parallel()
	for _, o := range []Offer{Fast12(), Fast13(), withALPN(Fast13(), "h2", "http/1.1"), Hello10()} {
		asker, err := NewAsker(o)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"", "a.test", "a.test.", "127.0.0.1", strings.Repeat("a", 253)} {
			query, record, err := asker.Ask(name)
			if err != nil {
				t.Fatal(err)
			}
			message := record[recordHeaderSize:]
			got, err := ParseClientHello(message[handshakeHeaderSize:])
			if err != nil {
				t.Fatal(err)
			}
			want := clientHello{client: &Client{Offer: o, ServerName: name}, random: got.Random}
			if o.SessionID {
				want.sessionID = message[atSessionID-recordHeaderSize:][:32]
			}
			if query != nil {
				want.shares = []*keyShare{query.share}
			}
			if marshaled, _ := want.marshal(); !bytes.Equal(message, marshaled) || !bytes.Equal(record, plainRecord(recordHandshake, versionTLS10, message)) {
				t.Errorf("%q:\n%x\n%x", name, message, marshaled)
			}
			if _, again, _ := asker.Ask(name); bytes.Equal(record, again) {
				t.Error("two hellos are the same")
			}
		}
	}
}

// queryBytes asks a peer that says something and closes.
func queryBytes(o Offer, peer []byte, size int) (*Query, error) {
	return ask(o, &stream{r: bytes.NewReader(peer)}, size)
}

// TestQueryScripted has peers that break the protocol, or do not end.
func TestQueryScripted(t *testing.T) {
	t.Parallel()
	hello, certificate := plainServerHello(versionTLS12, 0xC02F), certificateMessage([]byte("leaf"))
	done := message(TypeServerHelloDone, nil)
	retry := serverHello13(helloRetryRandom, 0x1301, map[uint16][]byte{extensionKeyShare: {0, 24}})
	long := message(TypeCertificate, message(0, bytes.Repeat(message(0, make([]byte, 1<<12))[1:], 40))[1:])
	protocol := &ProtocolError{}
	for name, test := range map[string]struct {
		offer  Offer
		says   []byte
		failed error // any of its type
		got    int
	}{
		"all":                                     {Fast12(), cut(slices.Concat(hello, certificate, done), 100), nil, 1},
		"the end after the certificate":           {Fast12(), cut(slices.Concat(hello, certificate), 100), nil, 1},
		"an alert after the certificate":          {Fast12(), slices.Concat(cut(slices.Concat(hello, certificate), 100), record(recordAlert, []byte{2, 40})), nil, 1},
		"garbage after the certificate":           {Fast12(), slices.Concat(cut(slices.Concat(hello, certificate), 100), []byte("HTTP/1.1 400")), nil, 1},
		"a second certificate":                    {Fast12(), cut(slices.Concat(hello, certificate, certificate), 100), nil, 1},
		"a flood after the certificate":           {Fast12(), slices.Concat(cut(slices.Concat(hello, certificate), 100), bytes.Repeat(record(recordHandshake, message(TypeServerKeyExchange, make([]byte, 9000))), 20)), nil, 1},
		"the end in the certificate":              {Fast12(), cut(slices.Concat(hello, certificate[:9]), 100), io.EOF, 0},
		"a certificate longer than a Query reads": {Fast12(), cut(slices.Concat(hello, long), 9000), ErrTooLarge, 0},
		"a length that lies":                      {Fast12(), cut(slices.Concat(hello, []byte{TypeCertificate, 0xFF, 0xFF, 0xFF, 0, 0, 3, 1}), 100), ErrTooLarge, 0},
		"no certificate":                          {Fast12(), cut(slices.Concat(hello, done), 100), ErrNoCertificate, 0},
		"an empty list":                           {Fast12(), cut(slices.Concat(hello, certificateMessage()), 100), ErrNoCertificate, 0},
		"warnings":                                {Fast12(), bytes.Repeat(record(recordAlert, []byte{1, 112}), 20), ErrTooLarge, 0},
		"an alert":                                {Fast12(), record(recordAlert, []byte{2, 40}), AlertError(40), 0},
		"a goodbye":                               {Fast12(), record(recordAlert, []byte{1, 0}), io.EOF, 0},
		"nothing":                                 {Fast12(), nil, io.EOF, 0},
		"another protocol":                        {Fast12(), []byte("SSH-2.0-OpenSSH_9\r\n"), &NotTLSError{}, 0},
		"TLS 1.3, which was not offered":          {Fast12(), record(recordHandshake, serverHello13([32]byte{}, 0x1301, nil)), protocol, 0},
		"another message":                         {Fast12(), record(recordHandshake, certificate), protocol, 0},
		"a compressed certificate in the clear":   {Fast12(), cut(slices.Concat(hello, message(TypeCompressedCertificate, []byte{0, 1, 0, 0, 9, 0, 0, 1, 0})), 100), protocol, 0},
		"another group":                           {Fast13(), record(recordHandshake, retry), protocol, 0},
		"no key share":                            {Fast13(), record(recordHandshake, serverHello13([32]byte{}, 0x1301, nil)), protocol, 0},
		"a key share that is none":                {Fast13(), record(recordHandshake, serverHello13([32]byte{}, 0x1301, map[uint16][]byte{extensionKeyShare: append([]byte{0, 23, 0, 65}, make([]byte, 65)...)})), protocol, 0},
		"a suite of TLS 1.3 not offered":          {Fast13(), record(recordHandshake, serverHello13([32]byte{}, 0x1304, map[uint16][]byte{extensionKeyShare: append([]byte{0, 23, 0, 65}, make([]byte, 65)...)})), protocol, 0},
		"a clear certificate under TLS 1.3":       {Fast13(), cut(slices.Concat(serverHello13([32]byte{}, 0x1301, nil), certificate), 100), protocol, 0},
	} {
		for _, size := range []int{1 << 20, 3, 1} {
			q, err := queryBytes(test.offer, test.says, size)
			if (err == nil) != (test.failed == nil) || len(q.Certificates) != test.got || q.KeyProved {
				t.Errorf("%s: %v, %d certificates", name, err, len(q.Certificates))
			}
			switch want := test.failed.(type) {
			case nil:
			case *ProtocolError:
				wantProtocolError(t, err)
			case *NotTLSError:
				if _, ok := errors.AsType[*NotTLSError](err); !ok {
					t.Errorf("%s: %v", name, err)
				}
			default:
				if !errors.Is(err, want) {
					t.Errorf("%s: %v, want %v", name, err, want)
				}
			}
			if len(test.says) > 1<<17 || size > 1 {
				continue
			}
			if q.in != nil {
				t.Errorf("%s: the buffers are kept", name)
			}
		}
	}
}

// TestQueryKeepsNothing: the next query, which may get the buffers of the one
// before, leaves what that showed as it is.
func TestQueryKeepsNothing(t *testing.T) {
	t.Parallel()
	says := func(leaf string) []byte {
		return cut(slices.Concat(plainServerHello(versionTLS12, 0xC02F), certificateMessage([]byte(leaf))), 100)
	}
	first, err := queryBytes(Fast12(), says("first"), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if _, err := queryBytes(Fast12(), says("other"), 1<<20); err != nil {
			t.Fatal(err)
		}
	}
	if leaf := string(first.Certificates[0]); leaf != "first" {
		t.Errorf("the leaf became %q", leaf)
	}
}

// FuzzQuery lets a peer say anything. How the bytes are cut into reads must not
// change what is learnt, and what Fetch learns of the same hello is the same.
func FuzzQuery(f *testing.F) {
	hello, certificate := plainServerHello(versionTLS12, 0xC02F), certificateMessage([]byte("leaf"), []byte("root"))
	flight := append(bytes.Clone(hello), certificate...)
	for _, seed := range [][]byte{
		record(recordHandshake, flight), cut(flight, 1), cut(flight, 7), cut(append(flight, message(TypeServerHelloDone, nil)...), 50),
		record(recordAlert, []byte{2, 40}), record(recordAlert, []byte{1, 0}),
		record(recordHandshake, serverHello13(helloRetryRandom, 0x1301, map[uint16][]byte{extensionKeyShare: {0, 24}})),
		record(recordHandshake, serverHello13([32]byte{}, 0x1301, map[uint16][]byte{extensionKeyShare: append([]byte{0, 23, 0, 65}, make([]byte, 65)...)})),
		[]byte("HTTP/1.1 400 Bad Request\r\n"),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, o := range []Offer{Fast12(), Fast13()} {
			whole, err := queryBytes(o, data, 1<<20)
			if (err == nil) != (len(whole.Certificates) > 0) || whole.KeyProved || whole.in != nil {
				t.Errorf("%v, %+v", err, whole)
			}
			pieces, pieceErr := queryBytes(o, data, 1)
			if (err == nil) != (pieceErr == nil) || whole.Version != pieces.Version || !slices.EqualFunc(whole.Certificates, pieces.Certificates, bytes.Equal) {
				t.Errorf("whole: %+v, %v; in pieces: %+v, %v", whole.Result, err, pieces.Result, pieceErr)
			}
			if fetched, _ := fetchBytes(&Client{Offer: o}, data); len(data) < maxAnswer && len(fetched.Certificates) != len(whole.Certificates) {
				t.Errorf("Fetch has %d certificates, Query %d", len(fetched.Certificates), len(whole.Certificates))
			}
		}
	})
}
