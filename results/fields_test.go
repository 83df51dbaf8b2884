package results_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"certsweep/results"
	"certsweep/results/certificate"
)

// full is a record with a value in each kind of field.
func full() *results.Record {
	return &results.Record{
		Schema: 1, Line: 3, Input: "a", Host: "a.example", Port: 443, SNI: "=cmd()", Tag: "x\x1b[31m\ny", Status: results.StatusOK,
		Time: time.Date(2026, 11, 26, 1, 2, 3, 4e6, time.UTC),
		TLS:  &results.TLS{Version: "1.3", PostQuantum: new(true)},
		Certificate: &certificate.Certificate{
			Subject: certificate.Name{DN: "CN=a,\"b\"", Organization: []string{"A", "B"}}, SerialNumber: "-0c", DaysLeft: certificate.DaysOf(-1.5),
			DNSNames: []string{"a.example", "@b"}, PEM: "-----BEGIN\n",
		},
		Findings: []results.Finding{"expired", "untrusted"}, Timing: results.Timing{Total: 1.25},
	}
}

func TestParseFields(t *testing.T) {
	f, err := results.ParseFields([]string{"certificate.subject.dn", "host", "findings", "timing"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"certificate.subject.dn", "host", "findings", "timing.resolve_ms", "timing.connect_ms", "timing.handshake_ms", "timing.drain_ms", "timing.total_ms"}
	if !slices.Equal(f.Names(), want) {
		t.Errorf("names %q", f.Names())
	}
	line, err := f.MarshalRecord(full())
	if err != nil {
		t.Fatal(err)
	}
	const object = `{"host":"a.example","certificate":{"subject":{"dn":"CN=a,\"b\""}},"findings":["expired","untrusted"],` +
		`"timing":{"resolve_ms":0,"connect_ms":0,"handshake_ms":0,"drain_ms":0,"total_ms":1.25}}`
	if string(line) != object {
		t.Errorf("got  %s\nwant %s", line, object)
	}
	// What a record does not have is not there, with all that is in it.
	if line, err := f.MarshalRecord(&results.Record{Host: "b"}); err != nil || !strings.HasPrefix(string(line), `{"host":"b","findings":`) {
		t.Errorf("%s, %v", line, err)
	}
	for _, path := range []string{"", "hosts", "certificate.", ".host", "host.name", "certificate.subject.dn.x", "chain.subject"} {
		if _, err := results.ParseFields([]string{path}); err == nil {
			t.Errorf("%q is taken for a field", path)
		}
	}
}

// TestFieldsAreThoseOfTheRecord: picking every field leaves the record as it is,
// and every path that is listed can be picked.
func TestFieldsAreThoseOfTheRecord(t *testing.T) {
	var top []string
	for _, path := range results.FieldPaths() {
		if _, err := results.ParseFields([]string{path}); err != nil {
			t.Error(err)
		}
		if !strings.Contains(path, ".") {
			top = append(top, path)
		}
	}
	slices.Reverse(top) // the record's order counts, not that of the request
	f, err := results.ParseFields(top)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*results.Record{full(), {Schema: 1, Status: results.StatusError}, record(1)} {
		line, err := f.MarshalRecord(r)
		if err != nil {
			t.Fatal(err)
		}
		var want bytes.Buffer
		encoder := results.NewEncoder(&want)
		if err := encoder.Encode(r); err != nil {
			t.Fatal(err)
		}
		if err := encoder.Flush(); err != nil {
			t.Fatal(err)
		}
		var got, expected any
		if json.Unmarshal(line, &got) != nil || json.Unmarshal(want.Bytes(), &expected) != nil || !reflect.DeepEqual(got, expected) {
			t.Errorf("got  %s\nwant %s", line, &want)
		}
	}
}

func TestCSV(t *testing.T) {
	fields, err := results.ParseFields([]string{"host", "sni", "tag", "time", "tls.post_quantum", "tls.alpn", "certificate.subject.dn", "certificate.subject.organization",
		"certificate.serial_number", "certificate.days_left", "certificate.dns_names", "certificate.pem", "findings", "error.code", "timing.total_ms"})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	encoder := results.NewCSVEncoder(&out, fields)
	for _, r := range []*results.Record{full(), {}} {
		if err := encoder.Encode(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := encoder.Close(); err != nil {
		t.Fatal(err)
	}
	const want = "host,sni,tag,time,tls.post_quantum,tls.alpn,certificate.subject.dn,certificate.subject.organization," +
		"certificate.serial_number,certificate.days_left,certificate.dns_names,certificate.pem,findings,error.code,timing.total_ms\r\n" +
		"a.example,'=cmd(),x\\x1b[31m\\x0ay,2026-11-26T01:02:03.004Z,true,,\"CN=a,\"\"b\"\"\",A B,-0c,-1.5,a.example @b,\"-----BEGIN\r\n\",expired untrusted,,1.25\r\n" +
		",,,,,,,,,,,,,,0\r\n"
	if out.String() != want {
		t.Errorf("got\n%q\nwant\n%q", &out, want)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(rows) != 3 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	// A scan without a record has its header all the same.
	out.Reset()
	if err := results.NewCSVEncoder(&out, results.AllFields()).Close(); err != nil || !strings.HasPrefix(out.String(), "schema,line,input,host,port,") || strings.Contains(out.String(), "pem") {
		t.Errorf("%v: %q", err, &out)
	}
}

func TestEncoderDocument(t *testing.T) {
	for n := range 3 {
		var out bytes.Buffer
		encoder := results.NewEncoder(&out)
		encoder.Document = true
		for range n {
			if err := encoder.Encode(full()); err != nil {
				t.Fatal(err)
			}
			// Whatever is there so far ends with a whole line but for its end.
			if err := encoder.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		if err := encoder.Close(); err != nil {
			t.Fatal(err)
		}
		var got []results.Record
		if err := json.Unmarshal(out.Bytes(), &got); err != nil || len(got) != n || bytes.Count(out.Bytes(), []byte("\n")) != n+2 && n > 0 {
			t.Errorf("%d records: %v in %s", n, err, &out)
		}
	}
}

// TestVisibleLeavesNothingUnseen: what takes no room, or hides among letters, is
// shown by its number; what people write stays as it is.
func TestVisibleLeavesNothingUnseen(t *testing.T) {
	for s, want := range map[string]string{
		"a\u200bb": `a\u200bb`, "\u3164": `\u3164`, "\u2800x": `\u2800x`, "\ufe0f": `\ufe0f`, "\u034f": `\u034f`, "\U000e0041": `\U000e0041`,
		"e\u0301": "e\u0301", "ภู่": "ภู่", "工商银行": "工商银行", "Ünï 😀": "Ünï 😀",
		"e" + strings.Repeat("\u0301", 6): "e" + strings.Repeat("\u0301", 4) + `\u0301\u0301`,
	} {
		if got := results.Visible(s); got != want || results.IsVisible(s) != (s == want) {
			t.Errorf("%q is shown as %q, want %q", s, got, want)
		}
	}
}

// FuzzCell: no cell is a formula, a second line or a control character.
func FuzzCell(f *testing.F) {
	for _, seed := range []string{"", "=1+1", "@x", "-1", "-1+cmd", "+x", "\t=1", "a\r\nb", "\x1b[2J", "\u202e", "ㅤ=x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		cell := results.Cell(s)
		if !results.IsVisible(cell) {
			t.Errorf("%q becomes %q", s, cell)
		}
		if cell != "" && strings.ContainsRune("=+@", rune(cell[0])) || strings.HasPrefix(cell, "-") && strings.ContainsAny(cell, "()+*=!|") {
			t.Errorf("%q becomes the formula %q", s, cell)
		}
	})
}
