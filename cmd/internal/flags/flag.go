// Package flags describes the flags of a command once, in code: what each sets
// and what is said of it. [Command.Parse] reads a command line and the
// environment by that description, and [Command.Help] and [Command.Short] show
// it.
package flags

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Value is what a flag sets, if it is none of the types that [Flag.To] takes
// as they are.
type Value = pflag.Value

// Commands is a set of the commands of one program, a bit for each.
type Commands uint32

// Kind says what a flag's value is, for a shell that completes it.
type Kind uint8

// The kinds of value.
const (
	// Text is anything; nothing is completed. It is the zero value.
	Text Kind = iota
	// File is the name of a file.
	File
	// Directory is the name of a directory.
	Directory
)

// Flag is one flag. Its row is all that is said of it anywhere.
type Flag struct {
	// Name is the flag's, without dashes, and Shorthand its letter, if any.
	Name, Shorthand string
	// Argument names the value in usage, such as FILE; empty for a switch.
	Argument string
	// To is what the flag sets, and has its default: a *bool, *string, *int,
	// *uint64, *float64, a *[]string that each use of the flag appends to, or a
	// [Value].
	To any
	// Group is the heading that it is listed under.
	Group string
	// In is the set of commands that have the flag; zero is all that list it.
	In Commands
	// Common is the set of commands whose -h shows the flag, with Brief instead
	// of Text if there is one: a line has to do.
	Common Commands
	Brief  string
	// Text says in a line what the flag does, and More, read behind it, what there
	// is to know besides. Both may have Markdown's `code`.
	Text, More string
	// Default is shown as the default instead of what To has.
	Default string
	// Choices are the values that there are, if these are few.
	Choices []string
	// Suggest has values that a shell offers, besides others that there are.
	Suggest []string
	// Kind says what else the value is.
	Kind Kind
	// Old are names that go on working and are not shown.
	Old []string
	// Opposite is the flag that the environment may not bring in if this one
	// was given, and the other way round.
	Opposite string
	// NoEnvironment flags cannot be set in the environment.
	NoEnvironment bool
}

// defaultText is the default as it is shown; "" for none.
func (f *Flag) defaultText() string {
	if f.Default != "" {
		return f.Default
	}
	if f.Argument == "" {
		return ""
	}
	text := f.value().String()
	if text == "0" || text == "[]" {
		return ""
	}
	return text
}

// variable returns the name of the environment variable that sets a flag.
func variable(prefix, name string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// Command describes a command, and reads its command line. Its fields are set
// before anything else is called; it is not safe for use by several goroutines.
type Command struct {
	// Name is what is typed, such as "certsweep check".
	Name string
	// Bit is the command's own in the sets of its flags; zero takes all flags.
	Bit Commands
	// Prefix begins the variables of the environment that set flags; without
	// one none does.
	Prefix string
	// Summary says what the command does, in a sentence.
	Summary string
	// Usage has the ways to call it.
	Usage []Line
	// Groups has the headings of flags, in order.
	Groups []string
	// Flags are the flags of this command, and may be those of others too.
	Flags []Flag
	// Notes are read behind the flags.
	Notes []Note
	// Exit has the exit statuses.
	Exit []Line
	// Examples has command lines. -h shows the first four.
	Examples []Line
	// Elsewhere knows flags of other programs and of other commands: it returns
	// what to write instead of one that this command does not have, or "". Names
	// come with their dashes.
	Elsewhere func(name string) string

	set   *pflag.FlagSet
	given []string
}

// Line is something to type, or to see, and what it means.
type Line struct{ Text, Meaning string }

// Note is a paragraph of a command's help. Lines that begin with blanks are kept
// as they are, others may be broken anew.
type Note struct{ Title, Text string }

// Has yields the flags of this command, in the order of the groups.
func (c *Command) Has(yield func(*Flag) bool) {
	for _, group := range c.Groups {
		for i := range c.Flags {
			if f := &c.Flags[i]; f.Group == group && c.has(f) && !yield(f) {
				return
			}
		}
	}
}

func (c *Command) has(f *Flag) bool { return f.In == 0 || c.Bit == 0 || f.In&c.Bit != 0 }

// common reports whether -h shows a flag of this command.
func (c *Command) common(f *Flag) bool { return f.Common&c.Bit != 0 }

// Args returns the arguments that are no flags. Parse must have been called, as
// for Given and Changed.
func (c *Command) Args() []string { return c.set.Args() }

// Changed reports whether a flag was set, on the command line or in the
// environment. It panics if the command has no such flag.
func (c *Command) Changed(name string) bool {
	if c.set.Lookup(name) == nil {
		panic("flags: " + c.Name + " has no --" + name)
	}
	return slices.ContainsFunc(c.names(name), c.set.Changed)
}

// Given returns the flags of the command line, sorted, by their present names.
func (c *Command) Given() []string { return c.given }

// Arguments returns what was set, on the command line or in the environment, of
// the flags that are wanted, as arguments that Parse reads back: "--timeout=3s".
func (c *Command) Arguments(wanted func(*Flag) bool) []string {
	var args []string
	for f := range c.Has {
		if !wanted(f) || !c.Changed(f.Name) {
			continue
		}
		values := []string{f.value().String()}
		if repeated, ok := f.To.(*[]string); ok {
			values = *repeated
		}
		for _, value := range values {
			args = append(args, "--"+f.Name+"="+value)
		}
	}
	return args
}

// names returns the name of a flag and its old ones.
func (c *Command) names(name string) []string {
	for f := range c.Has {
		if f.Name == name {
			return append([]string{name}, f.Old...)
		}
	}
	return []string{name}
}

// register makes the set of the flags that this command has.
func (c *Command) register() {
	c.set = pflag.NewFlagSet(c.Name, pflag.ContinueOnError)
	c.set.SortFlags = false
	c.set.Usage = func() {}
	for i := range c.Flags {
		f := &c.Flags[i]
		if !c.has(f) {
			continue
		}
		if !slices.Contains(c.Groups, f.Group) {
			panic(fmt.Sprintf("flags: %s has no group %q for --%s", c.Name, f.Group, f.Name))
		}
		value := f.value()
		c.add(f, value, f.Name, f.Shorthand)
		for _, old := range f.Old {
			c.add(f, value, old, "")
		}
	}
}

func (c *Command) add(f *Flag, value Value, name, shorthand string) {
	registered := c.set.VarPF(value, name, shorthand, "")
	if f.Argument == "" {
		registered.NoOptDefVal = "true"
	}
}
