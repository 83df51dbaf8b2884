package scan

import (
	"fmt"
	"slices"
	"testing"

	"certsweep/scanner/list"
)

// TestInputLocates lines of several inputs, also where the last line of one has
// no end.
func TestInputLocates(t *testing.T) {
	in := &Input{}
	for _, file := range []struct{ name, text string }{{"", "t\n"}, {"a", "1.test\r\n\n3.test"}, {"empty", ""}, {"b", "1.test\n"}} {
		in.addText(file.name, list.Auto, []byte(file.text))
	}
	for _, err := range in.ReadLines() {
		if err != nil {
			t.Fatal(err)
		}
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
