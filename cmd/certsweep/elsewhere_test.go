package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"certsweep/cmd/internal/flags"
)

// TestElsewhereNamesFlagsThatExist: what is said of other programs' flags leads
// to flags of ours, and none of ours is taken for another program's.
func TestElsewhereNamesFlagsThatExist(t *testing.T) {
	ours := make(map[string]bool)
	for _, c := range descriptions() {
		for name := range flagNames(c) {
			ours["--"+name] = true
		}
	}
	for word, hint := range elsewhere {
		for _, flag := range regexp.MustCompile(`--[a-z-]+`).FindAllString(hint, -1) {
			if !ours[flag] {
				t.Errorf("%s leads to %s, which is not a flag", word, flag)
			}
		}
		if ours[word] {
			t.Errorf("%s is a flag of ours", word)
		}
	}
}

// TestElsewhereIsSaid: each of those words is an error with its hint, in every
// command that scans.
func TestElsewhereIsSaid(t *testing.T) {
	for word, hint := range elsewhere {
		for _, c := range []*flags.Command{newOptions().command(), newCheckOptions().command(), newOptions().demoCommand()} {
			// A letter may be a flag of ours with another meaning.
			if len(word) == 2 && slices.Contains([]string{"-t", "-c", "-p", "-o", "-q", "-h", "-4", "-6"}, word) {
				t.Errorf("%s is a shorthand of ours", word)
			}
			err := c.Parse([]string{word, "x"}, nil)
			if err == nil || !strings.Contains(err.Error(), hint) && !strings.Contains(err.Error(), "is a flag of") {
				t.Errorf("%s %s: %v", c.Name, word, err)
			}
		}
	}
}
