package queue

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"certsweep/dialer"
	"certsweep/scanner"
)

// target is a [scanner.Target] as a batch has it, complete: nothing of the list,
// such as its @defaults, nor of the flags that complete a target, is needed to
// scan it. One is a JSON array line by line, so a batch can be read with zstdcat
// and jq.
type target struct {
	Line     int             `json:"l"`
	Text     string          `json:"t,omitempty"` // absent if it is the host
	Host     string          `json:"h,omitempty"`
	Port     uint16          `json:"p,omitempty"`
	SNI      string          `json:"n,omitempty"`
	StartTLS dialer.Protocol `json:"s,omitempty"`
	Tag      string          `json:"g,omitempty"`
	Mistake  *mistake        `json:"e,omitempty"`
}

// mistake is the [scanner.LineError] of a line that makes no sense.
type mistake struct {
	Column  int    `json:"c,omitempty"`
	Code    string `json:"k"`
	Message string `json:"m"`
}

// appendTarget appends a target's line. What only a check gives a meaning to
// is left out.
func appendTarget(b []byte, t *scanner.Target) ([]byte, error) {
	e := target{
		Line: t.Line, Text: t.Text, Host: t.Endpoint.Host, Port: t.Endpoint.Port,
		SNI: t.Endpoint.ServerName, StartTLS: t.Endpoint.StartTLS, Tag: t.Tag,
	}
	if e.Text == e.Host {
		e.Text = ""
	}
	if t.Err != nil {
		var line *scanner.LineError
		if !errors.As(t.Err, &line) {
			return b, fmt.Errorf("line %d: %w", t.Line, t.Err)
		}
		e.Mistake = &mistake{line.Column, line.Code, line.Err.Error()}
	}
	data, err := json.Marshal(&e)
	return append(append(b, data...), '\n'), err
}

// decodeTargets reads what appendTarget wrote.
func decodeTargets(data []byte) ([]scanner.Target, error) {
	targets := make([]scanner.Target, 0, bytes.Count(data, []byte{'\n'}))
	for line := range bytes.Lines(data) {
		var e target
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("a batch of targets: %w", err)
		}
		t := scanner.Target{
			Line: e.Line, Text: e.Text, Tag: e.Tag,
			Endpoint: dialer.Endpoint{Host: e.Host, Port: e.Port, ServerName: e.SNI, StartTLS: e.StartTLS},
		}
		if t.Text == "" {
			t.Text = e.Host
		}
		if e.Mistake != nil {
			t.Err = &scanner.LineError{Line: e.Line, Column: e.Mistake.Column, Code: e.Mistake.Code, Err: errors.New(e.Mistake.Message)}
		}
		targets = append(targets, t)
	}
	return targets, nil
}

// batch is a part of a list: of the list itself, or a half of another batch.
type batch struct {
	// path is its place: the number of a list's batch, then 0 or 1 for each time
	// it was split.
	path    string
	targets int
	// chain hashes the list from its beginning to the batch's end; only batches of
	// the list itself have it.
	chain string
	// before counts the list's targets before the batch.
	before int
	// plain is its targets' lines.
	plain []byte
}

// Headers of the messages.
const (
	headerFormat  = "Certsweep-Format"
	headerJob     = "Certsweep-Job" // the job's ID
	headerTargets = "Certsweep-Targets"
	headerBefore  = "Certsweep-Before"
	headerChain   = "Certsweep-Chain"
	headerKind    = "Certsweep-Kind"
	headerRecords = "Certsweep-Records"
	headerWorker  = "Certsweep-Worker"
)

// chained returns the hash of a list that goes on.
func chained(chain string, plain []byte) string {
	h := sha256.New()
	h.Write([]byte(chain))
	h.Write(plain)
	return hex.EncodeToString(h.Sum(nil))
}

// depth is how often the list's batch was split to come to this one.
func depth(path string) int { return strings.Count(path, ".") }

// halves are the paths of a batch's halves.
func halves(path string) [2]string { return [2]string{path + ".0", path + ".1"} }

// split cuts a batch in two.
func split(b *batch) (first, second *batch) {
	at, n := 0, b.targets/2
	for range n {
		at += bytes.IndexByte(b.plain[at:], '\n') + 1
	}
	paths := halves(b.path)
	return &batch{path: paths[0], targets: n, before: b.before, plain: b.plain[:at]},
		&batch{path: paths[1], targets: b.targets - n, before: b.before + n, plain: b.plain[at:]}
}

// batchNumber returns the number of the list's batch that a path begins with, or
// 0 if it is none.
func batchNumber(path string) int {
	number, _, _ := strings.Cut(path, ".")
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 {
		return 0
	}
	return n
}
