package hello

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"net"
	"reflect"
	"slices"
	"testing"
)

// TestUsualHellos: what the usual offers send, byte for byte but for what is
// random. Servers were tried with these; a change wants the reach tests run.
func TestUsualHellos(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		client Client
		sum    string
	}{
		"hello13":         {Client{Offer: withALPN(Hello13(), "h2"), ServerName: "a.test"}, "137399b0ac6a29e173b0eaa341025c5b568b957b484e047cd2c523b13e602d6a"},
		"hello10":         {Client{Offer: Hello10(), ServerName: "a.test"}, "adb1c8282b89caf7b002293d322bfe63a2b62b95d72799a2d728132832563924"},
		"without ML-KEM":  {Client{Offer: Hello13().WithoutPostQuantum()}, "2950d1b34a56707af539720959f268fd1cbd4fed44ae58ad95d55cfd3e1ba268"},
		"without a limit": {Client{Offer: unlimited(t).WithoutPostQuantum()}, "2950d1b34a56707af539720959f268fd1cbd4fed44ae58ad95d55cfd3e1ba268"},
	} {
		h, err := newClientHello(&test.client)
		if err != nil {
			t.Fatal(err)
		}
		h.random = [32]byte{}
		clear(h.sessionID)
		for _, share := range h.shares {
			share.public = bytes.Repeat([]byte{7}, len(share.public))
		}
		raw, err := h.marshal()
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(raw); hex.EncodeToString(sum[:]) != test.sum {
			t.Errorf("%s has changed: %x, %x", name, sum, raw)
		}
	}
}

func unlimited(t *testing.T) Offer {
	t.Helper()
	offer, ok := Hello13().Limit(0, 0)
	if !ok {
		t.Fatal("no limit leaves nothing")
	}
	return offer
}

// TestExtensionsOfTheCaller: order and bytes are the caller's, the rest is made
// of the other fields.
func TestExtensionsOfTheCaller(t *testing.T) {
	t.Parallel()
	offer := withALPN(Hello13(), "h2")
	offer.Compression = []byte{1, 0}
	offer.RecordVersion = versionTLS12
	offer.Extensions = []Extension{
		{0x0A0A, nil}, {extensionKeyShare, nil}, {extensionExtendedMasterSecret, nil}, {extensionCookie, nil},
		{extensionServerName, nil}, {0xFF01, []byte{0}}, {extensionSupportedVersions, []byte{2, 3, 4}},
	}
	raw, err := (&Client{Offer: offer, ServerName: "a.test"}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(raw, []byte{recordHandshake, 3, 3}) {
		t.Errorf("the record begins with %x", raw[:3])
	}
	got := parseOwn(t, raw[recordHeaderSize:])
	var order []uint16
	for _, e := range got.Offer.Extensions {
		order = append(order, e.Type)
	}
	if want := []uint16{0x0A0A, extensionKeyShare, extensionExtendedMasterSecret, extensionServerName, 0xFF01, extensionSupportedVersions}; !slices.Equal(order, want) {
		t.Errorf("extensions %d, want %d", order, want)
	}
	if o := got.Offer; got.ServerName != "a.test" || !bytes.Equal(o.Compression, []byte{1, 0}) || !slices.Equal(o.KeyShares, firstShares) ||
		!slices.Equal(o.SupportedVersions, []uint16{versionTLS13}) || o.ALPN != nil || o.Groups != nil || len(o.Extensions[0].Data) != 0 || o.Extensions[4].Data[0] != 0 {
		t.Errorf("got %+v", got)
	}

	offer.Extensions = []Extension{}
	if raw, err = (&Client{Offer: offer}).Marshal(); err != nil {
		t.Fatal(err)
	}
	if !bytes.HasSuffix(raw, []byte{2, 1, 0}) {
		t.Errorf("an empty list is there: …%x", raw[len(raw)-8:])
	}
}

func parseOwn(t *testing.T, message []byte) ClientHello {
	t.Helper()
	got, err := ParseClientHello(message[handshakeHeaderSize:])
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestGivenShares: a share given as bytes is of no use, one that a
// HelloRetryRequest asks for then is.
func TestGivenShares(t *testing.T) {
	t.Parallel()
	offer := Hello13().WithoutPostQuantum()
	offer.Extensions = slices.Clone(usualOrder)
	offer.Extensions[len(offer.Extensions)-1].Data = append([]byte{0, 36, 0, 29, 0, 32}, bytes.Repeat([]byte{9}, 32)...)
	certificate := newCertificate(t, ecdsaKey())
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{tls.X25519}}
	_, err := fetchFrom(t, &Client{Offer: offer}, config)
	wantProtocolError(t, err)
	config.CurvePreferences = []tls.CurveID{tls.CurveP256}
	got, err := fetchFrom(t, &Client{Offer: offer}, config)
	if err != nil || got.Group != groupP256 || len(got.Certificates) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestParseClientHello reads what crypto/tls sends.
func TestParseClientHello(t *testing.T) {
	t.Parallel()
	ours, theirs := net.Pipe()
	defer theirs.Close()
	go func() {
		defer ours.Close()
		tls.Client(ours, &tls.Config{ServerName: "a.test", NextProtos: []string{"h2", "http/1.1"}}).Handshake()
	}()
	var r Reader
	var m Message
	for err := error(ErrMore); err == ErrMore; m, err = r.Next() {
		buf := make([]byte, 1000)
		n, err := theirs.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Feed(buf[:n]); err != nil {
			t.Fatal(err)
		}
	}
	got, err := ParseClientHello(m.Body())
	if err != nil || m.Type != TypeClientHello {
		t.Fatalf("message %d: %v", m.Type, err)
	}
	o := got.Offer
	if got.ServerName != "a.test" || len(got.SessionID) != 32 || !o.SessionID || o.Version != versionTLS12 || !o.PostQuantum() ||
		!slices.Equal(o.ALPN, []string{"h2", "http/1.1"}) || !slices.Equal(o.SupportedVersions, []uint16{versionTLS13, versionTLS12}) ||
		!slices.Contains(o.CipherSuites, 0x1301) || !slices.Contains(o.SignatureSchemes, 0x0403) || !slices.Contains(o.KeyShares, groupX25519) ||
		!o.OCSP || !o.SCT || !o.ExtendedMasterSecret {
		t.Errorf("got %+v", got)
	}
}

// FuzzParseClientHello: what was parsed can be sent again, and is then the same.
func FuzzParseClientHello(f *testing.F) {
	for _, c := range []Client{{Offer: withALPN(Hello13(), "h2"), ServerName: "a.test"}, {Offer: Hello10()}} {
		h, err := newClientHello(&c)
		if err != nil {
			f.Fatal(err)
		}
		raw, err := h.marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw[handshakeHeaderSize:])
	}
	f.Add(append(make([]byte, 34), 0, 0, 2, 0, 10, 1, 0))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := ParseClientHello(body)
		if err != nil || got.Offer.Version == 0 {
			return // the zero version asks for the usual offer
		}
		raw, err := (&Client{Offer: got.Offer, ServerName: got.ServerName}).Marshal()
		if err != nil {
			if len(body) < maxPlaintext-100 {
				t.Errorf("cannot be sent again: %v", err)
			}
			return
		}
		again := parseOwn(t, raw[recordHeaderSize:])
		if again.Offer.SessionID {
			again.SessionID = got.SessionID
		}
		again.Random = got.Random
		if !reflect.DeepEqual(got, again) {
			t.Errorf("%+v became %+v", got, again)
		}
	})
}
