package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"time"
	"unicode"
	"unicode/utf8"

	"certsweep/results"
	"certsweep/results/certificate"
	"certsweep/results/policy"
)

// verdict is a [policy.Verdict] in JSON. Its keys are those of the record.
type verdict struct {
	Line     int          `json:"line"`
	Input    string       `json:"input"`
	Host     string       `json:"host"`
	Port     int          `json:"port"`
	IP       string       `json:"ip,omitempty"`
	SNI      string       `json:"sni,omitempty"`
	StartTLS string       `json:"starttls,omitempty"`
	Tag      string       `json:"tag,omitempty"`
	Time     time.Time    `json:"time,omitzero"`
	Level    policy.Level `json:"level"`
	Checked  bool         `json:"checked"`
	Gone     bool         `json:"gone"`
	// What the certificate says, if there is one.
	Subject     string           `json:"subject,omitempty"`
	Issuer      string           `json:"issuer,omitempty"`
	Fingerprint string           `json:"fingerprint_sha256,omitempty"`
	NotAfter    time.Time        `json:"not_after,omitzero"`
	DaysLeft    certificate.Days `json:"days_left,omitzero"`
	Problems    []policy.Problem `json:"problems"`
}

func newVerdict(v *policy.Verdict) verdict {
	r := v.Record
	j := verdict{
		Line: r.Line, Input: r.Input, Host: r.Host, Port: r.Port, IP: r.IP, SNI: r.SNI, StartTLS: r.StartTLS,
		Tag: r.Tag, Time: r.Time, Level: v.Level, Checked: v.Checked, Gone: v.Gone, Problems: v.Problems,
	}
	if j.Problems == nil {
		j.Problems = []policy.Problem{}
	}
	if r.Certificate != nil {
		c := r.Certificate
		j.Subject, j.Issuer, j.Fingerprint, j.NotAfter = c.Subject.DN, c.Issuer.DN, c.FingerprintSHA256, c.NotAfter
	}
	if v.DaysLeft.Known {
		j.DaysLeft = certificate.DaysOf(math.Round(v.DaysLeft.Number*10) / 10)
	}
	return j
}

// encode returns a value as one line of JSON. What does not print is escaped
// in it too, so that the line can be shown on a terminal.
func encode(value any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	line := buffer.Bytes()
	if results.IsVisible(string(line[:len(line)-1])) {
		return line, nil
	}
	escaped := make([]byte, 0, len(line)+64)
	for i := 0; i < len(line); {
		r, size := utf8.DecodeRune(line[i:])
		switch {
		case r < utf8.RuneSelf && r != 0x7f || unicode.IsPrint(r):
			escaped = append(escaped, line[i:i+size]...)
		case r >= 0x10000:
			r -= 0x10000
			escaped = fmt.Appendf(escaped, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			escaped = fmt.Appendf(escaped, `\u%04x`, r)
		}
		i += size
	}
	return escaped, nil
}

// lines is JSON Lines: every verdict.
type lines struct{ w io.Writer }

func (l *lines) Add(v *policy.Verdict) error {
	line, err := encode(newVerdict(v))
	if err != nil {
		return err
	}
	_, err = l.w.Write(line)
	return err
}

func (l *lines) Close() error { return nil }

// document is one JSON object: the verdicts that are not OK, or all of them, in
// the order of the list, and behind them the summary, which is only known then.
type document struct {
	out     *bufio.Writer
	all     bool
	order   order[[]byte]
	begun   bool
	now     time.Time
	summary policy.Summary
}

func newDocument(w io.Writer, o Options) *document {
	return &document{out: bufio.NewWriter(w), now: o.Now, all: o.All}
}

func (d *document) begin() {
	if d.begun {
		return
	}
	d.begun = true
	fmt.Fprintf(d.out, `{"schema":1,"time":%q,"verdicts":[`, d.now.UTC().Format(time.RFC3339))
}

func (d *document) Add(v *policy.Verdict) error {
	d.summary.Add(v)
	if v.Level == policy.OK && !d.all {
		return nil
	}
	line, err := encode(newVerdict(v))
	if err != nil {
		return err
	}
	if line, ok := d.order.add(v, line); ok {
		return d.write(line)
	}
	return nil
}

func (d *document) write(line []byte) error {
	first := !d.begun
	d.begin()
	if !first {
		d.out.WriteByte(',')
	}
	d.out.WriteByte('\n')
	_, err := d.out.Write(bytes.TrimSuffix(line, []byte("\n")))
	return err
}

func (d *document) Close() error {
	for line := range d.order.rest {
		if err := d.write(line); err != nil {
			return err
		}
	}
	d.begin()
	if d.summary.Problems == nil {
		d.summary.Problems = map[policy.Code]int{}
	}
	line, err := encode(struct {
		policy.Summary
		ExitStatus int `json:"exit_status"`
	}{d.summary, d.summary.ExitStatus()})
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "\n],\"summary\":%s}\n", bytes.TrimSuffix(line, []byte("\n")))
	return d.out.Flush()
}
