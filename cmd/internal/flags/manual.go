package flags

import (
	"fmt"
	"strings"
)

// Manual is the manual page in section 1, in the man macros of roff (man(7)).
// version stands at the foot.
func (p *Program) Manual(version string) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1 \"\" %s \"User Commands\"\n.SH NAME\n%s \\- %s\n.SH SYNOPSIS\n", strings.ToUpper(roff(p.Name)), roffQuote(version), roff(p.Name), roff(p.Meaning))
	for i, s := range p.Commands {
		usage := s.command().Usage
		if s.Describe == nil {
			usage = []Line{{Text: strings.TrimSpace(p.Name + " " + s.Name + " " + strings.Join(s.Words, "|"))}}
		}
		for k, line := range usage {
			// The first command lists the others.
			if i == 0 && k > 0 {
				break
			}
			fmt.Fprintf(&b, ".nf\n%s\n.fi\n", roffBold(line.Text))
		}
	}
	shown := make(map[string]bool)
	for i, s := range p.Commands {
		if s.Describe == nil {
			continue
		}
		c := s.Describe()
		heading := strings.ToUpper(c.Name)
		if i == 0 {
			heading = "DESCRIPTION"
		}
		fmt.Fprintf(&b, ".SH %s\n%s\n", roffQuote(heading), roffText(c.Summary))
		p.manualFlags(&b, c, shown)
		for _, note := range c.Notes {
			if shown[note.Title+note.Text] {
				continue
			}
			shown[note.Title+note.Text] = true
			fmt.Fprintf(&b, ".SS %s\n%s\n", roffQuote(note.Title), roffNote(note.Text))
		}
		if i == 0 || len(c.Exit) > 0 && !shown[fmt.Sprint(c.Exit)] {
			b.WriteString(".SS \"Exit status\"\n")
			manualLines(&b, c.Exit)
		}
		shown[fmt.Sprint(c.Exit)] = true
		if len(c.Examples) > 0 {
			b.WriteString(".SS Examples\n")
			b.WriteString(".nf\n")
			for _, e := range c.Examples {
				b.WriteString(roff(e.Text) + "\n")
			}
			b.WriteString(".fi\n")
		}
	}
	return b.String()
}

// manualFlags lists the flags of a command that were not told of another yet.
func (p *Program) manualFlags(b *strings.Builder, c *Command, shown map[string]bool) {
	for _, group := range c.Groups {
		head := fmt.Sprintf(".SS %s\n", roffQuote(group))
		for f := range c.Has {
			row := f.left() + f.Text + f.More
			if f.Group != group || shown[row] {
				continue
			}
			shown[row] = true
			b.WriteString(head)
			head = ""
			fmt.Fprintf(b, ".TP\n%s\n%s\n", roffBold(strings.TrimSpace(f.left())), roffText(f.manualText()))
		}
	}
}

// manualText is all that there is to say of a flag.
func (f *Flag) manualText() string {
	text := f.Text
	if value := f.defaultText(); value != "" {
		text += " (" + value + ")"
	}
	text += "."
	if len(f.Choices) > 0 {
		text += " One of: " + strings.Join(f.Choices, " ") + "."
	}
	if f.More != "" {
		text += " " + f.More
	}
	return text
}

func manualLines(b *strings.Builder, lines []Line) {
	for _, line := range lines {
		fmt.Fprintf(b, ".TP\n%s\n%s\n", roffBold(line.Text), roffText(line.Meaning))
	}
}

// roff escapes text for a line: no character of it is a command.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", "", "^", `\(ha`, "~", `\(ti`).Replace(s)
	if strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}

// roffQuote is an argument of a macro.
func roffQuote(s string) string { return `"` + strings.ReplaceAll(roff(s), `"`, `\(dq`) + `"` }

func roffBold(s string) string { return `\fB` + roff(s) + `\fR` }

// roffText is a text with `code` in bold.
func roffText(s string) string {
	var b strings.Builder
	for i, part := range strings.Split(strings.Join(strings.Fields(unlinked(s)), " "), "`") {
		if i%2 == 1 {
			b.WriteString(`\fB` + strings.TrimPrefix(roff(part), `\&`) + `\fR`)
		} else if part != "" {
			b.WriteString(strings.TrimPrefix(roff(part), `\&`))
		}
	}
	if text := b.String(); !strings.HasPrefix(text, ".") {
		return text
	}
	return `\&` + b.String()
}

// roffNote keeps the lines that begin with blanks as they are.
func roffNote(s string) string {
	var b strings.Builder
	kept := false
	for line := range strings.SplitSeq(strings.Trim(s, "\n"), "\n") {
		if is := strings.HasPrefix(line, " "); is != kept {
			kept = is
			b.WriteString(map[bool]string{true: ".nf\n", false: ".fi\n.PP\n"}[is])
		}
		if kept {
			b.WriteString(roff(line) + "\n")
		} else {
			b.WriteString(roffText(line) + "\n")
		}
	}
	if kept {
		b.WriteString(".fi\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}
