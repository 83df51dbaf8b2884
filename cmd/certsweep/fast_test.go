package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"certsweep/dialer/dialertest"
	"certsweep/results"
)

// TestFastRecords holds the records of a fast scan of the farm to the schema, and to
// claim nothing that a certificate alone does not show.
func TestFastRecords(t *testing.T) {
	farm, err := dialertest.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer farm.Close()
	root := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(root, farm.RootPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	var list strings.Builder
	for _, e := range farm.Endpoints {
		fmt.Fprintf(&list, "%s tag=%s\n", e.Target(), e.Name)
	}
	cmd := command("-q", "--fast", "--chain", "--pem", "--timeout", "4s", "--ca-file", root, "-")
	cmd.Stdin = strings.NewReader(list.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	methods := make(map[string]int)
	for _, r := range validRecords(t, out) {
		e := farm.Endpoint(r.Tag)
		if r.TLS == nil || r.TLS.Method != "fast12" && r.TLS.Method != "fast13" {
			methods["other"]++
			if string(r.Status) != e.Want.Status {
				t.Errorf("%s: %s, want %s", r.Tag, r.Status, e.Want.Status)
			}
			continue
		}
		methods[r.TLS.Method]++
		if r.Status != results.StatusOK || r.Error != nil || r.Certificate == nil || r.Verification == nil || r.Drain != nil {
			t.Errorf("%s: %+v", r.Tag, r)
		}
		if r.TLS.KeyProved || r.TLS.PostQuantum != nil || r.TLS.OCSP != nil || r.TLS.ClientCertRequested == (r.TLS.ClientCertRequired != nil) {
			t.Errorf("%s: %+v", r.Tag, r.TLS)
		}
		for _, f := range r.Findings {
			switch f {
			case results.NotPostQuantum, results.StapleMissing, results.HelloIntolerant, results.Revoked, results.RevocationUnknown:
				t.Errorf("%s: %s", r.Tag, f)
			case results.OldProtocol, results.WeakCipher:
				if r.TLS.SupportsTLS13 {
					t.Errorf("%s: %s, though it knows TLS 1.3", r.Tag, f)
				}
			}
		}
	}
	if total := methods["fast12"] + methods["fast13"] + methods["other"]; total != len(farm.Endpoints) || methods["fast12"] < 20 || methods["fast13"] < 3 {
		t.Errorf("%v of %d", methods, len(farm.Endpoints))
	}
}
