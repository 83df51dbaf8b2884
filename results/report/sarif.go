package report

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"certsweep/results"
	"certsweep/results/policy"
)

// sarif is the Static Analysis Results Interchange Format, version 2.1.0 (OASIS),
// as GitHub's code scanning, Azure DevOps and others take it: a result for each
// problem, at the target's line of its list.
type sarif struct {
	w      io.Writer
	now    time.Time
	locate func(line int) (string, int)
	rows   worst
}

// What GitHub takes of a run: 25,000 results, and 10 MB once compressed
// (docs.github.com, "SARIF results exceed one or more limits"). It shows the 5,000
// that are worst. A file of this size is not bigger compressed.
const (
	maxSARIFResults = 25_000
	maxSARIFBytes   = 9_500_000
)

// noFile stands for the file of a target that is in none: GitHub refuses a file
// with a result that has no location.
const noFile = "certsweep-targets"

func newSARIF(w io.Writer, o Options) *sarif {
	return &sarif{w: w, now: o.Now, locate: o.Locate, rows: worst{limit: maxSARIFResults}}
}

func (s *sarif) Add(v *policy.Verdict) error {
	for _, problem := range reported(v) {
		s.rows.keep(newRow(v, &problem), func(r *row) {
			r.endpoint, r.text = endpoint(v.Record), results.Visible(problem.Message)
			r.code = policy.Code(results.Visible(string(problem.Code)))
			if s.locate != nil && v.Record.Line > 0 {
				r.file, r.line = s.locate(v.Record.Line)
			}
		})
	}
	return nil
}

type (
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID       string            `json:"ruleId"`
		RuleIndex    int               `json:"ruleIndex"`
		Level        string            `json:"level"`
		Message      sarifText         `json:"message"`
		Locations    []sarifLocation   `json:"locations"`
		Fingerprints map[string]string `json:"partialFingerprints"`
	}
	sarifLocation struct {
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		Name string `json:"fullyQualifiedName"`
		Kind string `json:"kind"`
	}
	sarifRule struct {
		ID         string         `json:"id"`
		Name       string         `json:"name"`
		Short      sarifText      `json:"shortDescription"`
		Properties map[string]any `json:"properties"`
	}
)

func (s *sarif) Close() error {
	rows := s.rows.sorted()
	var rules []sarifRule
	index := make(map[policy.Code]int)
	var encoded [][]byte
	size := 0
	for i := range rows {
		r := &rows[i]
		at, ok := index[r.code]
		if !ok {
			at = len(rules)
			index[r.code] = at
			rules = append(rules, newSARIFRule(r.code))
		}
		line, err := encode(r.sarif(at))
		if err != nil {
			return err
		}
		line = line[:len(line)-1]
		if size += len(line) + 2; size > maxSARIFBytes {
			break
		}
		encoded = append(encoded, line)
	}
	return s.write(rules, encoded, s.rows.more+len(rows)-len(encoded))
}

// write writes the file. Where results were left out it says so, as a
// notification of the tool.
func (s *sarif) write(rules []sarifRule, encoded [][]byte, more int) error {
	invocation := map[string]any{"executionSuccessful": true, "endTimeUtc": s.now.UTC().Format(time.RFC3339)}
	if more > 0 {
		invocation["toolExecutionNotifications"] = []any{map[string]any{
			"level": "warning", "message": sarifText{count("", more, "results that are no worse are left out")},
		}}
	}
	if rules == nil {
		rules = []sarifRule{}
	}
	head, err := encode(map[string]any{"driver": map[string]any{"name": "certsweep", "rules": rules}})
	if err != nil {
		return err
	}
	tail, err := encode([]any{invocation})
	if err != nil {
		return err
	}
	out := bufio.NewWriter(s.w)
	out.WriteString(`{"$schema":"https://json.schemastore.org/sarif-2.1.0.json","version":"2.1.0","runs":[{"tool":`)
	out.WriteString(strings.TrimSpace(string(head)) + `,"columnKind":"unicodeCodePoints","invocations":` + strings.TrimSpace(string(tail)) + `,"results":[`)
	for i, line := range encoded {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteByte('\n')
		out.Write(line)
	}
	out.WriteString("\n]}]}\n")
	return out.Flush()
}

// sarif is a problem's row as a result.
func (r *row) sarif(rule int) sarifResult {
	level := "error"
	if r.level == policy.Warn {
		level = "warning"
	}
	file, line := fileURI(r.file), r.line
	if r.file == "" {
		file, line = noFile, 1
	}
	// The same problem of the same endpoint is the same alert, wherever its line
	// has moved to.
	sum := sha256.Sum256([]byte(string(r.code) + "\x00" + r.endpoint))
	return sarifResult{
		RuleID: string(r.code), RuleIndex: rule, Level: level,
		Message: sarifText{escapeSARIF(r.endpoint + ": " + r.text)},
		Locations: []sarifLocation{{
			Physical: sarifPhysical{sarifArtifact{file}, sarifRegion{max(1, line)}},
			Logical:  []sarifLogical{{r.endpoint, "resource"}},
		}},
		Fingerprints: map[string]string{"primaryLocationLineHash": hex.EncodeToString(sum[:8]) + ":1"},
	}
}

// fileURI is a file's name as a URI reference (RFC 3986), relative as it stands in
// a checkout.
func fileURI(name string) string {
	u := url.URL{Path: filepath.ToSlash(name)}
	if filepath.IsAbs(name) {
		u.Scheme = "file"
	}
	return u.String()
}

// placeholder is what SARIF would fill in (§3.11.5).
var placeholder = regexp.MustCompile(`\{(\d+)\}`)

// escapeSARIF takes from a message what is structure in it: a link is [text](target)
// (§3.11.6).
func escapeSARIF(s string) string {
	return placeholder.ReplaceAllString(strings.ReplaceAll(s, "](", "] ("), "{{$1}}")
}

func newSARIFRule(code policy.Code) sarifRule {
	text := code.Description()
	if text == "" {
		text = strings.ReplaceAll(string(code), "_", " ")
	}
	return sarifRule{ID: string(code), Name: string(code), Short: sarifText{text}, Properties: map[string]any{"tags": []string{"security", "tls"}}}
}
