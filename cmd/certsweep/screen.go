package main

import (
	"io"
	"os"
	"sync"

	"golang.org/x/term"
)

// screen keeps what is written on a terminal above the bar that is drawn on it.
// The zero value has no bar and passes everything on. It may be used by several
// goroutines.
type screen struct {
	mu  sync.Mutex
	tty *os.File // where the bar is
	bar string   // as it is drawn; "" for none
	// columns is the width of the terminal that the bar was drawn for.
	columns int
	// open says that what was written above ends in the middle of a line: there
	// is no place for a bar until it ends.
	open bool
}

// The cursor waits at the bar's first column: if the terminal becomes narrower
// and breaks the bar into two lines, all that is below the cursor is the bar.
const eraseBelow = "\r\x1b[J"

// draw draws the bar anew, which is one line; "" takes it away.
func (s *screen) draw(tty *os.File, bar string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open {
		return
	}
	before := s.bar
	s.tty, s.bar, s.columns = tty, bar, columnsOf(tty)
	switch {
	case bar != "":
		// At once, so that nothing flickers.
		io.WriteString(tty, eraseBelow+bar+"\r")
	case before != "":
		io.WriteString(tty, eraseBelow)
	}
}

// columnsOf returns the width of a terminal, or that of a common one if it does
// not say.
func columnsOf(tty *os.File) int {
	if width, _, err := term.GetSize(int(tty.Fd())); err == nil && width > 0 {
		return width
	}
	return 80
}

// above returns a writer that writes to file above the bar, whole lines if it is
// given whole lines.
func (s *screen) above(file *os.File) io.Writer { return aboveBar{s, file} }

type aboveBar struct {
	screen *screen
	file   *os.File
}

func (w aboveBar) Write(p []byte) (int, error) {
	w.screen.mu.Lock()
	defer w.screen.mu.Unlock()
	bar, tty := w.screen.bar, w.screen.tty
	if bar != "" {
		io.WriteString(tty, eraseBelow)
	}
	n, err := w.file.Write(p)
	w.screen.open = len(p) > 0 && p[len(p)-1] != '\n'
	switch {
	case w.screen.open, bar != "" && columnsOf(tty) != w.screen.columns:
		// A bar of another width would be broken. The next one is drawn soon.
		w.screen.bar = ""
	case bar != "":
		io.WriteString(tty, bar+"\r")
	}
	return n, err
}
