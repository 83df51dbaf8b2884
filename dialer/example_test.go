package dialer_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"certsweep/dialer"
	"certsweep/dialer/dialertest"
	"certsweep/dialer/hello"
)

func ExampleParseEndpoint() {
	for _, s := range []string{"example.com:8443", "smtp://mx.example.com", "2001:db8::1", "192.0.2.1,example.com"} {
		e, err := dialer.ParseEndpoint(s)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.WithDefaultPort(443))
	}
	_, err := dialer.ParseEndpoint("http://example.com")
	fmt.Println(err)
	// Output:
	// example.com:8443
	// mx.example.com:25 starttls=smtp
	// [2001:db8::1]:443
	// 192.0.2.1:443 sni=example.com
	// scheme "http" has no TLS: write https://
}

func ExampleDialer_Probe() {
	farm, err := dialertest.Start("good")
	if err != nil {
		log.Fatal(err)
	}
	defer farm.Close()
	server := farm.Endpoint("good")

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var d dialer.Dialer
	var h dialer.Handshake
	if err := d.Probe(ctx, dialer.Endpoint{
		Host: server.Addr.Addr().String(), Port: server.Addr.Port(), ServerName: server.Host,
	}, &h); err != nil {
		log.Fatal(err)
	}
	fmt.Println(hello.VersionName(h.Version), hello.SuiteName(h.CipherSuite))
	fmt.Println(h.Parsed[0].DNSNames, h.Drain.End)
	// Output:
	// 1.3 TLS_AES_128_GCM_SHA256
	// [good.test] eof
}
