package capture

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"certsweep/dialer/dialertest"
	"certsweep/results"
)

// demoDir has the capture that docs/captures.md names, and the farm's root.
const demoDir = "../../testdata/captures"

// tapped notes both sides of a client's connection.
type tapped struct{ heard }

func (c tapped) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.d.mu.Lock()
		c.d.all = append(c.d.all, said{true, bytes.Clone(p[:n])})
		c.d.mu.Unlock()
	}
	return n, err
}

// demoCases are the farm's servers in the capture.
var demoCases = []struct {
	name    string
	version uint16
	known   bool // the key log has the keys
}{
	{"good", tls.VersionTLS12, true}, {"good", tls.VersionTLS13, true}, {"good", tls.VersionTLS13, false}, {"good-rsa", tls.VersionTLS13, true},
	{"expired", tls.VersionTLS12, true}, {"self-signed", tls.VersionTLS13, true}, {"weak-key", tls.VersionTLS12, true},
	{"client-cert-tls12", tls.VersionTLS12, true}, {"wrong-name", tls.VersionTLS12, true},
}

// smtpPreamble is what is said before TLS on port 25.
var smtpPreamble = []said{
	{true, []byte("220 mail.demo.example ESMTP\r\n")}, {false, []byte("EHLO client.example\r\n")},
	{true, []byte("250-mail.demo.example\r\n250 STARTTLS\r\n")}, {false, []byte("STARTTLS\r\n")}, {true, []byte("220 go ahead\r\n")},
}

// makeDemo captures handshakes with a farm, as pcapng with secrets.
func makeDemo(t *testing.T) (capture, root []byte) {
	t.Helper()
	farm, err := dialertest.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer farm.Close()
	var secrets bytes.Buffer
	var frames []frame
	for i, c := range demoCases {
		endpoint := farm.Endpoint(c.name)
		if endpoint == nil {
			t.Fatalf("the farm has no %s", c.name)
		}
		conn, err := net.Dial("tcp", endpoint.Addr.String())
		if err != nil {
			t.Fatal(err)
		}
		w := newWire("192.0.2.7:"+[]string{"50001", "50002", "50003", "50004", "50005", "50006", "50007", "50008", "50009"}[i], "198.51.100."+string('1'+rune(i))+":443")
		d := &dialogue{}
		if i == 0 {
			d.all = slices.Clone(smtpPreamble)
			w = newWire("192.0.2.7:50001", "198.51.100.1:25")
		}
		w.at = time.Now().UTC().Truncate(time.Second).Add(time.Duration(i) * time.Second)
		client := tls.Client(tapped{heard{conn, d, false}}, &tls.Config{
			InsecureSkipVerify: true, ServerName: endpoint.Host, MinVersion: tls.VersionTLS10, MaxVersion: c.version, KeyLogWriter: &d.log,
		})
		client.Handshake() // which some refuse
		conn.Close()
		w.open()
		w.say(d.all)
		w.shut()
		frames = append(frames, w.frames...)
		if c.known {
			secrets.Write(d.log.Bytes())
		}
	}
	var b bytes.Buffer
	w, err := pcapgo.NewNgWriter(&b, layers.LinkTypeEthernet)
	if err == nil {
		err = w.WriteDecryptionSecretsBlock(ngTLSKeyLog, secrets.Bytes())
	}
	for _, f := range frames {
		if err == nil {
			err = w.WritePacket(gopacket.CaptureInfo{Timestamp: f.at, CaptureLength: len(f.data), Length: len(f.data)}, f.data)
		}
	}
	if err := errors.Join(err, w.Flush()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), farm.RootPEM()
}

// TestDemo reads a demo that is made now, and the one in testdata, which
// UPDATE_CAPTURES=1 makes anew.
func TestDemo(t *testing.T) {
	made, root := makeDemo(t)
	if os.Getenv("UPDATE_CAPTURES") != "" {
		if err := errors.Join(os.WriteFile(filepath.Join(demoDir, "demo.pcapng"), made, 0o666), os.WriteFile(filepath.Join(demoDir, "root.pem"), root, 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(filepath.Join(demoDir, "demo.pcapng"))
	if err != nil {
		t.Fatal(err)
	}
	for name, capture := range map[string][]byte{"made": made, "kept": kept} {
		records, err := read(t, &Reader{}, capture)
		if err != nil || len(records) != len(demoCases) {
			t.Fatalf("%s: %d records, %v", name, len(records), err)
		}
		// Those without a key are waited for until the end of their connections.
		slices.SortStableFunc(records, func(a, b *results.Record) int { return a.Time.Compare(b.Time) })
		for i, r := range records {
			c := demoCases[i]
			switch {
			case !c.known:
				if codeOf(r) != results.CodeEncrypted {
					t.Errorf("%s: %s without keys: %+v", name, c.name, r.Error)
				}
			case r.Status != results.StatusOK || r.Certificate == nil || r.TLS.Version != map[uint16]string{tls.VersionTLS12: "1.2", tls.VersionTLS13: "1.3"}[c.version]:
				t.Errorf("%s: %s: %+v", name, c.name, r.Error)
			case i == 0 && (r.StartTLS != "smtp" || r.Port != 25):
				t.Errorf("%s: STARTTLS %q on port %d", name, r.StartTLS, r.Port)
			}
		}
	}
}
