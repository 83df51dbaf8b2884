package hello_test

import (
	"bytes"
	"fmt"

	"certsweep/dialer/hello"
)

// What a server sent is read without a connection, in whatever pieces it is at
// hand: here two records of TLS 1.2 with a ServerHello and a chain of one
// certificate, three bytes at a time.
func ExampleReader() {
	serverHello := append([]byte{2, 0, 0, 38, 3, 3}, append(bytes.Repeat([]byte{7}, 32), 0, 0xC0, 0x2F, 0)...)
	certificate := []byte{11, 0, 0, 10, 0, 0, 7, 0, 0, 4, 'l', 'e', 'a', 'f'}
	flight := append([]byte{22, 3, 3, 0, byte(len(serverHello))}, serverHello...)
	flight = append(append(flight, 22, 3, 3, 0, byte(len(certificate))), certificate...)

	var r hello.Reader
	var got hello.Result
	for len(flight) > 0 {
		n := min(3, len(flight))
		if err := r.Feed(flight[:n]); err != nil {
			panic(err)
		}
		flight = flight[n:]
		m, err := r.Next()
		for ; err == nil; m, err = r.Next() {
			if err := got.Add(m); err != nil {
				panic(err)
			}
		}
		if err != hello.ErrMore {
			panic(err)
		}
	}
	fmt.Println(hello.VersionName(got.Version), hello.SuiteName(got.CipherSuite))
	fmt.Printf("%q\n", got.Certificates)
	// Output:
	// 1.2 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
	// ["leaf"]
}
