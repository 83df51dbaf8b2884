package scanner

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"certsweep/scanner/list"
)

// namesOf reads names without a mistake.
func namesOf(t testing.TB, text string) *Names {
	t.Helper()
	names, err := ReadNames(linesOf(text), 0, func(line int, err error) { t.Errorf("line %d: %v", line, err) })
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestReadNames(t *testing.T) {
	names := namesOf(t, "\ufeffa.test # one\r\n\n; none\n*.B.test\nhttps://c.test:8443/x\nc.test:443,8443\nbücher.example.\n5,d.test\n192.0.2.1,e.test,443\n192.0.2.1 sni=f.test tag=x\n"+
		`{"host":"g.test","port":443}`+"\na.test\n_h.test\n")
	want := []string{"a.test", "b.test", "c.test", "xn--bcher-kva.example", "d.test", "e.test", "f.test", "g.test", "_h.test"}
	var got []string
	for i := range names.Len() {
		got = append(got, names.at(i))
		if found, ok := names.index(names.at(i)); !ok || found != i {
			t.Errorf("%s has the number %d, not %d", names.at(i), found, i)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, ok := names.index("z.test"); ok {
		t.Error("a name that is not there has a number")
	}
	wrong := map[int]string{1: "an address", 2: "several addresses", 3: "RFC 6066", 4: "unknown attribute", 5: "@defaults", 6: "label is empty", 7: `'\x00'`, 8: "longer than 253", 9: "too long", 10: "not UTF-8"}
	names, err := ReadNames(linesOf("192.0.2.1\n10.0.0.0/8\n2001:db8::1\na.test min-days=3\n@defaults tag=x\na..b\na\x00b.test\n"+strings.Repeat("a", 500)+".test\n"+
		strings.Repeat("a", list.MaxLine+1)+"\nb\xff.test\nok.test\n"), 0, func(line int, err error) {
		if want, ok := wrong[line]; !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("line %d: %v", line, err)
		}
		delete(wrong, line)
	})
	if err != nil || names.Len() != 1 || len(wrong) != 0 {
		t.Errorf("%d names, %v; no mistake on %v", names.Len(), err, wrong)
	}
}

// TestNamesLimit: a list of names that is too long for the memory it may have is
// an error, before it has taken more.
func TestNamesLimit(t *testing.T) {
	read := 0
	endless := func(yield func(list.Line, error) bool) {
		for ; yield(list.Line{Number: read + 1, Text: fmt.Sprintf("h%d.example.test", read)}, nil); read++ {
		}
	}
	if _, err := ReadNames(endless, 1<<20, nil); !errors.Is(err, ErrTooManyNames) {
		t.Error(err)
	}
	if read < 10_000 || read > 50_000 { // some 31 bytes each
		t.Errorf("%d names in a mebibyte", read)
	}
}

// product is the targets of a list for each name, in the plainest way.
func product(t *testing.T, targets iter.Seq2[Target, error], names *Names) (all []string) {
	t.Helper()
	for target, err := range targets {
		if err != nil {
			t.Fatal(err)
		}
		if target.Err != nil || target.Endpoint.ServerName != "" {
			all = append(all, fmt.Sprintf("%d %q %s", target.Line, target.Text, target.Endpoint))
			continue
		}
		for i := range names.Len() {
			target.Endpoint.ServerName = names.at(i)
			all = append(all, fmt.Sprintf("%d %q %s", target.Line, target.Text, target.Endpoint))
		}
	}
	return all
}

// TestNamesProduct: in whatever order, of whatever list, every target is there once
// for every name, in exactly one shard, and a journal of any part leaves the others.
func TestNamesProduct(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for round := range 12 {
		text, ports := randomList(random, 1+random.IntN(12)), []uint16{443, 8443, 4443}[:random.IntN(4)]
		var words strings.Builder
		for i := range 1 + random.IntN(9) {
			fmt.Fprintf(&words, "n%d.test\nh%d.test\n", i, 24+i)
		}
		names := namesOf(t, words.String())
		d := Defaults{Ports: ports}
		lines := func() iter.Seq2[Target, error] { return ReadLines(linesOf(text), nil) }
		want := product(t, d.Apply(Expand(lines())), names)
		slices.Sort(want)
		for how, apply := range map[string]func() iter.Seq2[Target, error]{
			"in turns": func() iter.Seq2[Target, error] { return names.Apply(Expand(lines()), false) },
			"live":     func() iter.Seq2[Target, error] { return names.Apply(Expand(lines()), true) },
			"shuffled": func() iter.Seq2[Target, error] {
				return Shuffle{Seed: uint64(round), Ports: ports, Names: names}.Apply(lines())
			},
		} {
			targets := func() iter.Seq2[Target, error] { return d.Apply(apply()) }
			if got := slices.Sorted(slices.Values(collect(t, targets()))); !slices.Equal(got, want) {
				t.Fatalf("%s: got %d\n%q\nwant %d\n%q", how, len(got), got, len(want), want)
			}
			var got []string
			for i := range 3 {
				got = append(got, collect(t, Shard{i + 1, 3}.Apply(targets()))...)
			}
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Fatalf("%s: the shards together have %d targets, not %d", how, len(got), len(want))
			}
			j := &Journal{Ports: ports, Names: names}
			var left []string
			for target := range targets() {
				if random.IntN(2) == 0 {
					left = append(left, fmt.Sprintf("%d %q %s", target.Line, target.Text, target.Endpoint))
				} else if err := j.Add(target.Entry()); err != nil {
					t.Fatalf("%s: %v", how, err)
				} else if err := j.Add(target.Entry()); !errors.Is(err, ErrNotThisList) {
					t.Fatalf("%s: a second record: %v", how, err)
				}
			}
			if total, err := j.Check(targets()); total != len(want) || err != nil {
				t.Fatalf("%s: %d targets, %v", how, total, err)
			}
			got = collect(t, j.Rest(targets()))
			if how == "live" { // it has no order
				slices.Sort(got)
				slices.Sort(left)
			}
			if !slices.Equal(got, left) {
				t.Fatalf("%s: %d left, not %d", how, len(got), len(left))
			}
			if j.Len() > 0 && len(left) > 0 {
				other := &Journal{Ports: ports, Names: namesOf(t, "other.test\n"), done: j.done, count: j.count, sum: j.sum}
				if _, err := other.Check(d.Apply(other.Names.Apply(Expand(lines()), false))); !errors.Is(err, ErrNotThisList) && strings.Contains(strings.Join(want, ""), "n0.test") {
					t.Fatalf("%s: other names: %v", how, err)
				}
			}
		}
	}
}

// TestNamesUnique compares with a map of all endpoints.
func TestNamesUnique(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for round := range 12 {
		text := randomList(random, 20) + "192.0.2.33,h25.test,8443\n192.0.2.33:8443\n192.0.2.33,h25.test,8443\n192.0.2.0/26:8443\n"
		names, d := namesOf(t, "h24.test\nh25.test\nh26.test\nx.test\n"), Defaults{Ports: []uint16{443}}
		lines := func() iter.Seq2[Target, error] { return ReadLines(linesOf(text), nil) }
		want := make(map[string]bool)
		for target := range d.Apply(names.Apply(Expand(lines()), false)) {
			if target.Err == nil {
				target.Endpoint.ServerName = target.Endpoint.Name()
				want[target.Endpoint.String()] = true
			}
		}
		for how, targets := range map[string]iter.Seq2[Target, error]{
			"in turns": names.Apply(Expand(lines()), false), "shuffled": Shuffle{Seed: uint64(round), Ports: d.Ports, Names: names}.Apply(lines()),
		} {
			got := make(map[string]bool)
			for target := range Unique(d.Apply(targets), names) {
				target.Endpoint.ServerName = target.Endpoint.Name()
				key := target.Endpoint.String()
				if target.Err == nil && (got[key] || !want[key]) {
					t.Fatalf("%s: %s is there twice, or should not be", how, key)
				}
				got[key] = target.Err == nil
			}
			for key := range want {
				if !got[key] {
					t.Fatalf("%s: %s is missing", how, key)
				}
			}
		}
	}
}

// TestNamesTakeTurns: of a list that is longer than a window, no target is asked for
// its next name before as many others as the window has were asked.
func TestNamesTakeTurns(t *testing.T) {
	const hosts = 3 * windowTargets
	names := namesOf(t, "a.test\nb.test\nc.test\n")
	lines := ReadLines(linesOf(fmt.Sprintf("10.0.0.0-10.0.%d.255\n", hosts/256-1)), nil)
	last, n := make(map[string]int), 0
	for target, err := range names.Apply(Expand(lines), false) {
		if err != nil {
			t.Fatal(err)
		}
		host := target.Endpoint.Host
		// At the end there are no others left.
		if before, ok := last[host]; ok && n-before < windowTargets/2 && n < 2*hosts {
			t.Fatalf("%s is asked again after %d others", host, n-before)
		}
		last[host] = n
		n++
	}
	if n != hosts*3 {
		t.Errorf("%d targets", n)
	}
}

// TestNamesLive: a target that comes from a slow pipe is asked for its names before
// the next one comes, and what ends the pipe is told last.
func TestNamesLive(t *testing.T) {
	names, broken := namesOf(t, "a.test\nb.test\n"), errors.New("broken")
	more := make(chan int)
	slow := func(yield func(Target, error) bool) {
		for line := range more {
			if !yield(Target{Line: line}, nil) {
				return
			}
		}
		yield(Target{}, broken)
	}
	next, stop := iter.Pull2(names.Apply(slow, true))
	defer stop()
	for line := 1; line <= 3; line++ {
		// Nothing more comes until both names were asked for.
		go func() { more <- line }()
		for _, name := range []string{"a.test", "b.test"} {
			if target, err, ok := next(); !ok || err != nil || target.Line != line || target.Endpoint.ServerName != name {
				t.Fatalf("line %d, %s: %v, %v, %v", line, name, target, err, ok)
			}
		}
	}
	close(more)
	if _, err, _ := next(); err != broken {
		t.Errorf("the end is %v", err)
	}
	if _, _, ok := next(); ok {
		t.Error("something comes after the end")
	}
}

// FuzzReadNames: no text is a name that could not be read again as it is.
func FuzzReadNames(f *testing.F) {
	for _, text := range []string{"a.test", "*.b.test # x", "https://c.test/", "1,d.test", "bücher.example", "10.0.0.1,e.test", "a\x00b", `{"host":"x.test"}`, "a.test\nA.TEST."} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		names, err := ReadNames(linesOf(text), 0, func(int, error) {})
		if err != nil {
			return
		}
		var again strings.Builder
		for i := range names.Len() {
			again.WriteString(names.at(i) + "\n")
		}
		same := namesOf(t, again.String())
		for i := range max(same.Len(), names.Len()) {
			if same.Len() != names.Len() || same.at(i) != names.at(i) {
				t.Fatalf("%q: %d names, of which %d are read again", text, names.Len(), same.Len())
			}
		}
	})
}
