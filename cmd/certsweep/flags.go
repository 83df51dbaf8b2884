package main

import (
	"slices"

	"certsweep/cmd/internal/flags"
	"certsweep/cmd/internal/scan"
	"certsweep/results"
	"certsweep/results/policy"
	"certsweep/results/report"
)

// flags describes the flags of a scan, of which a check has most. A new one is
// a row here, or if it says how to scan, in [scan.Options].
func (o *options) flags() []flags.Flag {
	return slices.Concat(o.Flags(), o.outputFlags())
}

func (o *options) outputFlags() []flags.Flag {
	return []flags.Flag{
		{Name: "format", Argument: "FORMAT", To: &o.format, Group: scan.GroupOutput, In: scan.OfScan | scan.OfPcap, Choices: scanFormats, Common: scan.OfScan,
			Brief: "jsonl, json, csv, table or card",
			Text:  "`jsonl`, `json` (one array), `csv`, `table`, `card`, or `auto`",
			More:  "`auto` is a table on a terminal, a card for a single target, and JSON Lines in a file or a pipe."},
		{Name: "fields", Argument: "F[,F]", To: (*flags.List)(&o.fields), Group: scan.GroupOutput, In: scan.OfScan | scan.OfPcap, Default: "all", Suggest: results.FieldPaths(),
			Text: "fields to write, such as `host,certificate.not_after`; for jsonl, json and csv"},
		{Name: "output", Shorthand: "o", Argument: "FILE", To: &o.output, Group: scan.GroupOutput, In: scan.OfScan | scan.OfPcap, Kind: flags.File, Common: scan.OfScan | scan.OfPcap, Brief: "write records to FILE",
			Text: "write to FILE, which must not exist; `-` is standard output", More: "With `--resume` it may exist."},
		{Name: "resume", To: &o.resume, Group: scan.GroupOutput, In: scan.OfScan, Common: scan.OfScan, Brief: "resume the scan that FILE is from",
			Text: "resume the scan that FILE is from, of the same list"},
		{Name: "progress", Argument: "WHEN", To: &o.progress, Group: scan.GroupOutput, In: scan.OfScan | scan.OfCheck | scan.OfPcap, Choices: []string{"auto", "always", "never"},
			Text: "progress on standard error: `auto` and `always` (a bar on a terminal, else a line now and then), `never`"},
		{Name: "quiet", Shorthand: "q", To: &o.quiet, Group: scan.GroupOutput, In: scan.OfScan | scan.OfCheck | scan.OfPcap, Common: scan.OfScan, Text: "no progress, and no summary on standard error"},
		{Name: "summary", Argument: "FILE", To: &o.summary, Group: scan.GroupOutput, In: scan.OfScan | scan.OfPcap, Kind: flags.File, Text: "write a summary in JSON to FILE"},
		{Name: "debug-addr", Argument: "HOST:PORT", To: &o.debugAddr, Group: scan.GroupOutput, In: scan.OfScan,
			Text: "serve net/http/pprof and expvar there during the scan"},
		{Name: "version", To: &o.version, Group: scan.GroupOutput, NoEnvironment: true, Text: "print the version"},
		{Name: "h", Shorthand: "h", To: &o.shortHelp, Group: scan.GroupOutput, NoEnvironment: true, Text: "print the most used flags"},
		{Name: "help", To: &o.help, Group: scan.GroupOutput, NoEnvironment: true, Text: "print all flags"},
	}
}

// flags describes the flags that say what a check asks for.
func (o *gateOptions) flags() []flags.Flag {
	fails := []flags.Flag{
		{Name: "fail-on", Argument: "CODES", Suggest: codeNames(), To: &o.failOn, Common: scan.OfCheck, Brief: "fail on these findings too",
			Text: "fail on these findings; separated by commas, repeatable"},
		{Name: "warn-on", Argument: "CODES", Suggest: codeNames(), To: &o.warnOn, Text: "warn about these"},
		{Name: "ignore", Argument: "CODES", Suggest: codeNames(), To: &o.ignore, Common: scan.OfCheck, Text: "ignore these", More: "A code in two of the three is a mistake."},
		{Name: "min-days", Argument: "N", To: &o.minDays, Default: "14, at most 20 % of the lifetime", Common: scan.OfCheck, Brief: "minimum days left",
			Text: "minimum number of days left"},
		{Name: "min-lifetime-left", Argument: "P", To: &o.minLifetimeLeft,
			Text: "minimum part of the lifetime left, such as 20% or 0.2", More: "With `--min-days`, both must hold."},
		{Name: "warn-days", Argument: "N", To: &o.warnDays, Default: "30, or a third of a lifetime under 90 days",
			Text: "warn about `expires_soon` if fewer days are left"},
		{Name: "require-pq", To: &o.requirePQ, Common: scan.OfCheck, Text: "fail if the key exchange is not post-quantum"},
		{Name: "require-tls", Argument: "V", To: &o.requireTLS, Choices: scan.VersionNames, Old: []string{"min-tls"}, Common: scan.OfCheck, Brief: "minimum TLS version, such as 1.2",
			Text: "minimum version that may be negotiated: 1.0, 1.1, 1.2, 1.3",
			More: "It does not limit what is offered, so an old server is reported as old, not as one that refuses."},
		{Name: "allow-unreachable", To: &o.allowUnreachable, Common: scan.OfCheck, Brief: "pass endpoints that are down",
			Text: "pass endpoints that are down; one that gives a wrong answer stays unchecked",
			More: "Down means: no address, no connection, reset, or silent."},
		{Name: "baseline", Argument: "OLD.jsonl", To: &o.baseline, Kind: flags.File, Common: scan.OfCheck, Brief: "report changes since an earlier scan",
			Text: "report changes since the records of an earlier scan",
			More: "Changes are: certificate replaced, other key or issuer, newly weak, no longer reachable, gone. They are warnings; `--fail-on changed` makes them failures."},
	}
	for i := range fails {
		fails[i].Group, fails[i].In = scan.GroupFails, scan.OfCheck|scan.OfServe
	}
	return fails
}

// flags describes the flags of a check.
func (o *checkOptions) flags() []flags.Flag {
	reports := []flags.Flag{
		{Name: "format", Argument: "FORMAT", To: &o.format, Choices: formatNames(), Common: scan.OfCheck, Text: "format of the report on standard output"},
		{Name: "output", Shorthand: "o", Argument: "FILE", To: &o.output, Kind: flags.File,
			Text: "write the report of `--format` to FILE; `-` is standard output"},
		{Name: "report", Argument: "FORMAT=FILE", To: &o.reports, Common: scan.OfCheck, Brief: "write another report to FILE", Text: "write another report to FILE; repeatable"},
		{Name: "all", To: &o.all, Text: "also show what passes, in `text`, `json` and `markdown`"},
		{Name: "from", Argument: "RECORDS.jsonl", To: &o.from, Kind: flags.File, Common: scan.OfCheck, Brief: "judge saved records, without network",
			Text: "judge saved records, without network; `-` is standard input; repeatable",
			More: "A list that is given too supplies the expectations, and each of its targets must have a record: each address of a prefix, and each port of `--port`."},
	}
	for i := range reports {
		reports[i].Group, reports[i].In = scan.GroupReports, scan.OfCheck
	}
	return slices.Concat(o.gate.flags(), reports, o.scan.flags())
}

// codeNames lists what a check can fail on.
func codeNames() []string {
	var names []string
	for _, code := range policy.Codes() {
		names = append(names, string(code))
	}
	return names
}

// formatNames lists the formats of a report.
func formatNames() []string {
	var names []string
	for _, f := range report.Formats() {
		names = append(names, string(f))
	}
	return names
}
