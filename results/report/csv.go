package report

import (
	"bytes"
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"

	"certsweep/results"
	"certsweep/results/policy"
)

// spreadsheet is a line for each verdict, OK ones too, as
// comma-separated values (RFC 4180). The columns are the keys of the JSON forms,
// with the problems' codes and their messages in two of them.
type spreadsheet struct {
	w     io.Writer
	lines bytes.Buffer // whole ones, for w
	csv   *csv.Writer
	begun bool
}

var spreadsheetColumns = []string{
	"level", "host", "port", "ip", "sni", "starttls", "tag", "problems", "messages", "days_left", "not_after", "subject", "issuer",
	"fingerprint_sha256", "checked", "gone", "time", "line", "input",
}

func newSpreadsheet(w io.Writer) *spreadsheet {
	s := &spreadsheet{w: w}
	s.csv = csv.NewWriter(&s.lines)
	s.csv.UseCRLF = true
	return s
}

func (s *spreadsheet) Add(v *policy.Verdict) error {
	j := newVerdict(v)
	var codes, messages []string
	for _, problem := range j.Problems {
		codes, messages = append(codes, string(problem.Code)), append(messages, problem.Message)
	}
	days := ""
	if j.DaysLeft.Known {
		days = strconv.FormatFloat(j.DaysLeft.Number, 'f', -1, 64)
	}
	return s.write(
		j.Level.String(), j.Host, positive(j.Port), j.IP, j.SNI, j.StartTLS, j.Tag, strings.Join(codes, " "), strings.Join(messages, "; "), days,
		instant(j.NotAfter), j.Subject, j.Issuer, j.Fingerprint, strconv.FormatBool(j.Checked), strconv.FormatBool(j.Gone), instant(j.Time),
		positive(j.Line), j.Input,
	)
}

// Close writes the header if there was no verdict, so that the file is a table
// all the same.
func (s *spreadsheet) Close() error {
	if s.begun {
		return nil
	}
	return s.write()
}

// write writes a line, behind the header if it is the first, with one call.
func (s *spreadsheet) write(cells ...string) error {
	if !s.begun {
		s.begun = true
		_ = s.csv.Write(spreadsheetColumns) // the buffer takes everything
	}
	if len(cells) > 0 {
		for i, cell := range cells {
			cells[i] = results.Cell(cell)
		}
		_ = s.csv.Write(cells)
	}
	s.csv.Flush()
	_, err := s.lines.WriteTo(s.w)
	return err
}

// positive is a number that is 0 if there is none.
func positive(n int) string {
	if n <= 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
