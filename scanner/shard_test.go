package scanner

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"certsweep/dialer"
)

// sequence returns the targets of a list as flags complete them.
func sequence(list string, ports []uint16, shard Shard) iter.Seq2[Target, error] {
	return shard.Apply(Defaults{Ports: ports}.Apply(ReadTargets(strings.NewReader(list), nil)))
}

// collect returns the targets of a sequence, each as one word for all that its
// record would say of it.
func collect(t testing.TB, targets iter.Seq2[Target, error]) []string {
	t.Helper()
	var all []string
	for target, err := range targets {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%d %q %s", target.Line, target.Text, target.Endpoint))
	}
	return all
}

// TestShardHash: the parts of a list must never change, or processes of two
// versions would leave targets out.
func TestShardHash(t *testing.T) {
	for _, test := range []struct {
		target Target
		want   uint64
	}{
		{Target{Endpoint: dialer.Endpoint{Host: "example.com", Port: 443}}, 0x834426d545eeb3e3},
		{Target{Endpoint: dialer.Endpoint{Host: "example.com", Port: 8443}}, 0x33a230935c6d9c5c},
		{Target{Endpoint: dialer.Endpoint{Host: "192.0.2.1", Port: 443, ServerName: "example.com"}}, 0x2b3e6da48e3449cb},
		{Target{Endpoint: dialer.Endpoint{Host: "2001:db8::1", Port: 25, StartTLS: "smtp"}}, 0x4ef20110456c3f1f},
		{Target{Text: "not a target", Err: errors.New("")}, 0x90e419bfa0c0f4e8},
		// What is no part of the endpoint does not count.
		{Target{Line: 7, Text: "example.com", Tag: "x", Endpoint: dialer.Endpoint{Host: "example.com", Port: 443}}, 0x834426d545eeb3e3},
	} {
		if got := test.target.hash(); got != test.want {
			t.Errorf("%+v: %#x, want %#x", test.target, got, test.want)
		}
	}
}

func TestParseShard(t *testing.T) {
	for _, s := range []string{"1/1", "1/4", "4/4", "1000/2147483647"} {
		if shard, err := ParseShard(s); err != nil || shard.String() != s {
			t.Errorf("%q became %v, %v", s, shard, err)
		}
	}
	for _, s := range []string{"", "1", "/", "1/", "/2", "0/4", "5/4", "-1/4", "1/-4", "1/0", "0/0", "1/2/3", "+1/2", " 1/2", "1.0/2", "1/99999999999"} {
		if shard, err := ParseShard(s); err == nil {
			t.Errorf("%q became %v", s, shard)
		}
	}
	if s := (Shard{}).String(); s != "" {
		t.Errorf("the whole list is %q", s)
	}
}

// randomList has lines of every form, some of them twice.
func randomList(random *rand.Rand, n int) string {
	forms := []string{
		"h%d.test", "h%d.test:8443", "10.0.%d.0/29", "192.0.2.0/%d:8443", "192.0.2.1,h%d.test", "smtp://h%d.test", "h%d.test sni=x.test tag=y",
		"not a target %d", "https://h%d.test/x", "[2001:db8::%d]:443", "2001:db8::%d/126", "# %d", "%d..", "h%d.test starttls=imap", "300.1.1.%d",
		"192.0.2.%d-40", "10.1-2.3.%d-34", "198.51.100.1-198.51.100.%d:8443", "10.0.%d.*:443-445", "h%d.test:443,8443", "2001:db8::%d-2001:db8::99", "h%d.test 8443",
		"192.0.2.1 443 h%d.test", "[2001:db8::/125]:8443,44%d", `{"host":"h%d.test","port":[443,8443]}`, "Host: 192.0.2.%d ()\tPorts: 443/open/tcp//, 8443/open/tcp//",
		"user@192.0.2.0/%d", "*.h%d.test:443,4443", "1,h%d.test", "192.0.2.1,,t%d,443",
	}
	var b strings.Builder
	for range n {
		fmt.Fprintf(&b, forms[random.IntN(len(forms))]+"\n", 24+random.IntN(9))
	}
	return b.String()
}

// TestShardsAreTheList: whatever the list, the ports and N are, every target
// is in exactly one shard, and in the list's order.
func TestShardsAreTheList(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		list := randomList(random, random.IntN(40))
		ports := []uint16{443, 8443, 4443}[:random.IntN(4)]
		n := 1 + random.IntN(9)
		want := collect(t, sequence(list, ports, Shard{}))
		var got []string
		for i := range n {
			shard := Shard{i + 1, n}
			part := collect(t, sequence(list, ports, shard))
			rest := want
			for _, s := range part {
				at := slices.Index(rest, s)
				if at < 0 {
					t.Fatalf("%v: %s is out of order in\n%s", shard, s, list)
				}
				rest = rest[at+1:]
			}
			got = append(got, part...)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("%d shards, ports %v:\ngot  %q\nwant %q", n, ports, got, want)
		}
	}
}

// TestShardsKeepUnderEdits: a line that is put in, or one that goes, moves no
// other endpoint to another shard.
func TestShardsKeepUnderEdits(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	home := make(map[string]int)
	for range 50 {
		list := randomList(random, 30)
		for i := range 5 {
			for target := range sequence(list, nil, Shard{i + 1, 5}) {
				key := target.Endpoint.String()
				if target.Err != nil {
					key = target.Text
				}
				if before, ok := home[key]; ok && before != i {
					t.Fatalf("%s was in shard %d and is in %d", key, before+1, i+1)
				}
				home[key] = i
			}
		}
	}
	if len(home) < 100 {
		t.Errorf("only %d endpoints", len(home))
	}
}

// TestShardsAreEven: within 3 % for 100,000 names, also where names and
// addresses differ in their last characters only.
func TestShardsAreEven(t *testing.T) {
	const n = 100_000
	for name, form := range map[string]func(int) string{
		"names":     func(i int) string { return fmt.Sprintf("host-%06d.example.com", i) },
		"addresses": func(i int) string { return fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255) },
		"ports":     func(i int) string { return fmt.Sprintf("192.0.2.%d:%d", i%2, 1+i/2) },
	} {
		counts := map[int][]int{2: make([]int, 2), 3: make([]int, 3), 8: make([]int, 8), 10: make([]int, 10)}
		for i := range n {
			e, err := dialer.ParseEndpoint(form(i))
			if err != nil {
				t.Fatal(err)
			}
			hash := Target{Endpoint: e.WithDefaultPort(defaultPort)}.hash()
			for shards := range counts {
				counts[shards][hash%uint64(shards)]++
			}
		}
		for shards := range counts {
			for i, count := range counts[shards] {
				if off := float64(count)*float64(shards)/n - 1; off < -0.03 || off > 0.03 {
					t.Errorf("%s: shard %d/%d has %d of %d", name, i+1, shards, count, n)
				}
			}
		}
	}
}

func TestShardPassesErrors(t *testing.T) {
	broken := errors.New("broken")
	targets := func(yield func(Target, error) bool) { yield(Target{}, broken) }
	for i := range 3 {
		var got error
		for _, err := range (Shard{i + 1, 3}).Apply(targets) {
			got = err
		}
		if got != broken {
			t.Errorf("shard %d ends with %v", i+1, got)
		}
	}
}

func FuzzParseShard(f *testing.F) {
	for _, seed := range []string{"1/2", "2/2", "0/1", "/", "01/2", "9999999999/9999999999"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		shard, err := ParseShard(s)
		if err != nil {
			return
		}
		if shard.Index < 1 || shard.Index > shard.Count {
			t.Fatalf("%q became %+v", s, shard)
		}
		if back, err := ParseShard(shard.String()); err != nil || back != shard {
			t.Fatalf("%q became %+v and then %+v, %v", s, shard, back, err)
		}
	})
}
