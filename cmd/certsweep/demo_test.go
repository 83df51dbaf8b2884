package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestDemoShowsAnEnumeration: of one server, and only to people.
func TestDemoShowsAnEnumeration(t *testing.T) {
	for format, want := range map[string]bool{"table": true, "jsonl": false} {
		cmd := command("demo", "--timeout", "1s", "--format", format)
		var said bytes.Buffer
		cmd.Stderr = &said
		if _, err := cmd.Output(); err != nil {
			t.Fatalf("%v\n%s", err, &said)
		}
		shown := strings.Contains(said.String(), "suites of TLS 1.3: TLS_AES_128_GCM_SHA256 ") && strings.Contains(said.String(), "groups of TLS 1.2: X25519 P-256")
		if shown != want {
			t.Errorf("--format %s: %s", format, &said)
		}
	}
}
