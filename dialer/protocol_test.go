package dialer

import (
	"slices"
	"strings"
	"testing"

	"certsweep/dialer/starttls"
)

// TestProtocols holds every scheme to what ParseProtocol and ParseEndpoint do
// with it.
func TestProtocols(t *testing.T) {
	for name, known := range schemes {
		e, err := ParseEndpoint(name + "://a.test")
		if err != nil || e.Port != known.port || e.StartTLS != known.starttls || e.Port == 0 {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
		p, err := ParseProtocol(strings.ToUpper(name))
		if (err == nil) != (known.starttls != "") || p != known.starttls {
			t.Errorf("ParseProtocol(%q) = %q, %v", name, p, err)
		}
		if p != "" && (p.DefaultPort() == 0 || schemes[string(p)].starttls != p) {
			t.Errorf("protocol %q has no scheme of its own name", p)
		}
	}
	if got := Protocol("").DefaultPort(); got != 0 {
		t.Errorf("TLS from the first byte has port %d", got)
	}
}

// TestEveryProtocolHasAScheme holds the schemes to what package starttls
// speaks.
func TestEveryProtocolHasAScheme(t *testing.T) {
	spoken := starttls.Protocols()
	for name, s := range schemes {
		if s.starttls != "" && !slices.Contains(spoken, string(s.starttls)) {
			t.Errorf("scheme %s: nobody speaks %q", name, s.starttls)
		}
	}
	for _, p := range spoken {
		if got, err := ParseProtocol(p); got != Protocol(p) || err != nil {
			t.Errorf("ParseProtocol(%q) = %q, %v", p, got, err)
		}
	}
}
