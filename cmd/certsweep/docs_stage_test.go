package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// stageDay is the day of everything that the documentation shows. A test moves
// what the program says by as many days as have gone by since.
var stageDay = time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)

// stage is a small example.com on loopback, with a name server: what the
// documentation's commands are run against. Its servers share a port, which is
// shown as 443, and 127.0.0.N is shown as 192.0.2.N.
type stage struct {
	dir   string // with hosts.txt and the certsweep of the tests
	port  uint16
	names map[string]netip.Addr
	env   []string
	today time.Time
}

// stageHost is one host of the stage; days are those that its certificate has
// left, counted from today.
type stageHost struct {
	name           string
	days, lifetime int
	withoutIssuer  bool
	version        uint16 // the only one; 0: all
	down           bool
}

var stageHosts = []stageHost{
	{name: "www.example.com", days: 61, lifetime: 90},
	{name: "api.example.com", days: 74, lifetime: 90},
	{name: "shop.example.com", days: 47, lifetime: 90, withoutIssuer: true},
	{name: "old.example.com", days: 6, lifetime: 90},
	{name: "mail.example.com", days: 80, lifetime: 90, version: tls.VersionTLS11},
	{name: "db.example.com", down: true},
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{dir: t.TempDir(), names: make(map[string]netip.Addr), today: time.Now().UTC().Truncate(24 * time.Hour)}
	ca := newStageCA(t, s.today)
	var list strings.Builder
	addr := netip.MustParseAddr("127.0.0.1")
	for i, h := range stageHosts {
		addr = addr.Next()
		s.names[h.name] = addr
		fmt.Fprintln(&list, h.name)
		if h.down {
			continue
		}
		listener, err := net.Listen("tcp", netip.AddrPortFrom(addr, s.port).String())
		if err != nil {
			t.Skipf("127.0.0.0/8 is not all loopback here: %v", err)
		}
		if i == 0 {
			s.port = listener.Addr().(*net.TCPAddr).AddrPort().Port()
		}
		t.Cleanup(func() { listener.Close() })
		config := &tls.Config{Certificates: []tls.Certificate{ca.issue(t, h)}, MinVersion: h.version, MaxVersion: h.version}
		go serveStage(tls.NewListener(listener, config))
	}
	bin := t.TempDir()
	if err := os.Symlink(testBinary(t), filepath.Join(bin, "certsweep")); err != nil {
		t.Fatal(err)
	}
	s.env = []string{
		roleVariable + "=certsweep", "PATH=" + bin + ":" + os.Getenv("PATH"),
		"CERTSWEEP_RESOLVER=" + s.serveNames(t), fmt.Sprint("CERTSWEEP_PORT=", s.port), "CERTSWEEP_CA_FILE=" + filepath.Join(bin, "root.pem"),
	}
	for name, text := range map[string]string{filepath.Join(bin, "root.pem"): string(ca.rootPEM), filepath.Join(s.dir, "hosts.txt"): list.String()} {
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// serveStage completes handshakes, and answers a goodbye.
func serveStage(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			io.Copy(io.Discard, conn)
		}()
	}
}

// serveNames answers questions for the stage's names until the test ends, and
// returns where.
func (s *stage) serveNames(t *testing.T) (address string) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			q := m.Questions[0]
			addr, ok := s.names[strings.TrimSuffix(q.Name.String(), ".")]
			answer := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true}, Questions: m.Questions}
			switch {
			case !ok:
				answer.RCode = dnsmessage.RCodeNameError
			case q.Type == dnsmessage.TypeA:
				answer.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60},
					Body:   &dnsmessage.AResource{A: addr.As4()},
				}}
			}
			if packed, err := answer.Pack(); err == nil {
				conn.WriteTo(packed, from)
			}
		}
	}()
	return conn.LocalAddr().String()
}

// stageCA is a root and an intermediate of an invented authority.
type stageCA struct {
	today        time.Time
	rootPEM      []byte
	intermediate *x509.Certificate
	key          *ecdsa.PrivateKey
}

func newStageCA(t *testing.T, today time.Time) *stageCA {
	t.Helper()
	authority := func(name string, years int) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: stageSerial(t), Subject: pkix.Name{CommonName: name, Organization: []string{"Example Trust"}},
			NotBefore: today.AddDate(-1, 0, 0), NotAfter: stageEnd(today, years*365),
			KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true,
		}
	}
	rootKey, key := stageKey(t), stageKey(t)
	template := authority("Example Root", 20)
	root := stageSign(t, template, template, rootKey, rootKey)
	intermediate := stageSign(t, authority("Example CA 1", 4), root, key, rootKey)
	return &stageCA{today, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw}), intermediate, key}
}

func (ca *stageCA) issue(t *testing.T, h stageHost) tls.Certificate {
	t.Helper()
	key := stageKey(t)
	leaf := stageSign(t, &x509.Certificate{
		SerialNumber: stageSerial(t), Subject: pkix.Name{CommonName: h.name}, DNSNames: []string{h.name},
		NotBefore: ca.today.AddDate(0, 0, h.days-h.lifetime+1), NotAfter: stageEnd(ca.today, h.days),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IssuingCertificateURL: []string{"http://ca.example.net/1.cer"}, CRLDistributionPoints: []string{"http://ca.example.net/1.crl"},
	}, ca.intermediate, key, ca.key)
	sent := [][]byte{leaf.Raw, ca.intermediate.Raw}
	if h.withoutIssuer {
		sent = sent[:1]
	}
	return tls.Certificate{Certificate: sent, PrivateKey: key}
}

// stageEnd is the last second of the day so many days after today, so that as
// many whole days are left at any time of today.
func stageEnd(today time.Time, days int) time.Time {
	return today.AddDate(0, 0, days+1).Add(-time.Second)
}

func stageKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func stageSerial(t *testing.T) *big.Int {
	t.Helper()
	serial := make([]byte, 16)
	rand.Read(serial)
	serial[0] = 5 // positive, and always as long
	return new(big.Int).SetBytes(serial)
}

func stageSign(t *testing.T, template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

var stageDate = regexp.MustCompile(`\b20\d\d-\d\d-\d\d\b`)

// shown is what the program said as the documentation has it: of stageDay, on
// port 443, at documentation's addresses.
func (s *stage) shown(text string) string {
	text = regexp.MustCompile(fmt.Sprintf(`(:|"port":\s?)%d\b`, s.port)).ReplaceAllString(text, "${1}443")
	text = strings.ReplaceAll(text, "127.0.0.", "192.0.2.")
	shift := stageDay.Sub(s.today)
	return stageDate.ReplaceAllStringFunc(text, func(date string) string {
		day, err := time.Parse(time.DateOnly, date)
		if err != nil {
			return date
		}
		return day.Add(shift).Format(time.DateOnly)
	})
}

// masks has what differs between two runs. A span of time, or a key's
// fingerprint, is as good as another.
var masks = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`\b[0-9a-f]{32,}\b`), "HEX"},
	{regexp.MustCompile(`T\d\d:\d\d:\d\d(\.\d+)?Z`), "TIME"},
	{regexp.MustCompile(`\b[0-9.]+ ms: [a-z0-9., -]+`), "TIMES"}, // what took no time is left out
	{regexp.MustCompile(`\b[0-9.]+ ?(ms|s|KB|MB|KiB|MiB)\b`), "N"},
	{regexp.MustCompile(`("\w+_ms":\s?|"days_left":\s?)[0-9.]+`), "${1}N"},
	{regexp.MustCompile(`[0-9.]+/s`), "N/s"},
	{regexp.MustCompile(`textLength="[0-9.]+"`), ""}, // follows from the text
}

func masked(text string) string {
	for _, m := range masks {
		text = m.what.ReplaceAllString(text, m.with)
	}
	return text
}
