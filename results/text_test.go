package results

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestShorten(t *testing.T) {
	for _, test := range []struct {
		in    string
		limit int
		want  string
	}{
		{"", 3, ""}, {"abc", 3, "abc"}, {"abcd", 3, "abc…"}, {"ab€", 5, "ab€"}, {"ab€d", 5, "ab€…"}, {"ab€d", 4, "ab…"}, {"ab€d", 3, "ab…"},
		{"a\xff", 10, "a\uFFFD"}, {strings.Repeat("\xff", 40), 10, "\uFFFD…"}, {"ab\uFFFDcd", 5, "ab\uFFFD…"}, {"a\xffb\xffc", 5, "a\uFFFDb…"},
	} {
		if got := Shorten(test.in, test.limit); got != test.want {
			t.Errorf("Shorten(%q, %d) = %q, want %q", test.in, test.limit, got, test.want)
		}
	}
}

func FuzzShorten(f *testing.F) {
	f.Add("a\xff€", 3)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = int(uint(limit) % 2000)
		got := Shorten(s, limit)
		if !utf8.ValidString(got) || len(strings.TrimSuffix(got, "…")) > max(limit, 0) {
			t.Errorf("Shorten(%q, %d) = %q", s, limit, got)
		}
		if utf8.ValidString(s) && len(s) <= limit && got != s {
			t.Errorf("Shorten(%q, %d) = %q", s, limit, got)
		}
	})
}
