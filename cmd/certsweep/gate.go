package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"

	"certsweep/cmd/internal/process"
	"certsweep/cmd/internal/scan"
	"certsweep/results"
	"certsweep/results/policy"
)

// gateOptions holds the flags that say what a check asks for.
type gateOptions struct {
	failOn, warnOn, ignore []string
	minDays, warnDays      daysValue
	minLifetimeLeft        partValue
	requirePQ              bool
	requireTLS             scan.Version
	allowUnreachable       bool
	baseline               string
}

// policy returns what the flags ask for, without baseline and expectations.
func (o *gateOptions) policy() (*policy.Policy, error) {
	p := policy.Default()
	p.MinDays, p.WarnDays, p.MinLifetimeLeft = o.minDays.days, o.warnDays.days, o.minLifetimeLeft.part
	p.RequirePQ, p.MinTLS, p.AllowUnreachable = o.requirePQ, o.requireTLS.String(), o.allowUnreachable

	setBy := make(map[policy.Code]string)
	if o.requirePQ {
		setBy[policy.Code(results.NotPostQuantum)] = "--require-pq"
	}
	for _, flag := range []struct {
		name  string
		lists []string
		level policy.Level
	}{{"--fail-on", o.failOn, policy.Fail}, {"--warn-on", o.warnOn, policy.Warn}, {"--ignore", o.ignore, policy.OK}} {
		for _, list := range flag.lists {
			codes, err := policy.ParseCodes(list)
			if err != nil {
				return nil, usageError("%s: %w", flag.name, err)
			}
			for _, code := range codes {
				if other := setBy[code]; other != "" && other != flag.name {
					return nil, usageError("%s is in both %s and %s", code, other, flag.name)
				}
				setBy[code] = flag.name
				p.Levels[code] = flag.level
			}
		}
	}
	if by := setBy[policy.CodeChanged]; by != "" && o.baseline == "" {
		return nil, usageError("%s changed needs --baseline: without it nothing is known to have changed", by)
	}
	return p, nil
}

// readBaseline reads what an earlier scan saw; without a name it returns nil.
func (e *environment) readBaseline(name string) (*policy.Baseline, error) {
	if name == "" {
		return nil, nil
	}
	var b policy.Baseline
	n := 0
	for r, err := range e.savedRecords(name) {
		if err != nil {
			return nil, process.StoppedOr(e.stop, usageError("--baseline: %w", err))
		}
		b.Add(r)
		n++
	}
	if err := context.Cause(e.stop); err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, usageError("--baseline: %s has no record: there is nothing to compare with", name)
	}
	return &b, nil
}

// daysValue is a flag's number of days; nil where it was not given.
type daysValue struct{ days *float64 }

func (v *daysValue) Type() string { return "days" }

func (v *daysValue) String() string {
	if v.days == nil {
		return ""
	}
	return strconv.FormatFloat(*v.days, 'g', -1, 64)
}

func (v *daysValue) Set(s string) error {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n >= 0 && n <= math.MaxInt32) {
		return errors.New("not a number of days: write 14 or 2.5")
	}
	v.days = &n
	return nil
}

// partValue is a flag's part of a lifetime; nil where it was not given.
type partValue struct{ part *float64 }

func (v *partValue) Type() string { return "part" }

func (v *partValue) String() string {
	if v.part == nil {
		return ""
	}
	return fmt.Sprintf("%g%%", *v.part*100)
}

func (v *partValue) Set(s string) error {
	part, err := policy.ParsePart(s)
	if err != nil {
		return err
	}
	v.part = &part
	return nil
}
