package dialertest_test

import (
	"crypto/tls"
	"fmt"
	"log"

	"certsweep/dialer/dialertest"
)

func ExampleNewTLS() {
	ca := dialertest.NewCA("Test Root", dialertest.P256)
	s := dialertest.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{ca.Issue(dialertest.Leaf{DNSNames: []string{"a.test"}})},
	})
	defer s.Close()

	conn, err := tls.Dial("tcp", s.Addr().String(), &tls.Config{ServerName: "a.test", RootCAs: ca.Pool()})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	fmt.Println(conn.ConnectionState().PeerCertificates[0].DNSNames)
	// Output: [a.test]
}

func ExampleStart() {
	farm, err := dialertest.Start("expired", "plain-http")
	if err != nil {
		log.Fatal(err)
	}
	defer farm.Close()

	for _, e := range farm.Endpoints {
		fmt.Println(e.Host, e.About)
		_, err := tls.Dial("tcp", e.Addr.String(), &tls.Config{ServerName: e.Host, RootCAs: farm.CA().Pool()})
		fmt.Println(err != nil, e.Want.Findings, e.Want.Code, e.Want.Status)
	}
	// Output:
	// expired.test Its certificate expired ten days ago.
	// true [expired]  ok
	// plain-http.test A plain HTTP server: it answers 400.
	// true [] not_tls error
}
