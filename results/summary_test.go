package results_test

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"certsweep/results"
	"certsweep/results/certificate"
)

func TestSummary(t *testing.T) {
	var s results.Summary
	ok := &results.Record{Status: results.StatusOK, TLS: &results.TLS{Version: "1.3"}, Findings: []results.Finding{"expired", "untrusted"}}
	for range 3 {
		s.Add(ok)
	}
	s.Add(record(1))
	late := record(2)
	late.Error.Code, late.TLS, late.Findings = "alert", &results.TLS{Version: "1.2"}, []results.Finding{"expired"}
	s.Add(late)
	s.Add(record(3))
	s.Seconds = 2

	var out bytes.Buffer
	if err := s.WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	var back results.Summary
	if err := json.Unmarshal(out.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if back.Targets != back.OK+back.Errors || back.ByCode["refused"] != 2 || back.ByVersion["1.2"] != 1 || back.Unreachable != 3 || back.WithFindings != 4 {
		t.Errorf("%+v", back)
	}
}

func TestEmptySummaryHasNoNull(t *testing.T) {
	var out bytes.Buffer
	if err := new(results.Summary).WriteJSON(&out); err != nil || strings.Contains(out.String(), "null") {
		t.Errorf("%v\n%s", err, &out)
	}
}

// TestSummaryCountsCertificates: who issued them and how long they have left;
// a list that is hostile cannot make it grow.
func TestSummaryCountsCertificates(t *testing.T) {
	var s results.Summary
	add := func(days float64, issuer certificate.Name, self bool) {
		s.Add(&results.Record{Status: results.StatusOK, TLS: &results.TLS{Version: "1.3", PostQuantum: new(true)},
			Certificate: &certificate.Certificate{DaysLeft: certificate.DaysOf(days), Issuer: issuer, SelfSigned: self}})
	}
	for _, days := range []float64{-400, -0.1, 0, 7, 7.1, 30, 90, 90.1} {
		add(days, certificate.Name{CommonName: "R11", Organization: []string{"Let's Encrypt"}}, false)
	}
	add(3, certificate.Name{CommonName: "x"}, true)
	add(3, certificate.Name{CommonName: "Corp"}, false)
	if want := (results.Expiry{Expired: 2, Days7: 4, Days30: 2, Days90: 1, Later: 1}); s.ByExpiry != want || want.All() != 10 {
		t.Errorf("%+v", s.ByExpiry)
	}
	if s.ByIssuer["Let's Encrypt"] != 8 || s.ByIssuer["self-signed"] != 1 || s.ByIssuer["Corp"] != 1 || s.PostQuantum != 10 {
		t.Errorf("%v, %d post-quantum", s.ByIssuer, s.PostQuantum)
	}
	for i := range 6000 {
		add(1, certificate.Name{CommonName: strconv.Itoa(i)}, false)
	}
	all := 0
	for _, n := range s.ByIssuer {
		all += n
	}
	if len(s.ByIssuer) > 5001 || all != 6010 || s.ByIssuer[""] == 0 {
		t.Errorf("%d issuers with %d certificates", len(s.ByIssuer), all)
	}
}
