package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"certsweep/dialer/dialertest"
	"certsweep/results"
)

// opensslCA is an authority that openssl keeps, with its root, an intermediate,
// and what it has issued.
type opensslCA struct {
	t   *testing.T
	dir string
	// crlURL and ocspURL are written into certificates; either may be empty.
	crlURL, ocspURL string
}

func newOpensslCA(t *testing.T) *opensslCA {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed")
	}
	ca := &opensslCA{t: t, dir: t.TempDir()}
	ca.write("ca.cnf", `
[ca]
default_ca = here
[here]
database = index.txt
new_certs_dir = .
default_md = sha256
default_crl_days = 30
crlnumber = crlnumber
crl_extensions = crl_ext
[crl_ext]
authorityKeyIdentifier = keyid
[root_ext]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
`)
	ca.write("index.txt", "")
	ca.write("crlnumber", "01\n")
	ca.openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "root.key")
	ca.openssl("req", "-x509", "-new", "-key", "root.key", "-subj", "/CN=Revoking Root", "-days", "30", "-config", "ca.cnf", "-extensions", "root_ext", "-out", "root.pem")
	return ca
}

func (ca *opensslCA) write(name, content string) {
	if err := os.WriteFile(filepath.Join(ca.dir, name), []byte(content), 0o600); err != nil {
		ca.t.Fatal(err)
	}
}

func (ca *opensslCA) openssl(args ...string) {
	ca.t.Helper()
	cmd := exec.Command("openssl", args...)
	cmd.Dir = ca.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		ca.t.Fatalf("openssl %s: %v\n%s", args[0], err, out)
	}
}

// issue returns a certificate for a name, with a serial number.
func (ca *opensslCA) issue(name string, serial int64) tls.Certificate {
	ca.t.Helper()
	ext := "subjectAltName = DNS:" + name + "\n"
	if ca.crlURL != "" {
		ext += "crlDistributionPoints = URI:" + ca.crlURL + "\n"
	}
	if ca.ocspURL != "" {
		ext += "authorityInfoAccess = OCSP;URI:" + ca.ocspURL + "\n"
	}
	ca.write("leaf.ext", ext)
	ca.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", name+".key", "-subj", "/CN="+name, "-out", "leaf.csr", "-config", "ca.cnf")
	ca.openssl("x509", "-req", "-in", "leaf.csr", "-CA", "root.pem", "-CAkey", "root.key", "-set_serial", fmt.Sprint(serial), "-days", "20", "-extfile", "leaf.ext", "-out", name+".pem")
	pair, err := tls.LoadX509KeyPair(filepath.Join(ca.dir, name+".pem"), filepath.Join(ca.dir, name+".key"))
	if err != nil {
		ca.t.Fatal(err)
	}
	return pair
}

// index writes openssl's database: valid and revoked serial numbers.
func (ca *opensslCA) index(valid, revoked []int64) {
	var b strings.Builder
	for _, serial := range revoked {
		fmt.Fprintf(&b, "R\t351231000000Z\t260101000000Z,keyCompromise\t%s\tunknown\t/CN=%d\n", hexSerial(serial), serial)
	}
	for _, serial := range valid {
		fmt.Fprintf(&b, "V\t351231000000Z\t\t%s\tunknown\t/CN=%d\n", hexSerial(serial), serial)
	}
	ca.write("index.txt", b.String())
}

func hexSerial(serial int64) string {
	text := fmt.Sprintf("%X", big.NewInt(serial))
	if len(text)%2 == 1 {
		text = "0" + text
	}
	return text
}

// list makes the list of the database, in DER.
func (ca *opensslCA) list() []byte {
	ca.t.Helper()
	ca.openssl("ca", "-gencrl", "-config", "ca.cnf", "-keyfile", "root.key", "-cert", "root.pem", "-out", "crl.pem")
	ca.openssl("crl", "-in", "crl.pem", "-outform", "DER", "-out", "crl.der")
	der, err := os.ReadFile(filepath.Join(ca.dir, "crl.der"))
	if err != nil {
		ca.t.Fatal(err)
	}
	return der
}

// serve starts a server with a certificate and returns its target line.
func serveCertificate(t *testing.T, name string, cert tls.Certificate) string {
	t.Helper()
	server, err := dialertest.Listen("127.0.0.1:0", func(c net.Conn) { dialertest.ServeTLS(c, &tls.Config{Certificates: []tls.Certificate{cert}}) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return fmt.Sprintf("%s,%s,%d", server.Addr().Addr(), name, server.Addr().Port())
}

// scanRevocation scans targets with --revocation and returns the records by SNI.
func scanRevocation(t *testing.T, ca *opensslCA, targets []string, more ...string) map[string]*results.Record {
	t.Helper()
	cmd := command(append([]string{"--quiet", "--revocation", "--ca-file", filepath.Join(ca.dir, "root.pem"), "-"}, more...)...)
	cmd.Stdin = strings.NewReader(strings.Join(targets, "\n") + "\n")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	records := make(map[string]*results.Record)
	for _, r := range validRecords(t, out) {
		records[r.SNI] = r
	}
	return records
}

// TestRevocationLists has lists that openssl made, of 100,000 entries too, served
// by a real server of HTTP, which counts.
func TestRevocationLists(t *testing.T) {
	ca := newOpensslCA(t)
	var requests atomic.Int64
	var der atomic.Pointer[[]byte]
	served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/list", http.StatusFound)
		case "/list":
			w.Write(*der.Load())
		default:
			http.NotFound(w, r)
		}
	}))
	defer served.Close()
	const goodSerial, badSerial = 1<<40 + 1, 1<<40 + 2
	for name, test := range map[string]struct {
		path string
		n    int
	}{"small": {"/list", 1}, "100,000": {"/list", 100_000}, "moved": {"/moved", 1}} {
		t.Run(name, func(t *testing.T) {
			ca.t, ca.crlURL = t, served.URL+test.path
			targets := []string{
				serveCertificate(t, "good.test", ca.issue("good.test", goodSerial)),
				serveCertificate(t, "bad.test", ca.issue("bad.test", badSerial)),
			}
			revoked := []int64{badSerial}
			for i := range test.n - 1 {
				revoked = append(revoked, int64(i)+1<<20)
			}
			ca.index([]int64{goodSerial}, revoked)
			der.Store(new(ca.list()))
			requests.Store(0)
			records := scanRevocation(t, ca, append(targets, targets...))
			good, bad := records["good.test"], records["bad.test"]
			if good.Revocation.Status != "good" || len(good.Findings) > 0 {
				t.Errorf("good: %+v %v", good.Revocation, good.Findings)
			}
			if v := bad.Revocation.Certificates[0]; bad.Revocation.Status != "revoked" || len(bad.Findings) != 1 || bad.Findings[0] != results.Revoked ||
				v.Reason != "keyCompromise" || v.RevokedAt.Year() != 2026 || v.Source != "crl" || v.Subject != "CN=bad.test" {
				t.Errorf("bad: %+v %v", bad.Revocation, bad.Findings)
			}
			if want := int64(1 + strings.Count(test.path, "moved")); requests.Load() != want {
				t.Errorf("%d requests, want %d", requests.Load(), want)
			}
		})
	}
}

// TestRevocationOCSP asks openssl's responder.
func TestRevocationOCSP(t *testing.T) {
	ca := newOpensslCA(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	free.Close()
	ca.ocspURL = fmt.Sprintf("http://127.0.0.1:%d/", port)
	targets := []string{
		serveCertificate(t, "good.test", ca.issue("good.test", 17)),
		serveCertificate(t, "bad.test", ca.issue("bad.test", 18)),
		serveCertificate(t, "strange.test", ca.issue("strange.test", 19)),
	}
	ca.index([]int64{17}, []int64{18})
	responder := exec.Command("openssl", "ocsp", "-index", "index.txt", "-CA", "root.pem", "-rsigner", "root.pem", "-rkey", "root.key",
		"-port", fmt.Sprint(port), "-nmin", "10", "-rmd", "sha256")
	responder.Dir = ca.dir
	says, err := responder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	responder.Stderr = responder.Stdout
	if err := responder.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		responder.Process.Kill()
		responder.Wait()
	}()
	// It hangs on a connection that only looks whether it is there.
	for said := bufio.NewReader(says); ; {
		line, err := said.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(line, "waiting for OCSP client connections") {
			go io.Copy(io.Discard, said)
			break
		}
	}
	records := scanRevocation(t, ca, targets)
	for name, want := range map[string]string{"good.test": "good", "bad.test": "revoked", "strange.test": "unknown"} {
		r := records[name]
		if r.Revocation.Status != want {
			t.Errorf("%s: %+v", name, r.Revocation)
		}
		if v := r.Revocation.Certificates[0]; want != "unknown" && v.Source != "ocsp" || want == "unknown" && !strings.Contains(v.Error, "does not know") {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

// TestRevocationHostile: servers of lists that make a scan wait for ever, fill its
// memory or send it elsewhere get nothing but "unknown", in the targets' time.
func TestRevocationHostile(t *testing.T) {
	ca := newOpensslCA(t)
	var inner atomic.Int64
	metadata := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inner.Add(1) }))
	defer metadata.Close()
	stop := make(chan struct{})
	served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/silent":
			<-stop
		case "/slow":
			for range 1000 {
				w.Write([]byte{0x30})
				w.(http.Flusher).Flush()
				select {
				case <-stop:
					return
				case <-time.After(100 * time.Millisecond):
				}
			}
		case "/endless":
			// A list whose entries do not end.
			w.Write([]byte{0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 0x30, 0x84, 0x7f, 0xff, 0xff, 0xf0})
			io.Copy(w, zeroReader{})
		case "/gzip":
			w.Header().Set("Content-Encoding", "gzip")
			io.CopyN(w, zeroReader{}, 1<<20)
		case "/header":
			w.Header().Set("X", strings.Repeat("x", 1<<20))
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/file":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		case "/garbage":
			io.WriteString(w, "<html>")
		}
	}))
	defer served.Close()
	defer close(stop)
	var targets []string
	for i, path := range []string{"silent", "slow", "endless", "gzip", "header", "loop", "file", "garbage", "none"} {
		ca.crlURL = served.URL + "/" + path
		name := path + ".test"
		targets = append(targets, serveCertificate(t, name, ca.issue(name, int64(100+i))))
	}
	ca.crlURL = "http://127.0.0.1:1/"
	targets = append(targets, serveCertificate(t, "refused.test", ca.issue("refused.test", 90)))
	began := time.Now()
	records := scanRevocation(t, ca, targets, "--timeout", "2s", "-c", "4")
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("the scan took %v", took)
	}
	for name, r := range records {
		if r.Status != results.StatusOK || r.Revocation.Status != "unknown" || r.Revocation.Certificates[0].Error == "" || len(r.Findings) != 1 || r.Findings[0] != results.RevocationUnknown {
			t.Errorf("%s: %+v %v", name, r.Revocation, r.Findings)
		}
		if !raceDetector && r.Timing.Total > 2500 {
			t.Errorf("%s took %v ms of its 2000", name, r.Timing.Total)
		}
	}
	if len(records) != len(targets) {
		t.Errorf("%d records", len(records))
	}
	// Who is not trusted is not asked.
	ca.crlURL = metadata.URL
	target := serveCertificate(t, "inner.test", ca.issue("inner.test", 91))
	other := newOpensslCA(t)
	if r := scanRevocation(t, other, []string{target})["inner.test"]; r.Revocation.Status != "unknown" || !strings.Contains(r.Revocation.Error, "not trusted") {
		t.Errorf("not trusted: %+v", r.Revocation)
	}
	if inner.Load() != 0 {
		t.Error("an address that a stranger wrote into a certificate was asked")
	}
	r := scanRevocation(t, ca, []string{target})["inner.test"]
	if inner.Load() != 1 {
		t.Errorf("without --public-only: %+v", r.Revocation)
	}
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestRevocationGate: a check fails on what was revoked and warns of what is not
// known.
func TestRevocationGate(t *testing.T) {
	ca := newOpensslCA(t)
	var der atomic.Pointer[[]byte]
	served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(*der.Load()) }))
	defer served.Close()
	ca.crlURL = served.URL
	bad := serveCertificate(t, "bad.test", ca.issue("bad.test", 7))
	ca.index(nil, []int64{7})
	for name, test := range map[string]struct {
		list   func() []byte
		args   []string
		status int
		says   string
	}{
		"revoked":        {ca.list, nil, 1, "CN=bad.test was revoked on 2026-01-01 (keyCompromise), says " + served.URL},
		"not asked":      {ca.list, []string{"--revocation=false"}, 0, ""},
		"unknown":        {func() []byte { return nil }, nil, 0, "could not be found out"},
		"unknown, fails": {func() []byte { return nil }, []string{"--fail-on", "revocation_unknown"}, 1, "could not be found out"},
		"trust nobody":   {ca.list, []string{"--trust", "none"}, 2, ""},
	} {
		der.Store(new(test.list()))
		cmd := command(append([]string{"check", "--quiet", "--revocation", "--ca-file", filepath.Join(ca.dir, "root.pem"), "-t", bad}, test.args...)...)
		out, err := cmd.Output()
		if status := exitStatus(t, err); status != test.status || !bytes.Contains(out, []byte(test.says)) {
			t.Errorf("%s: status %d\n%s", name, status, out)
		}
	}
	var record map[string]any
	out, err := command("--quiet", "--revocation", "--ca-file", filepath.Join(ca.dir, "root.pem"), "-t", bad).Output()
	if err != nil || json.Unmarshal(out, &record) != nil || record["revocation"] == nil {
		t.Errorf("%s %v", out, err)
	}
}
