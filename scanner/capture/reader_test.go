package capture

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"certsweep/results"
)

func leafSHA256(c tls.Certificate) string {
	sum := sha256.Sum256(c.Certificate[0])
	return hex.EncodeToString(sum[:])
}

func leafOf(r *results.Record) string {
	if r.Certificate == nil {
		return ""
	}
	return r.Certificate.FingerprintSHA256
}

func codeOf(r *results.Record) string {
	if r.Error == nil {
		return ""
	}
	return r.Error.Code
}

const client, server = "192.0.2.7:50000", "198.51.100.9:443"

// TestHandshakes reads what crypto/tls says to itself, in each way that it can.
func TestHandshakes(t *testing.T) {
	t.Parallel()
	leaf, own := newCertificate(t, "captured.example"), newCertificate(t, "client.example")
	for name, test := range map[string]struct {
		client, server *tls.Config
		again          bool // resumed
		keys           bool
		code, method   string
		leaf           bool
		check          func(*results.Record) bool
	}{
		"TLS 1.0": {client: &tls.Config{MinVersion: tls.VersionTLS10}, server: &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}, leaf: true,
			check: func(r *results.Record) bool {
				return r.TLS.Version == "1.0" && slices.Contains(r.Findings, results.OldProtocol)
			}},
		"TLS 1.2": {client: &tls.Config{ServerName: "captured.example", NextProtos: []string{"h2"}}, server: &tls.Config{MaxVersion: tls.VersionTLS12, NextProtos: []string{"h2"}}, leaf: true,
			check: func(r *results.Record) bool {
				return r.SNI == "captured.example" && r.TLS.ALPN == "h2" && r.TLS.KeyExchange != ""
			}},
		"RSA key exchange": {client: &tls.Config{MaxVersion: tls.VersionTLS12}, server: &tls.Config{}, leaf: true},
		"TLS 1.3": {client: &tls.Config{ServerName: "captured.example"}, keys: true, leaf: true,
			check: func(r *results.Record) bool { return r.TLS.Version == "1.3" && r.TLS.IsPostQuantum() }},
		"a second hello": {client: &tls.Config{CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP384}}, server: &tls.Config{CurvePreferences: []tls.CurveID{tls.CurveP384}}, keys: true, leaf: true,
			check: func(r *results.Record) bool { return r.TLS.KeyExchange == "P-384" }},
		"TLS 1.3 without keys": {client: &tls.Config{ServerName: "captured.example"}, code: results.CodeEncrypted,
			check: func(r *results.Record) bool { return r.SNI != "" && r.TLS.IsPostQuantum() && !r.TLS.KeyProved }},
		"resumed under TLS 1.2": {client: &tls.Config{ServerName: "captured.example"}, server: &tls.Config{MaxVersion: tls.VersionTLS12}, again: true, code: results.CodeResumed},
		"resumed under TLS 1.3": {client: &tls.Config{ServerName: "captured.example"}, again: true, code: results.CodeResumed},
		"client certificates under TLS 1.2": {client: &tls.Config{Certificates: []tls.Certificate{own}}, server: &tls.Config{MaxVersion: tls.VersionTLS12, ClientAuth: tls.RequireAnyClientCert}, leaf: true,
			check: func(r *results.Record) bool {
				return r.Capture.ClientCertificate.FingerprintSHA256 == leafSHA256(own) && r.TLS.ClientCertRequested
			}},
		"client certificates under TLS 1.3": {client: &tls.Config{Certificates: []tls.Certificate{own}}, server: &tls.Config{ClientAuth: tls.RequireAnyClientCert}, keys: true, leaf: true,
			check: func(r *results.Record) bool {
				return r.Capture.ClientCertificate.FingerprintSHA256 == leafSHA256(own) && r.TLS.ClientCertRequested
			}},
		"no client certificate under TLS 1.2": {server: &tls.Config{MaxVersion: tls.VersionTLS12, ClientAuth: tls.RequireAnyClientCert}, leaf: true,
			check: func(r *results.Record) bool { return r.TLS.RequiresClientCert() && r.Capture.ClientCertificate == nil }},
		"no common version": {client: &tls.Config{MinVersion: tls.VersionTLS13}, server: &tls.Config{MaxVersion: tls.VersionTLS12}, code: results.CodeAlert,
			check: func(r *results.Record) bool { return r.Error.Alert.Number == 70 && r.TLS == nil }},
		"a client that does not trust it": {client: &tls.Config{ServerName: "captured.example", RootCAs: pool(), MaxVersion: tls.VersionTLS12}, code: results.CodeAlert, leaf: true,
			check: func(r *results.Record) bool { return r.TLS.KeyProved && r.Error.Alert.Number == 42 }},
		"a client that does not trust it, under TLS 1.3": {client: &tls.Config{ServerName: "captured.example", RootCAs: pool()}, keys: true, code: results.CodeAlert, leaf: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.client == nil {
				test.client = &tls.Config{}
			}
			if test.server == nil {
				test.server = &tls.Config{}
			}
			test.server.Certificates = []tls.Certificate{leaf}
			if test.again {
				test.client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
				converse(t, test.client, test.server)
			}
			d := converse(t, test.client, test.server)
			r := &Reader{Clients: true}
			if test.keys {
				r.Keys = keysOf(t, d)
			}
			got := readOne(t, r, d.connection(client, server))
			if codeOf(got) != test.code || (leafOf(got) == leafSHA256(leaf)) != test.leaf {
				t.Errorf("error %+v, leaf %q", got.Error, leafOf(got))
			}
			if got.Host != "198.51.100.9" || got.IP != got.Host || got.Port != 443 || got.Line != 1 || got.Input != "test.pcap" || got.Capture.Client != client {
				t.Errorf("got %+v", got)
			}
			if got.Capture.Packet != 4 || !got.Time.Equal(start.Add(4*time.Millisecond)) || got.Capture.End != endHandshake {
				t.Errorf("packet %d at %v, ended by %s", got.Capture.Packet, got.Time, got.Capture.End)
			}
			if got.TLS != nil && (got.TLS.Method != "capture" || test.code == "" && !got.TLS.KeyProved) {
				t.Errorf("got %+v", got.TLS)
			}
			if test.check != nil && !test.check(got) {
				t.Errorf("got %+v, %+v, %+v", got, got.TLS, got.Capture)
			}
		})
	}
}

// TestDisorder: whatever the order in which segments were captured, the records are
// the same; also if sequence numbers wrap, and if segments come twice.
func TestDisorder(t *testing.T) {
	t.Parallel()
	leaf := newCertificate(t, "captured.example")
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		d := converse(t, &tls.Config{ServerName: "captured.example"}, &tls.Config{MaxVersion: version, Certificates: []tls.Certificate{leaf}})
		for seed := range uint64(200) {
			rng := rand.New(rand.NewPCG(seed, 1))
			w := newWire(client, server)
			w.mss = 100 + rng.IntN(1400)
			w.seq = [2]uint32{-uint32(rng.IntN(3000)), -uint32(rng.IntN(3000))}
			w.open()
			w.say(d.all)
			w.shut()
			frames := w.frames
			for range rng.IntN(5) {
				frames = append(frames, frames[rng.IntN(len(frames))])
			}
			rng.Shuffle(len(frames), func(i, j int) { frames[i], frames[j] = frames[j], frames[i] })
			for i := range frames {
				frames[i].at = start.Add(time.Duration(i) * time.Millisecond)
			}
			got := readOne(t, &Reader{Keys: keysFor(t, d, version)}, frames)
			if got.Status != results.StatusOK || leafOf(got) != leafSHA256(leaf) || got.SNI != "captured.example" || !got.TLS.KeyProved {
				t.Errorf("%x, seed %d: %+v, leaf %q, %+v", version, seed, got.Error, leafOf(got), got.Capture)
			}
		}
	}
}

func keysFor(t testing.TB, d *dialogue, version uint16) *KeyLog {
	if version < tls.VersionTLS13 {
		return nil
	}
	return keysOf(t, d)
}

// TestFirstCopyWins: what is sent again with other bytes changes nothing.
func TestFirstCopyWins(t *testing.T) {
	t.Parallel()
	leaf, forged := newCertificate(t, "captured.example"), newCertificate(t, "forged.example")
	of := func(c tls.Certificate) *dialogue {
		return converse(t, &tls.Config{}, &tls.Config{MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{c}})
	}
	first, second := of(leaf).connection(client, server), of(forged).connection(client, server)
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 2))
		var frames []frame
		for i, f := range first {
			frames = append(frames, f)
			if i >= 4 && i < len(second)-4 { // behind a frame that is at least as far
				frames = append(frames, second[4+rng.IntN(i-3)])
			}
		}
		if got := readOne(t, &Reader{}, frames); leafOf(got) != leafSHA256(leaf) {
			t.Errorf("seed %d: %+v, %q", seed, got.Error, leafOf(got))
		}
	}
}

// TestReusedPorts: connections follow each other on the same ports, with or without
// a proper end, and each has its record.
func TestReusedPorts(t *testing.T) {
	t.Parallel()
	const connections = 300
	var frames []frame
	want := make(map[string]bool)
	leaves := make([]tls.Certificate, 10)
	for i := range leaves {
		leaves[i] = newCertificate(t, "captured.example")
	}
	rng := rand.New(rand.NewPCG(3, 3))
	dialogues := make([]*dialogue, len(leaves))
	for i := range leaves {
		dialogues[i] = converse(t, &tls.Config{}, &tls.Config{MaxVersion: tls.VersionTLS12, Certificates: leaves[i : i+1]})
		want[leafSHA256(leaves[i])] = true
	}
	at := start
	for i := range connections {
		w := newWire(client, server)
		w.at, w.seq = at, [2]uint32{rng.Uint32(), rng.Uint32()}
		if i%5 != 4 { // the SYNs are missing then
			w.open()
		}
		w.say(dialogues[i%len(dialogues)].all)
		switch i % 3 {
		case 0:
			w.shut()
		case 1: // FIN and then RST
			w.send(false, "FA", nil)
			w.send(true, "RA", nil)
		}
		frames, at = append(frames, w.frames...), w.at
	}
	records, err := read(t, &Reader{}, pcapOf(t, 1, frames))
	if err != nil || len(records) != connections {
		t.Fatalf("%d records, %v", len(records), err)
	}
	for i, r := range records {
		if leafOf(r) != leafSHA256(leaves[i%len(leaves)]) {
			t.Errorf("connection %d: %+v, %q", i, r.Error, leafOf(r))
		}
	}
}

// TestOneSided: half of a connection gives what that half says.
func TestOneSided(t *testing.T) {
	t.Parallel()
	leaf := newCertificate(t, "captured.example")
	for _, test := range []struct {
		version   uint16
		fromPeer  bool // only the server's packets
		code      string
		leaf, sni bool
	}{
		{tls.VersionTLS12, true, "", true, false},
		{tls.VersionTLS12, false, results.CodeIncomplete, false, true},
		{tls.VersionTLS13, true, results.CodeEncrypted, false, false},
		{tls.VersionTLS13, false, results.CodeIncomplete, false, true},
	} {
		d := converse(t, &tls.Config{ServerName: "captured.example"}, &tls.Config{MaxVersion: test.version, Certificates: []tls.Certificate{leaf}})
		w := newWire(client, server)
		w.open()
		w.say(d.all)
		w.shut()
		frames := slices.DeleteFunc(w.frames, func(f frame) bool { return isFrom(f, server) != test.fromPeer })
		got := readOne(t, &Reader{Keys: keysFor(t, d, test.version)}, frames)
		if codeOf(got) != test.code || leafOf(got) != "" != test.leaf || (got.SNI != "") != test.sni || got.Port != 443 {
			t.Errorf("%+v: %+v, leaf %q, SNI %q, port %d", test, got.Error, leafOf(got), got.SNI, got.Port)
		}
	}
}

// isFrom reports whether a frame was sent from port 443.
func isFrom(f frame, _ string) bool { return f.data[14+20] == 1 && f.data[14+21] == 443-256 }

// TestMissing: a packet of the handshake that is not there is said, and what else was
// learnt is kept.
func TestMissing(t *testing.T) {
	t.Parallel()
	leaf := newCertificate(t, "captured.example")
	d := converse(t, &tls.Config{ServerName: "captured.example", CurvePreferences: []tls.CurveID{tls.X25519}}, &tls.Config{MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{leaf}})
	whole := d.connection(client, server)
	// 3 is the hello, 4 and 5 the server's flight of two segments, 7 its change.
	for missing, test := range map[int]struct {
		code string
		leaf bool
	}{0: {"", true}, 2: {"", true}, 3: {"", true}, 4: {results.CodeGap, false}, 5: {results.CodeGap, false}, 6: {"", true}, 7: {results.CodeGap, true}} {
		frames := slices.Delete(slices.Clone(whole), missing, missing+1)
		got := readOne(t, &Reader{}, frames)
		if codeOf(got) != test.code || (leafOf(got) != "") != test.leaf {
			t.Errorf("without packet %d: %+v, leaf %q", missing, got.Error, leafOf(got))
		}
	}
	// What was cut short when it was captured.
	frames := slices.Clone(whole)
	for i, f := range frames {
		frames[i] = frame{at: f.at, data: f.data[:min(len(f.data), 96)], length: len(f.data)}
	}
	if got := readOne(t, &Reader{}, frames); codeOf(got) != results.CodeTruncatedPackets {
		t.Errorf("cut to 96 bytes: %+v", got.Error)
	}
	// The capture ends.
	if got := readOne(t, &Reader{}, whole[:6]); codeOf(got) != results.CodeIncomplete || leafOf(got) == "" || !got.TLS.KeyProved || got.Capture.End != endCapture {
		t.Errorf("half of it: %+v, %+v", got.Error, got.Capture)
	}
	// Another log's key.
	d = converse(t, &tls.Config{}, &tls.Config{Certificates: []tls.Certificate{leaf}})
	keys := keysOf(t, d)
	for _, s := range keys.secrets {
		s.server[0] ^= 1
	}
	if got := readOne(t, &Reader{Keys: keys}, d.connection(client, server)); codeOf(got) != results.CodeBadKey {
		t.Errorf("with another key: %+v", got.Error)
	}
}

func TestIdle(t *testing.T) {
	t.Parallel()
	d := converse(t, &tls.Config{}, &tls.Config{MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{newCertificate(t, "captured.example")}})
	frames := d.connection(client, server)[:5]
	// Others go on for ten minutes.
	w := newWire("192.0.2.8:50000", server)
	for range 600 {
		w.send(false, "A", []byte("x"))
		w.at = w.at.Add(time.Second)
	}
	var at time.Time
	r := &Reader{}
	err := r.Read(1, "", bytesOf(t, append(frames, w.frames...)), func(record *results.Record) error {
		at = r.now
		if codeOf(record) != results.CodeIncomplete || record.Capture.End != endIdle {
			t.Errorf("%+v, %+v", record.Error, record.Capture)
		}
		return nil
	})
	if err != nil || at.Sub(start) < DefaultIdle || at.Sub(start) > DefaultIdle+time.Minute {
		t.Errorf("ended after %v, %v", at.Sub(start), err)
	}
	// A packet out of the future ends nothing.
	future := frames[0]
	future.at = start.AddDate(50, 0, 0)
	whole := d.connection(client, server)
	got := readOne(t, &Reader{}, slices.Concat(whole[:5], []frame{future}, whole[5:]))
	if got.Status != results.StatusOK {
		t.Errorf("%+v", got.Error)
	}
}

func bytesOf(t testing.TB, frames []frame) *bytes.Reader {
	return bytes.NewReader(pcapOf(t, 1, frames))
}

func pool() *x509.CertPool { return x509.NewCertPool() }
