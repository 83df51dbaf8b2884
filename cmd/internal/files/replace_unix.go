//go:build unix

package files

import "os"

// Replace renames a file; what had the new name before is gone.
func Replace(from, to string) error { return os.Rename(from, to) }
