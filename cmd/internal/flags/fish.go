package flags

import (
	"fmt"
	"strings"
)

// fish writes a line for each flag of each command.
func (p *Program) fish() string {
	var b strings.Builder
	var names []string
	for _, s := range p.Commands {
		names = append(names, s.Name)
	}
	fmt.Fprintf(&b, `# Completion of %[1]s for fish: put it as %[1]s.fish into ~/.config/fish/completions
function __%[1]s_command
    set -l words (commandline -opc)
    if set -q words[2]; and contains -- $words[2] %[2]s
        echo $words[2]
    else
        echo %[3]s
    end
end
`, p.Name, strings.Join(names, " "), p.Commands[0].Name)
	for _, s := range p.Commands {
		fmt.Fprintf(&b, "complete -c %s -n 'test (count (commandline -opc)) = 1' -a %s -d %s\n", p.Name, s.Name, fishQuote(s.Meaning))
	}
	for _, s := range p.Commands {
		is := fmt.Sprintf("complete -c %[1]s -n 'test (__%[1]s_command) = %[2]s'", p.Name, s.Name)
		if len(s.Words) > 0 {
			fmt.Fprintf(&b, "%s -f -a %s\n", is, fishQuote(strings.Join(s.Words, " ")))
		}
		for f := range s.command().Has {
			b.WriteString(is)
			if f.Shorthand != "" {
				b.WriteString(" -s " + f.Shorthand)
			}
			if f.Name != f.Shorthand {
				b.WriteString(" -l " + f.Name)
			}
			values := strings.Join(f.values(), " ")
			switch {
			case f.Argument == "":
			case values != "":
				b.WriteString(" -x -a " + fishQuote(values))
			case f.Kind == File:
				b.WriteString(" -r -F")
			case f.Kind == Directory:
				b.WriteString(" -x -a '(__fish_complete_directories)'")
			default:
				b.WriteString(" -x")
			}
			b.WriteString(" -d " + fishQuote(plain(f.Text)) + "\n")
		}
	}
	return b.String()
}

// fishQuote puts text into single quotes.
func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}
