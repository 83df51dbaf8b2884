package report_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/rivo/uniseg"

	"certsweep/results"
	"certsweep/results/certificate"
	"certsweep/results/policy"
	"certsweep/results/report"
)

func displayWidth(s string) int { return uniseg.StringWidth(s) }

// shown renders records for a terminal.
func shown(t *testing.T, format report.Format, o report.Options, records ...*results.Record) string {
	t.Helper()
	var out bytes.Buffer
	o.Now = now
	renderer := report.New(format, &out, o)
	p := policy.Default()
	for _, r := range records {
		v := p.Judge(r, now)
		if err := renderer.Add(&v); err != nil {
			t.Fatal(err)
		}
	}
	if err := renderer.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// wide is a record whose strings take other widths than they have letters.
func wide(t *testing.T) *results.Record {
	r := *recorded(t, "findings")[0]
	c := *r.Certificate
	c.Issuer = certificate.Name{CommonName: "証明書発行局株式会社東京支店第一営業部認証局", Organization: []string{"証"}}
	c.DNSNames = []string{strings.Repeat("長い名前", 40), "e\u0301" + strings.Repeat("x", 90), "👩\u200d👩\u200d👧"}
	r.Certificate, r.Tag = &c, "꧁"+strings.Repeat("標", 30)
	r.Host, r.SNI = strings.Repeat("あ", 70)+".example.com", ""
	return &r
}

// TestTerminalLinesFit: at every width no line is longer than the terminal, so
// that none is broken.
func TestTerminalLinesFit(t *testing.T) {
	records := append(recorded(t, "good", "findings", "errors", "client-cert", "hostile"), wide(t))
	for _, format := range []report.Format{report.Table, report.Card} {
		for _, width := range []int{40, 59, 60, 80, 100, 150, 400} {
			for _, about := range []func(*results.Record) string{nil, func(r *results.Record) string {
				return "It is " + r.Input + " and more of it, as long as you like to have it."
			}} {
				got := shown(t, format, report.Options{Width: width, About: about}, records...)
				for line := range strings.Lines(strings.TrimSuffix(got, "\n")) {
					line = strings.TrimSuffix(line, "\n")
					if n := displayWidth(line); n > width && !strings.Contains(line, " endpoints: ") {
						t.Errorf("%s: %d columns of %d: %s", format, n, width, line)
					}
				}
			}
		}
	}
}

// TestTableIsAligned: what stands in a column begins where its title does.
func TestTableIsAligned(t *testing.T) {
	for _, width := range []int{80, 120, 200} {
		lines := strings.Split(shown(t, report.Table, report.Options{Width: width}, wide(t), recorded(t, "findings")[2]), "\n")
		column := displayWidth(lines[0][:strings.Index(lines[0], "FINDINGS")])
		for i, finding := range []string{"expired", "expires_soon"} {
			line := lines[i+1]
			if at := strings.Index(line, finding); at < 0 || displayWidth(line[:at]) != column {
				t.Errorf("at %d columns %s does not begin at %d:\n%s", width, finding, column, strings.Join(lines, "\n"))
			}
		}
	}
}

func TestTableColors(t *testing.T) {
	record := recorded(t, "findings")[0]
	colored := shown(t, report.Table, report.Options{Color: true, Bare: true}, record)
	if !strings.Contains(colored, "\x1b[1;31mfail\x1b[0m") || strings.Count(colored, "\x1b[")%2 != 0 {
		t.Errorf("got %q", colored)
	}
	plain := shown(t, report.Table, report.Options{Bare: true}, record)
	for _, sequence := range []string{"\x1b[1;31m", "\x1b[1m", "\x1b[2m", "\x1b[0m", "\x1b[33m"} {
		colored = strings.ReplaceAll(colored, sequence, "")
	}
	if colored != plain {
		t.Errorf("colours change more than the colour:\n%s%s", colored, plain)
	}
}

// TestTableSaysWhatWentWrong: a failure before there is a certificate has the
// place of what would be said of one.
func TestTableSaysWhatWentWrong(t *testing.T) {
	got := shown(t, report.Table, report.Options{Bare: true}, recorded(t, "errors")...)
	for _, want := range []string{"down    refused.example.com       connection refused\n", "error   alert.example.com         refused with the alert handshake_failure\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestCard(t *testing.T) {
	r := *recorded(t, "good")[0]
	above := *r.Certificate
	above.Subject.CommonName, above.NotAfter = "R11", now.AddDate(2, 0, 0)
	r.Chain = []*certificate.Certificate{&above}
	got := shown(t, report.Card, report.Options{}, &r)
	for _, want := range []string{
		"✓ ok  www.example.com:443  (192.0.2.1)\n", "  names     www.example.com\n", "  issuer    R11, Let's Encrypt\n",
		"  valid     2026-10-22 to 2027-01-20\n", "░  59 days left of 90\n", "  group     X25519MLKEM768, post-quantum\n",
		"            └ R11 ", "  2028-11-21\n", "              └ the root, not sent\n", "  trust     trusted; the name matches\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	ascii := shown(t, report.Card, report.Options{ASCII: true}, &r)
	if strings.Trim(ascii, "\n") == "" || strings.ContainsFunc(ascii, func(r rune) bool { return r > 0x7e }) {
		t.Errorf("not ASCII:\n%s", ascii)
	}
	for _, format := range []report.Format{report.Table, report.Card} {
		if got := shown(t, format, report.Options{ASCII: true, Width: 40, Bare: true}, recorded(t, "findings", "errors")...); strings.ContainsFunc(got, func(r rune) bool { return r > 0x7e }) {
			t.Errorf("%s is not ASCII:\n%s", format, got)
		}
	}
	// Of the dead there is little to say, but that.
	got = shown(t, report.Card, report.Options{}, recorded(t, "errors")[4])
	if !strings.HasPrefix(got, "? down  refused.example.com:443") || !strings.Contains(got, "  down    could not be checked: connection refused") {
		t.Errorf("got\n%s", got)
	}
}

// TestCardBounds: a hostile server cannot fill the screen.
func TestCardBounds(t *testing.T) {
	r := *recorded(t, "good")[0]
	c := *r.Certificate
	for range 2000 {
		c.DNSNames = append(c.DNSNames, strings.Repeat("n", 200))
		r.Chain = append(r.Chain, r.Certificate)
	}
	c.Issuer.CommonName = strings.Repeat("i", 10_000)
	r.Certificate = &c
	if got := shown(t, report.Card, report.Options{}, &r); len(got) > 8<<10 || strings.Count(got, "\n") > 60 || !strings.Contains(got, "and 1994 more that were sent") {
		t.Errorf("%d bytes, %d lines", len(got), strings.Count(got, "\n"))
	}
}

func TestTableWriteErrors(t *testing.T) {
	v := policy.Default().Judge(recorded(t, "findings")[0], now)
	for _, f := range []report.Format{report.Table, report.Card} {
		if err := report.New(f, brokenWriter{}, report.Options{Bare: true}).Add(&v); !errors.Is(err, errBroken) {
			t.Errorf("%s: %v", f, err)
		}
	}
	if err := report.WriteSummary(brokenWriter{}, new(results.Summary), report.Options{}); !errors.Is(err, errBroken) {
		t.Errorf("summary: %v", err)
	}
}
