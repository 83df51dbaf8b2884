package queue

import (
	"reflect"
	"strings"
	"testing"

	"certsweep/dialer"
	"certsweep/results/policy"
	"certsweep/scanner"
)

func known(key string) error { return policy.CheckAttribute(key, "sni", "starttls", "tag") }

// roundTrip has a list's targets, and what is left of them when they have been
// in a batch.
func roundTrip(t *testing.T, list string) (want, got []scanner.Target) {
	t.Helper()
	var plain []byte
	var err error
	defaults := scanner.Defaults{Ports: []uint16{443, 8443}}
	for target, failed := range defaults.Apply(scanner.ReadTargets(strings.NewReader(list), known)) {
		if failed != nil {
			t.Fatal(failed)
		}
		if len(want) == 1000 {
			break
		}
		want = append(want, target)
		if plain, err = appendTarget(plain, &target); err != nil {
			t.Fatal(err)
		}
	}
	packed := compress(nil, plain)
	if plain, err = decompressBatch(packed); err != nil {
		t.Fatal(err)
	}
	if got, err = decodeTargets(plain); err != nil {
		t.Fatal(err)
	}
	return want, got
}

// sameTargets checks what a scan makes of a target.
func sameTargets(t *testing.T, want, got []scanner.Target) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d targets, want %d", len(got), len(want))
	}
	for i := range want {
		w, g := want[i], got[i]
		// JSON has U+FFFD for what is not UTF-8, as records have.
		valid := func(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
		if g.Line != w.Line || g.Endpoint != w.Endpoint || valid(g.Tag) != string([]rune(w.Tag)) && g.Tag != valid(w.Tag) ||
			g.Text != string([]rune(w.Text)) || (g.Err == nil) != (w.Err == nil) {
			t.Fatalf("target %d\n got %#v\nwant %#v", i, g, w)
		}
		if w.Err != nil && g.Err.Error() != string([]rune(w.Err.Error())) {
			t.Fatalf("target %d\n got %v\nwant %v", i, g.Err, w.Err)
		}
	}
}

const everyForm = `# a comment
@defaults tag="a b" starttls=smtp
example.com
example.com:25 tag=x min-days=3
https://example.org/path
10.0.0.0/30:8443
2001:db8::1
192.0.2.1,name.test,8443 sni=other.test
bücher.example

no target at all
http://
x bogus=1
`

func TestTargetsSurvive(t *testing.T) {
	want, got := roundTrip(t, everyForm)
	if len(want) < 15 {
		t.Fatalf("%d targets only", len(want))
	}
	sameTargets(t, want, got)
}

func FuzzTargetsSurvive(f *testing.F) {
	f.Add(everyForm)
	f.Add("a\x00b\xff tag=\xff\n\xffx\n")
	f.Fuzz(func(t *testing.T, list string) {
		want, got := roundTrip(t, list)
		sameTargets(t, want, got)
	})
}

func FuzzDecodeTargets(f *testing.F) {
	f.Add([]byte(`{"l":1,"h":"x","p":443}` + "\n"))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		targets, err := decodeTargets(data)
		if err != nil {
			return
		}
		var plain []byte
		for i := range targets {
			if plain, err = appendTarget(plain, &targets[i]); err != nil {
				t.Fatal(err)
			}
		}
		again, err := decodeTargets(plain)
		if err != nil {
			t.Fatal(err)
		}
		sameTargets(t, targets, again)
	})
}

// TestNothingNewInATarget fails when a target gets a field: a batch must have it,
// or it must be known that a scan does not need it.
func TestNothingNewInATarget(t *testing.T) {
	for _, known := range []struct {
		of    reflect.Type
		names string
	}{
		{reflect.TypeFor[scanner.Target](), "Line Text Endpoint Tag Attributes IsDefaults Note Err Done scheme block named"},
		{reflect.TypeFor[dialer.Endpoint](), "Host Port ServerName StartTLS"},
		{reflect.TypeFor[scanner.LineError](), "Line Column Code Err"},
	} {
		var names []string
		for i := range known.of.NumField() {
			names = append(names, known.of.Field(i).Name)
		}
		if got := strings.Join(names, " "); got != known.names {
			t.Errorf("%v has the fields %s: see whether a batch has to carry the new ones", known.of, got)
		}
	}
}

func TestSplit(t *testing.T) {
	b := &batch{path: "7", before: 100}
	for target := range hosts(5) {
		b.plain, _ = appendTarget(b.plain, &target)
		b.targets++
	}
	first, second := split(b)
	if first.path != "7.0" || second.path != "7.1" || first.targets != 2 || second.targets != 3 || second.before != 102 ||
		string(first.plain)+string(second.plain) != string(b.plain) {
		t.Errorf("%+v %+v", first, second)
	}
	one, _ := decodeTargets(first.plain)
	two, _ := decodeTargets(second.plain)
	if len(one) != 2 || len(two) != 3 || two[0].Line != 3 {
		t.Errorf("%v %v", one, two)
	}
}
