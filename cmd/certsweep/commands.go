package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"certsweep/cmd/internal/flags"
	"certsweep/cmd/internal/process"
	"certsweep/results/policy"
)

// subcommand is one of certsweep's commands. A new one is a row of commands, and a
// file.
type subcommand struct {
	name, meaning string
	run           func(*environment, []string) error
	// describe says what flags it has; nil if it has none.
	describe func() *flags.Command
	words    []string // that its arguments may be, if they are no files; those of help are the commands
}

// commands returns all commands, in the order in which to list them. A scan is
// what there is without a command's name too.
func commands() []subcommand {
	return []subcommand{
		{"scan", "scan targets; the word may be left out", (*environment).scan, func() *flags.Command { return newOptions().command() }, nil},
		{"check", "scan, tell what is wrong, and gate on it", (*environment).check, func() *flags.Command { return newCheckOptions().command() }, nil},
		{"pcap", "read the certificates in packet captures", (*environment).pcap, func() *flags.Command { return newPcapOptions().command() }, nil},
		{"serve", "scan again and again, for Prometheus and for people", (*environment).serve, func() *flags.Command { return newServeOptions().command() }, nil},
		{"demo", "scan loopback servers that it starts itself", (*environment).demo, func() *flags.Command { return newOptions().demoCommand() }, nil},
		{"completion", "print a completion script: bash, zsh, fish, powershell", (*environment).completion, nil, flags.Shells},
		{"man", "print the manual page: certsweep man | man -l -", (*environment).manual, nil, nil},
		{"version", "print the version", (*environment).printVersion, nil, nil},
		{"help", "print this, or all of a command: certsweep help check", (*environment).help, nil, nil},
	}
}

// descriptions returns what the commands say of their flags.
func descriptions() []*flags.Command {
	var described []*flags.Command
	for _, c := range commands() {
		if c.describe != nil {
			described = append(described, c.describe())
		}
	}
	return described
}

// run runs the command that args name.
func (e *environment) run(args []string) error {
	flags.WarnEnvironment(e.stderr, os.Environ(), descriptions()...)
	if len(args) == 0 {
		return e.scan(args)
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return c.run(e, args[1:])
		}
	}
	if near := misspelt(args[0]); near != "" {
		return usageError("%q is neither a command nor a file\ndid you mean certsweep %s? A host of that name is given as -t %s", args[0], near, args[0])
	}
	return e.scan(args)
}

// misspelt returns the command that was probably meant by a word; "" if it may
// well be a file or a host.
func misspelt(word string) string {
	const shortest = 3
	if len(word) < shortest || strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return ""
	}
	if _, err := os.Stat(word); err == nil {
		return ""
	}
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	return policy.Nearest(strings.ToLower(word), names)
}

// help prints the commands, or the help text of one.
func (e *environment) help(args []string) error {
	if len(args) == 0 || len(args) == 1 && (args[0] == "--help" || args[0] == "-h") {
		var lines []flags.Line
		for _, c := range commands() {
			lines = append(lines, flags.Line{Text: "certsweep " + c.name, Meaning: c.meaning})
		}
		_, err := io.WriteString(e.stdout, newOptions().command().Short()+"Commands:\n"+flags.Table(lines, e.width()))
		return err
	}
	all := commands()
	i := slices.IndexFunc(all, func(c subcommand) bool { return c.name == args[0] })
	if i < 0 {
		hint := "see certsweep help"
		if near := misspelt(args[0]); near != "" {
			hint = "did you mean certsweep help " + near + "?"
		}
		return usageError("%q is not a command\n%s", args[0], hint)
	}
	if all[i].describe == nil {
		_, err := fmt.Fprintf(e.stdout, "certsweep %s: %s\n", all[i].name, all[i].meaning)
		return err
	}
	_, err := io.WriteString(e.stdout, all[i].describe().Help(e.width()))
	return err
}

func (e *environment) printVersion([]string) error {
	_, err := fmt.Fprintln(e.stdout, "certsweep", process.Version(version, commit))
	return err
}
