package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"certsweep/results/policy"
)

// markdown is a table in GitHub's dialect, for the summary of a job or the text
// of a merge request.
type markdown struct {
	w       io.Writer
	rows    worst
	summary policy.Summary
}

// GitHub takes no summary over 1 MiB, and leaves a bigger one out as a whole.
const (
	maxMarkdownRows  = 2_000
	maxMarkdownBytes = 900 << 10
)

func (m *markdown) Add(v *policy.Verdict) error {
	m.summary.Add(v)
	m.rows.add(v)
	return nil
}

func (m *markdown) Close() error {
	out := bufio.NewWriter(m.w)
	fmt.Fprintf(out, "### certsweep: %s\n", escapeMarkdown(sentence(&m.summary)))
	// The worst are kept; those of a level are in the order of the list, so that
	// two runs can be compared.
	rows := m.rows.sorted()
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Or(-cmp.Compare(a.level, b.level), a.place.compare(&b.place)) })
	if len(rows) > 0 {
		fmt.Fprint(out, "\n| | endpoint | what is wrong |\n| --- | --- | --- |\n")
	}
	written, shown := 0, 0
	for i := range rows {
		line := fmt.Sprintf("| %s | %s | %s |\n", marks[rows[i].level], escapeMarkdown(rows[i].endpoint), escapeMarkdown(rows[i].text))
		if written += len(line); written > maxMarkdownBytes {
			break
		}
		out.WriteString(line)
		shown++
	}
	if more := m.rows.more + len(rows) - shown; more > 0 {
		fmt.Fprintf(out, "\n… and %d more.\n", more)
	}
	return out.Flush()
}

var marks = map[policy.Level]string{policy.Fail: "❌ fail", policy.Unchecked: "❔ unchecked", policy.Warn: "⚠️ warn", policy.OK: "✅ ok"}

// markdownEscaper writes everything that could be markup, HTML, a link, a
// mention, a reference or a formula as a character reference, which is never
// structure (GFM §6.2). A bar in a cell is the same.
var markdownEscaper = func() *strings.Replacer {
	var pairs []string
	for _, c := range "&<>\"`*_[]|\\~#!@${}^" {
		pairs = append(pairs, string(c), fmt.Sprintf("&#%d;", c))
	}
	// Bare addresses become links in GFM §6.9.
	pairs = append(pairs, "://", "&#58;//", "www.", "www&#46;", "WWW.", "WWW&#46;", "mailto:", "mailto&#58;", "xmpp:", "xmpp&#58;")
	return strings.NewReplacer(pairs...)
}()

func escapeMarkdown(s string) string { return markdownEscaper.Replace(s) }
