package dialertest

import (
	"crypto/tls"
	"net"
)

// updatesPerByte stays below the 16 records without data in a row that
// crypto/tls bears with. Many updates for each byte of data make the client
// block on its answers long before a drain's byte cap ends its reading.
const updatesPerByte = 12

// keyUpdateFlood is a server that sends KeyUpdate(update_requested) without
// end, among single bytes of data, and never reads (RFC 8446 §4.6.3). The
// client owes an answer to each, and blocks when its send buffer is full. Only
// a client that has sent its close_notify before it reads is spared: crypto/tls
// cannot answer any more, fails to change its keys, and calls the next record's
// MAC bad.
//
// With a client that does not take AES-128-GCM the server only never closes.
func keyUpdateFlood(p *pki) func(net.Conn) {
	config := only(tls.VersionTLS13)
	config.Certificates = []tls.Certificate{p.inter.Issue(Leaf{DNSNames: []string{"key-update-flood.test"}})}
	return func(c net.Conn) {
		ServeSealed(c, config, func(s *Sealer) {
			for {
				var batch []byte
				for range updatesPerByte {
					batch = append(batch, s.Seal(recordHandshake, Message(keyUpdate, []byte{1}))...)
					s.Update()
				}
				if _, err := c.Write(append(batch, s.Seal(recordApplication, []byte{0})...)); err != nil {
					return
				}
			}
		})
		discard(c)
	}
}
