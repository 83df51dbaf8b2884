package starttls

import (
	"strings"
	"testing"
)

func TestXMPPHeader(t *testing.T) {
	if h := xmppHeader("jabber:client", "a'><b"); strings.Contains(h, "'><b") {
		t.Errorf("the name left its attribute: %s", h)
	}
	if h := xmppHeader("jabber:server", "a"); !strings.Contains(h, " from='certsweep.invalid'") {
		t.Errorf("a server that does not name itself: %s", h)
	}
}
