// Package dialertest has TLS servers on loopback addresses for tests,
// benchmarks and "certsweep demo", in the manner of net/http/httptest.
//
// [NewTLS] and [NewRaw] start one server; a [CA] makes its certificates:
//
//	ca := dialertest.NewCA("Test Root", dialertest.P256)
//	s := dialertest.NewTLS(&tls.Config{
//		Certificates: []tls.Certificate{ca.Issue(dialertest.Leaf{DNSNames: []string{"a.test"}})},
//	})
//	defer s.Close()
//	conn, err := tls.Dial("tcp", s.Addr().String(), &tls.Config{ServerName: "a.test", RootCAs: ca.Pool()})
//
// A [Case] is a named behaviour, good or bad, with what a scanner has to report
// of it. [Start] starts the servers of some cases, or of all, under one root.
//
// What crypto/tls would not send is made by hand: [Record] and [Message] in the
// clear, a [Sealer] after a handshake.
//
// Servers start goroutines; Close ends them and waits for them.
package dialertest
