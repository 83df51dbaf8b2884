package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"certsweep/dialer/dialertest"
)

// TestNamesOnFewAddresses: each name has the certificate that the server shows for
// it, and no address more connections at a time than --per-host lets it have,
// whether the list comes from a file or from a pipe.
func TestNamesOnFewAddresses(t *testing.T) {
	const names, most = 50, 3
	ca := dialertest.NewCA("root", dialertest.P256)
	certs := ca.IssueMany(names, func(i int) string { return fmt.Sprintf("n%d.test", i) })
	byName := make(map[string]*tls.Certificate)
	var list, words strings.Builder
	for i := range certs {
		name := fmt.Sprintf("n%d.test", i)
		byName[name] = &certs[i]
		fmt.Fprintln(&words, name)
	}
	config := &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) { return byName[hello.ServerName], nil }}
	addresses := []string{"127.0.0.1:0", "127.0.0.2:0", "127.0.0.3:0"}
	peaks := make([]atomic.Int64, len(addresses))
	for i, address := range addresses {
		var now atomic.Int64
		s, err := dialertest.Listen(address, func(c net.Conn) {
			n := now.Add(1)
			defer now.Add(-1)
			for peak := peaks[i].Load(); n > peak && !peaks[i].CompareAndSwap(peak, n); peak = peaks[i].Load() {
			}
			dialertest.ServeTLS(c, config)
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		fmt.Fprintln(&list, s.Addr())
	}
	dir := t.TempDir()
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	args := []string{"-q", "--ca-file", file("root.pem", ca.RootPEM()), "--names", file("names", []byte(words.String())), "--per-host", fmt.Sprint(most)}
	for how, input := range map[string]string{"file": file("list", []byte(list.String())), "pipe": "-"} {
		cmd := command(append(args, input)...)
		cmd.Stdin = strings.NewReader(list.String())
		var said bytes.Buffer
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", how, err, &said)
		}
		met := make(map[string]bool)
		for _, r := range validRecords(t, out) {
			met[r.Host+" "+r.SNI] = true
			if r.Status != "ok" || r.Certificate == nil || r.Certificate.Subject.CommonName != r.SNI || !r.Verification.NameMatch {
				t.Errorf("%s: %s at %s: %v %+v", how, r.SNI, r.Host, r.Status, r.Certificate)
			}
		}
		if len(met) != names*len(addresses) {
			t.Errorf("%s: %d records of %d", how, len(met), names*len(addresses))
		}
	}
	for i := range peaks {
		// The server ends a connection later than the client.
		if peak := peaks[i].Load(); peak > 2*most {
			t.Errorf("%d connections at a time to %s", peak, addresses[i])
		}
	}
}
