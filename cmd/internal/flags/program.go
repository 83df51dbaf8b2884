package flags

import (
	"fmt"
	"slices"
	"strings"
)

// Program is all commands of a program, for its manual page and for shells that
// complete them.
type Program struct {
	Name    string
	Meaning string // in a few words
	// Commands are those that there are. The first one is meant if none is named.
	Commands []Subcommand
}

// Subcommand is a command as the first word after the program's name.
type Subcommand struct {
	Name, Meaning string
	// Describe returns its description; nil if it has no flags.
	Describe func() *Command
	// Words are what its arguments may be, if these are words and no files.
	Words []string
}

// command returns the description of the subcommand; an empty one if it has no
// flags.
func (s *Subcommand) command() *Command {
	if s.Describe == nil {
		return &Command{}
	}
	return s.Describe()
}

// Shells are those that Completion writes for.
var Shells = []string{"bash", "zsh", "fish", "powershell"}

// Completion returns the script with which a shell completes commands, flags,
// the values of flags that have a few, and files.
func (p *Program) Completion(shell string) (string, error) {
	switch shell {
	case "bash":
		return p.bash(), nil
	case "zsh":
		return p.zsh(), nil
	case "fish":
		return p.fish(), nil
	case "powershell":
		return p.powershell(), nil
	}
	return "", fmt.Errorf("%s is not a shell that there is a completion for: the shells are %s", quote(shell), strings.Join(Shells, " "))
}

// words returns the flag as it is typed: its letter and its name.
func (f *Flag) words() []string {
	var words []string
	if f.Shorthand != "" {
		words = append(words, "-"+f.Shorthand)
	}
	if f.Name != f.Shorthand {
		words = append(words, "--"+f.Name)
	}
	return words
}

// values are what a shell offers as the flag's value.
func (f *Flag) values() []string { return slices.Concat(f.Choices, f.Suggest) }

// listed reports whether the values may stand one behind the other, with commas.
func (f *Flag) listed() bool {
	return len(f.Suggest) > 0 && strings.Contains(f.Argument, ",") || f.Argument == "CODES"
}
