package results

import (
	"bytes"
	"fmt"
	"testing"

	"certsweep/dialer/dialertest"
)

// TestParsedAbove: a certificate that comes again is not parsed again, others are
// not taken for it, and what is remembered is bounded.
func TestParsedAbove(t *testing.T) {
	root := dialertest.NewCA("Root", dialertest.P256)
	var p parsedCertificates
	first := root.Intermediate("First", dialertest.P256).Certificate().Raw
	parsed := p.parse(first)
	if parsed == nil || p.parse(bytes.Clone(first)) != parsed {
		t.Error("it is parsed again")
	}
	if other := p.parse(root.Intermediate("First", dialertest.P256).Certificate().Raw); other == parsed {
		t.Error("another is taken for it")
	}
	for range 2 {
		if p.parse([]byte("no certificate")) != nil {
			t.Error("what is no certificate is one")
		}
	}
	for i := range maxParsed + 10 {
		p.parse(root.Issue(dialertest.Leaf{CommonName: fmt.Sprint(i)}).Certificate[0])
	}
	if len(p.m) > maxParsed {
		t.Errorf("%d are remembered", len(p.m))
	}
	if again := p.parse(first); again == nil || !bytes.Equal(again.Raw, first) {
		t.Error("it is lost")
	}
}
