package files

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// How long, and how often, Replace tries. Whoever reads a small file, or looks for
// viruses in it, is done by then.
const (
	replaceLimit = 2 * time.Second
	replacePause = 20 * time.Millisecond
)

// Replace renames a file; what had the new name before is gone. While somebody has
// that open, Windows refuses it: so it waits, for a little while.
func Replace(from, to string) error {
	for deadline := time.Now().Add(replaceLimit); ; time.Sleep(replacePause) {
		err := os.Rename(from, to)
		if !errors.Is(err, windows.ERROR_ACCESS_DENIED) && !errors.Is(err, windows.ERROR_SHARING_VIOLATION) || time.Now().After(deadline) {
			return err
		}
	}
}
