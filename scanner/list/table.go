package list

import (
	"encoding/csv"
	"errors"
	"slices"
	"strings"
)

// table is what the header of a list says.
type table struct {
	comma   rune
	columns map[string]int
}

// newTable reads a header; it returns nil if the line is none: no column is
// called as one of a target is, or a cell could be a part of a target itself.
func newTable(text string) *table {
	comma := ','
	for _, c := range ";\t|" {
		if strings.Count(text, string(c)) > strings.Count(text, string(comma)) {
			comma = c
		}
	}
	cells, err := splitRow(text, comma)
	if err != nil {
		return nil
	}
	t := &table{comma, make(map[string]int)}
	leads := false
	for i, cell := range cells {
		column := normalColumn(cell)
		if isNumber(column) || isAddress(column) {
			return nil
		}
		if _, twice := t.columns[column]; !twice {
			t.columns[column] = i
		}
		for _, columns := range [][]string{urlColumns, hostColumns, addressColumns, nameColumns, sniColumns} {
			leads = leads || slices.Contains(columns, column)
		}
	}
	if !leads {
		return nil
	}
	return t
}

// row reads one row. A line without any of the table's commas may be one of
// certsweep's own grammar.
func (t *table) row(text string) (Line, bool) {
	if len(t.columns) > 1 && !strings.ContainsRune(text, t.comma) {
		return Line{Text: text}, true
	}
	cells, err := splitRow(text, t.comma)
	if err != nil {
		var at *csv.ParseError
		if errors.As(err, &at) {
			err = at.Err
		}
		return Line{Err: errors.New("not a row of CSV: " + err.Error())}, true
	}
	value := func(column string) string {
		if i, ok := t.columns[column]; ok && i < len(cells) {
			return cells[i]
		}
		return ""
	}
	var ports []string
	for _, column := range portColumns {
		if cell := strings.TrimSpace(value(column)); cell != "" {
			port, ok := tcpPort(cell)
			if !ok {
				return Line{}, false
			}
			ports = []string{port}
			break
		}
	}
	return columnEntry(value, ports).line()
}

// splitRow splits a line at commas; quotes keep them together (RFC 4180 §2).
func splitRow(text string, comma rune) ([]string, error) {
	if !strings.Contains(text, `"`) {
		return strings.Split(text, string(comma)), nil
	}
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.TrimLeadingSpace = comma, comma != '\t'
	return r.Read()
}
