package main

import (
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// The terminal of the picture. A forge shows a page some 900 pixels wide.
const (
	pictureColumns = 100
	pictureRows    = 40

	cellWidth  = 8.4
	cellHeight = 18
	fontSize   = 14
	margin     = 16
)

// frame is a command with what a terminal shows of it, colours included.
type frame struct{ command, screen string }

// pictureStyle has the colours for a light page and for a dark one. The picture has
// a ground of its own, so it can be read on any page, and where styles are not
// heeded the attributes make it dark.
const pictureStyle = `<style>
text { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace; font-size: 14px; white-space: pre; }
@media (prefers-color-scheme: light) {
 .ground { fill: #f6f8fa; stroke: #d0d7de; } .plain { fill: #1f2328; } .dim { fill: #59636e; } .prompt { fill: #0550ae; }
 .green { fill: #116329; } .yellow { fill: #7d4e00; } .red { fill: #b3161b; } .magenta { fill: #7534b8; } .blue { fill: #0550ae; } .cyan { fill: #0b5d6b; }
}
</style>
`

// fills are the colours where styles are not heeded.
var fills = map[string]string{
	"plain": "#e6edf3", "dim": "#9198a1", "prompt": "#79c0ff", "green": "#56d364", "yellow": "#e3b341", "red": "#ff8a80", "magenta": "#d2a8ff", "blue": "#79c0ff", "cyan": "#76d5e4",
}

// picture draws frames one below the other as SVG, without any font of its own:
// each run of text is told how wide it is.
func picture(frames []frame) string {
	var body strings.Builder
	row := 0
	for i, f := range frames {
		if i > 0 {
			row++
		}
		drawRow(&body, row, "\x1b[94m$\x1b[0m \x1b[1m"+f.command+"\x1b[0m")
		row++
		for line := range strings.Lines(strings.TrimRight(f.screen, "\n ")) {
			drawRow(&body, row, strings.TrimRight(line, "\n"))
			row++
		}
	}
	width, height := margin*2+int(pictureColumns*cellWidth), margin*2+row*cellHeight
	var b strings.Builder
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\" aria-labelledby=\"title\">\n", width, height, width, height)
	b.WriteString("<title id=\"title\">A terminal with the card of one endpoint, and a check of six</title>\n" + pictureStyle)
	fmt.Fprintf(&b, "<rect class=\"ground\" x=\"0.5\" y=\"0.5\" width=\"%d\" height=\"%d\" rx=\"8\" fill=\"#0d1117\" stroke=\"#30363d\"/>\n", width-1, height-1)
	return b.String() + body.String() + "</svg>\n"
}

// sgr is a sequence that sets colours and weight.
var sgr = regexp.MustCompile(`\x1b\[([0-9;]*)m`)

// drawRow draws a row of a terminal, as tmux captures it.
func drawRow(b *strings.Builder, row int, line string) {
	column, look := 0, look{class: "plain"}
	for line != "" {
		next := sgr.FindStringSubmatchIndex(line)
		if next == nil {
			next = []int{len(line), len(line), len(line), len(line)}
		}
		column = look.draw(b, row, column, line[:next[0]])
		look.set(line[next[2]:next[3]])
		line = line[next[1]:]
	}
}

// look is how text is shown.
type look struct {
	class string
	bold  bool
}

func (l *look) set(codes string) {
	names := map[string]string{"31": "red", "32": "green", "33": "yellow", "34": "blue", "35": "magenta", "36": "cyan", "2": "dim", "94": "prompt", "39": "plain"}
	for code := range strings.SplitSeq(codes, ";") {
		switch name, ok := names[code]; {
		case code == "" || code == "0":
			*l = look{class: "plain"}
		case code == "1":
			l.bold = true
		case ok:
			l.class = name
		}
	}
}

// draw draws text, and returns the column behind it. Blocks are drawn as
// rectangles, as fonts differ in them.
func (l look) draw(b *strings.Builder, row, column int, text string) int {
	y := margin + row*cellHeight
	attributes := fmt.Sprintf("class=\"%s\" fill=\"%s\"", l.class, fills[l.class])
	for text != "" {
		first, _ := utf8.DecodeRuneInString(text)
		run := strings.IndexFunc(text, func(r rune) bool { return r != first })
		if first != ' ' && first != '█' && first != '░' {
			run = strings.IndexFunc(text, func(r rune) bool { return r == '█' || r == '░' })
			if gap := strings.Index(text, "  "); gap >= 0 && (run < 0 || gap < run) {
				run = gap
			}
		}
		if run < 0 {
			run = len(text)
		}
		part := text[:run]
		cells := utf8.RuneCountInString(part)
		x, wide := margin+float64(column)*cellWidth, float64(cells)*cellWidth
		switch first {
		case ' ':
		case '█', '░':
			opacity := map[rune]string{'█': "1", '░': "0.3"}[first]
			fmt.Fprintf(b, "<rect %s opacity=\"%s\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>\n", attributes, opacity, x, y+3, wide, cellHeight-6)
		default:
			weight := ""
			if l.bold {
				weight = " font-weight=\"bold\""
			}
			fmt.Fprintf(b, "<text %s%s font-family=\"monospace\" font-size=\"%d\" x=\"%.1f\" y=\"%d\" textLength=\"%.1f\" lengthAdjust=\"spacingAndGlyphs\">%s</text>\n",
				attributes, weight, fontSize, x, y+13, wide, html.EscapeString(part))
		}
		column += cells
		text = text[run:]
	}
	return column
}

// wellFormed reads a document to its end.
func wellFormed(t *testing.T, document string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(document))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
