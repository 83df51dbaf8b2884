package dialer

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"testing"

	"certsweep/dialer/dialertest"
)

// TestAllCertificates counts what it costs to ask a server for all of its
// certificates: nothing without the flag, at most one connection for each kind of
// key that the handshake did not show.
func TestAllCertificates(t *testing.T) {
	ca := dialertest.NewCA("Root", dialertest.P256)
	issue := func(key dialertest.Key) tls.Certificate {
		return ca.Issue(dialertest.Leaf{DNSNames: []string{"a.test"}, Key: key})
	}
	ecdsa, rsa, eddsa := issue(dialertest.P256), issue(dialertest.RSA2048), issue(dialertest.Ed25519)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, test := range []struct {
			name         string
			certificates []tls.Certificate
			all          bool
			connections  int64
		}{
			{"not asked", []tls.Certificate{ecdsa, rsa}, false, 1},
			{"ECDSA alone", []tls.Certificate{ecdsa}, true, 3},
			{"RSA alone", []tls.Certificate{rsa}, true, 3},
			{"ECDSA and RSA", []tls.Certificate{ecdsa, rsa}, true, 3},
			{"RSA and EdDSA", []tls.Certificate{rsa, eddsa}, true, 3},
			{"all three", []tls.Certificate{eddsa, rsa, ecdsa}, true, 3},
		} {
			t.Run(tls.VersionName(version)+", "+test.name, func(t *testing.T) {
				server := dialertest.NewTLS(&tls.Config{Certificates: test.certificates, MinVersion: version, MaxVersion: version})
				t.Cleanup(server.Close)
				d := &Dialer{AllCertificates: test.all}
				h, err := probe(d, within(t, patience), endpointAt(server.Addr(), "a.test"))
				if err != nil || h.AlternatesError != nil {
					t.Fatal(err, h.AlternatesError)
				}
				if got := int64(server.Accepted()); got != test.connections {
					t.Errorf("%d connections, want %d", got, test.connections)
				}
				if !test.all {
					if h.Alternates != nil {
						t.Errorf("%d alternates", len(h.Alternates))
					}
					return
				}
				shown := [][]byte{h.Certificates[0]}
				for _, a := range h.Alternates {
					if !a.KeyProved || a.Version != version {
						t.Errorf("version %#x, key proved %t", a.Version, a.KeyProved)
					}
					shown = append(shown, a.Certificates[0])
				}
				if len(shown) != len(test.certificates) {
					t.Errorf("%d certificates, want %d", len(shown), len(test.certificates))
				}
				for _, want := range test.certificates {
					seen := 0
					for _, der := range shown {
						if bytes.Equal(der, want.Certificate[0]) {
							seen++
						}
					}
					if seen != 1 {
						t.Errorf("a certificate was seen %d times", seen)
					}
				}
			})
		}
	}
}

// TestAlternatesAreNotGuessed: a server that falls silent when it is asked again
// is one of whose other certificates nothing is known.
func TestAlternatesAreNotGuessed(t *testing.T) {
	cert := dialertest.SelfSigned(dialertest.Leaf{DNSNames: []string{"a.test"}})
	config := &tls.Config{Certificates: []tls.Certificate{cert}}
	first := make(chan struct{}, 1)
	first <- struct{}{}
	server := dialertest.NewRaw(func(c net.Conn) {
		select {
		case <-first:
			dialertest.ServeTLS(c, config)
		default:
			buf := make([]byte, 1<<10)
			for {
				if _, err := c.Read(buf); err != nil {
					return
				}
			}
		}
	})
	t.Cleanup(server.Close)
	ctx, cancel := context.WithTimeout(t.Context(), impatience)
	defer cancel()
	h, err := probe(&Dialer{AllCertificates: true}, ctx, endpointAt(server.Addr(), "a.test"))
	if err != nil {
		t.Fatal(err)
	}
	if h.AlternatesError == nil || len(h.Alternates) != 0 {
		t.Errorf("%d alternates, %v", len(h.Alternates), h.AlternatesError)
	}
}
