package flags

import (
	"fmt"
	"strings"
)

// zsh writes a function for each command, by _arguments.
func (p *Program) zsh() string {
	var b strings.Builder
	fmt.Fprintf(&b, "#compdef %[1]s\n# Completion of %[1]s for zsh: put it as _%[1]s into a directory of $fpath, or source it\n# behind compinit.\n\n", p.Name)
	for _, s := range p.Commands {
		fmt.Fprintf(&b, "_%s_%s() {\n  _arguments -s -S", p.Name, s.Name)
		for f := range s.command().Has {
			for _, line := range f.zsh() {
				b.WriteString(" \\\n    " + line)
			}
		}
		if len(s.Words) > 0 {
			fmt.Fprintf(&b, " \\\n    '1:word:(%s)'", strings.Join(s.Words, " "))
		} else {
			b.WriteString(" \\\n    '*:file:_files'")
		}
		b.WriteString("\n}\n\n")
	}
	fmt.Fprintf(&b, "_%s() {\n  local -a commands=(\n", p.Name)
	for _, s := range p.Commands {
		fmt.Fprintf(&b, "    '%s'\n", zshQuote(s.Name+":"+strings.ReplaceAll(s.Meaning, ":", `\:`)))
	}
	b.WriteString("  )\n  if ((CURRENT == 2)) && [[ $words[2] != -* ]]; then\n    _describe command commands\n    _files\n    return\n  fi\n  case $words[2] in\n")
	for _, s := range p.Commands {
		fmt.Fprintf(&b, "  %[2]s) shift words; ((CURRENT--)); _%[1]s_%[2]s ;;\n", p.Name, s.Name)
	}
	fmt.Fprintf(&b, "  *) _%s_%s ;;\n  esac\n}\n\n", p.Name, p.Commands[0].Name)
	fmt.Fprintf(&b, "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n  _%[1]s \"$@\"\nelse\n  compdef _%[1]s %[1]s\nfi\n", p.Name)
	return b.String()
}

// zsh is a flag for _arguments: a line for its letter and one for its name.
func (f *Flag) zsh() []string {
	brackets := strings.NewReplacer("[", `\[`, "]", `\]`, ":", `\:`)
	var action string
	values := strings.Join(f.values(), " ")
	switch {
	case f.listed():
		action = fmt.Sprintf("_values -s , %s %s", strings.ToLower(f.Argument[:1]), values)
	case values != "":
		action = "(" + values + ")"
	case f.Kind == File:
		action = "_files"
	case f.Kind == Directory:
		action = "_files -/"
	default:
		action = " "
	}
	var lines []string
	for _, word := range f.words() {
		line := word
		if f.Argument != "" {
			// The value is the next word, or stands behind the letter or an =.
			line += map[bool]string{true: "=", false: "+"}[strings.HasPrefix(word, "--")]
		}
		line += "[" + brackets.Replace(plain(f.Text)) + "]"
		if f.Argument != "" {
			line += ":" + brackets.Replace(f.Argument) + ":" + action
		}
		lines = append(lines, "'*"+zshQuote(line)+"'")
	}
	return lines
}

// zshQuote makes text fit for single quotes.
func zshQuote(s string) string { return strings.ReplaceAll(s, "'", `'\''`) }
