package main

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"certsweep/results"
)

// mixedLine returns a line of any form, and the number of its targets.
func mixedLine(random *rand.Rand) (line string, targets int) {
	addr := fmt.Sprintf("127.%d.%d.%d", random.IntN(256), random.IntN(256), random.IntN(250))
	const name = "mixed.test"
	switch random.IntN(22) {
	case 0:
		return addr + ":1", 1
	case 1:
		return addr + " 1", 1
	case 2:
		return addr + "\t1\t" + name, 1
	case 3:
		return addr + ",1", 1
	case 4:
		return addr + "," + name + ",1", 1
	case 5:
		return addr + "," + name + ",tag,1", 1
	case 6:
		return "https://" + addr + ":1/x?y", 1
	case 7:
		return "http://" + addr + ":1,1000", 1
	case 8:
		return addr + "-" + addr[strings.LastIndexByte(addr, '.')+1:] + ":1", 1
	case 9:
		return addr + ":1,2", 2
	case 10:
		return addr + "/31:1-3", 6
	case 11:
		return `{"host":"` + addr + `","port":"1","sni":"` + name + `"}`, 1
	case 12:
		return `{"ip": "` + addr + `", "ports": [ {"port": 1, "proto": "tcp", "status": "open"} ] },`, 1
	case 13:
		return "Host: " + addr + " ()\tPorts: 1/open/tcp//x///, 2/open/tcp//y///, 3/closed/tcp//z///", 2
	case 14:
		return "Host: " + addr + " ()\tStatus: Up", 0
	case 15:
		return "open tcp 1 " + addr + " 1795691711", 1
	case 16:
		return "Discovered open port 1/tcp on " + addr + "   ", 1
	case 17:
		return "# " + addr, 0
	case 18:
		return `"` + addr + `","1"`, 1
	case 19:
		return strings.Repeat("x", random.IntN(100_000)) + " is no target", 1
	case 20:
		return `{"host":` + addr, 1
	}
	return addr + " 1 " + name + " tag=\"a b\" ; " + addr, 1
}

// TestMixedLists scans 50,000 lines of every form, with every kind of line's end
// and nonsense among them, and misses none.
func TestMixedLists(t *testing.T) {
	if testing.Short() {
		t.Skip("dials some 60,000 times")
	}
	random := rand.New(rand.NewPCG(11, 12))
	var list bytes.Buffer
	want := make(map[int]int)
	for number := 1; number <= 50_000; number++ {
		line, targets := mixedLine(random)
		if targets > 0 {
			want[number] = targets
		}
		list.WriteString(line + []string{"\n", "\r\n"}[random.IntN(2)])
	}
	dir := t.TempDir()
	name := filepath.Join(dir, "mixed")
	if err := os.WriteFile(name, list.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out.jsonl")
	if said, err := command("-q", "--trust", "none", "-c", "500", "-o", out, name).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	file, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	got := make(map[int]int)
	codes := make(map[string]int)
	for r, err := range results.Decode(bufio.NewReader(file)) {
		if err != nil {
			t.Fatal(err)
		}
		got[r.Line]++
		codes[r.Error.Code]++
	}
	if !maps.Equal(got, want) {
		for line, n := range want {
			if got[line] != n {
				t.Errorf("line %d has %d records, want %d", line, got[line], n)
			}
		}
		t.Errorf("%d lines have records, want %d", len(got), len(want))
	}
	if len(codes) != 3 || codes["refused"] == 0 || codes["bad_target"] == 0 || codes["line_too_long"] == 0 {
		t.Errorf("they ended with %v", codes)
	}
	// The records are a list of the same targets.
	again, err := command("-q", "--trust", "none", "-c", "500", out).Output()
	if n := bytes.Count(again, []byte("\n")); err != nil || n != codes["refused"]+codes["bad_target"]+codes["line_too_long"] {
		t.Errorf("scanned again, there are %d records: %v", n, err)
	}
}
