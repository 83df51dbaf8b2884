package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"certsweep/cmd/certsweep-queue/queue"
)

// TestCollectedGoesOn: whatever a collect left, the next one goes on behind the
// last batch that is whole in both files.
func TestCollectedGoesOn(t *testing.T) {
	job := &queue.Job{Name: "a", Spec: queue.Spec{ID: "id"}}
	const one, two = "{1}\n{2}\n", "{3}\n"
	whole := fmt.Sprintf("1 %d\n2 %d\n", len(one), len(one)+len(two))
	for name, test := range map[string]struct {
		out, log string // behind the log's head
		want     string // what is left of out
		have     string
	}{
		"whole":                  {one + two, whole, one + two, "1 2"},
		"half a batch":           {one + two + "{4", whole, one + two, "1 2"},
		"a batch without a word": {one + two + "{4}\n", whole, one + two, "1 2"},
		"half a word":            {one + two, whole[:len(whole)-2], one, "1"},
		"a word without a batch": {one, whole, one, "1"},
		"nothing written":        {"", whole, "", ""},
		"zeros":                  {one + two, whole + "\x00\x00\x00", one + two, "1 2"},
		"nonsense":               {one + two, "1 x\n", "", ""},
		"backwards":              {one + two, whole + "3 1\n", one + two, "1 2"},
	} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			write := func(name, text string) {
				if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write(out, test.out)
			write(out+collectedSuffix, `{"job":"a","id":"id","ordered":false}`+"\n"+test.log)
			c, err := openCollected(out, job, false)
			if err != nil {
				t.Fatal(err)
			}
			var have []string
			for _, path := range []string{"1", "2", "3"} {
				if c.have(path) {
					have = append(have, path)
				}
			}
			if got := strings.Join(have, " "); got != test.have {
				t.Errorf("has %q, want %q", got, test.have)
			}
			if err := c.write("9", 1, []byte("{9}\n")); err != nil {
				t.Fatal(err)
			}
			if err := c.close(); err != nil {
				t.Fatal(err)
			}
			if data, err := os.ReadFile(out); err != nil || string(data) != test.want+"{9}\n" {
				t.Errorf("%q, %v", data, err)
			}
			// And once more, with what it wrote.
			c, err = openCollected(out, job, false)
			if err != nil || !c.have("9") || c.size != int64(len(test.want)+len("{9}\n")) {
				t.Fatalf("%+v, %v", c, err)
			}
			c.close()
		})
	}
}

// TestCollectedRefuses: what was not collected from this job is left alone.
func TestCollectedRefuses(t *testing.T) {
	job := &queue.Job{Name: "a", Spec: queue.Spec{ID: "id"}}
	head := `{"job":"a","id":"id","ordered":false}` + "\n"
	for name, test := range map[string]struct{ out, log string }{
		"another file":  {"precious\n", ""},
		"another job":   {"", `{"job":"b","id":"id"}` + "\n"},
		"another life":  {"", `{"job":"a","id":"other"}` + "\n"},
		"another order": {"", `{"job":"a","id":"id","ordered":true}` + "\n"},
		"no head":       {"", "1 3\n"},
		"half a head":   {"precious\n", head[:10]},
	} {
		out := filepath.Join(t.TempDir(), "out")
		if err := os.WriteFile(out, []byte(test.out), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(out+collectedSuffix, []byte(test.log), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := openCollected(out, job, false); err == nil {
			t.Errorf("%s: opened", name)
		}
		if data, err := os.ReadFile(out); err != nil || string(data) != test.out {
			t.Errorf("%s: %q is left, %v", name, data, err)
		}
	}
	// Two at once.
	out := filepath.Join(t.TempDir(), "out")
	c, err := openCollected(out, job, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openCollected(out, job, false); err == nil || !strings.Contains(err.Error(), "is being written by another") {
		t.Error(err)
	}
	if err := os.Truncate(out, 0); err != nil {
		t.Fatal(err)
	}
	// A file that is removed underneath is no safe place.
	if err := c.write("1", 1, []byte("{1}\n")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(out); err != nil {
		t.Fatal(err)
	}
	if err := c.sync(); err == nil {
		t.Error("safe in a file that is gone")
	}
	c.close()
}
