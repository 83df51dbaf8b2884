package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"certsweep/cmd/internal/process"
	"certsweep/results/policy"
	"certsweep/results/report"
)

// reports is what one check writes: to files, and one to standard output
// unless that went to a file too.
type reports struct {
	files  []*fileReport
	stdout report.Renderer // nil for none
	format report.Format   // of stdout
}

// fileReport is a report on its way to a file.
type fileReport struct {
	report.Renderer
	name   string
	file   *replacement
	buffer *bufio.Writer
}

// openReports opens every file, so that one that cannot be written is known
// before anything is dialed.
func openReports(o *checkOptions, stdout io.Writer, options report.Options) (*reports, error) {
	format, err := report.ParseFormat(o.format)
	if err != nil {
		return nil, usageError("--format: %w", err)
	}
	out := &reports{format: format}
	if o.output == "" || o.output == "-" {
		out.stdout = report.New(format, stdout, options)
	}
	options.Color, options.Fold = false, false
	if out.stdout == nil {
		err = out.open("--output", format, o.output, options)
	}
	for _, spec := range o.reports {
		if err != nil {
			break
		}
		name, file, ok := strings.Cut(spec, "=")
		format, parseErr := report.ParseFormat(name)
		switch {
		case !ok || file == "":
			err = usageError("--report %s: write FORMAT=FILE, as in junit=report.xml", spec)
		case parseErr != nil:
			err = usageError("--report: %w", parseErr)
		case file == "-":
			err = usageError("--report %s: it writes to a file; --format says what goes to standard output", spec)
		default:
			err = out.open("--report", format, file, options)
		}
	}
	if err != nil {
		out.abort()
		return nil, err
	}
	return out, nil
}

func (out *reports) open(flag string, format report.Format, name string, options report.Options) error {
	file, err := replaceFile(name)
	if err != nil {
		return usageError("%s: %w", flag, err)
	}
	buffer := bufio.NewWriter(file)
	out.files = append(out.files, &fileReport{report.New(format, buffer, options), name, file, buffer})
	return nil
}

func (out *reports) add(v *policy.Verdict) error {
	for _, f := range out.files {
		if err := f.Add(v); err != nil {
			return reportFailure(f.name, err)
		}
	}
	if out.stdout == nil {
		return nil
	}
	return reportFailure("standard output", out.stdout.Add(v))
}

// finish writes what is left. Where not every endpoint was judged, no file
// appears, since it would pass for the whole, nor does a document on standard
// output; what is for people's eyes, or was written as it came, ends there.
// Files come first: the reader of standard output may have gone, and its
// absence ends the process.
func (out *reports) finish(complete bool) error {
	var failures []error
	for _, f := range out.files {
		if !complete {
			f.file.Abort()
			continue
		}
		err := errors.Join(f.Close(), f.buffer.Flush())
		if err == nil {
			err = f.file.Commit()
		} else {
			f.file.Abort()
		}
		failures = append(failures, reportFailure(f.name, err))
	}
	if out.stdout != nil && (complete || out.format.Streams()) {
		failures = append(failures, reportFailure("standard output", out.stdout.Close()))
	}
	return errors.Join(failures...)
}

// abort gives up the files that finish did not write.
func (out *reports) abort() {
	for _, f := range out.files {
		f.file.Abort()
	}
}

func reportFailure(name string, err error) error {
	if err == nil {
		return nil
	}
	return process.Fail(process.StatusIncomplete, fmt.Errorf("writing the report to %s: %w", name, err))
}
