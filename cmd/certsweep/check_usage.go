package main

import (
	"fmt"
	"strings"

	"certsweep/cmd/internal/flags"
	"certsweep/cmd/internal/scan"
	"certsweep/results"
	"certsweep/results/policy"
)

// command describes certsweep check.
func (o *checkOptions) command() *flags.Command {
	return &flags.Command{
		Name:    "certsweep check",
		Bit:     scan.OfCheck,
		Prefix:  environmentPrefix,
		Summary: "certsweep check tells what is wrong with a list's certificates, and gates on it.",
		Usage: []flags.Line{
			{Text: "certsweep check [flags] [TARGET|FILE|-]...", Meaning: "scan the list, and judge what it finds"},
			{Text: "certsweep check --from RECORDS.jsonl [flags] [TARGET|FILE|-]...", Meaning: "judge saved records, without network"},
		},
		Groups: scan.Groups,
		Flags:  o.flags(),
		Notes: []flags.Note{
			{Title: "Without flags", Text: withoutFlags()},
			{Title: "Expectations", Text: expectationsText},
			{Title: "Reports", Text: "A report's FILE is replaced as a whole when the check is done, and is left as it was when the check is stopped."},
			environmentNote("CERTSWEEP_CA_FILE=root.pem"),
		},
		Exit: []flags.Line{
			{Text: "0", Meaning: "all was checked and passes (warnings pass)"},
			{Text: "1", Meaning: "something fails"},
			{Text: "2", Meaning: "wrong usage, or a mistake in the list"},
			{Text: "3", Meaning: "nothing fails, but something could not be checked, there was no target, or a report could not be written"},
			{Text: "130, 143", Meaning: "ended by a signal"},
			{Text: "--format nagios", Meaning: "0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN"},
		},
		Elsewhere: elsewhereOf("check"),
		Examples: []flags.Line{
			{Text: "certsweep check -t example.com -t 'mx.example.com starttls=smtp min-days=20'"},
			{Text: "certsweep check --format github --report junit=report.xml endpoints.txt"},
			{Text: "certsweep check -o certsweep.prom --format prometheus endpoints.txt"},
			{Text: "certsweep check --from today.jsonl --baseline yesterday.jsonl"},
		},
	}
}

// withoutFlags says what a check fails on and warns about by itself.
func withoutFlags() string {
	at := make(map[policy.Level][]string)
	for _, finding := range results.Findings() {
		level := policy.Default().Levels[policy.Code(finding)]
		at[level] = append(at[level], string(finding))
	}
	return fmt.Sprintf("It fails on %s and if less than %d days are left (or %.0f %% of a lifetime under %.0f days), and warns about %s. "+
		"An endpoint that is down, or whose certificate is %s, is unchecked and does not pass.",
		strings.Join(at[policy.Fail], " "), policy.DefaultMinDays, 100*policy.DefaultMinLifetimeLeft, policy.DefaultMinDays/policy.DefaultMinLifetimeLeft,
		strings.Join(at[policy.Warn], " "), strings.Join(at[policy.Unchecked], " "))
}

const expectationsText = `
They follow a target in the list. A mistake in one ends with status 2 before anything is dialed:
  min-days=30  min-lifetime-left=20%   as the flags
  tls=1.3                 as --require-tls
  issuer="Let's Encrypt"  part of the issuer's name; of several, one
  name=*.example.com      a name that it is good for; of several, all
  pin=sha256/DIGEST       SHA-256 of its key, base64 or hex; of several, one
  expect=untrusted        known to be so: passes, and fails once it is not so
  ignore=weak_key         findings to ignore
  optional                may be down
A line "@defaults ATTRIBUTES" holds for the lines below it, up to the next one.`
