package starttls_test

import (
	"crypto/tls"
	"fmt"
	"log"
	"net"

	"certsweep/dialer/dialertest"
	"certsweep/dialer/starttls"
)

func ExampleUpgrade() {
	cert := dialertest.SelfSigned(dialertest.Leaf{DNSNames: []string{"mx.test"}})
	for _, behaviour := range []dialertest.StartTLSBehaviour{dialertest.StartTLSSuccess, dialertest.StartTLSRefusal} {
		server, err := dialertest.NewStartTLS("smtp", behaviour, &tls.Config{Certificates: []tls.Certificate{cert}})
		if err != nil {
			log.Fatal(err)
		}
		defer server.Close()
		raw, err := net.Dial("tcp", server.Addr().String())
		if err != nil {
			log.Fatal(err)
		}
		defer raw.Close()
		conn, err := starttls.Upgrade(raw, "smtp", "mx.test")
		if err != nil {
			fmt.Println(err)
			continue
		}
		client := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
		if err := client.Handshake(); err != nil {
			log.Fatal(err)
		}
		starttls.HandshakeDone(conn)
		fmt.Println(client.ConnectionState().PeerCertificates[0].DNSNames)
	}
	// Output:
	// [mx.test]
	// smtp before TLS: the server said "502 5.5.1 Error: command not implemented"
}
