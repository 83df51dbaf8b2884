package results_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"certsweep/results"
)

// journal returns three records as they are written.
func journal(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	e := results.NewEncoder(&out)
	for line := 1; line <= 3; line++ {
		r := record(line)
		r.StartTLS, r.Tag = "smtp", "édge\u0085"
		if err := e.Encode(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func readJournal(data []byte) (entries []results.Entry, whole int64, err error) {
	whole, err = results.ReadJournal(bytes.NewReader(data), func(e results.Entry) error {
		entries = append(entries, e)
		return nil
	})
	return entries, whole, err
}

// TestReadJournalCutAnywhere: wherever a write was cut off, the whole lines
// before count, and nothing else.
func TestReadJournalCutAnywhere(t *testing.T) {
	data := journal(t)
	all, whole, err := readJournal(data)
	if err != nil || whole != int64(len(data)) || len(all) != 3 {
		t.Fatalf("%d entries, %d bytes of %d, %v", len(all), whole, len(data), err)
	}
	r := record(2)
	if want := (results.Entry{Schema: 1, Line: 2, Input: r.Input, Host: r.Host, Port: r.Port, StartTLS: "smtp", Tag: "édge\u0085"}); all[1] != want {
		t.Errorf("got %+v, want %+v", all[1], want)
	}
	for cut := range data {
		lines := bytes.Count(data[:cut], []byte("\n"))
		entries, whole, err := readJournal(data[:cut])
		if err != nil || len(entries) != lines || whole != int64(bytes.LastIndexByte(data[:cut], '\n')+1) {
			t.Fatalf("cut at %d, behind %d lines: %d entries, %d bytes, %v", cut, lines, len(entries), whole, err)
		}
		// A power cut leaves zeros in place of what was never written.
		zeros := append(bytes.Clone(data[:cut]), make([]byte, 5000)...)
		if entries, again, err := readJournal(zeros); err != nil || len(entries) != lines || again != whole {
			t.Fatalf("zeros from %d on, behind %d lines: %d entries, %d bytes, %v", cut, lines, len(entries), again, err)
		}
	}
	// A last line that has an end, but whose middle was never written.
	broken := append(bytes.Clone(data), `{"schema":1,"line":4,"inp`+"\x00\x00\n"...)
	if entries, whole, err := readJournal(broken); err != nil || len(entries) != 3 || whole != int64(len(data)) {
		t.Errorf("%d entries, %d bytes, %v", len(entries), whole, err)
	}
}

// TestReadJournalRefuses what is no journal, instead of cutting it down to one.
func TestReadJournalRefuses(t *testing.T) {
	data := string(journal(t))
	for name, test := range map[string]struct{ in, want string }{
		"target list":         {"example.com\nexample.org\n", "line 1: not a record"},
		"one target":          {"example.com", "line 1: not a record"},
		"other JSON":          {"{\"a\":1}\n", `line 1: not a record: no "schema"`},
		"other JSON, no end":  {"[1]", "line 1: not a record"},
		"cut in the middle":   {data + `{"schema":1,"li` + "\n" + data, "line 4: not a record"},
		"joined lines":        {data + `{"schema":1,"li` + data, "line 4: not a record"},
		"something behind it": {data + "done", "line 4: not a record"},
		"newer":               {data + `{"schema":99}` + "\n", "line 4: schema 99 is newer"},
		"wrong type":          {data + `{"schema":1,"line":"x"}` + "\n", "line 4: not a record"},
		"endless line":        {data + `{"schema":1,"` + strings.Repeat("x", 65<<20), "line 4: "},
	} {
		if _, _, err := readJournal([]byte(test.in)); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
	broken := errors.New("broken")
	r := iotest.ErrReader(broken)
	if _, err := results.ReadJournal(r, func(results.Entry) error { return nil }); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	calls := 0
	if _, err := results.ReadJournal(strings.NewReader(data), func(results.Entry) error { calls++; return broken }); !errors.Is(err, broken) || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

// TestReadJournalAgrees with Decode on records of every kind.
func TestReadJournalAgrees(t *testing.T) {
	files, err := filepath.Glob("../testdata/records/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatal("no records", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var want []results.Entry
		for r, err := range results.Decode(bytes.NewReader(data)) {
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, results.Entry{
				Schema: r.Schema, Line: r.Line, Input: r.Input, Host: r.Host, Port: r.Port, SNI: r.SNI, StartTLS: r.StartTLS, Tag: r.Tag,
			})
		}
		got, whole, err := readJournal(data)
		if err != nil || whole != int64(len(data)) || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %d bytes of %d, %v\ngot  %+v\nwant %+v", file, whole, len(data), err, got, want)
		}
	}
}

// FuzzReadJournal: what is kept of a file reads the same again, to its end.
func FuzzReadJournal(f *testing.F) {
	data := journal(f)
	for _, seed := range [][]byte{data, data[:len(data)-9], nil, []byte("\n\n"), []byte(`{"schema":1}` + "\n{\n"), []byte("x")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, whole, err := readJournal(data)
		if whole < 0 || whole > int64(len(data)) || whole > 0 && data[whole-1] != '\n' {
			t.Fatalf("%d bytes of %d", whole, len(data))
		}
		if err != nil {
			return
		}
		again, rest, err := readJournal(data[:whole])
		if err != nil || rest != whole || !reflect.DeepEqual(again, entries) {
			t.Fatalf("%d of %d bytes, %v: %+v became %+v", rest, whole, err, entries, again)
		}
	})
}

func BenchmarkReadJournal(b *testing.B) {
	data, err := os.ReadFile("../testdata/records/good.jsonl")
	if err != nil {
		b.Fatal(err)
	}
	data = bytes.Repeat(data, 1000)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		if _, err := results.ReadJournal(bytes.NewReader(data), func(results.Entry) error { n++; return nil }); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(n), "records/op")
	}
}
