package scan

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// TestInputLocates lines of several inputs, also where the last line of one has
// no end.
func TestInputLocates(t *testing.T) {
	in := &Input{}
	in.add("", strings.NewReader("t\n"))
	in.add("a", strings.NewReader("1\r\n\n3"))
	in.add("empty", strings.NewReader(""))
	in.add("b", strings.NewReader("1\n"))
	in.join()
	if _, err := io.ReadAll(in); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range 7 {
		name, number := in.Locate(line + 1)
		got = append(got, fmt.Sprintf("%s:%d", name, number))
	}
	want := []string{":1", "a:1", "a:2", "a:3", "b:1", ":0", ":0"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
