package results_test

import (
	"fmt"
	"os"
	"time"

	"certsweep/dialer/dialertest"
	"certsweep/results"
	"certsweep/results/certificate"
)

// One Verifier serves all chains; here one as a server of this machine would send
// it, leaf first.
func ExampleVerifier() {
	ca := dialertest.NewCA("Test Root", dialertest.P256)
	sent := ca.Intermediate("Test Issuer", dialertest.P256).Issue(dialertest.Leaf{DNSNames: []string{"a.test"}})

	now := time.Now()
	chain := results.ParseChain(sent.Certificate, nil)
	leaf := certificate.Read(sent.Certificate[0], chain[0], now)
	v := &results.Verifier{Roots: ca.Pool()}
	for _, name := range []string{"a.test", "b.test"} {
		verification, findings, _ := v.Verify(chain, leaf, name, now)
		fmt.Println(leaf.DNSNames, verification.Trusted, verification.NameMatch, verification.ChainLength, findings)
	}
	verification, findings, _ := v.Verify(chain[:1], leaf, "a.test", now)
	fmt.Println(verification.Trusted, findings)
	// Output:
	// [a.test] true true 3 []
	// [a.test] true false 3 [name_mismatch]
	// false [untrusted]
}

// Fields leaves in a record what is wanted of it. Flush or Close ends the output.
func ExampleEncoder() {
	fields, err := results.ParseFields([]string{"host", "status", "certificate.subject.common_name", "certificate.days_left", "certificate.dns_names", "findings"})
	if err != nil {
		fmt.Println(err)
		return
	}
	e := results.NewEncoder(os.Stdout)
	e.Fields = fields
	err = e.Encode(&results.Record{
		Schema: results.SchemaVersion, Line: 1, Input: "a.test", Host: "a.test", Port: 443, Status: results.StatusOK,
		Certificate: &certificate.Certificate{Subject: certificate.Name{CommonName: "a.test"}, DaysLeft: certificate.DaysOf(6.5)},
		Findings:    []results.Finding{results.ExpiresSoon},
	})
	if err != nil {
		fmt.Println(err)
	}
	if err := e.Close(); err != nil {
		fmt.Println(err)
	}
	fmt.Println(e.Encode(new(results.Record)))
	// Output:
	// {"host":"a.test","status":"ok","certificate":{"subject":{"common_name":"a.test"},"days_left":6.5,"dns_names":[]},"findings":["expires_soon"]}
	// not a record: Schema is 0, not SchemaVersion (1)
}
