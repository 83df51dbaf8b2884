package process

import (
	"os"

	"golang.org/x/sys/windows"
)

// TakesANSI reports whether a terminal obeys ANSI escape sequences. It has the
// console do so if it can, as those of Windows 10 and later do: else they would
// show the sequences.
func TakesANSI(terminal *os.File) bool {
	console := windows.Handle(terminal.Fd())
	var mode uint32
	if os.Getenv("TERM") == "dumb" || windows.GetConsoleMode(console, &mode) != nil {
		return false
	}
	const wanted = windows.ENABLE_PROCESSED_OUTPUT | windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING
	return mode&wanted == wanted || windows.SetConsoleMode(console, mode|wanted) == nil
}
