package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentedPrograms builds the programs of docs/library.md, and runs each: the
// first with a target, the others with a list or with records, as the page says.
func TestDocumentedPrograms(t *testing.T) {
	if testing.Short() {
		t.Skip("builds three programs")
	}
	s := newStage(t)
	var list strings.Builder
	for _, h := range stageHosts {
		fmt.Fprintf(&list, "%s,%s,%d\n", s.names[h.name], h.name, s.port)
	}
	blocks := regexp.MustCompile("(?ms)^```go\n(package main.*?)^```$").FindAllStringSubmatch(page(t, "docs/library.md"), -1)
	if len(blocks) != 3 {
		t.Fatalf("%d programs", len(blocks))
	}
	first, _, _ := strings.Cut(list.String(), "\n")
	input := list.String()
	wants := []string{"127.0.0.2 ok [untrusted]\nExample CA 1 ", `"host":"127.0.0.7","port":`, "unchecked 127.0.0.7 could not be checked"}
	for i, block := range blocks {
		source, binary := filepath.Join(t.TempDir(), "main.go"), filepath.Join(t.TempDir(), "program")
		if err := os.WriteFile(source, []byte(block[1]), 0o666); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("go", "build", "-o", binary, source).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		cmd := exec.Command(binary, first)
		cmd.Stdin = strings.NewReader(input)
		out, err := cmd.Output()
		if err != nil || !strings.Contains(string(out), wants[i]) {
			t.Errorf("program %d: %v, no %q in\n%s", i+1, err, wants[i], out)
		}
		if i == 1 {
			input = string(out) // the records are what the last one reads
		}
	}
}
