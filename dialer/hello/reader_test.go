package hello

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestFeedIsLinear: bytes move a few times, not once for each byte that comes
// after them, whether messages are taken at once or at the end; and what a
// reader holds is in proportion to what it was fed.
func TestFeedIsLinear(t *testing.T) {
	t.Parallel()
	long := cut(certificateMessage(bytes.Repeat([]byte{7}, 60_000)), 10_000)
	one := record(recordHandshake, message(TypeFinished, nil))
	short := bytes.Repeat(one, 10_000)
	for name, test := range map[string]struct {
		data    []byte
		backlog int // bytes fed before messages are taken, one in the time of one
	}{
		"long records, at once": {long, 0}, "long records, at the end": {long, len(long)},
		"short records, at once": {short, 0}, "short records, at the end": {short, len(short)},
		"short records, behind": {short, 32_000},
	} {
		var r Reader
		moved, messages, most := 0, 0, 0
		var buffer *byte
		for i, b := range test.data {
			start := r.records.start
			if err := r.Feed([]byte{b}); err != nil {
				t.Fatal(name, err)
			}
			if &r.records.buf[0] != buffer || r.records.start < start {
				buffer = &r.records.buf[0]
				moved += r.records.end - r.records.start
			}
			most = max(most, r.Held())
			if i >= test.backlog && i%len(one) == 0 {
				if _, err := r.Next(); err == nil {
					messages++
				}
			}
		}
		for _, err := r.Next(); err == nil; _, err = r.Next() {
			messages++
		}
		if messages != 1 && messages != 10_000 {
			t.Errorf("%s: %d messages", name, messages)
		}
		if moved > 3*len(test.data) {
			t.Errorf("%s: %d bytes moved of %d", name, moved, len(test.data))
		}
		if most > 4*len(test.data)+firstFeed {
			t.Errorf("%s: %d bytes held for %d", name, most, len(test.data))
		}
	}
}

// TestFeedAtTheCap: what was there before the cap is still returned, however
// it came.
func TestFeedAtTheCap(t *testing.T) {
	t.Parallel()
	one := record(recordHandshake, message(TypeFinished, make([]byte, 1000)))
	flood := bytes.Repeat(one, maxBytes/len(one)+1)
	for _, step := range []int{len(flood), 1 << 20, 1000, len(one)} {
		var r Reader
		var fed error
		messages := 0
		for part := range slices.Chunk(flood, step) {
			fed = r.Feed(part)
			for _, err := r.Next(); err == nil; _, err = r.Next() {
				messages++
			}
			if fed != nil {
				break
			}
		}
		if !errors.Is(fed, ErrTooLarge) || messages != maxBytes/len(one) {
			t.Errorf("in steps of %d: %d messages, %v", step, messages, fed)
		}
	}
}

// TestHeldBySmallReader: a capture has as many readers as connections.
func TestHeldBySmallReader(t *testing.T) {
	t.Parallel()
	var r Reader
	if r.Held() != 0 {
		t.Errorf("an empty reader holds %d bytes", r.Held())
	}
	if err := r.Feed([]byte{recordHandshake}); err != nil || r.Held() > 1024 {
		t.Errorf("a reader of one byte holds %d, %v", r.Held(), err)
	}
}

// TestReaderWithKeyLog reads what crypto/tls says to itself, in all versions:
// both sides' bytes and, for TLS 1.3, the client's key log.
func TestReaderWithKeyLog(t *testing.T) {
	t.Parallel()
	certificate := newCertificate(t, ecdsaKey())
	certificate.OCSPStaple = []byte("staple")
	for _, version := range []uint16{versionTLS10, versionTLS12, versionTLS13} {
		ours, theirs := net.Pipe()
		var log, sent, received bytes.Buffer
		server := tls.Server(theirs, &tls.Config{
			Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2"}, ClientAuth: tls.RequestClientCert,
			MinVersion: version, MaxVersion: version,
		})
		ended := make(chan error, 1)
		go func() { ended <- server.Handshake() }()
		client := tls.Client(tapped{ours, &sent, &received}, &tls.Config{
			InsecureSkipVerify: true, NextProtos: []string{"h2"}, MinVersion: version, KeyLogWriter: &log,
		})
		if err := errors.Join(client.Handshake(), <-ended); err != nil {
			t.Fatal(err)
		}
		ours.Close()

		random := readClientRandom(t, sent.Bytes())
		var r Reader
		var got Result
		if err := r.Feed(received.Bytes()); err != nil {
			t.Fatal(err)
		}
		for len(got.Certificates) == 0 {
			m, err := r.Next()
			if err == nil {
				err = got.Add(m)
			}
			if err == nil && m.Type == TypeServerHello && got.Version == versionTLS13 {
				err = r.Decrypt(got.CipherSuite, logged(t, log.String(), random))
			}
			if err != nil {
				t.Fatalf("TLS %s: %v", VersionName(version), err)
			}
		}
		state := client.ConnectionState()
		want := Result{
			Version: version, CipherSuite: state.CipherSuite, Group: uint16(state.CurveID), ALPN: "h2", OCSPStapled: true,
			ClientCertRequested: true, Certificates: certificate.Certificate,
		}
		if version != versionTLS13 { // the group comes after the certificate
			for m, err := r.Next(); err == nil && m.Type != TypeServerHelloDone; m, err = r.Next() {
				got.Add(m)
			}
		}
		got.Extensions = nil // crypto/tls does not tell
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

// tapped keeps what passes through a connection.
type tapped struct {
	net.Conn
	sent, received io.Writer
}

func (c tapped) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.received.Write(p[:n])
	return n, err
}

func (c tapped) Write(p []byte) (int, error) {
	c.sent.Write(p)
	return c.Conn.Write(p)
}

func readClientRandom(t *testing.T, sent []byte) [32]byte {
	t.Helper()
	var r Reader
	if err := r.Feed(sent); err != nil {
		t.Fatal(err)
	}
	m, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	h, err := ParseClientHello(m.Body())
	if err != nil {
		t.Fatal(err)
	}
	return h.Random
}

// logged returns the server's handshake secret out of a key log.
func logged(t *testing.T, log string, random [32]byte) []byte {
	t.Helper()
	_, line, found := strings.Cut(log, fmt.Sprintf("SERVER_HANDSHAKE_TRAFFIC_SECRET %x ", random))
	secret, _, _ := strings.Cut(line, "\n")
	if !found {
		t.Fatalf("no secret in %q", log)
	}
	return unhex(t, secret)
}
