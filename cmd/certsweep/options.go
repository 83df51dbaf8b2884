package main

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"certsweep/cmd/internal/flags"
	"certsweep/dialer"
	"certsweep/scanner"
)

// options holds the flags of a scan.
type options struct {
	files   []string
	targets []string

	concurrency                           int
	timeout, connectTimeout, drainTimeout flags.Duration
	drainBytes                            flags.Size

	maxMemory flags.Size
	rate      float64
	perHost   int
	retries   int

	ports        portsValue
	only4, only6 bool
	allIPs       bool
	resolvers    []string
	publicOnly   bool

	sni             string
	noSNI           bool
	alpn            []string
	startTLS        string
	minTLS          versionValue
	maxTLS          versionValue
	noPQ            bool
	noRescue        bool
	allCertificates bool
	cert            string
	key             string

	caFile   string
	trust    string
	trustSet bool

	chain, pem bool
	output     string
	resume     bool
	shard      shardValue
	progress   string
	quiet      bool
	summary    string
	debugAddr  string

	version, shortHelp, help bool
}

// newOptions returns the options of a scan with the defaults.
func newOptions() *options {
	return &options{
		concurrency:    scanner.DefaultWorkers,
		timeout:        flags.Duration(scanner.DefaultTimeout),
		connectTimeout: flags.Duration(dialer.DefaultConnectTimeout),
		drainTimeout:   flags.Duration(dialer.DefaultDrainTimeout),
		drainBytes:     dialer.DefaultDrainBytes,
		trust:          "system",
		progress:       "auto",
	}
}

// usageError says what is wrong with the command line.
func usageError(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// parse reads a command line and the environment.
func parse(c *flags.Command, args []string) error {
	if err := c.Parse(args, os.LookupEnv); err != nil {
		return &exitError{exitUsage, err}
	}
	return nil
}

// validate checks what no single flag can, before anything is dialed.
func (o *options) validate(c *flags.Command) error {
	o.files = c.Args()
	o.trustSet = c.Changed("trust")
	switch {
	case o.concurrency < 1:
		return usageError("--concurrency must be at least 1")
	case o.timeout == 0:
		return usageError("--timeout must be more than 0: it is what ends a target that hangs")
	case o.connectTimeout == 0:
		return usageError("--connect-timeout must be more than 0")
	case o.drainBytes == 0:
		return usageError("--drain-bytes must be at least 1; --drain-timeout 0 turns draining off")
	case o.maxMemory != 0 && o.maxMemory < leastMemory:
		return usageError("--max-memory must be at least %v", new(leastMemory))
	case !(o.rate >= 0) || o.perHost < 0 || o.retries < 0: // NaN is no rate
		return usageError("--rate, --per-host and --retries must not be negative")
	case o.only4 && o.only6:
		return usageError("-4 and -6 exclude each other")
	case o.sni != "" && o.noSNI:
		return usageError("--sni and --no-sni exclude each other")
	case o.minTLS != 0 && o.maxTLS != 0 && o.minTLS > o.maxTLS:
		return usageError("--min-tls %s is above --max-tls %s", &o.minTLS, &o.maxTLS)
	case o.key != "" && o.cert == "":
		return usageError("--key needs --cert")
	case o.resume && (o.output == "" || o.output == "-"):
		return usageError("--resume needs --output FILE: FILE is what it goes on with")
	case o.resume && o.allIPs:
		return usageError("--resume and --all-ips exclude each other: how many records a name has is known only when it was looked up")
	case len(o.files) == 0 && len(o.targets) == 0 && c.Changed("target"):
		return usageError("--target is empty")
	}
	if o.sni != "" {
		name, err := dialer.ParseHost(o.sni)
		if err != nil {
			return usageError("--sni: %w", err)
		}
		o.sni = name
	}
	for _, protocol := range o.alpn {
		if protocol == "" || len(protocol) > 255 {
			return usageError("--alpn: a protocol's name has 1 to 255 bytes")
		}
	}
	for i, server := range o.resolvers {
		if _, _, err := net.SplitHostPort(server); err != nil {
			o.resolvers[i] = net.JoinHostPort(strings.Trim(server, "[]"), "53")
		}
		host, _, _ := net.SplitHostPort(o.resolvers[i])
		if net.ParseIP(host) == nil {
			return usageError("--resolver %s: write an address, or address:port", server)
		}
	}
	return nil
}

// network returns which addresses the resolver is to look for.
func (o *options) network() string {
	switch {
	case o.only4:
		return "ip4"
	case o.only6:
		return "ip6"
	}
	return "ip"
}

// drain returns the drain's time as a Dialer takes it.
func (o *options) drain() time.Duration {
	if o.drainTimeout == 0 {
		return -1
	}
	return time.Duration(o.drainTimeout)
}

// readsStdin reports whether standard input is a list of targets.
func (o *options) readsStdin(stdinIsTerminal bool) bool {
	return slices.Contains(o.files, "-") || len(o.files) == 0 && len(o.targets) == 0 && !stdinIsTerminal
}
