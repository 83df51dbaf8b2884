package report_test

import (
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/net/html"

	"certsweep/results/report"
)

// This file has the parsers of those who read the reports, by their own rules.

type junitSuites struct {
	XMLName xml.Name `xml:"testsuites"`
	Suites  []struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
		Skipped  int `xml:"skipped,attr"`
		Cases    []struct {
			Class    string     `xml:"classname,attr"`
			Name     string     `xml:"name,attr"`
			Failure  []struct{} `xml:"failure"`
			Error    []struct{} `xml:"error"`
			Skipped  []struct{} `xml:"skipped"`
			Children []struct {
				XMLName xml.Name
			} `xml:",any"`
		} `xml:"testcase"`
		Children []struct {
			XMLName xml.Name
		} `xml:",any"`
	} `xml:"testsuite"`
}

func acceptJUnit(t testing.TB, out string) {
	t.Helper()
	var root junitSuites
	decoder := xml.NewDecoder(strings.NewReader(out))
	decoder.Strict = true
	if err := decoder.Decode(&root); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if len(root.Suites) == 0 {
		t.Error("no suite")
	}
	for i, s := range root.Suites {
		var failures, errors, skipped int
		for _, c := range s.Cases {
			failures, errors, skipped = failures+len(c.Failure), errors+len(c.Error), skipped+len(c.Skipped)
			if c.Name == "" || c.Class == "" {
				t.Errorf("suite %d: a case without a name", i)
			}
			for _, child := range c.Children {
				if child.XMLName.Local != "system-out" {
					t.Errorf("suite %d: element %s in a case", i, child.XMLName.Local)
				}
			}
		}
		if len(s.Children) > 0 {
			t.Errorf("suite %d: element %s", i, s.Children[0].XMLName.Local)
		}
		if s.Tests != len(s.Cases) || s.Failures != failures || s.Errors != errors || s.Skipped != skipped || s.Tests == 0 {
			t.Errorf("suite %d counts %d %d %d %d, and has %d %d %d %d", i, s.Tests, s.Failures, s.Errors, s.Skipped, len(s.Cases), failures, errors, skipped)
		}
	}
}

func TestJUnitAgainstSchema(t *testing.T) {
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Skip("xmllint is not installed (Debian: libxml2-utils)")
	}
	for run, names := range runs {
		file := filepath.Join(t.TempDir(), run+".xml")
		if err := os.WriteFile(file, []byte(render(t, report.JUnit, recorded(t, names...))), 0o666); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(xmllint, "--nonet", "--noout", "--schema", filepath.Join("testdata", "junit.xsd"), file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", run, err, out)
		}
	}
	// The schema must be able to refuse.
	bad := filepath.Join(t.TempDir(), "bad.xml")
	if err := os.WriteFile(bad, []byte(`<testsuites><testsuite name="x" tests="1" failures="0" errors="0"><testcase name="y"/></testsuite></testsuites>`), 0o666); err != nil {
		t.Fatal(err)
	}
	if exec.Command(xmllint, "--nonet", "--noout", "--schema", filepath.Join("testdata", "junit.xsd"), bad).Run() == nil {
		t.Error("the schema accepts a case without a class")
	}
}

// acceptCSV reads a table as RFC 4180 has it, and looks at each cell as a
// spreadsheet does, which takes what begins with one of four signs for a formula.
func acceptCSV(t testing.TB, out string) {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if len(rows) == 0 || rows[0][0] != "level" {
		t.Fatalf("no header in %s", out)
	}
	if strings.Count(out, "\n") != len(rows) || strings.Count(out, "\r\n") != len(rows) {
		t.Errorf("%d rows in other than as many lines: %q", len(rows), out)
	}
	for _, row := range rows[1:] {
		if !slices.Contains([]string{"ok", "warn", "unchecked", "fail"}, row[0]) {
			t.Errorf("level %q", row[0])
		}
		for _, cell := range row {
			if _, err := strconv.ParseFloat(cell, 64); err != nil && cell != "" && strings.Contains("=+-@", cell[:1]) {
				t.Errorf("a formula: %q", cell)
			}
		}
	}
}

// gitHubCommand is how the runner takes a line apart (ActionCommand.TryParseV2):
// properties end at the first "::", and are split at commas.
var gitHubCommand = regexp.MustCompile(`^::(error|warning|notice) (title=[^,:]+)(,file=[^,:]+,line=[0-9]+)?::(.*)$`)

// gitHubEscape is a per cent sign as the runner unescapes it.
var gitHubEscape = regexp.MustCompile(`%(25|0D|0A|3A|2C)`)

func acceptGitHub(t testing.TB, out string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	for i, line := range lines {
		// What is more than GitHub shows is for the log.
		if strings.HasPrefix(line, "error: ") || strings.HasPrefix(line, "warning: ") {
			continue
		}
		m := gitHubCommand.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("line %d is not a command: %q", i+1, line)
		}
		if strings.Contains(gitHubEscape.ReplaceAllString(line, ""), "%") {
			t.Errorf("line %d has a bare %%: %q", i+1, line)
		}
		if (m[1] == "notice") != (i == len(lines)-1) {
			t.Errorf("line %d of %d is a %s", i+1, len(lines), m[1])
		}
	}
}

var (
	metricName = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*`)
	labelPair  = regexp.MustCompile(`^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"`)
	comment    = regexp.MustCompile(`^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$`)
)

// acceptPrometheus reads the text exposition format 0.0.4, and holds it to what
// the textfile collector asks besides: no timestamps, no series twice, every
// metric with HELP and TYPE and all its samples together.
func acceptPrometheus(t testing.TB, out string) {
	t.Helper()
	var family string
	var help, typed bool
	seen, series := make(map[string]bool), make(map[string]bool)
	for line := range strings.SplitSeq(strings.TrimSuffix(out, "\n"), "\n") {
		if m := comment.FindStringSubmatch(line); m != nil {
			if m[1] == "HELP" {
				if seen[m[2]] {
					t.Fatalf("metric %s comes twice", m[2])
				}
				family, help, typed = m[2], true, false
				seen[family] = true
				continue
			}
			if m[2] != family || !help || typed || m[3] != "gauge" {
				t.Fatalf("TYPE is out of place: %q", line)
			}
			typed = true
			continue
		}
		name := metricName.FindString(line)
		if name == "" || name != family || !typed {
			t.Fatalf("a sample of %q within %s: %q", name, family, line)
		}
		rest := line[len(name):]
		labels := ""
		if strings.HasPrefix(rest, "{") {
			labels, rest = acceptLabels(t, rest[1:])
		}
		value, ok := strings.CutPrefix(rest, " ")
		if _, err := strconv.ParseFloat(value, 64); !ok || err != nil {
			t.Fatalf("value %q in %q", rest, line)
		}
		if series[name+labels] {
			t.Fatalf("series twice: %q", line)
		}
		series[name+labels] = true
	}
}

// acceptLabels reads labels up to the brace and returns them sorted, and what
// is behind it.
func acceptLabels(t testing.TB, s string) (labels, rest string) {
	t.Helper()
	var pairs, names []string
	for !strings.HasPrefix(s, "}") {
		m := labelPair.FindStringSubmatch(s)
		if m == nil {
			t.Fatalf("no label: %q", s)
		}
		if slices.Contains(names, m[1]) {
			t.Fatalf("label %s comes twice", m[1])
		}
		names, pairs = append(names, m[1]), append(pairs, m[0])
		s = strings.TrimPrefix(s[len(m[0]):], ",")
	}
	slices.Sort(pairs)
	return "{" + strings.Join(pairs, ",") + "}", s[1:]
}

func TestPrometheusWithPromtool(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed (Debian: prometheus)")
	}
	for run, names := range runs {
		command := exec.Command(promtool, "check", "metrics")
		command.Stdin = strings.NewReader(render(t, report.Prometheus, recorded(t, names...)))
		out, err := command.CombinedOutput()
		// Status 3 is about style: ssl_exporter's names have no unit.
		if exit, ok := err.(*exec.ExitError); err != nil && !(ok && exit.ExitCode() == 3) {
			t.Errorf("%s: %v: %s", run, err, out)
		}
	}
}

// perfdata is one value of Monitoring Plugins' guidelines.
var perfdata = regexp.MustCompile(`^'[^'=]+'=-?[0-9.]+(;[0-9.:@~]*){0,4}$`)

func acceptNagios(t testing.TB, out string) {
	t.Helper()
	first, rest, _ := strings.Cut(out, "\n")
	status, data, ok := strings.Cut(first, " | ")
	if !ok || strings.Contains(data, "|") || strings.Contains(rest, "|") {
		t.Fatalf("performance data is not behind the one bar: %q", out)
	}
	if !regexp.MustCompile(`^CERTSWEEP (OK|WARNING|CRITICAL|UNKNOWN) - `).MatchString(status) {
		t.Errorf("status line %q", status)
	}
	for value := range strings.FieldsSeq(data) {
		if !perfdata.MatchString(value) {
			t.Errorf("performance data %q", value)
		}
	}
	if len(out) > 8<<10 {
		t.Errorf("%d bytes are more than Nagios reads", len(out))
	}
}

// reference is all that a cell may hold of characters that can be markup.
var reference = regexp.MustCompile(`&#[0-9]+;`)

func acceptMarkdown(t testing.TB, out string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if !strings.HasPrefix(lines[0], "### certsweep: ") {
		t.Errorf("begins with %q", lines[0])
	}
	rows := 0
	for i, line := range lines {
		if !strings.HasPrefix(line, "| ") || i < 4 {
			if i > 4 && line != "" && !strings.HasPrefix(line, "… and ") {
				t.Errorf("line %d is no row: %q", i+1, line)
			}
			continue
		}
		rows++
		if strings.Count(line, "|") != 4 {
			t.Errorf("row %q has %d bars", line, strings.Count(line, "|"))
		}
		cells := reference.ReplaceAllString(line, "?")
		if strings.ContainsAny(cells, "&<>\"`*_[]\\~#!@${}^") || strings.Contains(cells, "://") || strings.Contains(strings.ToLower(cells), "www.") {
			t.Errorf("markup in row %q", line)
		}
	}
}

// acceptHTML parses a page as browsers do, and finds nothing in it that a string
// from outside could have made.
func acceptHTML(t testing.TB, out string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	elements := make(map[string]int)
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		elements[n.Data]++
		for _, a := range n.Attr {
			switch {
			case strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "src" || a.Key == "action":
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			case a.Key == "href" && !strings.HasPrefix(a.Val, "#") && n.Data != "link":
				t.Errorf("<%s href=%q>", n.Data, a.Val)
			}
		}
	}
	if elements["script"] != 2 || elements["style"] != 1 || elements["link"] != 1 || elements["meta"] != 5 || elements["h1"] != 1 {
		t.Errorf("not the page's own elements: %v", elements)
	}
	for _, stranger := range []string{"img", "iframe", "object", "embed", "form", "base", "math", "template", "video", "audio"} {
		if elements[stranger] > 0 {
			t.Errorf("<%s> in the page", stranger)
		}
	}
}

// sarifFile is what GitHub reads of a SARIF file (docs.github.com, "SARIF support
// for code scanning").
type sarifFile struct {
	Schema  string `json:"$schema"`
	Version string `json:"version"`
	Runs    []struct {
		Tool struct {
			Driver struct {
				Name  string `json:"name"`
				Rules []struct {
					ID    string `json:"id"`
					Short struct {
						Text string `json:"text"`
					} `json:"shortDescription"`
				} `json:"rules"`
			} `json:"driver"`
		} `json:"tool"`
		Results []struct {
			RuleID    string `json:"ruleId"`
			RuleIndex int    `json:"ruleIndex"`
			Level     string `json:"level"`
			Message   struct {
				Text string `json:"text"`
			} `json:"message"`
			Locations []struct {
				Physical struct {
					Artifact struct {
						URI string `json:"uri"`
					} `json:"artifactLocation"`
					Region struct {
						StartLine int `json:"startLine"`
					} `json:"region"`
				} `json:"physicalLocation"`
			} `json:"locations"`
			Fingerprints map[string]string `json:"partialFingerprints"`
		} `json:"results"`
	} `json:"runs"`
}

func acceptSARIF(t testing.TB, out string) {
	t.Helper()
	var file sarifFile
	if err := json.Unmarshal([]byte(out), &file); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if file.Version != "2.1.0" || !strings.Contains(file.Schema, "sarif-2.1.0") || len(file.Runs) != 1 {
		t.Fatalf("version %q, schema %q, %d runs", file.Version, file.Schema, len(file.Runs))
	}
	run := file.Runs[0]
	if len(out) > 10<<20 || len(run.Results) > 25_000 {
		t.Errorf("more than GitHub takes: %d bytes, %d results", len(out), len(run.Results))
	}
	for _, r := range run.Results {
		if r.RuleIndex >= len(run.Tool.Driver.Rules) || run.Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID || run.Tool.Driver.Rules[r.RuleIndex].Short.Text == "" {
			t.Fatalf("%s is not rule %d", r.RuleID, r.RuleIndex)
		}
		if len(r.Locations) != 1 || r.Locations[0].Physical.Region.StartLine < 1 || r.Message.Text == "" || r.Fingerprints["primaryLocationLineHash"] == "" {
			t.Fatalf("not a result that GitHub takes: %+v", r)
		}
		if u, err := url.Parse(r.Locations[0].Physical.Artifact.URI); err != nil || u.String() == "" {
			t.Errorf("%q is no URI: %v", r.Locations[0].Physical.Artifact.URI, err)
		}
		if strings.Contains(r.Message.Text, "](") {
			t.Errorf("a link in %q", r.Message.Text)
		}
	}
}

// TestSARIFAgainstSchema has the reports validated by the schema that Microsoft
// publishes with its matchers for tests.
func TestSARIFAgainstSchema(t *testing.T) {
	root, err := exec.Command("npm", "root", "-g").Output()
	if err != nil {
		t.Skipf("no npm: %v", err)
	}
	file, err := os.Open(filepath.Join(strings.TrimSpace(string(root)), "@microsoft", "jest-sarif", "lib", "schemas", "sarif-2.1.0-rtm.5.json"))
	if err != nil {
		t.Skipf("no schema of SARIF (npm install -g @microsoft/jest-sarif): %v", err)
	}
	defer file.Close()
	text, err := jsonschema.UnmarshalJSON(file)
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("sarif.json", text); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("sarif.json")
	if err != nil {
		t.Fatal(err)
	}
	outs := map[string]string{"many": many(t, report.SARIF, 26_000)}
	for run, names := range runs {
		outs[run] = render(t, report.SARIF, recorded(t, names...))
	}
	for run, out := range outs {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(out))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %v", run, err)
		}
	}
	// The schema is not one that takes anything.
	broken, err := jsonschema.UnmarshalJSON(strings.NewReader(strings.Replace(outs["mixed"], `"level":"error"`, `"level":"bad"`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if schema.Validate(broken) == nil {
		t.Error("the schema takes anything")
	}
}
