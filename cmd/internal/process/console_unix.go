//go:build unix

package process

import "os"

// TakesANSI reports whether a terminal obeys ANSI escape sequences.
func TakesANSI(*os.File) bool { return os.Getenv("TERM") != "dumb" }
