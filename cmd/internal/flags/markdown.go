package flags

import (
	"fmt"
	"slices"
	"strings"
)

// Markdown is the table of the flags of some groups, or of all, as the
// documentation has it.
func (c *Command) Markdown(groups ...string) string {
	var b strings.Builder
	b.WriteString("| flag | meaning | default |\n| --- | --- | --- |\n")
	for f := range c.Has {
		if len(groups) > 0 && !slices.Contains(groups, f.Group) {
			continue
		}
		text := f.Text
		if f.More != "" {
			text += ". " + f.More
		}
		value := f.defaultText()
		if value != "" {
			value += " "
		}
		fmt.Fprintf(&b, "| %s | %s | %s|\n", f.markdownName(), strings.ReplaceAll(text, "|", "\\|"), value)
	}
	return b.String()
}

func (f *Flag) markdownName() string {
	long := "--" + f.Name
	if f.Name == f.Shorthand {
		long = "-" + f.Name
	}
	if f.Argument != "" {
		long += " " + f.Argument
	}
	if f.Shorthand != "" && f.Name != f.Shorthand {
		return fmt.Sprintf("`-%s`, `%s`", f.Shorthand, long)
	}
	return "`" + long + "`"
}
