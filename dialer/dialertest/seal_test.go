package dialertest_test

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"certsweep/dialer/dialertest"
)

// TestServeSealed has crypto/tls read what was sealed by hand.
func TestServeSealed(t *testing.T) {
	cert := dialertest.SelfSigned(dialertest.Leaf{DNSNames: []string{"a.test"}})
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			s := dialertest.NewRaw(func(c net.Conn) {
				dialertest.ServeSealed(c, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: version}, func(s *dialertest.Sealer) {
					c.Write(s.Seal(23, []byte("sealed ")))
					if version == tls.VersionTLS13 {
						c.Write(s.Seal(22, dialertest.Message(24, []byte{0}))) // KeyUpdate
						s.Update()
					}
					c.Write(append(s.Seal(23, []byte("by hand")), s.Seal(21, []byte{1, 0})...)) // and close_notify
				})
				io.Copy(io.Discard, struct{ io.Reader }{c})
			})
			defer s.Close()
			raw, err := net.Dial("tcp", s.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer raw.Close()
			raw.SetDeadline(time.Now().Add(20 * time.Second))
			heard, err := io.ReadAll(tls.Client(raw, &tls.Config{InsecureSkipVerify: true}))
			if string(heard) != "sealed by hand" || err != nil {
				t.Errorf("heard %q, %v", heard, err)
			}
		})
	}
}
