package results_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
	"unicode"

	"certsweep/results"
	"certsweep/results/certificate"
)

// writes keeps each write apart.
type writes struct{ got []string }

func (w *writes) Write(p []byte) (int, error) {
	w.got = append(w.got, string(p))
	return len(p), nil
}

func record(line int) *results.Record {
	return &results.Record{
		Schema: 1, Line: line, Input: "example.com", Host: "example.com", Port: 443, Status: results.StatusError,
		Time:     time.Date(2026, 11, 21, 19, 0, 0, 123e6, time.UTC),
		Error:    &results.Error{Phase: "connect", Code: "refused", Message: "no"},
		Findings: []results.Finding{},
	}
}

func TestEncoderHoldsLinesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w writes
		e := results.NewEncoder(&w)
		for i := range 3 {
			if err := e.Encode(record(i + 1)); err != nil {
				t.Fatal(err)
			}
		}
		if len(w.got) != 0 {
			t.Fatalf("written before a limit was reached: %q", w.got)
		}
		time.Sleep(100 * time.Millisecond) // fake time
		if err := e.Encode(record(4)); err != nil {
			t.Fatal(err)
		}
		if len(w.got) != 1 || strings.Count(w.got[0], "\n") != 4 {
			t.Fatalf("after 100 ms: %d writes, %q", len(w.got), w.got)
		}
		e.Encode(record(5))
		if err := e.Flush(); err != nil || len(w.got) != 2 {
			t.Fatalf("Flush: %v, %d writes", err, len(w.got))
		}
		if err := e.Flush(); err != nil || len(w.got) != 2 {
			t.Errorf("an empty Flush wrote")
		}
	})
}

func TestEncoderWritesWholeLinesAtTheLimit(t *testing.T) {
	var w writes
	e := results.NewEncoder(&w)
	for i := range 2000 {
		if err := e.Encode(record(i + 1)); err != nil {
			t.Fatal(err)
		}
	}
	e.Flush()
	if len(w.got) < 3 || len(w.got) > 20 {
		t.Errorf("%d writes for 2000 records of some 300 bytes", len(w.got))
	}
	for _, s := range w.got {
		if !strings.HasPrefix(s, `{"schema":1,`) || !strings.HasSuffix(s, "}\n") {
			t.Errorf("a write is not of whole lines: %.40q…%.40q", s, s[max(0, len(s)-40):])
		}
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func TestEncoderKeepsItsError(t *testing.T) {
	full := errors.New("disk full")
	e := results.NewEncoder(failingWriter{full})
	e.Encode(record(1))
	if err := e.Flush(); !errors.Is(err, full) {
		t.Fatalf("Flush: %v", err)
	}
	if err := e.Encode(record(2)); !errors.Is(err, full) {
		t.Errorf("Encode after a failed write: %v", err)
	}
	if err := e.Flush(); !errors.Is(err, full) {
		t.Errorf("second Flush: %v", err)
	}
}

// TestEncoderDisarmsControls: a certificate's strings must not reach a terminal
// as commands.
func TestEncoderDisarmsControls(t *testing.T) {
	var b bytes.Buffer
	e := results.NewEncoder(&b)
	r := record(1)
	r.Error.Message = "\x1b[2J \u009b2J \x7f é <b> \u2028 \xff \u202egnp.exe \ufeff \U000e0041 \u00ad"
	if err := errors.Join(e.Encode(r), e.Flush()); err != nil {
		t.Fatal(err)
	}
	for _, c := range b.String()[:b.Len()-1] {
		if unicode.In(c, unicode.Cc, unicode.Cf) {
			t.Errorf("%U in %q", c, b.String())
		}
	}
	if !strings.Contains(b.String(), "é <b>") {
		t.Errorf("harmless characters were escaped: %q", b.String())
	}
	for got, err := range results.Decode(&b) {
		if want := "\x1b[2J \u009b2J \x7f é <b> \u2028 \uFFFD \u202egnp.exe \ufeff \U000e0041 \u00ad"; err != nil || got.Error.Message != want {
			t.Errorf("decoded %q, %v; want %q", got.Error.Message, err, want)
		}
	}
}

func TestDecode(t *testing.T) {
	var b bytes.Buffer
	e := results.NewEncoder(&b)
	for i := range 3 {
		e.Encode(record(i + 1))
	}
	e.Flush()
	lines := 0
	for r, err := range results.Decode(strings.NewReader(b.String() + "\n" + strings.Replace(b.String(), `"line"`, `"from_a_later_version":[{}],"line"`, 1))) {
		if err != nil {
			t.Fatal(err)
		}
		if want := record(lines%3 + 1); !reflect.DeepEqual(r, want) {
			t.Errorf("got %+v, want %+v", r, want)
		}
		lines++
	}
	if lines != 6 {
		t.Errorf("%d records, want 6", lines)
	}
}

func TestDecodeErrors(t *testing.T) {
	for name, test := range map[string]struct {
		in   io.Reader
		want string
	}{
		"cut line":        {strings.NewReader(`{"schema":1,"line":1}` + "\n" + `{"schema":1,"li`), "line 2: not a record"},
		"other JSON":      {strings.NewReader(`{"host":"x"}`), `line 1: not a record: no "schema"`},
		"cut array":       {strings.NewReader(`[{"schema":1},`), "record 2: "},
		"open array":      {strings.NewReader(`[{"schema":1}`), "unexpected EOF"},
		"array and more":  {strings.NewReader(`[{"schema":1}] {"schema":1}`), "something follows it"},
		"array of others": {strings.NewReader(`[7]`), "record 1: not a record"},
		"cut object":      {strings.NewReader("{\n\"schema\":1}\n{\n"), "record 2: "},
		"long record":     {io.MultiReader(strings.NewReader("{\n"), endlessBlanks{}), "too long"},
		"later schema":    {strings.NewReader(`{"schema":2}`), "newer than 1"},
		"read error":      {io.MultiReader(strings.NewReader(`{"schema":1}`+"\n"), failingReader{}), "line 2: broken"},
	} {
		var err error
		for _, err = range results.Decode(test.in) {
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}

// TestDecodeDocuments reads what JSON Lines became on the way.
func TestDecodeDocuments(t *testing.T) {
	var lines, document bytes.Buffer
	encoders := []*results.Encoder{results.NewEncoder(&lines), results.NewEncoder(&document)}
	encoders[1].Document = true
	for _, e := range encoders {
		for i := range 3 {
			e.Encode(record(i + 1))
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var indented bytes.Buffer
	for line := range strings.Lines(lines.String()) {
		json.Indent(&indented, []byte(line), "", "  ")
	}
	for name, in := range map[string]string{
		"array": document.String(), "array behind blank lines": "\n \r\n" + document.String(), "array of one line": strings.ReplaceAll(document.String(), "\n", ""),
		"indented": indented.String(), "indented, of Windows": strings.ReplaceAll(indented.String(), "\n", "\r\n"),
	} {
		n := 0
		for r, err := range results.Decode(iotest.OneByteReader(strings.NewReader(in))) {
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if n++; !reflect.DeepEqual(r, record(n)) {
				t.Errorf("%s: got %+v, want %+v", name, r, record(n))
			}
		}
		if n != 3 {
			t.Errorf("%s: %d records", name, n)
		}
	}
	for _, in := range []string{"", "\n", "[]", "[\n]\n", strings.Repeat("\n", 1<<20)} {
		for r, err := range results.Decode(strings.NewReader(in)) {
			t.Errorf("%.10q: %v, %v", in, r, err)
		}
	}
}

// endlessBlanks never ends.
type endlessBlanks struct{}

func (endlessBlanks) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errors.New("broken") }

// FuzzDecode checks that whatever is read as records is written and read back
// the same.
func FuzzDecode(f *testing.F) {
	var b bytes.Buffer
	e := results.NewEncoder(&b)
	full := record(7)
	full.Certificate = certificate.Read([]byte("no certificate"), nil, full.Time)
	full.Chain = []*certificate.Certificate{}
	full.TLS = &results.TLS{Version: "1.3", Cipher: "TLS_AES_128_GCM_SHA256", Method: "handshake"}
	full.Verification = &results.Verification{Error: "no"}
	full.Drain = &results.Drain{End: "eof"}
	if err := errors.Join(e.Encode(record(1)), e.Encode(full), e.Flush()); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte("[\n{\"schema\":1},{\"schema\":1}]"))
	f.Add([]byte(`{"schema":1,"time":"0000-01-01T00:00:00Z","certificate":{"days_left":1e300}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		for r, err := range results.Decode(bytes.NewReader(in)) {
			if err != nil {
				return
			}
			var out bytes.Buffer
			e := results.NewEncoder(&out)
			if e.Encode(r) != nil {
				continue // times of a zone with seconds can be read but not written
			}
			e.Flush()
			again := 0
			for second, err := range results.Decode(bytes.NewReader(out.Bytes())) {
				if err != nil {
					t.Fatalf("what was written cannot be read: %v\n%s", err, out.Bytes())
				}
				if got, want := fmt.Sprintf("%+v", deref(second)), fmt.Sprintf("%+v", deref(r)); got != want {
					t.Fatalf("changed on the way:\n%s\n%s", got, want)
				}
				again++
			}
			if again != 1 {
				t.Fatalf("one record became %d", again)
			}
		}
	})
}

// deref returns a record's JSON form, which hides pointers.
func deref(r *results.Record) string {
	var b bytes.Buffer
	e := results.NewEncoder(&b)
	e.Encode(r)
	e.Flush()
	return b.String()
}

func ExampleDecode() {
	saved := `{"schema":1,"line":1,"input":"example.com","host":"example.com","port":443,"status":"ok","findings":["expires_soon"]}`
	for r, err := range results.Decode(strings.NewReader(saved)) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(r.Host, r.Findings)
	}
	// Output: example.com [expires_soon]
}
