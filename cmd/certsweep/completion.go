package main

import (
	"fmt"
	"io"

	"certsweep/cmd/internal/flags"
	"certsweep/cmd/internal/process"
)

// program describes certsweep as a whole.
func program() *flags.Program {
	p := &flags.Program{Name: "certsweep", Meaning: "scan TLS endpoints and check their certificates"}
	var described []string
	for _, c := range commands() {
		if c.describe != nil {
			described = append(described, c.name)
		}
	}
	for _, c := range commands() {
		if c.name == "help" {
			c.words = described
		}
		p.Commands = append(p.Commands, flags.Subcommand{Name: c.name, Meaning: c.meaning, Describe: c.describe, Words: c.words})
	}
	return p
}

// completion prints the script with which a shell completes certsweep's words.
func (e *environment) completion(args []string) error {
	if len(args) != 1 || args[0] == "--help" || args[0] == "-h" {
		text := "certsweep completion bash|zsh|fish|powershell prints a completion script:\n" +
			"  bash: certsweep completion bash >/usr/share/bash-completion/completions/certsweep\n" +
			"  zsh: certsweep completion zsh >/usr/local/share/zsh/site-functions/_certsweep\n" +
			"  fish: certsweep completion fish >~/.config/fish/completions/certsweep.fish\n" +
			"  powershell: certsweep completion powershell | Out-String | Invoke-Expression\n"
		if len(args) == 1 {
			_, err := io.WriteString(e.stdout, text)
			return err
		}
		return usageError("name one shell\n%s", text[:len(text)-1])
	}
	script, err := program().Completion(args[0])
	if err != nil {
		return usageError("%w", err)
	}
	_, err = io.WriteString(e.stdout, script)
	return err
}

// manual prints the manual page.
func (e *environment) manual(args []string) error {
	if len(args) > 0 {
		return usageError("man takes no argument: certsweep man | man -l -")
	}
	_, err := fmt.Fprint(e.stdout, program().Manual("certsweep "+process.Release(version)))
	return err
}
