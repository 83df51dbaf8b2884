package results_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"certsweep/results"
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

	var text bytes.Buffer
	if err := s.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	const want = "6 targets: 3 ok, 3 errors, in 2s (3/s)\nerrors: refused 2 alert 1\nfindings: expired 4 untrusted 3\n"
	if text.String() != want {
		t.Errorf("got:\n%swant:\n%s", &text, want)
	}
	var out bytes.Buffer
	if err := s.WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	var back results.Summary
	if err := json.Unmarshal(out.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if back.Targets != back.OK+back.Errors || back.ByCode["refused"] != 2 || back.ByVersion["1.2"] != 1 {
		t.Errorf("%+v", back)
	}
}

func TestEmptySummaryHasNoNull(t *testing.T) {
	var out bytes.Buffer
	if err := new(results.Summary).WriteJSON(&out); err != nil || strings.Contains(out.String(), "null") {
		t.Errorf("%v\n%s", err, &out)
	}
}
