package flags

import (
	"fmt"
	"strings"
)

// powershell writes a table of the commands' words, and what looks them up.
// PowerShell itself completes files where it is offered nothing.
func (p *Program) powershell() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Completion of %s for PowerShell: dot-source it from $PROFILE.\n", p.Name)
	fmt.Fprintf(&b, "Register-ArgumentCompleter -Native -CommandName %s -ScriptBlock {\n    param($word, $ast, $position)\n    $commands = [ordered]@{\n", p.Name)
	for _, s := range p.Commands {
		fmt.Fprintf(&b, "        %s = %s\n", psQuote(s.Name), psQuote(s.Meaning))
	}
	b.WriteString("    }\n    $flags = @{\n")
	for _, s := range p.Commands {
		fmt.Fprintf(&b, "        %s = [ordered]@{\n", psQuote(s.Name))
		for f := range s.command().Has {
			for _, word := range f.words() {
				fmt.Fprintf(&b, "            %s = %s\n", psQuote(word), psQuote(plain(f.Text)))
			}
		}
		b.WriteString("        }\n")
	}
	b.WriteString("    }\n    $values = @{\n")
	for _, s := range p.Commands {
		fmt.Fprintf(&b, "        %s = @{\n", psQuote(s.Name))
		for f := range s.command().Has {
			if values := f.values(); len(values) > 0 {
				for _, word := range f.words() {
					fmt.Fprintf(&b, "            %s = %s\n", psQuote(word), psList(values))
				}
			}
		}
		if len(s.Words) > 0 {
			fmt.Fprintf(&b, "            '' = %s\n", psList(s.Words))
		}
		b.WriteString("        }\n")
	}
	fmt.Fprintf(&b, `    }
    $words = @($ast.CommandElements | Where-Object { $_.Extent.EndOffset -lt $position } | ForEach-Object { $_.ToString() })
    $command = if ($words.Count -gt 1 -and $commands.Contains($words[1])) { $words[1] } else { '%s' }
    $previous = if ($words.Count -gt 1) { $words[-1] } else { '' }
    $offer = if ($values[$command].ContainsKey($previous)) { $values[$command][$previous] }
        elseif ($word.StartsWith('-')) { $flags[$command].Keys }
        elseif ($words.Count -le 1) { $commands.Keys }
        elseif ($values[$command].ContainsKey('')) { $values[$command][''] }
    $offer | Where-Object { $_ -and $_.StartsWith($word) } | ForEach-Object {
        $about = if ($flags[$command].Contains($_)) { $flags[$command][$_] } elseif ($commands.Contains($_)) { $commands[$_] } else { $_ }
        [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $about)
    }
}
`, p.Commands[0].Name)
	return b.String()
}

func psQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func psList(words []string) string {
	var quoted []string
	for _, word := range words {
		quoted = append(quoted, psQuote(word))
	}
	return "@(" + strings.Join(quoted, ", ") + ")"
}
