package scanner_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"certsweep/dialer"
	"certsweep/dialer/dialertest"
	"certsweep/results"
	"certsweep/scanner"
)

// One call for one host; here a server of this machine, with the trust anchor that
// it has.
func ExampleScanner_One() {
	farm, err := dialertest.Start("good")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer farm.Close()
	s := &scanner.Scanner{
		Probe:    new(dialer.Dialer).Probe,
		Recorder: scanner.Recorder{Verifier: &results.Verifier{Roots: farm.CA().Pool()}},
	}
	record, err := s.One(context.Background(), farm.Endpoint("good").Target())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(record.Status, record.Certificate.Subject.CommonName, record.Verification.Trusted)
	// Output: ok good.test true
}

func TestOne(t *testing.T) {
	record, err := scanner.One(t.Context(), "127.0.0.1:1 tag=x")
	if err != nil || record.Error == nil || record.Error.Code != results.CodeRefused || record.Tag != "x" || record.Line != 1 {
		t.Errorf("%+v, %v", record, err)
	}
	for target, want := range map[string]string{
		"": "is not a target", "# nothing": "is not a target", "a..b": "a label is empty", "192.0.2.0/31": "is not one target", "a.test:1,2": "is not one target",
		"a.test\nb.test": "is not one target", "@defaults tag=x": "is not one target",
	} {
		if record, err := scanner.One(t.Context(), target); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, %v", target, record, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if record, err := scanner.One(ended, "127.0.0.1:1"); !errors.Is(err, context.Canceled) {
		t.Errorf("%+v, %v", record, err)
	}
}

// TestScanCompletes: a target without a port has that of its protocol, or 443, and a
// scanner without a probe is told.
func TestScanCompletes(t *testing.T) {
	var got []string
	s := &scanner.Scanner{Workers: 1, Probe: func(_ context.Context, e dialer.Endpoint, _ *dialer.Handshake) error {
		got = append(got, e.Address())
		return nil
	}}
	var recorded []int
	err := s.Scan(t.Context(), scanner.ReadTargets(strings.NewReader("a.test\nb.test starttls=smtp\nc.test:8443\n"), nil), func(r *results.Record) error {
		recorded = append(recorded, r.Port)
		return nil
	})
	if want := "[a.test:443 b.test:25 c.test:8443] [443 25 8443]"; err != nil || fmt.Sprint(got, recorded) != want {
		t.Errorf("%v %v, %v; want %s", got, recorded, err, want)
	}
	if err := new(scanner.Scanner).Scan(t.Context(), scanner.ReadTargets(strings.NewReader("a.test\n"), nil), nil); !errors.Is(err, scanner.ErrNoProbe) {
		t.Errorf("without a probe: %v", err)
	}
}
