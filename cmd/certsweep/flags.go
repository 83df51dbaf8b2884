package main

import (
	"certsweep/results/report"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// commands is a set of commands that have a flag.
type commands uint8

const (
	ofScan commands = 1 << iota // the demo is a scan too
	ofCheck
)

// flagText is what is said of a flag wherever flags are listed.
type flagText struct {
	name, argument string
	of             commands
	text           string
}

// flagSections is the table of all flags: what options and checkOptions
// register, in the order in which the usages list it. A flag that means
// something else in a check has a row for each.
var flagSections = []struct {
	title string
	flags []flagText
}{
	{"What fails", []flagText{
		{"fail-on", "CODES", ofCheck, "fail on these findings (separated by commas; repeatable)"},
		{"warn-on", "CODES", ofCheck, "warn about these"},
		{"ignore", "CODES", ofCheck, "ignore these"},
		{"min-days", "N", ofCheck, "minimum number of days left"},
		{"min-lifetime-left", "P", ofCheck, "minimum part of the lifetime left: 20% or 0.2"},
		{"warn-days", "N", ofCheck, "expires_soon: fewer days left than this (30, or a third of a lifetime under 90 days)"},
		{"require-pq", "", ofCheck, "fail if the key exchange is not post-quantum"},
		{"min-tls", "V", ofCheck, "minimum version that may be negotiated: 1.0 1.1 1.2 1.3"},
		{"allow-unreachable", "", ofCheck, "pass what is down; what gives a wrong answer stays unchecked"},
		{"baseline", "OLD.jsonl", ofCheck, "report changes since the records of an earlier scan (a warning; --fail-on changed makes it a failure)"},
	}},
	{"Reports", []flagText{
		{"format", "FORMAT", ofCheck, formatNames() + " (text)"},
		{"output", "FILE", ofCheck, "write that to FILE; - is standard output"},
		{"report", "FORMAT=FILE", ofCheck, "write one more report to FILE (repeatable)"},
		{"from", "RECORDS.jsonl", ofCheck, "judge these records of an earlier scan; - is standard input (repeatable). A list then says what is expected of them"},
	}},
	{"Scanning", []flagText{
		{"target", "T", ofScan | ofCheck, "a target, as a line of a list (repeatable)"},
		{"concurrency", "N", ofScan | ofCheck, "concurrent targets; reduced, with a warning, if the open-file limit is lower (1000)"},
		{"timeout", "D", ofScan | ofCheck, "hard limit for one target, look-up included (10s)"},
		{"connect-timeout", "D", ofScan | ofCheck, "TCP connect to one address (5s)"},
		{"drain-timeout", "D", ofScan | ofCheck, "maximum time to drain a connection; 0: do not drain (1s)"},
		{"drain-bytes", "N", ofScan | ofCheck, "maximum data to read while draining (64KiB)"},
		{"max-memory", "SIZE", ofScan | ofCheck, "memory limit of the whole process (none)"},
		{"rate", "N", ofScan | ofCheck, "maximum targets to begin in a second (none)"},
		{"per-host", "N", ofScan | ofCheck, "maximum concurrent targets of one host (none)"},
		{"retries", "N", ofScan | ofCheck, "retries after timeouts, resets and DNS failures (0)"},
		{"shard", "I/N", ofScan, "scan the I-th of N parts of the list, from 1/N to N/N"},
	}},
	{"Addresses", []flagText{
		{"port", "N[,N]", ofScan | ofCheck, "ports for targets that give none (443)"},
		{"ipv4", "", ofScan | ofCheck, "IPv4 only"},
		{"ipv6", "", ofScan | ofCheck, "IPv6 only"},
		{"all-ips", "", ofScan | ofCheck, "probe every address of a name, with a record for each"},
		{"public-only", "", ofScan | ofCheck, "never dial private, loopback and other special addresses (for lists that others may edit)"},
		{"resolver", "HOST[:PORT]", ofScan | ofCheck, "name server to ask (repeatable)"},
	}},
	{"Handshake", []flagText{
		{"sni", "NAME", ofScan | ofCheck, "server name to send if the target gives none"},
		{"no-sni", "", ofScan | ofCheck, "send no server name"},
		{"alpn", "P[,P]", ofScan | ofCheck, "application protocols to offer (none)"},
		{"starttls", "PROTO", ofScan | ofCheck, "protocol to start in, for targets without a scheme"},
		{"min-tls", "V", ofScan, "minimum version to offer: 1.0 1.1 1.2 1.3 (1.0)"},
		{"max-tls", "V", ofScan | ofCheck, "maximum version to offer (1.3)"},
		{"no-pq", "", ofScan | ofCheck, "offer no post-quantum key exchange"},
		{"all-certificates", "", ofScan, "ask for the certificates for other kinds of key too, a connection for each kind"},
		{"all-certificates", "", ofCheck, "ask for the certificates for other kinds of key too; off with --all-certificates=false (on)"},
		{"no-rescue", "", ofScan | ofCheck, "if the handshake shows no certificate, do not ask again with a ClientHello made by hand"},
		{"cert", "FILE", ofScan | ofCheck, "client certificate, PEM"},
		{"key", "FILE", ofScan | ofCheck, "its key, PEM (default: in --cert's file)"},
	}},
	{"Trust", []flagText{
		{"ca-file", "FILE", ofScan | ofCheck, "PEM file of trusted roots; replaces --trust, or adds to it if both are given"},
		{"trust", "WHICH", ofScan | ofCheck, "system, mozilla, or none: no verification (system)"},
	}},
	{"Output", []flagText{
		{"chain", "", ofScan, "add the certificates after the leaf"},
		{"pem", "", ofScan, "add every certificate in PEM"},
		{"output", "FILE", ofScan, "write to FILE, which must not exist; - is standard output"},
		{"resume", "", ofScan, "resume the scan of the same list that FILE is from"},
		{"progress", "WHEN", ofScan | ofCheck, "progress on standard error: auto, always, never (auto)"},
		{"quiet", "", ofScan | ofCheck, "no progress, and no summary on standard error"},
		{"summary", "FILE", ofScan, "write a summary in JSON to FILE"},
		{"debug-addr", "HOST:PORT", ofScan, "serve pprof and expvar there while it runs"},
		{"version", "", ofScan | ofCheck, "print the version"},
		{"help", "", ofScan | ofCheck, "print this text"},
	}},
}

// formatNames lists the formats of a report.
func formatNames() string {
	var names []string
	for _, f := range report.Formats() {
		names = append(names, string(f))
	}
	return strings.Join(names, " ")
}

const (
	flagColumn = 29 // where the text of a flag begins
	usageWidth = 96 // where it is broken
)

// flagUsage lists the flags of a command, of the sections whose titles are
// given, or of all. The flag set knows the shorthands.
func flagUsage(of commands, fs *pflag.FlagSet, titles ...string) string {
	var b strings.Builder
	for _, section := range flagSections {
		head := "\n" + section.title + ":\n"
		for _, f := range section.flags {
			if f.of&of == 0 || len(titles) > 0 && !slices.Contains(titles, section.title) {
				continue
			}
			b.WriteString(head)
			head = ""
			left := "      --" + f.name
			if registered := fs.Lookup(f.name); registered != nil && registered.Shorthand != "" {
				left = "  -" + registered.Shorthand + ", --" + f.name
			}
			if f.argument != "" {
				left += " " + f.argument
			}
			fmt.Fprintf(&b, "%-*s%s\n", flagColumn-1, left, broken(f.text))
		}
	}
	return b.String()
}

// broken breaks a flag's text into lines of the column.
func broken(text string) string {
	var b strings.Builder
	width := flagColumn
	for word := range strings.FieldsSeq(text) {
		if width += 1 + len(word); width > usageWidth {
			b.WriteString("\n" + strings.Repeat(" ", flagColumn-1))
			width = flagColumn + len(word)
		}
		b.WriteString(" " + word)
	}
	return b.String()
}
