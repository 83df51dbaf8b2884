package flags

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// flagColumn is where the text of a flag begins in the help.
	flagColumn = 28
	// narrowest and widest bound the width of lines, whatever the terminal has:
	// longer lines are hard to read.
	narrowest, widest = 60, 100
)

// Help is the whole help text, in lines of at most width columns, as far as
// 60 to 100 allow.
func (c *Command) Help(width int) string {
	width = min(max(width, narrowest), widest)
	var b strings.Builder
	b.WriteString(wrap(c.Summary, "", width))
	b.WriteString("\nUsage:\n")
	writeLines(&b, c.Usage, width)
	for _, group := range c.Groups {
		head := "\n" + group + ":\n"
		for f := range c.Has {
			if f.Group != group {
				continue
			}
			b.WriteString(head)
			head = ""
			writeColumns(&b, f.left(), f.shown(f.Text), flagColumn, width)
		}
	}
	for _, note := range c.Notes {
		fmt.Fprintf(&b, "\n%s:\n", note.Title)
		b.WriteString(wrap(plain(note.Text), "  ", width))
	}
	if len(c.Exit) > 0 {
		b.WriteString("\nExit status:\n")
		writeLines(&b, c.Exit, width)
	}
	if len(c.Examples) > 0 {
		b.WriteString("\nExamples:\n")
		for _, e := range c.Examples {
			b.WriteString("  " + e.Text + "\n")
		}
	}
	return b.String()
}

// maxExamples is how many examples the short help has.
const maxExamples = 4

// Short is the help text of the common flags, for 80 columns and 25 lines.
func (c *Command) Short() string {
	const width = 80
	var b strings.Builder
	b.WriteString(wrap(c.Summary, "", width))
	for i, line := range c.Usage {
		before := "Usage: "
		if i > 0 {
			before = "       "
		}
		b.WriteString(before + line.Text + "\n")
	}
	column := 0
	for f := range c.Has {
		if c.common(f) {
			column = max(column, len(f.left())+2)
		}
	}
	b.WriteString("\n")
	for f := range c.Has {
		if c.common(f) {
			writeColumns(&b, f.left(), f.shown(cmp.Or(f.Brief, f.Text)), column, width)
		}
	}
	b.WriteString("\nExamples:\n")
	for _, e := range c.Examples[:min(maxExamples, len(c.Examples))] {
		b.WriteString("  " + e.Text + "\n")
	}
	fmt.Fprintf(&b, "All flags: %s --help\n", c.Name)
	return b.String()
}

// shown is a flag's text as a terminal shows it, with the default.
func (f *Flag) shown(text string) string {
	if value := f.defaultText(); value != "" {
		text += " (" + value + ")"
	}
	return plain(text)
}

// left is the flag as the help has it on the left.
func (f *Flag) left() string {
	s := "      --" + f.Name
	switch {
	case f.Shorthand != "" && f.Name == f.Shorthand:
		s = "  -" + f.Shorthand
	case f.Shorthand != "":
		s = "  -" + f.Shorthand + ", --" + f.Name
	}
	if f.Argument != "" {
		s += " " + f.Argument
	}
	return s
}

// Table is lines with what they mean beside them, in width columns.
func Table(lines []Line, width int) string {
	var b strings.Builder
	writeLines(&b, lines, min(max(width, narrowest), widest))
	return b.String()
}

func writeLines(b *strings.Builder, lines []Line, width int) {
	column := 0
	for _, line := range lines {
		column = max(column, len(line.Text)+4)
	}
	column = min(column, flagColumn)
	for _, line := range lines {
		writeColumns(b, "  "+line.Text, plain(line.Meaning), column, width)
	}
}

// writeColumns writes text beside left, from a column on, or below it if left
// is too long for that.
func writeColumns(b *strings.Builder, left, text string, column, width int) {
	if text == "" {
		b.WriteString(left + "\n")
		return
	}
	lines := slices.Collect(broken(text, width-column))
	if utf8.RuneCountInString(left)+1 > column {
		b.WriteString(left + "\n")
		left = ""
	}
	for _, line := range lines {
		fmt.Fprintf(b, "%-*s%s\n", column, left, line)
		left = ""
	}
}

// wrap breaks paragraphs, each line of text being one; those that begin with
// blanks stay as they are.
func wrap(text, indent string, width int) string {
	var b strings.Builder
	for paragraph := range strings.SplitSeq(strings.Trim(text, "\n"), "\n") {
		if strings.HasPrefix(paragraph, " ") || paragraph == "" {
			b.WriteString(strings.TrimRight(indent+paragraph, " ") + "\n")
			continue
		}
		for line := range broken(paragraph, width-len(indent)) {
			b.WriteString(indent + line + "\n")
		}
	}
	return b.String()
}

// broken yields text in lines of at most width characters, if its words allow.
func broken(text string, width int) func(func(string) bool) {
	return func(yield func(string) bool) {
		line := ""
		for word := range strings.FieldsSeq(text) {
			if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
				if !yield(line) {
					return
				}
				line = ""
			}
			if line != "" {
				line += " "
			}
			line += word
		}
		yield(line)
	}
}

// plain is a text without Markdown's marks of code and links.
func plain(s string) string { return strings.ReplaceAll(unlinked(s), "`", "") }

// unlinked is a text in which links are their words.
func unlinked(s string) string { return markdownLink.ReplaceAllString(s, "$1") }

var markdownLink = regexp.MustCompile(`\[([^]]*)\]\([^)]*\)`)
