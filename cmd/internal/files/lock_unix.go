//go:build unix

package files

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Lock takes the lock of a file, which lasts until the file is closed, and does not
// wait for it: then the error is [ErrLocked]. It does not keep anybody from
// reading or writing. If a file system has no locks, there is nothing to be kept
// out, and the error is nil.
func Lock(file *os.File) error {
	if errors.Is(unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK) {
		return ErrLocked
	}
	return nil
}
