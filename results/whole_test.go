package results_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"certsweep/results"
	"certsweep/results/certificate"
	"certsweep/results/resultstest"
)

// encoded is what an Encoder writes of a record.
func encoded(r *results.Record) (string, error) {
	var b bytes.Buffer
	e := results.NewEncoder(&b)
	err := e.Encode(r)
	e.Flush()
	return b.String(), err
}

// TestEncoderRefusesNoRecord: what was never filled in is an error that says what
// is missing, and not a line that nobody can read.
func TestEncoderRefusesNoRecord(t *testing.T) {
	for want, r := range map[string]*results.Record{
		"Schema is 0":    new(results.Record),
		"Schema is 2":    {Schema: 2, Line: 1, Status: results.StatusOK},
		`Status is ""`:   {Schema: 1, Line: 1},
		`Status is "no"`: {Schema: 1, Line: 1, Status: "no"},
	} {
		line, err := encoded(r)
		if err == nil || !strings.Contains(err.Error(), want) || line != "" {
			t.Errorf("want %q: %v, wrote %q", want, err, line)
		}
	}
}

// TestEncoderWritesNoNull: a record without a list that is always present is
// written as the schema says, and one of zero values in all its parts has no null;
// both stay as they were.
func TestEncoderWritesNoNull(t *testing.T) {
	schema := resultstest.Schema(t)
	cert := &certificate.Certificate{FingerprintSHA256: strings.Repeat("0", 64), FingerprintSHA1: strings.Repeat("0", 40)}
	least := &results.Record{
		Schema: 1, Line: 1, Status: results.StatusOK, IP: "192.0.2.1", Certificate: cert,
		TLS:   &results.TLS{Version: "1.3", Cipher: "TLS_AES_128_GCM_SHA256", Method: "handshake"},
		Chain: []*certificate.Certificate{cert}, Alternates: []*results.Alternate{{Method: "hello12", Certificate: cert}},
	}
	parts := &results.Record{
		Schema: 1, Line: 1, Status: results.StatusOK, Certificate: new(certificate.Certificate),
		TLS:   new(results.TLS),
		Chain: []*certificate.Certificate{{}, {SCTs: []certificate.SCT{{}}}}, ChainSent: new(results.ChainSent), Verification: new(results.Verification),
		Alternates: []*results.Alternate{{Certificate: new(certificate.Certificate)}},
		Input:      "not:null",
	}
	all := results.AllFields()
	for name, r := range map[string]*results.Record{"least": least, "parts": parts} {
		line, err := encoded(r)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(strings.ReplaceAll(line, "not:null", ""), "null") {
			t.Errorf("%s: a null in %s", name, line)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil && r == least {
			t.Errorf("%s: %v\n%s", name, err, line)
		}
		if picked, err := all.MarshalRecord(r); err != nil || string(picked)+"\n" != line {
			t.Errorf("%s: picked %v\n%s\n%s", name, err, picked, line)
		}
	}
	if least.Findings != nil || cert.DNSNames != nil || parts.Certificate.DNSNames != nil || parts.Chain[0].Policies != nil {
		t.Error("the encoder changed a record")
	}
}

// TestDaysLeft: 0 days are written, and what cannot be known is absent; both are
// read back.
func TestDaysLeft(t *testing.T) {
	days, err := results.ParseFields([]string{"certificate.days_left"})
	if err != nil {
		t.Fatal(err)
	}
	for want, left := range map[string]certificate.Days{
		`{"certificate":{"days_left":0}}`:     certificate.DaysOf(0),
		`{"certificate":{"days_left":-0.1}}`:  certificate.DaysOf(-0.1),
		`{"certificate":{"days_left":1e+21}}`: certificate.DaysOf(1e21),
		`{"certificate":{}}`:                  {},
	} {
		r := record(1)
		r.Certificate = &certificate.Certificate{DaysLeft: left}
		if got, err := days.MarshalRecord(r); err != nil || string(got) != want {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
		line, err := encoded(r)
		if err != nil || strings.Contains(line, "days_left") != left.Known {
			t.Errorf("%+v: %v, %s", left, err, line)
		}
		for back, err := range results.Decode(strings.NewReader(line)) {
			if err != nil || !reflect.DeepEqual(back.Certificate.DaysLeft, left) {
				t.Errorf("%+v came back as %+v, %v", left, back, err)
			}
		}
	}
	for text, ok := range map[string]bool{"null": true, `"3"`: false, "true": false} {
		for back, err := range results.Decode(strings.NewReader(`{"schema":1,"certificate":{"days_left":` + text + `}}`)) {
			if (err == nil) != ok || ok && back.Certificate.DaysLeft.Known {
				t.Errorf("days_left %s: %v, %v", text, back, err)
			}
		}
	}
}
