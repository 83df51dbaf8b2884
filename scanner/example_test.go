package scanner_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"strings"

	"certsweep/dialer"
	"certsweep/dialer/dialertest"
	"certsweep/results"
	"certsweep/scanner"
)

// show prints what was learnt of one target.
func show(r *results.Record) error {
	if r.Certificate == nil {
		fmt.Println(r.Line, r.Status, r.Error.Code)
		return nil
	}
	fmt.Println(r.Line, r.Status, r.Certificate.DNSNames)
	return nil
}

// A mail server is asked to change to TLS before the handshake: the scheme, or the
// attribute starttls=, says in which protocol.
func ExampleScanner_Scan_startTLS() {
	cert := dialertest.SelfSigned(dialertest.Leaf{DNSNames: []string{"mx.test"}})
	server, err := dialertest.NewStartTLS("smtp", dialertest.StartTLSSuccess, &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	s := scanner.Scanner{Probe: new(dialer.Dialer).Probe}
	list := strings.NewReader("smtp://" + server.Addr().String() + " sni=mx.test\n")
	err = s.Scan(context.Background(), scanner.ReadTargets(list, nil), func(r *results.Record) error {
		fmt.Println(r.StartTLS, r.SNI)
		return show(r)
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// smtp mx.test
	// 1 ok [mx.test]
}

// A scan that was cut off after its first record goes on behind it.
func ExampleJournal() {
	farm, err := dialertest.Start("good", "expired")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer farm.Close()
	list := farm.Endpoint("good").Target() + "\n" + farm.Endpoint("expired").Target() + "\n"
	s := scanner.Scanner{Probe: new(dialer.Dialer).Probe, Workers: 1}

	var written bytes.Buffer
	encoder := results.NewEncoder(&written)
	cut := fmt.Errorf("cut off")
	err = s.Scan(context.Background(), scanner.ReadTargets(strings.NewReader(list), nil), func(r *results.Record) error {
		if written.Len() > 0 {
			return cut
		}
		show(r)
		if err := encoder.Encode(r); err != nil {
			return err
		}
		return encoder.Flush()
	})
	fmt.Println(err)

	var journal scanner.Journal
	if _, err := results.ReadJournal(&written, journal.Add); err != nil {
		fmt.Println(err)
		return
	}
	total, err := journal.Check(scanner.ReadTargets(strings.NewReader(list), nil))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(journal.Len(), "of", total)
	rest := journal.Rest(scanner.ReadTargets(strings.NewReader(list), nil))
	if err := s.Scan(context.Background(), rest, show); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 1 ok [good.test]
	// cut off
	// 1 of 2
	// 2 ok [expired.test]
}

// Two processes share a list, and each target is in one of the shards.
func ExampleShard() {
	farm, err := dialertest.Start("good")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer farm.Close()
	at := farm.Endpoint("good").Target()
	s := scanner.Scanner{Probe: new(dialer.Dialer).Probe, Workers: 1}
	seen := 0
	for _, part := range []string{"1/2", "2/2"} {
		shard, err := scanner.ParseShard(part)
		if err != nil {
			fmt.Println(err)
			return
		}
		err = s.Scan(context.Background(), shard.Apply(scanner.ReadTargets(strings.NewReader(at+"\n"), nil)), func(r *results.Record) error {
			seen++
			return show(r)
		})
		if err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(seen)
	// Output:
	// 1 ok [good.test]
	// 1
}
