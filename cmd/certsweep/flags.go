package main

import (
	"certsweep/cmd/internal/flags"
	"certsweep/results/report"
	"slices"
)

// The commands that have flags.
const (
	ofScan flags.Commands = 1 << iota // the demo is a scan too
	ofCheck
)

// The headings that flags are listed under.
const (
	groupFails     = "What fails"
	groupReports   = "Reports"
	groupScanning  = "Scanning"
	groupAddresses = "Addresses"
	groupHandshake = "Handshake"
	groupTrust     = "Trust"
	groupOutput    = "Output"
)

// groups are these, in the order in which they are listed.
var groups = []string{groupFails, groupReports, groupScanning, groupAddresses, groupHandshake, groupTrust, groupOutput}

// versionNames are the values of a flag that takes a TLS version.
var versionNames = []string{"1.0", "1.1", "1.2", "1.3"}

// flags describes the flags of a scan, of which a check has most. A new one is
// a row here, or in a file of its own with what it does.
func (o *options) flags() []flags.Flag {
	return slices.Concat(o.scanningFlags(), o.addressFlags(), o.handshakeFlags(), o.trustFlags(), o.outputFlags())
}

func (o *options) scanningFlags() []flags.Flag {
	return []flags.Flag{
		{Name: "target", Shorthand: "t", Argument: "T", To: &o.targets, Group: groupScanning, Common: ofScan | ofCheck, Brief: "a target, as a line of a list; repeatable",
			Text: "a target, as a line of a list, attributes included; repeatable"},
		{Name: "concurrency", Shorthand: "c", Argument: "N", To: &o.concurrency, Group: groupScanning, Common: ofScan, Brief: "concurrent targets",
			Text: "concurrent targets; reduced, with a warning, if the open-file limit is lower"},
		{Name: "timeout", Argument: "D", To: &o.timeout, Group: groupScanning, Common: ofScan, Brief: "hard limit for one target",
			Text: "hard limit for one target, look-up and retries included", More: "With `--all-ips`, for each of its addresses."},
		{Name: "connect-timeout", Argument: "D", To: &o.connectTimeout, Group: groupScanning,
			Text: "TCP connect to one address"},
		{Name: "drain-timeout", Argument: "D", To: &o.drainTimeout, Group: groupScanning,
			Text: "maximum time to drain a connection; 0: do not drain",
			More: "It ends earlier, after three times the connect's time, at least 50 ms."},
		{Name: "drain-bytes", Argument: "N", To: &o.drainBytes, Group: groupScanning,
			Text: "maximum data to read while draining"},
		{Name: "max-memory", Argument: "SIZE", To: &o.maxMemory, Group: groupScanning, Default: "none",
			Text: "memory limit of the whole process",
			More: "It bounds the concurrent targets, sets Go's memory limit, and if peers still fill it, cuts the handshakes that wait longest (`memory_cap`)."},
		{Name: "rate", Argument: "N", To: &o.rate, Group: groupScanning, Default: "none", Common: ofScan,
			Text: "maximum targets to begin in a second"},
		{Name: "per-host", Argument: "N", To: &o.perHost, Group: groupScanning, Default: "none",
			Text: "maximum concurrent targets of one host, a name or an address", More: "The others wait and hold up nobody."},
		{Name: "retries", Argument: "N", To: &o.retries, Group: groupScanning, Default: "0",
			Text: "retries, within `--timeout`, after timeouts, resets and DNS failures"},
		{Name: "shard", Argument: "I/N", To: &o.shard, Group: groupScanning, In: ofScan, Default: "the whole list",
			Text: "scan the I-th of N parts of the list, from 1/N to N/N"},
	}
}

func (o *options) addressFlags() []flags.Flag {
	return []flags.Flag{
		{Name: "port", Shorthand: "p", Argument: "N[,N]", To: &o.ports, Group: groupAddresses, Default: "443", Common: ofScan | ofCheck, Brief: "ports for targets that give none",
			Text: "ports for targets that give none; each is tried"},
		{Name: "ipv4", Shorthand: "4", To: &o.only4, Group: groupAddresses, Opposite: "ipv6", Text: "IPv4 addresses only"},
		{Name: "ipv6", Shorthand: "6", To: &o.only6, Group: groupAddresses, Opposite: "ipv4", Text: "IPv6 addresses only"},
		{Name: "all-ips", To: &o.allIPs, Group: groupAddresses,
			Text: "probe every address of a name, with a record for each"},
		{Name: "public-only", To: &o.publicOnly, Group: groupAddresses,
			Text: "never dial private, loopback, link-local and other special addresses, whatever a name resolves to",
			More: "For lists that others may edit."},
		{Name: "resolver", Argument: "HOST[:PORT]", To: (*flags.List)(&o.resolvers), Group: groupAddresses,
			Text: "name server to ask instead of the system's; repeatable", More: "Several are asked in turn."},
	}
}

func (o *options) handshakeFlags() []flags.Flag {
	const allCertificates = "ask for the certificates for other kinds of key too (RSA, ECDSA, EdDSA)"
	const aConnectionEach = "One more connection for each kind, which a server without such a key refuses."
	return []flags.Flag{
		{Name: "sni", Argument: "NAME", To: &o.sni, Group: groupHandshake, Opposite: "no-sni", Text: "server name to send if the target gives none"},
		{Name: "no-sni", To: &o.noSNI, Group: groupHandshake, Opposite: "sni", Text: "send no server name"},
		{Name: "alpn", Argument: "P[,P]", To: (*flags.List)(&o.alpn), Group: groupHandshake, Default: "none", Text: "application protocols to offer"},
		{Name: "starttls", Argument: "PROTO", To: &o.startTLS, Group: groupHandshake, Common: ofScan, Text: "protocol to start in, for targets without a scheme"},
		{Name: "min-tls", Argument: "V", To: &o.minTLS, Group: groupHandshake, In: ofScan, Choices: versionNames, Default: "1.0",
			Text: "minimum version to offer: 1.0, 1.1, 1.2, 1.3", More: "From 1.1 on it binds the ClientHello made by hand too."},
		{Name: "max-tls", Argument: "V", To: &o.maxTLS, Group: groupHandshake, Choices: versionNames, Default: "1.3",
			Text: "maximum version to offer, by hand too"},
		{Name: "no-pq", To: &o.noPQ, Group: groupHandshake,
			Text: "offer no post-quantum key exchange", More: "That makes a smaller ClientHello, and halves its CPU."},
		{Name: "all-certificates", To: &o.allCertificates, Group: groupHandshake, In: ofScan, Text: allCertificates, More: aConnectionEach},
		{Name: "all-certificates", To: &o.allCertificates, Group: groupHandshake, In: ofCheck, Default: "on",
			Text: allCertificates + "; off with `--all-certificates=false`", More: aConnectionEach},
		{Name: "no-rescue", To: &o.noRescue, Group: groupHandshake,
			Text: "if the handshake shows no certificate, do not ask again with a ClientHello made by hand"},
		{Name: "cert", Argument: "FILE", To: &o.cert, Group: groupHandshake, Kind: flags.File, Text: "client certificate, PEM"},
		{Name: "key", Argument: "FILE", To: &o.key, Group: groupHandshake, Kind: flags.File, Default: "in `--cert`'s file", Text: "its key, PEM"},
	}
}

func (o *options) trustFlags() []flags.Flag {
	return []flags.Flag{
		{Name: "ca-file", Argument: "FILE", To: &o.caFile, Group: groupTrust, Kind: flags.File, Common: ofScan | ofCheck, Brief: "PEM file of trusted roots",
			Text: "PEM file of trusted roots; replaces `--trust`, or adds to it if both are given"},
		{Name: "trust", Argument: "WHICH", To: &o.trust, Group: groupTrust, Choices: []string{"system", "mozilla", "none"}, Common: ofScan, Brief: "roots: system, mozilla (built in), none",
			Text: "`system`, `mozilla` (built in), or `none`: no verification", More: "With `none` there is no finding that needs a verification."},
	}
}

func (o *options) outputFlags() []flags.Flag {
	return []flags.Flag{
		{Name: "chain", To: &o.chain, Group: groupOutput, In: ofScan, Common: ofScan, Text: "add the certificates after the leaf"},
		{Name: "pem", To: &o.pem, Group: groupOutput, In: ofScan, Text: "add every certificate in PEM"},
		{Name: "output", Shorthand: "o", Argument: "FILE", To: &o.output, Group: groupOutput, In: ofScan, Kind: flags.File, Common: ofScan, Brief: "write records to FILE",
			Text: "write to FILE, which must not exist; `-` is standard output", More: "With `--resume` it may exist."},
		{Name: "resume", To: &o.resume, Group: groupOutput, In: ofScan, Common: ofScan, Brief: "go on where FILE ends",
			Text: "resume the scan of the same list that FILE is from"},
		{Name: "progress", Argument: "WHEN", To: &o.progress, Group: groupOutput, Choices: []string{"auto", "always", "never"},
			Text: "progress on standard error: `auto` (only on a terminal), `always` (without one, a plain line now and then), `never`"},
		{Name: "quiet", Shorthand: "q", To: &o.quiet, Group: groupOutput, Common: ofScan, Text: "no progress, and no summary on standard error"},
		{Name: "summary", Argument: "FILE", To: &o.summary, Group: groupOutput, In: ofScan, Kind: flags.File, Text: "write a summary in JSON to FILE"},
		{Name: "debug-addr", Argument: "HOST:PORT", To: &o.debugAddr, Group: groupOutput, In: ofScan,
			Text: "serve net/http/pprof and expvar there while it runs"},
		{Name: "version", To: &o.version, Group: groupOutput, NoEnvironment: true, Text: "print the version"},
		{Name: "h", Shorthand: "h", To: &o.shortHelp, Group: groupOutput, NoEnvironment: true, Text: "print the most used flags"},
		{Name: "help", To: &o.help, Group: groupOutput, NoEnvironment: true, Text: "print all flags"},
	}
}

// flags describes the flags that say what a check asks for.
func (o *gateOptions) flags() []flags.Flag {
	fails := []flags.Flag{
		{Name: "fail-on", Argument: "CODES", To: &o.failOn, Common: ofCheck, Brief: "fail on these findings too",
			Text: "fail on these findings; separated by commas, repeatable"},
		{Name: "warn-on", Argument: "CODES", To: &o.warnOn, Text: "warn about these"},
		{Name: "ignore", Argument: "CODES", To: &o.ignore, Common: ofCheck, Text: "ignore these", More: "A code in two of the three is a mistake."},
		{Name: "min-days", Argument: "N", To: &o.minDays, Default: "14, at most 20 % of the lifetime", Common: ofCheck, Brief: "minimum days left",
			Text: "minimum number of days left"},
		{Name: "min-lifetime-left", Argument: "P", To: &o.minLifetimeLeft,
			Text: "minimum part of the lifetime left: 20% or 0.2", More: "With `--min-days` both must hold."},
		{Name: "warn-days", Argument: "N", To: &o.warnDays, Default: "30, or a third of a lifetime under 90 days",
			Text: "`expires_soon`: fewer days left than this"},
		{Name: "require-pq", To: &o.requirePQ, Common: ofCheck, Text: "fail if the key exchange is not post-quantum"},
		{Name: "require-tls", Argument: "V", To: &o.requireTLS, Choices: versionNames, Old: []string{"min-tls"}, Common: ofCheck, Brief: "minimum TLS version, such as 1.2",
			Text: "minimum version that may be negotiated: 1.0, 1.1, 1.2, 1.3",
			More: "It does not limit what is offered: an old server is told as such, not as one that refuses."},
		{Name: "allow-unreachable", To: &o.allowUnreachable, Common: ofCheck, Brief: "pass endpoints that are down",
			Text: "pass endpoints that are down; one that gives a wrong answer stays unchecked",
			More: "Down is: no address, no connection, broken off, silent."},
		{Name: "baseline", Argument: "OLD.jsonl", To: &o.baseline, Kind: flags.File, Common: ofCheck, Brief: "report changes since an earlier scan",
			Text: "report changes since the records of an earlier scan",
			More: "Those are: certificate replaced, key or issuer changed, newly weak, no longer reachable, gone. A warning; `--fail-on changed` makes it a failure."},
	}
	for i := range fails {
		fails[i].Group, fails[i].In = groupFails, ofCheck
	}
	return fails
}

// flags describes the flags of a check.
func (o *checkOptions) flags() []flags.Flag {
	reports := []flags.Flag{
		{Name: "format", Argument: "FORMAT", To: &o.format, Choices: formatNames(), Common: ofCheck, Text: "what goes to standard output"},
		{Name: "output", Shorthand: "o", Argument: "FILE", To: &o.output, Kind: flags.File,
			Text: "write that to FILE; `-` is standard output"},
		{Name: "report", Argument: "FORMAT=FILE", To: &o.reports, Common: ofCheck, Brief: "write one more report to FILE", Text: "write one more report to FILE; repeatable"},
		{Name: "from", Argument: "RECORDS.jsonl", To: &o.from, Kind: flags.File, Common: ofCheck, Brief: "judge saved records, without network",
			Text: "judge saved records, without network; `-` is standard input; repeatable",
			More: "A list given too supplies the expectations, and each of its targets must have a record: each address of a prefix, and each port of `--port`."},
	}
	for i := range reports {
		reports[i].Group, reports[i].In = groupReports, ofCheck
	}
	return slices.Concat(o.gate.flags(), reports, o.scan.flags())
}

// formatNames lists the formats of a report.
func formatNames() []string {
	var names []string
	for _, f := range report.Formats() {
		names = append(names, string(f))
	}
	return names
}
