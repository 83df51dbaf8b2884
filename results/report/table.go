package report

import (
	"io"
	"strings"

	"certsweep/results"
	"certsweep/results/policy"
)

// table is a line for each endpoint, as it is judged. The widths of the columns
// come from the width of the terminal alone, since the first line is written
// before the second is known.
type table struct {
	w       io.Writer
	style   style
	columns []column
	gap     string // between two columns
	folds   bool   // what is too long goes on below, instead of being cut
	begun   bool
	bare    bool
	summary policy.Summary
}

// column is one of the table.
type column struct {
	title string
	width int
	right bool // what is shorter stands at the right
	// text returns what stands there, visible and of any length, and its colour.
	text func(*policy.Verdict) (text, color string)
	// cut shortens it; nil is cut at the end.
	cut func(string, int) string
}

const (
	// Widths of columns that are as wide as what they say at most.
	wordWidth = 6
	daysWidth = 5
	keyWidth  = 11
	caseWidth = 23
	// leastWidth is the narrowest a table can be.
	leastWidth = 38
)

// newTable lays a table out for a terminal.
func newTable(w io.Writer, o Options) *table {
	t := &table{w: w, gap: "  ", style: style{o.Color, o.ASCII}, bare: o.Bare}
	verdict := column{title: "STATUS", width: wordWidth, text: verdictCell}
	host := column{title: "ENDPOINT", cut: cutMiddle, text: func(v *policy.Verdict) (string, string) { return tableEndpoint(v.Record, o.Addresses), bold }}
	days := column{title: "DAYS", width: daysWidth, right: true, text: daysCell}
	from := column{title: "ISSUER", text: func(v *policy.Verdict) (string, string) { return issuer(v), "" }}
	tls := column{title: "TLS", text: func(v *policy.Verdict) (string, string) { return version(v, false), dim }}
	key := column{title: "KEY", width: keyWidth, text: func(v *policy.Verdict) (string, string) { return shortKey(v), dim }}
	said := column{title: "FINDINGS", text: saidCell}

	switch columns := max(o.Width, leastWidth); {
	case o.About != nil:
		host = column{title: "CASE", text: func(v *policy.Verdict) (string, string) { return results.Visible(v.Record.Tag), bold }}
		about := column{title: "WHAT IT IS", text: func(v *policy.Verdict) (string, string) { return results.Visible(o.About(v.Record)), "" }}
		t.folds = true
		shares := []int{0, 26, 44, 30}
		if columns >= defaultWidth {
			host.width, shares[1] = caseWidth, 0
		}
		t.layOut(columns, []column{verdict, host, about, said}, shares)
	case columns < 60:
		t.gap = " "
		t.layOut(columns, []column{verdict, host, said}, []int{0, 50, 50})
	case columns < 100:
		tls.width = 6
		t.layOut(columns, []column{verdict, host, days, from, tls, said}, []int{0, 46, 0, 21, 0, 33})
	case columns < 150:
		tls.width = 6
		t.layOut(columns, []column{verdict, host, days, from, tls, key, said}, []int{0, 40, 0, 25, 0, 0, 35})
	default:
		tls.width, tls.text = 20, func(v *policy.Verdict) (string, string) { return fullVersion(v), dim }
		t.layOut(columns, []column{verdict, host, days, from, tls, key, said}, []int{0, 38, 0, 26, 0, 0, 36})
	}
	return t
}

// layOut gives the columns without a width their shares of what is left. The last
// one takes what does not divide, and may be narrower on the screen.
func (t *table) layOut(columns int, cells []column, shares []int) {
	left, parts := columns-len(t.gap)*(len(cells)-1), 0
	for i := range cells {
		left -= cells[i].width
		parts += shares[i]
	}
	rest := left
	for i := range cells {
		if shares[i] > 0 {
			cells[i].width = max(1, left*shares[i]/parts)
			rest -= cells[i].width
		}
	}
	cells[len(cells)-1].width += max(0, rest)
	t.columns = cells
}

func (t *table) Add(v *policy.Verdict) error {
	t.summary.Add(v)
	var b strings.Builder
	t.head(&b)
	last := len(t.columns) - 1
	cells := make([]cell, 0, len(t.columns))
	for i := range t.columns {
		text, color := t.columns[i].text(v)
		cells = append(cells, cell{&t.columns[i], text, color, t.columns[i].width})
	}
	// What went wrong before there was a certificate has the room of what would
	// be said of it.
	from := last
	for from > 2 && cells[from-1].text == "" {
		from--
		cells[last].width += cells[from].width + len(t.gap)
	}
	cells = append(cells[:from], cells[last])
	for {
		var below []cell
		if t.folds {
			below = fold(cells)
		}
		for i := range cells {
			t.write(&b, cells[i], i == len(cells)-1)
		}
		if below == nil {
			break
		}
		cells = below
	}
	_, err := io.WriteString(t.w, t.style.drawn(b.String()))
	return err
}

// fold leaves the first line of each cell, and returns what goes below it; nil
// for nothing.
func fold(cells []cell) []cell {
	below := make([]cell, len(cells))
	more := false
	for i := range cells {
		lines := folded(cells[i].text, cells[i].width)
		below[i] = cells[i]
		below[i].text = strings.Join(lines[1:], " ")
		cells[i].text = lines[0]
		more = more || len(lines) > 1
	}
	if !more {
		return nil
	}
	return below
}

// cell is a text on its way to the screen.
type cell struct {
	*column
	text, color string
	width       int
}

// head writes the titles before the first line.
func (t *table) head(b *strings.Builder) {
	if t.begun {
		return
	}
	t.begun = true
	for i := range t.columns {
		c := &t.columns[i]
		t.write(b, cell{c, c.title, dim, c.width}, i == len(t.columns)-1)
	}
}

// write writes one cell, and the line's end behind the last.
func (t *table) write(b *strings.Builder, c cell, last bool) {
	shorten := c.cut
	if shorten == nil {
		shorten = cut
	}
	text := shorten(c.text, c.width)
	blanks := strings.Repeat(" ", max(0, c.width-width(text)))
	if c.right {
		b.WriteString(blanks)
	}
	b.WriteString(t.style.paint(c.color, text))
	if last {
		line := strings.TrimRight(b.String(), " ")
		b.Reset()
		b.WriteString(line + "\n")
		return
	}
	if !c.right {
		b.WriteString(blanks)
	}
	b.WriteString(t.gap)
}

func (t *table) Close() error {
	if t.bare {
		return nil
	}
	line := sentence(&t.summary)
	_, err := io.WriteString(t.w, t.style.paint(colors[outcome(&t.summary)], line)+"\n")
	return err
}

func verdictCell(v *policy.Verdict) (string, string) { return word(v), colors[v.Level] }

// saidCell has the colour of the verdict, if that is one.
func saidCell(v *policy.Verdict) (string, string) {
	if v.Level == policy.Unchecked {
		return codes(v), ""
	}
	return codes(v), colors[v.Level]
}

// daysCell has the colour of what the days alone mean.
func daysCell(v *policy.Verdict) (string, string) {
	color := ""
	for _, p := range reported(v) {
		switch p.Code {
		case policy.Code(results.Expired), policy.Code(results.ExpiresSoon), policy.CodeMinDays, policy.Code(results.NotYetValid):
			color = colors[p.Level]
		}
	}
	return daysLeft(v), color
}

// tableEndpoint is an endpoint as short as it can be: the port that everybody
// expects is left out, and of an address that was asked for a name the name
// comes first.
func tableEndpoint(r *results.Record, addresses bool) string {
	s := endpoint(r)
	if r.Host != "" {
		s = strings.TrimSuffix(hostPort(r.Host, r.Port), ":443")
		if r.SNI != "" && r.SNI != r.Host {
			s = r.SNI + " (" + s + ")"
		} else if addresses && r.IP != "" && r.IP != r.Host {
			s += " (" + r.IP + ")"
		}
		if r.StartTLS != "" {
			s = r.StartTLS + "://" + s
		}
		s = results.Visible(s)
	}
	return s
}

// version says the protocol's version, and PQ if the key exchange withstands
// quantum computers.
func version(v *policy.Verdict, full bool) string {
	t := v.Record.TLS
	if t == nil {
		return ""
	}
	s := results.Visible(t.Version)
	switch {
	case full && t.KeyExchange != "":
		return s + " " + results.Visible(t.KeyExchange)
	case t.IsPostQuantum():
		return s + " PQ"
	}
	return s
}

func fullVersion(v *policy.Verdict) string { return version(v, true) }

// shortKey says the kind of the certificate's key.
func shortKey(v *policy.Verdict) string {
	if v.Record.Certificate == nil {
		return ""
	}
	return keyName(v.Record.Certificate.PublicKey)
}
