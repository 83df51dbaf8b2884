package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"golang.org/x/term"

	"certsweep/cmd/internal/flags"
	"certsweep/cmd/internal/process"
	"certsweep/cmd/internal/scan"
	"certsweep/results"
	"certsweep/results/policy"
)

const (
	program = "certsweep-queue"
	// environmentPrefix begins the variables that set flags: certsweep's own, since
	// most flags are.
	environmentPrefix = "CERTSWEEP_"
)

// environment is what a command may use of the process it runs in.
type environment struct {
	stdin          *os.File
	stdout, stderr *os.File
	// stop is done when nothing more shall begin, abort when what is in flight shall
	// be dropped too.
	stop, abort context.Context

	mu sync.Mutex // of stderr
}

// say tells people what happens.
func (e *environment) say(text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	fmt.Fprintf(e.stderr, "%s: %s\n", program, results.Visible(text))
}

func (e *environment) sayf(format string, args ...any) { e.say(fmt.Sprintf(format, args...)) }

// command is one of the program's commands. A new one is a row of commands, and
// a file.
type command struct {
	name, meaning string
	// make returns a new one: what describes it, and what it does when its flags were
	// read.
	make func(*environment) (*flags.Command, *common, func() error)
}

func commands() []command {
	return []command{
		{"serve", "run a NATS server with JetStream, for those who have none", (*environment).serve},
		{"put", "cut a list into batches for the workers", (*environment).put},
		{"work", "take batches, scan them, and hand in the results", (*environment).work},
		{"collect", "write the records as JSON Lines", (*environment).collect},
		{"status", "say how a job stands", (*environment).status},
		{"drop", "end a job: its batches and results are gone", (*environment).drop},
		{"demo", "show all of it on this machine, a killed worker included", (*environment).demo},
	}
}

// The headings of flags beside those of a scan.
const (
	groupJob    = "Job"
	groupServer = "Server"
)

// common are the flags that every command has.
type common struct {
	version, shortHelp, help bool
}

func (c *common) flags(group string) []flags.Flag {
	return []flags.Flag{
		{Name: "version", To: &c.version, Group: group, NoEnvironment: true, Text: "print the version"},
		{Name: "h", Shorthand: "h", To: &c.shortHelp, Group: group, NoEnvironment: true, Text: "print the most used flags"},
		{Name: "help", To: &c.help, Group: group, NoEnvironment: true, Text: "print all flags"},
	}
}

// describe returns what all descriptions of commands have in common.
func describe(name, summary string) *flags.Command {
	return &flags.Command{
		Name: program + " " + name, Bit: scan.OfScan, Prefix: environmentPrefix, Summary: summary,
		Notes: []flags.Note{{Title: "Values", Text: "Every flag can be set in the environment as CERTSWEEP_<FLAG>, such as CERTSWEEP_NATS. " +
			"A duration is 500ms, 10s or 1m30s; a bare number is seconds. A size is 65536, 64KiB or 1MiB."}},
	}
}

// run runs the command that args name.
func (e *environment) run(args []string) error {
	var described []*flags.Command
	for _, c := range commands() {
		d, _, _ := c.make(e)
		described = append(described, d)
	}
	flags.WarnEnvironment(e.stderr, os.Environ(), described...)
	if len(args) == 0 || slices.Contains([]string{"help", "-h", "--help"}, args[0]) && len(args) == 1 {
		return e.usage(len(args) == 0)
	}
	if args[0] == "help" {
		args = []string{args[1], "--help"}
	}
	if args[0] == "version" || args[0] == "--version" {
		_, err := fmt.Fprintln(e.stdout, program, process.Version(version, commit))
		return err
	}
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
		if c.name != args[0] {
			continue
		}
		described, common, do := c.make(e)
		if err := described.Parse(args[1:], os.LookupEnv); err != nil {
			return process.Fail(process.StatusUsage, err)
		}
		if done, err := e.inform(described, common); done {
			return err
		}
		return do()
	}
	hint := "see " + program + " --help"
	if near := policy.Nearest(args[0], names); near != "" {
		hint = "did you mean " + program + " " + near + "?"
	}
	return process.Usage("%q is not a command\n%s", args[0], hint)
}

// inform answers --help, -h and --version.
func (e *environment) inform(described *flags.Command, c *common) (done bool, err error) {
	switch {
	case c.help:
		_, err = io.WriteString(e.stdout, described.Help(e.width()))
	case c.shortHelp:
		_, err = io.WriteString(e.stdout, described.Short())
	case c.version:
		_, err = fmt.Fprintln(e.stdout, program, process.Version(version, commit))
	default:
		return false, nil
	}
	return true, err
}

// usage lists the commands.
func (e *environment) usage(wrong bool) error {
	var lines []flags.Line
	for _, c := range commands() {
		lines = append(lines, flags.Line{Text: program + " " + c.name, Meaning: c.meaning})
	}
	text := "certsweep-queue works a list of TLS endpoints off with any number of workers, through\nNATS JetStream. Every target is in the result exactly once, whatever is killed.\n\n" +
		"Commands:\n" + flags.Table(lines, e.width()) + "\nEach tells its flags with --help.\n"
	if wrong {
		return process.Usage("which command?\n%s", text)
	}
	_, err := io.WriteString(e.stdout, text)
	return err
}

// width returns the columns of the terminal that standard output is, or those of
// a common one.
func (e *environment) width() int {
	if width, _, err := term.GetSize(int(e.stdout.Fd())); err == nil && width > 0 {
		return width
	}
	return 80
}
