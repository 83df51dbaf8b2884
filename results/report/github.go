package report

import (
	"fmt"
	"io"
	"strings"

	"certsweep/results"
	"certsweep/results/policy"
)

// github writes workflow commands, which GitHub Actions shows as annotations:
// https://docs.github.com/actions/reference/workflow-commands-for-github-actions.
// GitHub shows ten errors and ten warnings of a step and drops the others in
// silence, so these are plain lines of the log, and the notice counts them.
type github struct {
	w       io.Writer
	locate  func(line int) (string, int)
	summary policy.Summary
	shown   map[string]int // annotations of each kind
	more    map[string]int
}

// maxAnnotations is how many of a kind GitHub shows of one step.
const maxAnnotations = 10

func (g *github) Add(v *policy.Verdict) error {
	g.summary.Add(v)
	if v.Level == policy.OK {
		return nil
	}
	command := "error"
	if v.Level == policy.Warn {
		command = "warning"
	}
	if g.shown[command] == maxAnnotations {
		g.more[command]++
		_, err := fmt.Fprintf(g.w, "%s: %s: %s\n", command, endpoint(v.Record), messages(v, "; "))
		return err
	}
	g.shown[command]++
	properties := "title=" + escapeProperty("certsweep: "+endpoint(v.Record))
	if g.locate != nil && v.Record.Line > 0 {
		if file, line := g.locate(v.Record.Line); file != "" {
			properties += fmt.Sprintf(",file=%s,line=%d", escapeProperty(results.Visible(file)), line)
		}
	}
	_, err := fmt.Fprintf(g.w, "::%s %s::%s\n", command, properties, escapeData(messages(v, "\n")))
	return err
}

func (g *github) Close() error {
	text := sentence(&g.summary)
	if more := g.more["error"] + g.more["warning"]; more > 0 {
		text += fmt.Sprintf("; GitHub shows %d of each kind as annotations, the log has %d more", maxAnnotations, more)
	}
	_, err := fmt.Fprintf(g.w, "::notice title=certsweep::%s\n", escapeData(text))
	return err
}

// escapeData and escapeProperty escape a command's message and the value of a
// property as the runner unescapes them.
var (
	dataEscaper     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	propertyEscaper = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func escapeData(s string) string     { return dataEscaper.Replace(s) }
func escapeProperty(s string) string { return propertyEscaper.Replace(s) }
