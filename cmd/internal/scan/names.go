package scan

import (
	"errors"
	"fmt"
	"io"
	"os"

	"certsweep/cmd/internal/process"
	"certsweep/scanner"
	"certsweep/scanner/list"
)

// namesPart is the part of --max-memory that the names may have.
const namesPart = 4

// readNames reads the file of --names. It may be a pipe, which is waited for.
func (o *Options) readNames(stdin *os.File) (*scanner.Names, error) {
	if o.Names == "" {
		return nil, nil
	}
	file := stdin
	if o.Names != "-" {
		var err error
		if file, err = os.Open(o.Names); err != nil {
			return nil, process.Usage("--names: %w", err)
		}
		defer file.Close()
	}
	title := (&part{name: o.Names}).title()
	var wrong Mistakes
	names, err := scanner.ReadNames(list.NewReader(io.Reader(file), list.Auto).All(), int64(o.MaxMemory/namesPart), func(line int, err error) {
		column, err := wrong.where(err)
		wrong.add(title, line, column, err)
	})
	switch {
	case errors.Is(err, scanner.ErrTooManyNames) && o.MaxMemory != 0:
		return nil, process.Usage("--names: %s: the names take more than a quarter of --max-memory %v", title, &o.MaxMemory)
	case err != nil:
		return nil, process.Usage("--names: %s: %w", title, err)
	case names.Len() == 0 && len(wrong.texts) == 0:
		return nil, process.Fail(process.StatusIncomplete, fmt.Errorf("--names: no names in %s", title))
	}
	return names, wrong.err("--names", "see --help")
}
