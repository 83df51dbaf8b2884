package scanner

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"certsweep/dialer"
	"certsweep/results"
)

// journalOf returns a journal with the given targets, entered in any order.
func journalOf(t testing.TB, random *rand.Rand, targets []Target, ports []uint16) *Journal {
	t.Helper()
	j := &Journal{Ports: ports}
	for _, i := range random.Perm(len(targets)) {
		if err := j.Add(targets[i].Entry()); err != nil {
			t.Fatal(err)
		}
	}
	return j
}

// TestJournal: whatever part of whatever list is done, the rest is what is
// missing, and the journal is known for this list's.
func TestJournal(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		list := randomList(random, random.IntN(40))
		ports := []uint16{443, 8443, 4443}[:random.IntN(4)]
		shard := []Shard{{}, {1, 2}, {3, 3}}[random.IntN(3)]
		targets := func() iter.Seq2[Target, error] { return sequence(list, ports, shard) }
		portion := []float64{0, 0.1, 0.5, 0.9, 1}[random.IntN(5)]
		var done []Target
		var missing []string
		total := 0
		for target := range targets() {
			total++
			if random.Float64() < portion {
				done = append(done, target)
			} else {
				missing = append(missing, fmt.Sprintf("%d %q %s", target.Line, target.Text, target.Endpoint))
			}
		}
		j := journalOf(t, random, done, ports)
		if n, err := j.Check(targets()); err != nil || n != total || j.Len() != len(done) {
			t.Fatalf("%d of %d targets, %d of %d done, %v in\n%s", n, total, j.Len(), len(done), err, list)
		}
		if got := collect(t, j.Rest(targets())); !slices.Equal(got, missing) {
			t.Fatalf("ports %v, shard %v: the rest is\n%q\nwant\n%q\nof\n%s", ports, shard, got, missing, list)
		}
	}
}

// TestJournalRefusesAnotherList: every change that touches a target which is
// done, or its place.
func TestJournalRefusesAnotherList(t *testing.T) {
	const list = "a.test\nb.test:8443 tag=x\n192.0.2.0/30\nno target\nsmtp://c.test\n# comment\nd.test starttls=imap\n"
	var done []Target
	for target := range sequence(list, nil, Shard{}) {
		done = append(done, target)
	}
	j := journalOf(t, rand.New(rand.NewPCG(7, 8)), done, nil)
	if _, err := j.Check(sequence(list, nil, Shard{})); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Check(sequence(list+"\ne.test\n", nil, Shard{})); err != nil {
		t.Errorf("a list may grow at its end: %v", err)
	}
	for name, changed := range map[string]string{
		"empty":          "",
		"renamed":        strings.Replace(list, "a.test", "A.test", 1),
		"other port":     strings.Replace(list, "8443", "8444", 1),
		"other tag":      strings.Replace(list, "tag=x", "tag=y", 1),
		"other prefix":   strings.Replace(list, "192.0.2.0/30", "192.0.2.0/31", 1),
		"other nonsense": strings.Replace(list, "no target", "no  target", 1),
		"other protocol": strings.Replace(list, "imap", "pop3", 1),
		"shifted":        "\n" + list,
		"shorter":        "a.test\nb.test:8443 tag=x\n",
		"other order":    strings.Replace(list, "a.test\nb.test:8443 tag=x\n", "b.test:8443 tag=x\na.test\n", 1),
	} {
		if _, err := j.Check(sequence(changed, nil, Shard{})); !errors.Is(err, ErrNotThisList) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := j.Check(sequence(list, nil, Shard{1, 2})); !errors.Is(err, ErrNotThisList) {
		t.Errorf("a shard of the list: %v", err)
	}
	if _, err := j.Check(sequence(list, []uint16{8443}, Shard{})); !errors.Is(err, ErrNotThisList) {
		t.Errorf("another port: %v", err)
	}
}

// TestJournalRefusesEntries that no scan can have written, in this order.
func TestJournalRefusesEntries(t *testing.T) {
	for name, entries := range map[string][]results.Entry{
		"twice":           {{Line: 1, Input: "a.test", Host: "a.test", Port: 443}, {Line: 1, Input: "a.test", Host: "a.test", Port: 443}},
		"line 0":          {{Line: 0, Input: "a.test", Host: "a.test", Port: 443}},
		"negative":        {{Line: -1, Input: "a.test", Host: "a.test", Port: 443}},
		"not in prefix":   {{Line: 1, Input: "192.0.2.0/30", Host: "192.0.2.4", Port: 443}},
		"name in prefix":  {{Line: 1, Input: "192.0.2.0/30", Host: "a.test", Port: 443}},
		"no prefix":       {{Line: 1, Input: "192.0.2.0/x", Host: "192.0.2.0", Port: 443}},
		"too long prefix": {{Line: 1, Input: "::/0", Host: "::1", Port: 443}},
		"twice in prefix": {{Line: 1, Input: "192.0.2.0/32", Host: "192.0.2.0", Port: 443}, {Line: 1, Input: "192.0.2.0/32", Host: "192.0.2.0", Port: 443}},
	} {
		var j Journal
		for i, e := range entries {
			err := j.Add(e)
			if last := i == len(entries)-1; last != errors.Is(err, ErrNotThisList) {
				t.Errorf("%s: entry %d: %v", name, i, err)
			}
		}
	}
}

// TestJournalKeepsWhatJSONDoes: a record's text is the line's also where that
// is not UTF-8.
func TestJournalKeepsWhatJSONDoes(t *testing.T) {
	list := "https://a.test/\xff\xfe\xc3\n\xff\xfe\nb.test tag=\"\xe2\x80\xa8\x80\"\n<&>\u2028 x\nhttps://a.test/\x7f\u0085\x00\n" + strings.Repeat("é", 40000) + "\n"
	var written strings.Builder
	encoder := results.NewEncoder(&written)
	for target := range sequence(list, nil, Shard{}) {
		if err := encoder.Encode(new(Recorder).Record(&target, time.Now(), new(dialer.Handshake), target.Err)); err != nil {
			t.Fatal(err)
		}
	}
	if err := encoder.Flush(); err != nil {
		t.Fatal(err)
	}
	var j Journal
	whole, err := results.ReadJournal(strings.NewReader(written.String()), j.Add)
	if err != nil || whole != int64(written.Len()) || j.Len() != 6 {
		t.Fatalf("%d entries in %d bytes of %d, %v", j.Len(), whole, written.Len(), err)
	}
	if _, err := j.Check(sequence(list, nil, Shard{})); err != nil {
		t.Errorf("%v:\n%s", err, &written)
	}
}

// TestJournalIsSmall: what is done costs a bit, and less where it is together.
func TestJournalIsSmall(t *testing.T) {
	var j Journal
	const n = 1 << 20
	for line := 1; line <= n; line += 2 {
		if err := j.Add(results.Entry{Line: line, Input: "a", Host: "a", Port: 443}); err != nil {
			t.Fatal(err)
		}
	}
	words := 0
	for _, p := range j.done.pages {
		words += len(p.words)
	}
	if words > n/64+1 {
		t.Errorf("%d words for %d lines of which half are done", words, n)
	}
	for line := 2; line <= n; line += 2 {
		if err := j.Add(results.Entry{Line: line, Input: "a", Host: "a", Port: 443}); err != nil {
			t.Fatal(err)
		}
	}
	words = 0
	for _, p := range j.done.pages {
		words += len(p.words)
	}
	// The first page has no line 0 and the last one is begun.
	if words > 2*pageBits/64 {
		t.Errorf("%d words for %d lines, all done", words, n)
	}

	// A prefix that is done is one bit more, however large it is.
	j = Journal{}
	for target := range sequence("10.0.0.0/15\n10.8.0.0/24\n", nil, Shard{}) {
		if err := j.Add(target.Entry()); err != nil {
			t.Fatal(err)
		}
	}
	if len(j.done.pages) != 3 {
		t.Errorf("%d pages for two prefixes, want two full ones and that of the lines", len(j.done.pages))
	}
	if rest := collect(t, j.Rest(sequence("10.0.0.0/15\n10.8.0.0/24\n", nil, Shard{}))); len(rest) != 0 {
		t.Errorf("%d are left", len(rest))
	}
}
