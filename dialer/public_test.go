package dialer

import (
	"net/netip"
	"testing"

	"certsweep/dialer/dialertest"
)

func TestIsPublic(t *testing.T) {
	for addr, want := range map[string]bool{
		"8.8.8.8": true, "93.184.216.34": true, "2606:4700::1111": true, "2a00:1450::1": true, "172.32.0.1": true, "100.128.0.1": true,
		"::ffff:8.8.8.8": true, "64:ff9b::8.8.8.8": true, "2001:4860::1": true,

		"127.0.0.1": false, "10.1.2.3": false, "172.31.255.255": false, "192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false,
		"0.0.0.0": false, "192.0.2.1": false, "198.19.0.1": false, "203.0.113.9": false, "224.0.0.1": false, "255.255.255.255": false, "240.0.0.1": false,
		"::": false, "::1": false, "::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false, "::127.0.0.1": false,
		"64:ff9b::10.0.0.1": false, "64:ff9b::a9fe:a9fe": false, "64:ff9b:1::1": false, "2002:7f00:1::": false, "2002:0808:0808::": false,
		"2001:0:5ef5:79fd::1": false, "2001:db8::1": false, "3fff::1": false, "fc00::1": false, "fd00:ec2::254": false, "fe80::1": false,
		"fe80::1%eth0": false, "fec0::1": false, "ff02::1": false, "100::1": false, "5f00::1": false,
	} {
		if got := isPublic(netip.MustParseAddr(addr)); got != want {
			t.Errorf("isPublic(%s) = %t", addr, got)
		}
	}
}

// TestPublicOnly: what is not public is not dialed, by its address or by a name.
func TestPublicOnly(t *testing.T) {
	server := dialertest.NewTLS(testConfig(0))
	t.Cleanup(server.Close)
	dns := newDNSServer(t, zone{"inside.test.": {addrs: []string{"127.0.0.1", "::1"}}})
	d := &Dialer{PublicOnly: true, Resolver: &Resolver{Servers: []string{dns.addr}}}
	for _, host := range []string{"127.0.0.1", "::ffff:127.0.0.1", "inside.test"} {
		h, err := probe(d, within(t, patience), Endpoint{Host: host, Port: server.Addr().Port()})
		checkFailure(t, err, PhaseLocal, CodeDeniedAddress)
		if h.Addr.IsValid() {
			t.Errorf("%s: %v was dialed", host, h.Addr)
		}
	}
	if n := server.Accepted(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

// TestExclude: what is excluded is not dialed, by its address or by a name, and of
// several addresses the others are.
func TestExclude(t *testing.T) {
	server := dialertest.NewTLS(testConfig(0))
	t.Cleanup(server.Close)
	port := server.Addr().Port()
	dns := newDNSServer(t, zone{"one.test.": {addrs: []string{"127.0.0.2"}}, "both.test.": {addrs: []string{"127.0.0.2", "127.0.0.1"}}})
	d := &Dialer{Resolver: &Resolver{Servers: []string{dns.addr}}, Exclude: func(a netip.AddrPort) bool {
		if a.Port() != port {
			t.Errorf("asked for port %d", a.Port())
		}
		return a.Addr() == netip.MustParseAddr("127.0.0.2")
	}}
	for _, host := range []string{"127.0.0.2", "one.test"} {
		h, err := probe(d, within(t, patience), Endpoint{Host: host, Port: port})
		checkFailure(t, err, PhaseLocal, CodeDeniedAddress)
		if h.Addr.IsValid() {
			t.Errorf("%s: %v was dialed", host, h.Addr)
		}
	}
	if h, err := probe(d, within(t, patience), Endpoint{Host: "both.test", Port: port}); err != nil || h.Addr.Addr() != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("of two addresses, %v was dialed: %v", h.Addr, err)
	}
}
