package scan

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"

	"certsweep/cmd/internal/flags"
	"certsweep/cmd/internal/process"
	"certsweep/dialer"
	"certsweep/scanner"
	"certsweep/scanner/list"
)

// ListOptions holds the flags that say which targets of the lists are taken, and
// how the lists are read.
type ListOptions struct {
	InputFormat string
	Strict      bool
	Exclude     []string // names of files
	Names       string   // of a file
	Unique      bool
	Shuffle     bool
	Seed        uint64
	Limit       int

	exclusions *scanner.Exclusions // once they were read; nil for none
	names      *scanner.Names      // those of the input that was opened last; nil for none
}

func (o *Options) listFlags() []flags.Flag {
	var formats []string
	for _, f := range list.Formats() {
		formats = append(formats, string(f))
	}
	return []flags.Flag{
		{Name: "target", Shorthand: "t", Argument: "T", To: &o.Targets, Group: GroupLists, Common: OfScan | OfCheck, Brief: "a target, as a line of a list; repeatable",
			Text: "a target, written as a line of a list, attributes included; repeatable"},
		{Name: "input-format", Argument: "FORMAT", To: &o.InputFormat, Group: GroupLists, Choices: formats,
			Text: "format of the lists", More: "`auto` recognizes it by the beginning of each file, and line by line; see [docs/targets.md](targets.md#lists-of-other-tools)."},
		{Name: "strict", To: &o.Strict, Group: GroupLists, In: OfScan,
			Text: "scan nothing if a line is no target", More: "`check` is always strict."},
		{Name: "exclude", Argument: "FILE", To: &o.Exclude, Group: GroupLists, Kind: flags.File,
			Text: "leave out what FILE lists: addresses, prefixes, ranges, names, `*.name`, ports (`:25`); repeatable",
			More: "Addresses are compared again after each look-up. A line that is none of these is an error, and nothing is scanned."},
		{Name: "names", Argument: "FILE", To: &o.Names, Group: GroupLists, Kind: flags.File, In: OfScan | OfCheck,
			Text: "ask each target for every name of FILE, with a record for each; `-`: standard input",
			More: "FILE may have every form that a list may have. Targets take turns, some thousands at a time; `--per-host` bounds what one host gets. A target with a name of its own (`sni=`, or `address,name`) is asked for that alone. A line without a name is an error, and nothing is scanned."},
		{Name: "unique", To: &o.Unique, Group: GroupLists,
			Text: "scan each endpoint once, for the first line that has it",
			More: "That takes up to 3 bytes of memory for each IPv4 address, and 40 for each name."},
		{Name: "shuffle", To: &o.Shuffle, Group: GroupLists,
			Text: "scan in an order that spreads each network's targets over the whole scan",
			More: "The list is read to its end first, into a temporary file if it is long. It goes with `--resume` and `--shard`."},
		{Name: "seed", Argument: "N", To: &o.Seed, Group: GroupLists, Default: "0", Text: "choose another order for `--shuffle`"},
		{Name: "limit", Argument: "N", To: &o.Limit, Group: GroupLists, Default: "none", Text: "scan at most N targets; with `--shuffle`, a sample"},
	}
}

// validateLists checks what no single flag can.
func (o *Options) validateLists(c *flags.Command) error {
	switch {
	case o.Limit < 0:
		return process.Usage("--limit must not be negative")
	case c.Changed("seed") && !o.Shuffle:
		return process.Usage("--seed is for --shuffle")
	case o.Names != "" && (o.SNI != "" || o.NoSNI):
		return process.Usage("--names says which server names to send: leave out --sni and --no-sni")
	case o.Names == "-" && o.ReadsStdin(false):
		return process.Usage("standard input can be read once: as the list, or as --names -")
	}
	return nil
}

// readExclusions reads the files of --exclude, once. They may be pipes, which
// are waited for.
func (o *Options) readExclusions() error {
	if o.exclusions != nil || len(o.Exclude) == 0 {
		return nil
	}
	lines := func(yield func(list.Line, error) bool) {
		for _, name := range o.Exclude {
			file, err := os.Open(name)
			if err != nil {
				yield(list.Line{}, err)
				return
			}
			defer file.Close()
			for line, err := range list.NewReader(file, list.Auto).All() {
				if err == nil && line.Err != nil {
					err = fmt.Errorf("line %d: %w", line.Number, line.Err)
				}
				if err != nil {
					err = fmt.Errorf("%s: %w", name, err)
				}
				if !yield(line, err) {
					return
				}
			}
		}
	}
	exclusions, err := scanner.ReadExclusions(lines)
	if err != nil {
		return process.Usage("--exclude: %w", err)
	}
	o.exclusions = exclusions
	return nil
}

// Complete returns what the flags make of the targets of a list.
func (o *Options) Complete() func(iter.Seq2[scanner.Target, error]) iter.Seq2[scanner.Target, error] {
	return o.CompleteRemarking(nil)
}

// CompleteRemarking does so, and remarks upon what is excluded, unless r is nil.
// The exclusions must have been read, by OpenInput or Scanner.
func (o *Options) CompleteRemarking(r *Remarks) func(iter.Seq2[scanner.Target, error]) iter.Seq2[scanner.Target, error] {
	d := scanner.Defaults{Ports: o.Ports, ServerName: o.SNI, StartTLS: dialer.Protocol(o.StartTLS)}
	return func(targets iter.Seq2[scanner.Target, error]) iter.Seq2[scanner.Target, error] {
		targets = d.Apply(targets)
		if o.exclusions != nil {
			var remark func(scanner.Target)
			if r != nil {
				remark = r.addExcluded
			}
			targets = incomplete(o.exclusions.Apply(targets, remark))
		}
		if o.Unique {
			targets = scanner.Unique(targets, o.names)
		}
		targets = scanner.Shard(o.Shard).Apply(targets)
		if o.Limit > 0 {
			targets = scanner.Limit(targets, o.Limit)
		}
		return targets
	}
}

// incomplete gives a list of which nothing is left the exit status of an empty
// one.
func incomplete(targets iter.Seq2[scanner.Target, error]) iter.Seq2[scanner.Target, error] {
	return func(yield func(scanner.Target, error) bool) {
		for t, err := range targets {
			if errors.Is(err, scanner.ErrAllExcluded) {
				err = process.Fail(process.StatusIncomplete, err)
			}
			if !yield(t, err) {
				return
			}
		}
	}
}

// CheckStrictly reads the lists once, and refuses them if a line of them is no target.
func (in *Input) CheckStrictly(stop context.Context) error {
	if err := in.Spool(); err != nil {
		return process.StoppedOr(stop, err)
	}
	first, err := in.Again()
	if err != nil {
		return process.Usage("reading targets: %w", err)
	}
	defer first.Close()
	var wrong Mistakes
	for t, err := range first.ReadLines() {
		switch {
		case stop.Err() != nil:
			return context.Cause(stop)
		case err != nil:
			return process.Usage("reading targets: %w", err)
		case t.Err != nil:
			wrong.Misread(first, t)
		}
	}
	return wrong.Err("see --help")
}
