package main

import "github.com/spf13/pflag"

// usage is the whole help text of a scan.
func usage() string {
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	new(options).register(fs)
	return scanSynopsis + flagUsage(ofScan, fs) + scanNotes
}

const scanSynopsis = `certsweep scans lists of TLS endpoints and writes one JSON line for each.

Usage:
  certsweep [flags] [FILE|-]...   scan the targets in each FILE, or in standard input
  certsweep check [flags] [FILE|-]...
                                  scan, print what is wrong, and gate on it: see
                                  certsweep check --help
  certsweep demo [flags]          scan a farm of loopback servers that it starts itself

Targets, one a line: host, host:port, address, [v6]:port, URL, prefix/bits,
address,name[,port], rank,name; then attributes: sni=NAME starttls=PROTO tag=TEXT.
`

const scanNotes = `
Every flag can be set in the environment as CERTSWEEP_<FLAG>, such as
CERTSWEEP_CONCURRENCY=200. A duration is 500ms, 10s or 1m30s; a bare number is
seconds. A size is 65536, 64KiB or 1MiB.

Exit status: 0 every target has its record; 1 a check has findings; 2 wrong
usage or unreadable input; 3 could not finish, or there was no target; 130, 143
ended by a signal.

Examples:
  certsweep hosts.txt | jq -r 'select(.status=="ok") | [.host, .certificate.not_after] | @tsv'
  certsweep -t example.com -t 192.0.2.7,example.org,8443 --chain
  certsweep -c 5000 --trust mozilla -o results.jsonl --resume top-1m.csv
`
