// Package files has what systems do differently with files that others may have
// open too.
package files

import "errors"

// ErrLocked says that another process holds the lock of a file.
var ErrLocked = errors.New("the file is locked by another process")
