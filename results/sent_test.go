package results

import (
	"crypto/x509"
	"slices"
	"testing"

	"certsweep/dialer/dialertest"
)

func TestDescribeSent(t *testing.T) {
	root := dialertest.NewCA("Root", dialertest.P256)
	upper := root.Intermediate("Upper", dialertest.P256)
	lower := upper.Intermediate("Lower", dialertest.P256)
	leaf := lower.Issue(dialertest.Leaf{DNSNames: []string{"a.test"}}).Certificate
	l, m, u, r := leaf[0], lower.Certificate().Raw, upper.Certificate().Raw, root.Certificate().Raw
	own := dialertest.SelfSigned(dialertest.Leaf{DNSNames: []string{"a.test"}}).Certificate[0]
	for name, test := range map[string]struct {
		ders [][]byte
		want ChainSent
	}{
		"whole":        {[][]byte{l, m, u}, ChainSent{3, true, false}},
		"with root":    {[][]byte{l, m, u, r}, ChainSent{4, true, true}},
		"leaf alone":   {[][]byte{l}, ChainSent{1, true, false}},
		"self-signed":  {[][]byte{own}, ChainSent{1, true, false}},
		"twice":        {[][]byte{own, own}, ChainSent{2, false, true}},
		"turned round": {[][]byte{l, u, m}, ChainSent{3, false, false}},
		"root first":   {[][]byte{l, r, m, u}, ChainSent{4, false, true}},
		"gap":          {[][]byte{l, u}, ChainSent{2, false, false}},
		"stranger":     {[][]byte{l, m, own}, ChainSent{3, false, true}},
	} {
		if got := DescribeSent(test.ders, ParseChain(test.ders, nil)); *got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
		// The same if crypto/x509 refuses some of them.
		for i := range test.ders {
			if i > 0 {
				chain := slices.Clone(ParseChain(test.ders, nil))
				chain[i] = nil
				if got := DescribeSent(test.ders, chain); *got != test.want {
					t.Errorf("%s without the %dth: %+v, want %+v", name, i, got, test.want)
				}
			}
		}
		if got := DescribeSent(test.ders, make([]*x509.Certificate, len(test.ders))); *got != test.want {
			t.Errorf("%s unparsed: %+v, want %+v", name, got, test.want)
		}
	}
	if DescribeSent(nil, nil) != nil {
		t.Error("something was sent")
	}
}
