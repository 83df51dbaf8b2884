//go:build unix

package files

import "os"

// Append is the flag with which a file is opened that records are added to.
const Append = os.O_APPEND
