package scanner

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

// TestBlock: index and address, and index and port, are inverse, and what is
// next to a block is not in it.
func TestBlock(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, text := range []string{
		"10.0.0.0/8", "0.0.0.0/0:1-65535", "255.255.255.255/32", "2001:db8:ffff:ffff:ffff:ffff:ffff:ff00/120", "192.0.2.1-198.51.100.7", "0.0.0.0-255.255.255.255",
		"1.2-3.*.7-200:443,8443,1-9", "10.0.0.*", "2001:db8::ffff:ffff-2001:db8::1:0:1", "[::/96]:443,1", "::ffff:192.0.2.0/120", "[2001:db8::1]:1-2",
	} {
		b, e, err := parseBlock(text)
		if err != nil || b == nil {
			t.Fatalf("%s: %v, %v", text, b, err)
		}
		for range 2000 {
			i := random.Uint64N(b.hosts())
			if addr, ok := b.host(i); ok {
				if back, ok := b.hostIndex(addr); !ok || back != i {
					t.Fatalf("%s: address %d is %v, whose index is %d", text, i, addr, back)
				}
			} else if e.Host == "" {
				t.Fatalf("%s has no host %d", text, i)
			}
			if n := b.portCount(); n > 0 {
				i := random.Uint64N(n)
				if back, ok := b.portIndex(b.port(i)); !ok || back != i {
					t.Fatalf("%s: port %d is %v, whose index is %d", text, i, b.port(i), back)
				}
			}
		}
		if b.count == 0 {
			continue
		}
		first, _ := b.host(0)
		last, _ := b.host(b.hosts() - 1)
		for _, outside := range []netip.Addr{first.Prev(), last.Next(), netip.MustParseAddr("fe80::1"), {}} {
			if i, ok := b.hostIndex(outside); ok {
				t.Errorf("%s: %v is its %d", text, outside, i)
			}
		}
	}
}

// FuzzParseBlock: no text makes a block without hosts, or one that is larger
// than what may be scanned.
func FuzzParseBlock(f *testing.F) {
	for _, seed := range []string{"10.0.0.0/8:443", "192.0.2.1-9", "1.2-3.*.4:1,2-3", "[2001:db8::1-2001:db8::9]:1-2", "example.com:443,8443", "::1/128", "[::1", "1-2", "a@b/1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b, _, err := parseBlock(text)
		if err != nil || b == nil {
			return
		}
		if b.hosts() == 0 || b.hosts() > 1<<maxAddressBits || b.portCount() > 1<<16 {
			t.Fatalf("%q: %d hosts, %d ports", text, b.hosts(), b.portCount())
		}
		last := b.hosts() - 1
		if addr, ok := b.host(last); ok {
			if i, ok := b.hostIndex(addr); !ok || i != last {
				t.Fatalf("%q: the last host is %v, whose index is %d", text, addr, i)
			}
		}
		if again, _, err := blockOf(text); err != nil || again == nil {
			t.Fatalf("%q is a block to the reader, and none to the journal: %v", text, err)
		}
	})
}
