package report_test

import (
	"fmt"
	"os"
	"time"

	"certsweep/results"
	"certsweep/results/certificate"
	"certsweep/results/policy"
	"certsweep/results/report"
)

// A gate judges every record, renders the verdicts and exits with the summary's
// status. Here a record that was saved in November is judged in January.
func Example() {
	gate := policy.Default()
	gate.Levels[policy.Code(results.WeakKey)] = policy.Fail
	now := time.Date(2027, 1, 14, 12, 0, 0, 0, time.UTC)
	saved := []*results.Record{{
		Line: 1, Input: "api.example.com", Host: "api.example.com", Port: 443, Status: results.StatusOK,
		TLS: &results.TLS{Version: "1.3", Method: "handshake", KeyProved: true},
		Certificate: &certificate.Certificate{
			NotBefore: time.Date(2026, 10, 22, 12, 0, 0, 0, time.UTC),
			NotAfter:  time.Date(2027, 1, 20, 12, 0, 0, 0, time.UTC),
			PublicKey: certificate.PublicKey{Algorithm: "RSA", Bits: 1024},
		},
		Verification: &results.Verification{Trusted: true, NameMatch: true, ChainLength: 3},
		Findings:     []results.Finding{results.WeakKey},
	}}

	table := report.New(report.Text, os.Stdout, report.Options{Now: now})
	var summary policy.Summary
	for _, record := range saved {
		verdict := gate.Judge(record, now)
		summary.Add(&verdict)
		if err := table.Add(&verdict); err != nil {
			panic(err)
		}
	}
	if err := table.Close(); err != nil {
		panic(err)
	}
	fmt.Println("exit status", summary.ExitStatus())
	// Output:
	// FAIL  api.example.com:443  expires in 6 days (2027-01-20), at least 14 days are required: renew; weak key in the chain (the leaf's is RSA 1024 bits): reissue with ECDSA P-256 or RSA 2048
	// 1 endpoint: 1 fail, 0 could not be checked, 0 warn, 0 ok
	// exit status 1
}
