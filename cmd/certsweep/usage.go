package main

import (
	"certsweep/cmd/internal/flags"
	"certsweep/cmd/internal/scan"
)

// environmentPrefix begins the variables that set flags.
const environmentPrefix = "CERTSWEEP_"

// command describes certsweep without a command's name.
func (o *options) command() *flags.Command {
	return &flags.Command{
		Name:    "certsweep",
		Bit:     scan.OfScan,
		Prefix:  environmentPrefix,
		Summary: "certsweep scans lists of TLS endpoints and writes one JSON line for each.",
		Usage: []flags.Line{
			{Text: "certsweep [flags] [TARGET|FILE|-]...", Meaning: "scan each TARGET, and those in each FILE, or in standard input"},
			{Text: "certsweep check [flags] [TARGET|FILE|-]...", Meaning: "scan, print what is wrong, and gate on it: see `certsweep check --help`"},
			{Text: "certsweep pcap|serve|demo|help ...", Meaning: "read packet captures, serve an exporter, scan loopback servers, list all commands"},
		},
		Groups: scan.Groups,
		Flags:  o.flags(),
		Notes: []flags.Note{
			{Title: "Targets, one a line", Text: "host, host:port, address, [v6]:port, URL, prefix/bits, ranges, address,name[,port], rank,name; " +
				"then attributes: sni=NAME starttls=PROTO tag=TEXT. Lists of nmap, masscan, zmap, zgrab2, tlsx and httpx, CSV with a header and JSON are read as they are, " +
				"compressed or not."},
			environmentNote("CERTSWEEP_CONCURRENCY=200"),
		},
		Exit: []flags.Line{
			{Text: "0", Meaning: "every target has its record, reached or not"},
			{Text: "2", Meaning: "wrong usage, or an input that cannot be read"},
			{Text: "3", Meaning: "could not finish, or there was no target"},
			{Text: "130, 143", Meaning: "ended by a signal"},
		},
		Elsewhere: elsewhereOf("scan"),
		Examples: []flags.Line{
			{Text: "certsweep example.com"},
			{Text: "certsweep hosts.txt > results.jsonl"},
			{Text: "certsweep -c 5000 --trust mozilla -o results.jsonl --resume top-1m.csv"},
			{Text: "certsweep check --min-days 20 hosts.txt"},
		},
	}
}

// demoCommand describes certsweep demo.
func (o *options) demoCommand() *flags.Command {
	c := o.command()
	c.Name = "certsweep demo"
	c.Summary = "certsweep demo scans a farm of loopback servers that it starts itself: good ones, broken ones and hostile ones. It needs no network."
	c.Usage = []flags.Line{{Text: "certsweep demo [flags]"}}
	c.Examples = []flags.Line{{Text: "certsweep demo"}, {Text: "certsweep demo -q | jq ."}}
	return c
}

// environmentNote says how the environment sets flags, and what values are like.
func environmentNote(example string) flags.Note {
	return flags.Note{Title: "Values", Text: "Every flag can be set in the environment as " + environmentPrefix + "<FLAG>, such as " + example +
		". A duration is 500ms, 10s or 1m30s; a bare number is seconds. A size is 65536, 64KiB or 1MiB."}
}
