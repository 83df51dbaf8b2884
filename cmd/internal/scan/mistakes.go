package scan

import (
	"errors"
	"fmt"
	"strings"

	"certsweep/cmd/internal/process"
	"certsweep/scanner"
)

// maxMistakes is how many mistakes of a list are shown.
const maxMistakes = 10

// Mistakes are those of a list, the first of them in words.
type Mistakes struct {
	texts []string
	more  int
}

// Add adds what is wrong at a place of a line, both counted from 1.
func (m *Mistakes) Add(in *Input, line, column int, err error) {
	file, number := in.Locate(line)
	switch file {
	case "":
		file = "--target"
	case "-":
		file = "standard input"
	}
	m.add(file, number, column, err)
}

func (m *Mistakes) add(file string, line, column int, err error) {
	if len(m.texts) == maxMistakes {
		m.more++
		return
	}
	m.texts = append(m.texts, fmt.Sprintf("%s:%d:%d: %v", file, line, column, err))
}

// Misread adds a line that is no target.
func (m *Mistakes) Misread(in *Input, t scanner.Target) {
	column, err := m.where(t.Err)
	m.Add(in, t.Line, column, err)
}

// where returns the column that the error of a line names, or the first.
func (m *Mistakes) where(err error) (column int, bare error) {
	if at, ok := errors.AsType[*scanner.LineError](err); ok {
		return max(1, at.Column), at.Err
	}
	return 1, err
}

// Err returns what there is to say of them, and where there is more to read; nil
// if there are none.
func (m *Mistakes) Err(seeAlso string) error { return m.err("the list", seeAlso) }

func (m *Mistakes) err(what, seeAlso string) error {
	if len(m.texts) == 0 {
		return nil
	}
	count := "1 mistake"
	if n := len(m.texts) + m.more; n > 1 {
		count = fmt.Sprintf("%d mistakes", n)
	}
	text := strings.Join(m.texts, "\n")
	if m.more > 0 {
		text += fmt.Sprintf("\nand %d more", m.more)
	}
	return process.Usage("%s has %s, and nothing was dialed:\n%s\n%s", what, count, text, seeAlso)
}
