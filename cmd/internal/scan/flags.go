package scan

import (
	"slices"

	"certsweep/cmd/internal/flags"
	"certsweep/dialer"
)

// The commands that have flags.
const (
	OfScan flags.Commands = 1 << iota // the demo is a scan too
	OfCheck
	OfPcap
	OfServe
)

// The headings that flags are listed under.
const (
	GroupServing   = "Serving"
	GroupFails     = "What fails"
	GroupReports   = "Reports"
	GroupLists     = "Lists"
	GroupScanning  = "Scanning"
	GroupAddresses = "Addresses"
	GroupHandshake = "Handshake"
	GroupTrust     = "Trust"
	GroupOutput    = "Output"
)

// Groups are these, in the order in which they are listed.
var Groups = []string{GroupServing, GroupFails, GroupReports, GroupLists, GroupScanning, GroupAddresses, GroupHandshake, GroupTrust, GroupOutput}

// VersionNames are the values of a flag that takes a TLS version.
var VersionNames = []string{"1.0", "1.1", "1.2", "1.3"}

// Flags describes the flags that say what to scan, and how. A new one is a row
// here, or in a file of its own with what it does.
func (o *Options) Flags() []flags.Flag {
	return slices.Concat(o.listFlags(), o.scanningFlags(), o.shardFlags(), o.addressFlags(), o.networkFlags(), o.handshakeFlags(), o.surveyFlags(), o.RecordFlags(), o.revocationFlags())
}

// RecordFlags describes those of them that say what records are to have, wherever
// the handshakes come from.
func (o *Options) RecordFlags() []flags.Flag { return slices.Concat(o.trustFlags(), o.recordFlags()) }

func (o *Options) scanningFlags() []flags.Flag {
	return []flags.Flag{
		{Name: "concurrency", Shorthand: "c", Argument: "N", To: &o.Concurrency, Group: GroupScanning, Common: OfScan, Brief: "concurrent targets",
			Text: "concurrent targets; reduced, with a warning, if the open-file limit is lower"},
		{Name: "timeout", Argument: "D", To: &o.Timeout, Group: GroupScanning, Common: OfScan, Brief: "hard limit for one target",
			Text: "hard limit for one target, look-up and retries included", More: "With `--all-ips`, for each of its addresses."},
		{Name: "connect-timeout", Argument: "D", To: &o.ConnectTimeout, Group: GroupScanning,
			Text: "maximum time to connect to one address"},
		{Name: "drain-timeout", Argument: "D", To: &o.DrainTimeout, Group: GroupScanning,
			Text: "maximum time to drain a connection; 0: do not drain",
			More: "A drain also ends after three times the time that connecting took, but not before 250 ms."},
		{Name: "drain-bytes", Argument: "N", To: &o.DrainBytes, Group: GroupScanning,
			Text: "maximum data to read while draining"},
		{Name: "max-memory", Argument: "SIZE", To: &o.MaxMemory, Group: GroupScanning, Default: "none",
			Text: "memory limit of the whole process",
			More: "`auto` is 85 % of what the control group, or the machine, has. It bounds the concurrent targets and sets Go's memory limit. If peers still fill it, fewer targets are in flight for a while. Those that were cut are tried again; only a target that fills it alone gets the error `memory_cap`."},
		{Name: "rate", Argument: "N", To: &o.Rate, Group: GroupScanning, Default: "none", Common: OfScan,
			Text: "maximum number of targets to begin per second"},
		{Name: "per-host", Argument: "N", To: &o.PerHost, Group: GroupScanning, Default: "none",
			Text: "maximum number of concurrent targets of one host, a name or an address", More: "The others wait, and hold up nobody."},
		{Name: "retries", Argument: "N", To: &o.Retries, Group: GroupScanning, Default: "0",
			Text: "retries after timeouts, resets and DNS failures; all tries share `--timeout`"},
	}
}

func (o *Options) addressFlags() []flags.Flag {
	return []flags.Flag{
		{Name: "port", Shorthand: "p", Argument: "N[,N]", To: &o.Ports, Group: GroupAddresses, Default: "443", Common: OfScan | OfCheck, Brief: "ports for targets without one",
			Text: "ports for targets without one; each is tried"},
		{Name: "ipv4", Shorthand: "4", To: &o.Only4, Group: GroupAddresses, Opposite: "ipv6", Text: "IPv4 addresses only"},
		{Name: "ipv6", Shorthand: "6", To: &o.Only6, Group: GroupAddresses, Opposite: "ipv4", Text: "IPv6 addresses only"},
		{Name: "all-ips", To: &o.AllIPs, Group: GroupAddresses,
			Text: "probe every address of a name, with a record for each"},
		{Name: "public-only", To: &o.PublicOnly, Group: GroupAddresses,
			Text: "never dial private, loopback, link-local and other special addresses, whatever a name resolves to",
			More: "For lists that others may edit."},
		{Name: "resolver", Argument: "HOST[:PORT]", To: (*flags.List)(&o.Resolvers), Group: GroupAddresses,
			Text: "name server to ask instead of the system's; repeatable", More: "Several are asked in turn."},
	}
}

func (o *Options) handshakeFlags() []flags.Flag {
	const allCertificates = "ask for the certificates for other kinds of key too (RSA, ECDSA, EdDSA)"
	const aConnectionEach = "One more connection for each kind, which a server without such a key refuses."
	return []flags.Flag{
		{Name: "sni", Argument: "NAME", To: &o.SNI, Group: GroupHandshake, Opposite: "no-sni", Text: "server name to send for targets without one"},
		{Name: "no-sni", To: &o.NoSNI, Group: GroupHandshake, Opposite: "sni", Text: "send no server name"},
		{Name: "alpn", Argument: "P[,P]", To: (*flags.List)(&o.ALPN), Group: GroupHandshake, Default: "none", Text: "application protocols to offer"},
		{Name: "starttls", Argument: "PROTO", To: &o.StartTLS, Group: GroupHandshake, Suggest: dialer.Protocols(), Text: "STARTTLS protocol, for targets without a scheme"},
		{Name: "min-tls", Argument: "V", To: &o.MinTLS, Group: GroupHandshake, In: OfScan, Choices: VersionNames, Default: "1.0",
			Text: "minimum version to offer: 1.0, 1.1, 1.2, 1.3", More: "From 1.1 on, that holds for a ClientHello made by hand too."},
		{Name: "max-tls", Argument: "V", To: &o.MaxTLS, Group: GroupHandshake, Choices: VersionNames, Default: "1.3",
			Text: "maximum version to offer, also in a ClientHello made by hand"},
		{Name: "no-pq", To: &o.NoPQ, Group: GroupHandshake,
			Text: "offer no post-quantum key exchange", More: "That makes a smaller ClientHello, and halves its CPU."},
		{Name: "all-certificates", To: &o.AllCertificates, Group: GroupHandshake, In: OfScan, Text: allCertificates, More: aConnectionEach},
		{Name: "all-certificates", To: &o.AllCertificates, Group: GroupHandshake, In: OfCheck | OfServe, Default: "on",
			Text: allCertificates + "; off with `--all-certificates=false`", More: aConnectionEach},
		{Name: "fast", To: &o.Fast, Group: GroupHandshake, In: OfScan,
			Text: "certificates only: ask with a ClientHello made by hand, and complete no handshake",
			More: "Several times less work, but the server proves nothing; see [fast scans](fast.md)."},
		{Name: "no-rescue", To: &o.NoRescue, Group: GroupHandshake,
			Text: "if the handshake shows no certificate, do not ask again with a ClientHello made by hand"},
		{Name: "cert", Argument: "FILE", To: &o.Cert, Group: GroupHandshake, Kind: flags.File, Text: "client certificate (PEM)"},
		{Name: "key", Argument: "FILE", To: &o.Key, Group: GroupHandshake, Kind: flags.File, Default: "in `--cert`'s file", Text: "its key (PEM)"},
	}
}

func (o *Options) trustFlags() []flags.Flag {
	return []flags.Flag{
		{Name: "ca-file", Argument: "FILE", To: &o.CAFile, Group: GroupTrust, Kind: flags.File, Common: OfScan | OfCheck, Brief: "PEM file of trusted roots",
			Text: "PEM file of trusted roots; replaces `--trust`, or adds to it if both are given"},
		{Name: "trust", Argument: "WHICH", To: &o.Trust, Group: GroupTrust, Choices: []string{"system", "mozilla", "none"}, Common: OfScan, Brief: "roots: system, mozilla (built in), none",
			Text: "`system`, `mozilla` (built in), or `none`: no verification", More: "If the system has no roots at all, Mozilla's are used, and standard error says so. With `none` there is no finding that needs a verification."},
	}
}

func (o *Options) recordFlags() []flags.Flag {
	return []flags.Flag{
		{Name: "chain", To: &o.Chain, Group: GroupOutput, In: OfScan | OfPcap, Common: OfScan, Text: "add the certificates after the leaf"},
		{Name: "pem", To: &o.PEM, Group: GroupOutput, In: OfScan | OfPcap, Text: "add every certificate in PEM"},
	}
}
