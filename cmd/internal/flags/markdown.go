package flags

import (
	"fmt"
	"strings"
)

// Markdown is a table of the flags that are wanted, as the documentation has it.
// With also, a column more has what it says of each.
func (c *Command) Markdown(wanted func(*Flag) bool, also func(*Flag) string) string {
	var b strings.Builder
	b.WriteString("| flag | meaning | default |")
	if also != nil {
		b.WriteString(" also of |")
	}
	b.WriteString("\n| --- | --- | --- |")
	if also != nil {
		b.WriteString(" --- |")
	}
	b.WriteString("\n")
	for f := range c.Has {
		if !wanted(f) {
			continue
		}
		text := f.Text
		if f.More != "" {
			text += ". " + f.More
		}
		cells := []string{f.markdownName(), strings.ReplaceAll(text, "|", "\\|"), f.defaultText()}
		if also != nil {
			cells = append(cells, also(f))
		}
		for _, cell := range cells {
			b.WriteString(strings.TrimRight("| "+cell, " ") + " ")
		}
		b.WriteString("|\n")
	}
	return b.String()
}

func (f *Flag) markdownName() string {
	long := "--" + f.Name
	if f.Name == f.Shorthand {
		long = "-" + f.Name
	}
	if f.Argument != "" {
		long += " " + strings.ReplaceAll(f.Argument, "|", "\\|")
	}
	if f.Shorthand != "" && f.Name != f.Shorthand {
		return fmt.Sprintf("`-%s`, `%s`", f.Shorthand, long)
	}
	return "`" + long + "`"
}
