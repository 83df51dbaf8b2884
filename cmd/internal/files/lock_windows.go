package files

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lockAt is the high half of where the locked byte is: locks bind on Windows, and
// who follows the file as it grows must be able to read it.
const lockAt = 1 << 30

// Lock takes the lock of a file that was opened for writing, which lasts until the
// file is closed, and does not wait for it: then the error is [ErrLocked]. It does
// not keep anybody from reading or writing. If a file system has no locks, there is
// nothing to be kept out, and the error is nil.
func Lock(file *os.File) error {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(file.Fd()), flags, 0, 1, 0, &windows.Overlapped{OffsetHigh: lockAt})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return ErrLocked
	}
	return nil
}
