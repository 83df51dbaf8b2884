package flags

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"certsweep/results"
	"certsweep/results/policy"
)

// Parse reads a command line and, for what it does not set, the environment,
// which lookup knows as os.LookupEnv does; nil is an empty one. What the flags
// set changes as far as was read, also on an error, which says in the user's
// words what is wrong, and where to look.
func (c *Command) Parse(args []string, lookup func(string) (string, bool)) error {
	c.register()
	c.given = nil
	if err := c.foreign(args); err != nil {
		return err
	}
	if err := c.set.Parse(args); err != nil {
		return c.explain(err)
	}
	for f := range c.Has {
		if c.Changed(f.Name) {
			c.given = append(c.given, f.Name)
		}
	}
	slices.Sort(c.given)
	if lookup == nil || c.Prefix == "" {
		return nil
	}
	for f := range c.Has {
		if err := c.parseEnvironment(f, lookup); err != nil {
			return err
		}
	}
	return nil
}

// foreign finds a long flag behind one dash, as other programs have them. It
// would be read as a letter and its value: -timeout as the target "imeout".
func (c *Command) foreign(args []string) error {
	for _, arg := range args {
		if arg == "--" {
			break
		}
		word, _, _ := strings.Cut(arg, "=")
		if len(word) < 3 || word[0] != '-' || word[1] == '-' {
			continue
		}
		for f := range c.Has {
			if f.Name == word[1:] {
				return fmt.Errorf("%s: flags have two dashes: write --%s", word, f.Name)
			}
		}
		if c.Elsewhere != nil {
			if hint := c.Elsewhere(word); hint != "" {
				return c.unknownFlag(word, hint)
			}
		}
	}
	return nil
}

// explain says in words what is wrong with a command line.
func (c *Command) explain(err error) error {
	var (
		unknown  *pflag.NotExistError
		missing  *pflag.ValueRequiredError
		invalid  *pflag.InvalidValueError
		badWords *pflag.InvalidSyntaxError
	)
	switch {
	case errors.As(err, &unknown):
		return c.unknown(unknown)
	case errors.As(err, &missing):
		return fmt.Errorf("--%s needs a value (%s)\nsee %s --help", missing.GetFlag().Name, c.argument(missing.GetFlag().Name), c.Name)
	case errors.As(err, &invalid):
		return fmt.Errorf("--%s: %w\nsee %s --help", invalid.GetFlag().Name, valueError(invalid), c.Name)
	case errors.As(err, &badWords):
		return fmt.Errorf("%s is not a flag\nsee %s --help", quote(badWords.GetSpecifiedFlag()), c.Name)
	}
	return err
}

// valueError says what is wrong with a value.
func valueError(err *pflag.InvalidValueError) error {
	value, cause := quote(err.GetValue()), err.Unwrap()
	if strings.Contains(cause.Error(), value) {
		return cause
	}
	return fmt.Errorf("%s: %w", value, cause)
}

// argument is the name of a flag's value.
func (c *Command) argument(name string) string {
	for f := range c.Has {
		if f.Name == name || slices.Contains(f.Old, name) {
			return f.Argument
		}
	}
	return ""
}

// unknown says what was probably meant by a flag that there is not.
func (c *Command) unknown(err *pflag.NotExistError) error {
	given := "--" + err.GetSpecifiedName()
	word := given
	if cluster := err.GetSpecifiedShortnames(); cluster != "" {
		// Other programs have long names behind one dash.
		given, word = "-"+err.GetSpecifiedName(), "-"+cluster
	}
	hint := ""
	if c.Elsewhere != nil {
		name, _, _ := strings.Cut(word, "=")
		if hint = c.Elsewhere(name); hint == "" {
			hint = c.Elsewhere(given)
		}
	}
	var names []string
	for f := range c.Has {
		names = append(names, f.Name)
	}
	asked, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	if near := policy.Nearest(asked, names); hint == "" && near != "" && len(asked) > 1 {
		hint = "did you mean --" + near + "?"
	}
	return c.unknownFlag(word, hint)
}

func (c *Command) unknownFlag(word, hint string) error {
	if hint == "" {
		return fmt.Errorf("unknown flag: %s\nsee %s --help", quoteWord(word), c.Name)
	}
	if !strings.HasSuffix(hint, " --help") {
		hint += " See " + c.Name + " --help"
	}
	return fmt.Errorf("unknown flag: %s\n%s", quoteWord(word), hint)
}

// parseEnvironment sets a flag that was not given.
func (c *Command) parseEnvironment(f *Flag, lookup func(string) (string, bool)) error {
	if f.NoEnvironment || c.Changed(f.Name) {
		return nil
	}
	// A flag wins over the environment's word for its opposite, too.
	if f.Opposite != "" && slices.Contains(c.given, f.Opposite) {
		return nil
	}
	for _, name := range c.names(f.Name) {
		variable := variable(c.Prefix, name)
		text, ok := lookup(variable)
		if !ok || text == "" || isServiceLink(c.Prefix, variable, text) {
			continue
		}
		values := []string{text}
		if _, repeated := f.To.(*[]string); repeated {
			values = strings.Split(text, "\n")
		}
		for _, value := range values {
			if err := c.set.Set(name, value); err != nil {
				if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
					err = valueError(invalid)
				}
				return fmt.Errorf("%s in the environment: %w", variable, err)
			}
		}
		return nil
	}
	return nil
}

// isServiceLink reports whether a variable is one of those with which
// Kubernetes tells a pod of a service that has the program's name.
func isServiceLink(prefix, name, value string) bool {
	rest := strings.TrimPrefix(name, prefix)
	return rest == "PORT" && strings.Contains(value, "://") || serviceLink.MatchString(rest)
}

var serviceLink = regexp.MustCompile(`^(SERVICE_(HOST|PORT)(_.*)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_.*)?)$`)

// WarnEnvironment says which variables look like flags and set none of any
// command of a program: a misspelled one would go unnoticed. environment is as
// os.Environ returns it; all commands have the same prefix.
func WarnEnvironment(w io.Writer, environment []string, commands ...*Command) {
	known := make(map[string]bool)
	prefix := ""
	for _, c := range commands {
		prefix = c.Prefix
		for f := range c.Has {
			for _, name := range append(f.Old, f.Name) {
				known[variable(prefix, name)] = !f.NoEnvironment
			}
		}
	}
	program := strings.ToLower(strings.TrimSuffix(prefix, "_"))
	links := 0
	for _, entry := range environment {
		name, value, _ := strings.Cut(entry, "=")
		switch {
		case !strings.HasPrefix(name, prefix):
		case isServiceLink(prefix, name, value):
			links++
		case !known[name]:
			fmt.Fprintf(w, "%s: %s in the environment sets no flag\n", program, results.Visible(name))
		}
	}
	if links > 0 {
		fmt.Fprintf(w, "%s: ignored what Kubernetes says in the environment of a service named %s (%sPORT and so on)\n", program, program, prefix)
	}
}

// maxQuoted bounds what an error repeats of a command line.
const maxQuoted = 100

func quote(s string) string {
	return `"` + results.Visible(results.Shorten(s, maxQuoted)) + `"`
}

func quoteWord(s string) string { return results.Visible(results.Shorten(s, maxQuoted)) }
