package report

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"certsweep/results"
	"certsweep/results/policy"
)

// suiteSize is how many test cases share a test suite. A suite names its counts
// before its cases, so one is held in memory until it is full; a list of any
// length becomes as many suites as it takes.
const suiteSize = 1000

// junit is the XML of JUnit reports as Surefire writes and Jenkins, GitLab and
// others read it. A failing endpoint is a failure, one that could not be
// checked an error, one that was allowed to be unreachable is skipped, and
// warnings are output of a case that passes.
type junit struct {
	out   *bufio.Writer
	stamp string

	order                           order[testCase]
	begun                           bool
	number                          int // of the suite
	cases                           bytes.Buffer
	tests, failed, errored, skipped int
	seconds                         float64
}

// testCase is an endpoint on its way into a suite.
type testCase struct {
	xml     string
	level   policy.Level
	skipped bool
	seconds float64
}

func newJUnit(w io.Writer, now time.Time) *junit {
	return &junit{out: bufio.NewWriter(w), stamp: now.UTC().Format("2006-01-02T15:04:05")}
}

func (j *junit) Add(v *policy.Verdict) error {
	if first, ok := j.order.add(v, newTestCase(v)); ok {
		j.add(first)
	}
	return nil
}

func newTestCase(v *policy.Verdict) testCase {
	c := testCase{level: v.Level, seconds: v.Record.Timing.Total / 1000}
	class := "certsweep"
	if v.Record.Tag != "" {
		class += "." + results.Visible(v.Record.Tag)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `    <testcase classname="%s" name="%s" time="%.3f">`, escapeXML(class), escapeXML(endpoint(v.Record)), c.seconds)
	switch v.Level {
	case policy.Fail:
		writeProblems(&b, "failure", v)
	case policy.Unchecked:
		writeProblems(&b, "error", v)
	case policy.Warn:
		fmt.Fprintf(&b, "\n      <system-out>%s</system-out>\n    ", list(v.Problems))
	default:
		if c.skipped = v.Allowed(); c.skipped {
			fmt.Fprintf(&b, "\n      <skipped message=\"%s\"/>\n    ", escapeXML(results.Visible(v.Problems[0].Message)))
		}
	}
	b.WriteString("</testcase>\n")
	c.xml = b.String()
	return c
}

// add puts a case into the suite, and writes that if it is full.
func (j *junit) add(c testCase) {
	j.tests++
	j.seconds += c.seconds
	switch {
	case c.level == policy.Fail:
		j.failed++
	case c.level == policy.Unchecked:
		j.errored++
	case c.skipped:
		j.skipped++
	}
	j.cases.WriteString(c.xml)
	if j.tests == suiteSize {
		j.suite()
	}
}

// writeProblems writes the element that says why a case did not pass.
func writeProblems(b *strings.Builder, element string, v *policy.Verdict) {
	fmt.Fprintf(b, "\n      <%s type=\"%s\" message=\"%s\">%s</%s>\n    ", element,
		escapeXML(results.Visible(string(v.Problems[0].Code))), escapeXML(messages(v, "; ")), list(v.Problems), element)
}

// list is the text of an element, with a problem on each line.
func list(problems []policy.Problem) string {
	var b strings.Builder
	for i, p := range problems {
		if i > 0 {
			b.WriteByte('\n')
		}
		what := p.Level.String()
		if code := results.Visible(string(p.Code)); code != what {
			what += " " + code
		}
		b.WriteString(escapeXML(what + ": " + results.Visible(p.Message)))
	}
	return b.String()
}

// suite writes the cases so far as a suite.
func (j *junit) suite() {
	if !j.begun {
		j.begun = true
		j.out.WriteString(xml.Header + "<testsuites name=\"certsweep\">\n")
	}
	j.number++
	name := "certsweep"
	if j.number > 1 {
		name += fmt.Sprintf(" %d", j.number)
	}
	fmt.Fprintf(j.out, `  <testsuite name="%s" tests="%d" failures="%d" errors="%d" skipped="%d" time="%.3f" timestamp="%s">`+"\n",
		name, j.tests, j.failed, j.errored, j.skipped, j.seconds, j.stamp)
	j.cases.WriteTo(j.out)
	j.out.WriteString("  </testsuite>\n")
	j.tests, j.failed, j.errored, j.skipped, j.seconds = 0, 0, 0, 0, 0
}

func (j *junit) Close() error {
	for c := range j.order.rest {
		j.add(c)
	}
	if j.tests == 0 && j.number == 0 {
		// CI servers take a report without cases for one that passed.
		j.tests, j.errored = 1, 1
		j.cases.WriteString("    <testcase classname=\"certsweep\" name=\"targets\" time=\"0\">\n" +
			"      <error type=\"unchecked\" message=\"no endpoint was checked\"/>\n    </testcase>\n")
	}
	if j.tests > 0 {
		j.suite()
	}
	j.out.WriteString("</testsuites>\n")
	return j.out.Flush()
}

// escapeXML escapes text for an element or a quoted attribute. Characters that
// XML 1.0 has no way to write become U+FFFD; visible has left none.
func escapeXML(s string) string {
	var b strings.Builder
	// A strings.Builder takes everything.
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}
