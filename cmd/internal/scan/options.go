package scan

import (
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"certsweep/cmd/internal/flags"
	"certsweep/cmd/internal/process"
	"certsweep/dialer"
	"certsweep/scanner"
	"certsweep/scanner/list"
)

// Options holds the flags that say what to scan, and how.
type Options struct {
	Files   []string
	Targets []string
	ListOptions
	NetworkOptions

	Concurrency                           int
	Timeout, ConnectTimeout, DrainTimeout flags.Duration
	DrainBytes                            flags.Size

	MaxMemory memorySize
	Rate      float64
	PerHost   int
	Retries   int

	Ports        Ports
	Only4, Only6 bool
	AllIPs       bool
	Resolvers    []string
	PublicOnly   bool

	SNI             string
	NoSNI           bool
	ALPN            []string
	StartTLS        string
	MinTLS          Version
	MaxTLS          Version
	NoPQ            bool
	NoRescue        bool
	Fast            bool
	AllCertificates bool
	Cert            string
	Key             string

	Survey Survey

	CAFile   string
	Trust    string
	TrustSet bool
	// TrustFallback says that Verifier took Mozilla's roots, as the system has none.
	TrustFallback bool

	Revocation bool

	Chain, PEM bool
	ShardOptions
}

// New returns the options with their defaults.
func New() Options {
	return Options{
		Concurrency:    scanner.DefaultWorkers,
		Timeout:        flags.Duration(scanner.DefaultTimeout),
		ConnectTimeout: flags.Duration(dialer.DefaultConnectTimeout),
		DrainTimeout:   flags.Duration(dialer.DefaultDrainTimeout),
		DrainBytes:     dialer.DefaultDrainBytes,
		Survey:         Survey{EnumerateTimeout: flags.Duration(dialer.DefaultEnumerateTimeout)},
		Trust:          "system",
		ListOptions:    ListOptions{InputFormat: string(list.Auto)},
	}
}

// Validate checks what no single flag can, before anything is dialed, and tells
// files from targets among the arguments. c must have been parsed.
func (o *Options) Validate(c *flags.Command) error {
	if err := o.splitArguments(c.Args()); err != nil {
		return err
	}
	o.TrustSet = c.Changed("trust")
	switch {
	case o.Concurrency < 1:
		return process.Usage("--concurrency must be at least 1")
	case o.Timeout == 0:
		return process.Usage("--timeout must be more than 0: it is what ends a target that hangs")
	case o.ConnectTimeout == 0:
		return process.Usage("--connect-timeout must be more than 0")
	case o.Survey.EnumerateTimeout == 0:
		return process.Usage("--enumerate-timeout must be more than 0")
	case o.DrainBytes == 0:
		return process.Usage("--drain-bytes must be at least 1; --drain-timeout 0 turns draining off")
	case o.MaxMemory != 0 && o.MaxMemory < memorySize(leastMemory):
		return process.Usage("--max-memory must be at least %v", new(leastMemory))
	case !(o.Rate >= 0) || o.PerHost < 0 || o.Retries < 0: // NaN is no rate
		return process.Usage("--rate, --per-host and --retries must not be negative")
	case o.Only4 && o.Only6:
		return process.Usage("-4 and -6 exclude each other")
	case o.SNI != "" && o.NoSNI:
		return process.Usage("--sni and --no-sni exclude each other")
	case o.MinTLS != 0 && o.MaxTLS != 0 && o.MinTLS > o.MaxTLS:
		return process.Usage("--min-tls %s is above --max-tls %s", &o.MinTLS, &o.MaxTLS)
	case o.Key != "" && o.Cert == "":
		return process.Usage("--key needs --cert")
	case o.Fast && o.Cert != "":
		return process.Usage("--fast and --cert exclude each other: a client certificate is shown in a handshake, which --fast does not go on with")
	case o.Fast && (o.Survey.Enumerate != 0 || o.Survey.Fingerprint || o.AllCertificates):
		return process.Usage("--fast asks for one certificate with one connection: leave out --enumerate, --fingerprint and --all-certificates, or leave out --fast")
	case o.Revocation && o.Trust == "none":
		return process.Usage("--revocation and --trust none exclude each other: only the issuers of trusted chains are asked")
	case len(o.Files) == 0 && len(o.Targets) == 0 && c.Changed("target"):
		return process.Usage("--target is empty")
	}
	if err := o.validateLists(c); err != nil {
		return err
	}
	if err := o.chooseShard(os.Getenv); err != nil {
		return err
	}
	if err := o.checkProxy(); err != nil {
		return err
	}
	return o.readValues()
}

// readValues reads the values that have a form of their own.
func (o *Options) readValues() error {
	if o.SNI != "" {
		name, err := dialer.ParseHost(o.SNI)
		if err != nil {
			return process.Usage("--sni: %w", err)
		}
		o.SNI = name
	}
	if o.StartTLS != "" {
		protocol, err := dialer.ParseProtocol(o.StartTLS)
		if err != nil {
			return process.Usage("--starttls: %w", err)
		}
		o.StartTLS = string(protocol)
	}
	for _, protocol := range o.ALPN {
		if protocol == "" || len(protocol) > 255 {
			return process.Usage("--alpn: a protocol's name has 1 to 255 bytes")
		}
	}
	for i, server := range o.Resolvers {
		if _, _, err := net.SplitHostPort(server); err != nil {
			o.Resolvers[i] = net.JoinHostPort(strings.Trim(server, "[]"), "53")
		}
		host, _, _ := net.SplitHostPort(o.Resolvers[i])
		if net.ParseIP(host) == nil {
			return process.Usage("--resolver %s: write an address, or address:port", server)
		}
	}
	return nil
}

// network returns which addresses the resolver is to look for.
func (o *Options) network() string {
	switch {
	case o.Only4:
		return "ip4"
	case o.Only6:
		return "ip6"
	}
	return "ip"
}

// drain returns the drain's time as a Dialer takes it.
func (o *Options) drain() time.Duration {
	if o.DrainTimeout == 0 {
		return -1
	}
	return time.Duration(o.DrainTimeout)
}

// ReadsStdin reports whether standard input is a list of targets.
func (o *Options) ReadsStdin(stdinIsTerminal bool) bool {
	return slices.Contains(o.Files, "-") || len(o.Files) == 0 && len(o.Targets) == 0 && !stdinIsTerminal
}
