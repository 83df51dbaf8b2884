package policy_test

import (
	"fmt"
	"os"
	"time"

	"certsweep/results"
	"certsweep/results/policy"
)

// Of one endpoint of a list more is asked than of the others: 90 days, and another
// issuer than the one that it has.
func ExampleExpectations() {
	var own policy.Expectation
	for key, value := range map[string]string{"min-days": "90", "issuer": "Corp CA"} {
		if err := own.Set(key, value); err != nil {
			fmt.Println(err)
			return
		}
	}
	var expectations policy.Expectations
	expectations.Add(1, "www.example.com", &own)

	saved, err := os.Open("../../testdata/records/good.jsonl")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer saved.Close()
	gate := policy.Default()
	gate.Expectations = &expectations
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	for record, err := range results.Decode(saved) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if record.Line > 2 {
			break
		}
		v := gate.Judge(record, now)
		fmt.Println(record.Certificate.Subject.CommonName, v.DaysLeft.Number, v.Level)
		for _, p := range v.Problems {
			fmt.Println(" ", p.Code, p.Message)
		}
	}
	// Output:
	// www.example.com 60 fail
	//   issuer issued by CN=R11,O=Let's Encrypt,C=US, not by Corp CA: find out who had it issued
	//   min_days expires in 60 days (2027-01-20), at least 90 days are required: renew
	// short47.example.com 30 ok
}
