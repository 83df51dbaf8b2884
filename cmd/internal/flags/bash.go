package flags

import (
	"fmt"
	"strings"
)

// bash writes a function with a case for each command. Bash itself splits
// --flag=value into three words.
func (p *Program) bash() string {
	var b strings.Builder
	function := "_" + p.Name
	fmt.Fprintf(&b, `# Completion of %[1]s for bash: source it, or put it into
# /usr/share/bash-completion/completions/%[1]s
%[2]s() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command= flags= values= before=
  COMPREPLY=()
  [[ $cur == "=" ]] && cur=
  [[ $prev == "=" ]] && prev=${COMP_WORDS[COMP_CWORD-2]}
  ((COMP_CWORD > 1)) && command=${COMP_WORDS[1]}
  case $command in
`, p.Name, function)
	for i, s := range p.Commands {
		pattern := s.Name
		if i == 0 {
			continue
		}
		fmt.Fprintf(&b, "  %s)\n", pattern)
		p.bashCommand(&b, &s)
		b.WriteString("    ;;\n")
	}
	b.WriteString("  *)\n")
	p.bashCommand(&b, &p.Commands[0])
	b.WriteString("    ;;\n  esac\n")
	var names []string
	for _, s := range p.Commands {
		names = append(names, s.Name)
	}
	fmt.Fprintf(&b, `  if [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$cur")
    return
  fi
  if [[ -n $values ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$values" -- "$cur")
    return
  fi
  compopt -o filenames
  mapfile -t COMPREPLY < <(compgen -f -- "$cur")
  ((COMP_CWORD == 1)) && mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -W "%s" -- "$cur")
}
complete -F %s %s
`, strings.Join(names, " "), function, p.Name)
	return b.String()
}

// bashCommand sets what there is to complete, or completes a flag's value.
func (p *Program) bashCommand(b *strings.Builder, s *Subcommand) {
	var all []string
	b.WriteString("    case $prev in\n")
	for f := range s.command().Has {
		all = append(all, f.words()...)
		if f.Argument == "" {
			continue
		}
		fmt.Fprintf(b, "    %s) ", strings.Join(f.words(), "|"))
		values := strings.Join(f.values(), " ")
		switch {
		case f.listed():
			// What stands before the last comma is offered again.
			fmt.Fprintf(b, `[[ $cur == *,* ]] && before=${cur%%,*},; mapfile -t COMPREPLY < <(compgen -P "$before" -W "%s" -- "${cur##*,}"); compopt -o nospace; return ;;`+"\n", values)
		case values != "":
			fmt.Fprintf(b, `mapfile -t COMPREPLY < <(compgen -W "%s" -- "$cur"); return ;;`+"\n", values)
		case f.Kind == File:
			b.WriteString(`compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;` + "\n")
		case f.Kind == Directory:
			b.WriteString(`compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;` + "\n")
		default:
			b.WriteString("return ;;\n")
		}
	}
	fmt.Fprintf(b, "    esac\n    flags=%q\n", strings.Join(all, " "))
	if len(s.Words) > 0 {
		fmt.Fprintf(b, "    values=%q\n", strings.Join(s.Words, " "))
	}
}
