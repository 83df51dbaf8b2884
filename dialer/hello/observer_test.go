package hello

import (
	"bytes"
	"compress/zlib"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// conversation is what crypto/tls says to itself, both sides as records.
type conversation struct {
	client, server []byte
	log            string
	state          tls.ConnectionState
}

func converse(t *testing.T, client, server *tls.Config) conversation {
	t.Helper()
	// A pipe without a buffer would have both sides wait to write.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ours, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	theirs, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	var log, sent, received bytes.Buffer
	client.InsecureSkipVerify, client.KeyLogWriter = true, &log
	ended := make(chan error, 1)
	go func() {
		conn := tls.Server(theirs, server)
		err := conn.Handshake()
		if err == nil { // the client's last flight is read before it
			_, err = conn.Write([]byte{0})
		}
		ended <- err
	}()
	conn := tls.Client(tapped{ours, &sent, &received}, client)
	err = conn.Handshake()
	if err == nil {
		_, err = conn.Read(make([]byte, 1))
	}
	if err := errors.Join(err, <-ended); err != nil {
		t.Fatal(err)
	}
	return conversation{sent.Bytes(), received.Bytes(), log.String(), conn.ConnectionState()}
}

// observe gives the messages of both sides to an Observer, as far as they can be
// read.
func (c conversation) observe(t *testing.T) *Observer {
	t.Helper()
	var o Observer
	var client, server Reader
	client.Changes, server.Changes = true, true
	if err := errors.Join(client.Feed(c.client), server.Feed(c.server)); err != nil {
		t.Fatal(err)
	}
	m, err := client.Next()
	if err == nil {
		err = o.AddClient(m)
	}
	if err != nil {
		t.Fatal(err)
	}
	secret := func(label string) []byte {
		_, line, _ := strings.Cut(c.log, label+" "+hex.EncodeToString(o.Hello.Random[:])+" ")
		line, _, _ = strings.Cut(line, "\n")
		return unhex(t, line)
	}
	// Until a side has ended or nobody can read it, whatever its versions.
	follow := func(r *Reader, add func(Message) error, done func() bool) {
		for !done() {
			m, err := r.Next()
			if err == ErrChangeCipherSpec {
				if o.Version < versionTLS13 {
					return
				}
				continue
			}
			if err == nil {
				err = add(m)
			}
			if err != nil {
				t.Fatal(err)
			}
			if m.Type == TypeServerHello && !o.ServerHelloSeen { // it asks for another hello
				m, err := client.Next()
				for err == ErrChangeCipherSpec {
					m, err = client.Next()
				}
				if err == nil {
					err = o.AddClient(m)
				}
				if err != nil {
					t.Fatal(err)
				}
			} else if m.Type == TypeServerHello && o.Version == versionTLS13 {
				if err := errors.Join(server.Decrypt(o.CipherSuite, secret("SERVER_HANDSHAKE_TRAFFIC_SECRET")),
					client.Decrypt(o.CipherSuite, secret("CLIENT_HANDSHAKE_TRAFFIC_SECRET"))); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	follow(&server, o.AddServer, func() bool { return o.Finished })
	follow(&client, o.AddClient, func() bool { return o.ClientFinished })
	return &o
}

func TestObserver(t *testing.T) {
	t.Parallel()
	certificate, own := newCertificate(t, ecdsaKey()), newCertificate(t, ecdsaKey())
	for name, test := range map[string]struct {
		version uint16
		suites  []uint16
		groups  []tls.CurveID // of the server
		proved  bool
	}{
		"TLS 1.0": {version: versionTLS10, proved: true}, "TLS 1.2": {version: versionTLS12, proved: true},
		"TLS 1.3": {version: versionTLS13, proved: true},
		// The client's only share is for X25519.
		"a second hello": {version: versionTLS13, groups: []tls.CurveID{tls.CurveP384}, proved: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := converse(t, &tls.Config{
				ServerName: "observed.example", MinVersion: test.version, Certificates: []tls.Certificate{own},
				CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP384},
			}, &tls.Config{
				Certificates: []tls.Certificate{certificate}, MinVersion: test.version, MaxVersion: test.version,
				CurvePreferences: test.groups, ClientAuth: tls.RequireAnyClientCert,
			})
			o := c.observe(t)
			if o.Version != test.version || o.CipherSuite != c.state.CipherSuite || o.Hello.ServerName != "observed.example" ||
				!o.HelloSeen || !o.ServerHelloSeen || o.Resumed || !o.ClientCertRequested || !o.ClientCertificateSeen {
				t.Errorf("got %+v", o)
			}
			if !slices.EqualFunc(o.Certificates, certificate.Certificate, bytes.Equal) || !slices.EqualFunc(o.ClientCertificates, own.Certificate, bytes.Equal) {
				t.Errorf("certificates of the server %x, of the client %x", o.Certificates, o.ClientCertificates)
			}
			if o.KeyProved != test.proved || o.Finished != (test.version == versionTLS13) {
				t.Errorf("proved %v, finished %v", o.KeyProved, o.Finished)
			}
			if least := len(certificate.Certificate[0]) + len(own.Certificate[0]); o.Held() < least || o.Held() > 4*least+8<<10 {
				t.Errorf("it says that it holds %d bytes", o.Held())
			}
		})
	}
}

// TestObserverOfAnotherKey: a signature over another handshake proves nothing.
func TestObserverOfAnotherKey(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{versionTLS12, versionTLS13} {
		c := converse(t, &tls.Config{}, &tls.Config{Certificates: []tls.Certificate{newCertificate(t, ecdsaKey())}, MaxVersion: version})
		// The last byte of the session ID, which the server answers to all the
		// same, and the randoms of TLS 1.2.
		at := 5 + 4 + 2 + 31
		if version == versionTLS13 {
			at = 5 + 4 + 2 + 32 + 32
		}
		log := c.log
		random := bytes.Clone(c.client[11:43])
		c.client[at] ^= 1
		c.log = strings.ReplaceAll(log, hex.EncodeToString(random), hex.EncodeToString(c.client[11:43]))
		if o := c.observe(t); o.KeyProved || len(o.Certificates) == 0 {
			t.Errorf("TLS %s: proved %v, %d certificates", VersionName(version), o.KeyProved, len(o.Certificates))
		}
	}
}

func TestObserverOfResumption(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{versionTLS12, versionTLS13} {
		cache := tls.NewLRUClientSessionCache(1)
		server := &tls.Config{Certificates: []tls.Certificate{newCertificate(t, ecdsaKey())}, MaxVersion: version}
		var c conversation
		for range 2 {
			c = converse(t, &tls.Config{ServerName: "again.example", ClientSessionCache: cache}, server)
		}
		if !c.state.DidResume {
			t.Fatal("crypto/tls did not resume")
		}
		o := c.observe(t)
		if len(o.Certificates) > 0 || o.KeyProved || o.Resumed != (version == versionTLS13) {
			t.Errorf("TLS %s: %+v", VersionName(version), o.Result)
		}
	}
}

func compressed(algorithm uint16, length int, data []byte) Message {
	body := []byte{byte(algorithm >> 8), byte(algorithm), byte(length >> 16), byte(length >> 8), byte(length), byte(len(data) >> 16), byte(len(data) >> 8), byte(len(data))}
	return asMessage(message(TypeCompressedCertificate, append(body, data...)))
}

// squeeze compresses with each algorithm.
func squeeze(t testing.TB, plain []byte) map[uint16][]byte {
	t.Helper()
	var z, b bytes.Buffer
	zw, bw := zlib.NewWriter(&z), brotli.NewWriter(&b)
	zw.Write(plain)
	bw.Write(plain)
	encoder, err := zstd.NewWriter(nil)
	if err := errors.Join(err, zw.Close(), bw.Close()); err != nil {
		t.Fatal(err)
	}
	return map[uint16][]byte{compressionZlib: z.Bytes(), compressionBrotli: b.Bytes(), compressionZstd: encoder.EncodeAll(plain, nil)}
}

func TestCompressedCertificate(t *testing.T) {
	t.Parallel()
	plain := certificate13([]byte("leaf"), []byte("root"))[handshakeHeaderSize:]
	for algorithm, data := range squeeze(t, plain) {
		r := Result{Version: versionTLS13}
		if err := r.Add(compressed(algorithm, len(plain), data)); err != nil || len(r.Certificates) != 2 || string(r.Certificates[0]) != "leaf" {
			t.Errorf("algorithm %d: %q, %v", algorithm, r.Certificates, err)
		}
		for _, length := range []int{0, len(plain) - 1, len(plain) + 1} {
			if err := r.Add(compressed(algorithm, length, data)); err == nil {
				t.Errorf("algorithm %d: took %d bytes for %d", algorithm, len(plain), length)
			}
		}
		if err := r.Add(compressed(algorithm, len(plain), data[:len(data)-3])); err == nil {
			t.Errorf("algorithm %d: took what was cut", algorithm)
		}
	}
	if err := new(Result).Add(compressed(9, 3, []byte("abc"))); err == nil {
		t.Error("took an unknown algorithm")
	}
}

// TestDecompressionBomb: what is announced bounds what is made, and a cap what is
// announced.
func TestDecompressionBomb(t *testing.T) {
	for algorithm, data := range squeeze(t, make([]byte, 16<<20-1)) {
		for _, length := range []int{1, 1000, maxDecompressed, maxDecompressed + 1, 1<<24 - 1} {
			m := compressed(algorithm, length, data)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if _, err := decompress(m); err == nil {
				t.Errorf("algorithm %d: took a bomb for %d bytes", algorithm, length)
			}
			runtime.ReadMemStats(&after)
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 16*maxDecompressed {
				t.Errorf("algorithm %d, %d bytes: %d bytes allocated", algorithm, length, allocated)
			}
		}
	}
}

// FuzzDecompress: whatever is in it, no more comes out than was announced.
func FuzzDecompress(f *testing.F) {
	plain := certificate13([]byte("leaf"), []byte("root"))[handshakeHeaderSize:]
	for algorithm, data := range squeeze(f, plain) {
		f.Add(compressed(algorithm, len(plain), data).Raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) < handshakeHeaderSize {
			return
		}
		m, err := decompress(Message{Type: TypeCompressedCertificate, Raw: raw})
		if err == nil && len(m.Body()) > maxDecompressed {
			t.Errorf("%d bytes", len(m.Body()))
		}
	})
}

// FuzzObserver: any messages of both sides in any order.
func FuzzObserver(f *testing.F) {
	hello := message(TypeClientHello, append(make([]byte, 35), 0, 2, 0x13, 1, 1, 0))
	f.Add(slices.Concat(hello, plainServerHello(versionTLS12, 0xC02F), certificateMessage([]byte("leaf")), message(TypeServerKeyExchange, []byte{3, 0, 23})), uint64(1))
	f.Add(slices.Concat(hello, serverHello13(helloRetryRandom, 0x1301, map[uint16][]byte{extensionKeyShare: {0, 24}}), hello, certificate13([]byte("leaf")), message(TypeCertificateVerify, nil)), uint64(5))
	f.Fuzz(func(t *testing.T, data []byte, client uint64) {
		var o Observer
		for len(data) >= handshakeHeaderSize {
			n := min(len(data), handshakeHeaderSize+int(data[2])<<8+int(data[3]))
			m := asMessage(data[:n])
			add := o.AddServer
			if client&1 != 0 {
				add = o.AddClient
			}
			if add(m) != nil {
				break
			}
			data, client = data[n:], client>>1
		}
		if o.KeyProved && len(o.Certificates) == 0 {
			t.Error("a key was proved of no certificate")
		}
	})
}
