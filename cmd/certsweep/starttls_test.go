package main

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"certsweep/dialer/dialertest"
)

// TestMixedProtocols scans one list of every protocol, by attribute and by
// scheme, among plain TLS.
func TestMixedProtocols(t *testing.T) {
	ca := dialertest.NewCA("Root", dialertest.P256)
	root := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(root, ca.RootPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	config := func(name string) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{ca.Issue(dialertest.Leaf{DNSNames: []string{name}})}}
	}
	var list strings.Builder
	want := make(map[int]string)
	add := func(name, format string, args ...any) {
		want[len(want)+1] = name
		fmt.Fprintf(&list, format+"\n", args...)
	}
	for _, protocol := range dialertest.StartTLSProtocols() {
		name := protocol + ".test"
		s, err := dialertest.NewStartTLS(protocol, dialertest.StartTLSSuccess, config(name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		add(name, "%s starttls=%s sni=%s", s.Addr(), protocol, name)
		add(name, "%s://%s sni=%s", protocol, s.Addr(), name)
		plain := dialertest.NewTLS(config("plain.test"))
		t.Cleanup(plain.Close)
		add("plain.test", "%s sni=plain.test", plain.Addr())
	}
	cmd := command("--ca-file", root, "-q", "--timeout", "60s", "-")
	cmd.Stdin = strings.NewReader(list.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	records := validRecords(t, out)
	if len(records) != len(want) || len(want) < 45 {
		t.Errorf("%d records, want %d", len(records), len(want))
	}
	for _, r := range records {
		name := want[r.Line]
		if r.Error != nil || r.Verification == nil || !r.Verification.Trusted || !r.Verification.NameMatch || r.Certificate.Subject.CommonName != name {
			t.Errorf("line %d, %s (%s): %s %+v", r.Line, r.Input, r.StartTLS, r.Status, r.Error)
		}
		if protocol := strings.TrimSuffix(name, ".test"); protocol != "plain" && r.StartTLS != protocol {
			t.Errorf("line %d: starttls %q, want %q", r.Line, r.StartTLS, protocol)
		}
	}
}
