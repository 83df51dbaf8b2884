package scan

import (
	"context"

	"certsweep/cmd/internal/flags"
	"certsweep/cmd/internal/process"
	"certsweep/scanner/list"
)

// ListOptions holds the flags that say which targets of the lists are taken, and
// how the lists are read.
type ListOptions struct {
	InputFormat string
	Strict      bool
}

func (o *Options) listFlags() []flags.Flag {
	var formats []string
	for _, f := range list.Formats() {
		formats = append(formats, string(f))
	}
	return []flags.Flag{
		{Name: "target", Shorthand: "t", Argument: "T", To: &o.Targets, Group: GroupLists, Common: OfScan | OfCheck, Brief: "a target, as a line of a list; repeatable",
			Text: "a target, as a line of a list, attributes included; repeatable"},
		{Name: "input-format", Argument: "FORMAT", To: &o.InputFormat, Group: GroupLists, Choices: formats,
			Text: "form of the lists", More: "`auto` tells by their beginning, and line by line; see [Targets](#targets)."},
		{Name: "strict", To: &o.Strict, Group: GroupLists, In: OfScan,
			Text: "if a line is no target, say so and scan nothing", More: "`check` is always strict."},
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
