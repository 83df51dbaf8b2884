package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"certsweep/results"
)

// openOutput opens where records go. A file that exists is refused: it may
// hold the results of hours.
func openOutput(name string, stdout *os.File) (*os.File, error) {
	if name == "" || name == "-" {
		return stdout, nil
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		// A pipe or a device has nothing to lose.
		if info, statErr := os.Stat(name); statErr == nil && !info.Mode().IsRegular() {
			file, err = os.OpenFile(name, os.O_WRONLY, 0)
		}
	}
	if errors.Is(err, fs.ErrExist) {
		return nil, usageError("%s exists already: remove it, or choose another name", name)
	}
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	return file, nil
}

// closeOutput makes sure that what was written to a file is there.
func closeOutput(out, stdout *os.File) error {
	if out == stdout {
		return nil
	}
	err := out.Sync()
	var path *fs.PathError
	if errors.As(err, &path) {
		// Pipes and some file systems cannot sync.
		err = nil
	}
	return errors.Join(err, out.Close())
}

// writeFailure marks an error as one of writing records.
func writeFailure(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{exitIncomplete, fmt.Errorf("writing records: %w", err)}
}

func writeSummary(name string, s *results.Summary) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(s.WriteJSON(io.Writer(file)), file.Close())
}
