package scanner

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"certsweep/dialer"
	"certsweep/scanner/list"
)

func linesOf(text string) iter.Seq2[list.Line, error] {
	return list.NewReader(strings.NewReader(text), list.Auto).All()
}

func TestExclusions(t *testing.T) {
	x, err := ReadExclusions(linesOf(`
# a comment
10.0.0.0/8        # private
192.0.2.7
192.0.2.9:25,587
198.51.100.1-9:8443
172.16.0.0/12:1-100
203.0.*.1
2001:db8::/32
; names
bad.test
*.gov.test
mail.test:25
*.mx.test:1-100
:22
*:3389
`))
	if err != nil {
		t.Fatal(err)
	}
	for endpoint, want := range map[string]bool{
		"10.255.255.255:443": true, "11.0.0.0:443": false, "9.255.255.255:443": false, "192.0.2.7:1": true, "192.0.2.8:443": false,
		"192.0.2.9:25": true, "192.0.2.9:443": false, "198.51.100.5:8443": true, "198.51.100.5:443": false, "203.0.77.1:443": true, "203.0.77.2:443": false,
		"[2001:db8:ffff::1]:443": true, "[2001:db9::]:443": false, "[64:ff9b::a00:1]:443": true, "[64:ff9b::b00:1]:443": false,
		"bad.test:443": true, "www.bad.test:443": false, "notbad.test:443": false, "gov.test:443": false, "a.gov.test:443": true, "a.b.gov.test:443": true,
		"mail.test:25": true, "mail.test:443": false, "a.mx.test:99": true, "a.mx.test:101": false, "x.test:22": true, "1.2.3.4:3389": true,
		"192.0.2.8:443 sni=bad.test": true, "x.test:443 sni=a.gov.test": true, "x.test:443": false, "172.31.255.255:100": true, "172.32.0.0:100": false, "172.16.0.0:101": false,
	} {
		e, err := dialer.ParseEndpoint(endpoint)
		if err != nil {
			t.Fatal(err)
		}
		if got := x.Excludes(e); got != want {
			t.Errorf("%s: %v", endpoint, got)
		}
	}
	if !x.ExcludesAddr(netip.MustParseAddrPort("[::ffff:10.0.0.1]:443")) || !x.ExcludesAddr(netip.MustParseAddrPort("[2001:db8::1%eth0]:443")) {
		t.Error("an address in another form is let through")
	}
	for text, want := range map[string]string{
		"exa mple.com": "one exclusion a line", "a..b": "label is empty", "10.0.0.0/33": "neither a host nor a prefix", ":": "not a port", ":0": "not a port", "192.0.2.1,a.test": "not one of the other", `{"x":1}`: "no key",
	} {
		if _, err := ReadExclusions(linesOf("a.test\n" + text + "\n")); err == nil || !strings.Contains(err.Error(), "line 2: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestExclusionsAreExact compares with the exclusions one by one.
func TestExclusionsAreExact(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var text strings.Builder
	var prefixes []netip.Prefix
	for range 300 {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(random.IntN(3)), byte(random.IntN(256)), byte(random.IntN(256))}), 20+random.IntN(13)).Masked()
		prefixes = append(prefixes, p)
		fmt.Fprintln(&text, p)
	}
	x, err := ReadExclusions(linesOf(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	for range 50_000 {
		addr := netip.AddrFrom4([4]byte{10, byte(random.IntN(3)), byte(random.IntN(256)), byte(random.IntN(256))})
		want := slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
		if got := x.ExcludesAddr(netip.AddrPortFrom(addr, 443)); got != want {
			t.Fatalf("%v: %v, want %v", addr, got, want)
		}
	}
}

func TestExclusionsApply(t *testing.T) {
	x, err := ReadExclusions(linesOf("192.0.2.0/30\n"))
	if err != nil {
		t.Fatal(err)
	}
	out := 0
	got := collect(t, x.Apply(sequence("192.0.2.0/29\n", nil, Shard{}), func(Target) { out++ }))
	if len(got) != 4 || out != 4 {
		t.Errorf("%q, and %d excluded", got, out)
	}
	var last error
	for _, err := range x.Apply(sequence("192.0.2.0/31\n", nil, Shard{}), nil) {
		last = err
	}
	if !errors.Is(last, ErrAllExcluded) {
		t.Errorf("a list of which nothing is left ends with %v", last)
	}
	if got := collect(t, x.Apply(sequence("", nil, Shard{}), nil)); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

// TestUnique compares with a map of all endpoints.
func TestUnique(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	for range 100 {
		list := randomList(random, 60)
		ports := []uint16{443, 8443}[:random.IntN(3)]
		met := make(map[dialer.Endpoint]bool)
		var want []string
		for target := range sequence(list, ports, Shard{}) {
			e := target.Endpoint
			e.ServerName = e.Name()
			if target.Err == nil && met[e] {
				continue
			}
			met[e] = true
			want = append(want, fmt.Sprintf("%d %q %s", target.Line, target.Text, target.Endpoint))
		}
		if got := collect(t, Unique(sequence(list, ports, Shard{}), nil)); !slices.Equal(got, want) {
			t.Fatalf("got\n%q\nwant\n%q", got, want)
		}
	}
}

func TestLimit(t *testing.T) {
	broken := errors.New("broken")
	read := 0
	targets := func(yield func(Target, error) bool) {
		for range 3 {
			if read++; !yield(Target{}, nil) {
				return
			}
		}
		yield(Target{}, broken)
	}
	for n, want := range map[int]string{1: "1 <nil>", 3: "3 <nil>", 4: "3 broken"} {
		count, last := 0, error(nil)
		read = 0
		for _, err := range Limit(targets, n) {
			if last = err; err == nil {
				count++
			}
		}
		if got := fmt.Sprint(count, " ", last); got != want || read > n {
			t.Errorf("the first %d: %s, %d were read", n, got, read)
		}
	}
}

// TestShuffle: each target comes once, in the same order each time, whatever the
// list is, and in another with another seed.
func TestShuffle(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	for range 25 {
		text := randomList(random, random.IntN(200))
		ports := []uint16{443, 8443, 4443}[:random.IntN(4)]
		shuffle := func(seed uint64) []string {
			lines := ReadLines(linesOf(text), nil)
			return collect(t, Defaults{Ports: ports}.Apply(Shuffle{Seed: seed, Ports: ports}.Apply(lines)))
		}
		want := collect(t, sequence(text, ports, Shard{}))
		got, again, other := shuffle(1), shuffle(1), shuffle(2)
		if !slices.Equal(got, again) {
			t.Fatal("the order changes")
		}
		if len(got) > 20 && (slices.Equal(got, other) || slices.Equal(got, want)) {
			t.Fatal("the order is not that of the seed")
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("got\n%q\nwant\n%q", got, want)
		}
	}
}

// TestShuffleSpreads: the addresses of two prefixes of one list are mixed, in
// every stretch of it.
func TestShuffleSpreads(t *testing.T) {
	const text = "10.0.0.0/16\nname.test\n10.1.0.0/16\n"
	per, n := make(map[string]int), 0
	for target, err := range (Shuffle{Seed: 5}).Apply(ReadLines(linesOf(text), nil)) {
		if err != nil {
			t.Fatal(err)
		}
		per[strings.Join(strings.Split(target.Endpoint.Host, ".")[:2], ".")]++
		if n++; n%4096 == 0 {
			// Half of 4,096, and five standard deviations of 32.
			if a := per["10.0"]; a < 2048-160 || a > 2048+160 {
				t.Fatalf("of the %d before target %d, %d are of 10.0.0.0/16", 4096, n, a)
			}
			clear(per)
		}
	}
	if n != 2<<16+1 {
		t.Fatal(n)
	}
}

// TestShuffleSpills lists that are too long for memory, and keeps what came before
// an error.
func TestShuffleSpills(t *testing.T) {
	dir, broken := t.TempDir(), errors.New("broken")
	tag := strings.Repeat("t", 100)
	lines := func(yield func(Target, error) bool) {
		for i := range 100_000 {
			text := fmt.Sprintf("h%d.test", i)
			if !yield(Target{Line: i + 1, Text: text, Tag: tag, Endpoint: dialer.Endpoint{Host: text}}, nil) {
				return
			}
		}
		yield(Target{}, broken)
	}
	met := make(map[int]bool)
	var last error
	for target, err := range (Shuffle{Dir: dir}).Apply(lines) {
		if last = err; err != nil {
			break
		}
		if target.Endpoint.Host != target.Text || target.Tag != tag || met[target.Line] {
			t.Fatalf("%+v", target)
		}
		met[target.Line] = true
	}
	if len(met) != 100_000 || !errors.Is(last, broken) {
		t.Errorf("%d lines, %v", len(met), last)
	}
	for _, err := range (Shuffle{Dir: dir + "/none"}).Apply(lines) {
		last = err
	}
	if last == nil || !strings.Contains(last.Error(), "shuffling") {
		t.Errorf("without a place for the file: %v", last)
	}
}

func TestPermutation(t *testing.T) {
	for n := uint64(1); n < 600; n++ {
		p := newPermutation(n, n)
		met := make([]bool, n)
		for i := range n {
			k := p.at(i)
			if met[k] {
				t.Fatalf("of %d, %d comes twice", n, k)
			}
			met[k] = true
		}
	}
	p := newPermutation(1, 1<<62)
	for i := range uint64(1000) {
		if k := p.at(i); k >= 1<<62 {
			t.Fatal(k)
		}
	}
}

func BenchmarkShuffle(b *testing.B) {
	text := strings.Repeat("www.example.com:8443\n", 100_000)
	for b.Loop() {
		for _, err := range (Shuffle{Seed: 1}).Apply(ReadLines(linesOf(text), nil)) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/target")
}
