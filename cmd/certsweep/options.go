package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"certsweep/dialer"
	"certsweep/results"
	"certsweep/results/policy"
	"certsweep/scanner"
)

// options holds the flags of a scan.
type options struct {
	files   []string
	targets []string

	concurrency                           int
	timeout, connectTimeout, drainTimeout durationValue
	drainBytes                            sizeValue

	maxMemory sizeValue
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
	trust    choiceValue
	trustSet bool

	chain, pem bool
	output     string
	resume     bool
	shard      shardValue
	progress   choiceValue
	quiet      bool
	summary    string
	debugAddr  string

	version, help bool
}

func (o *options) register(fs *pflag.FlagSet) {
	o.timeout = durationValue(scanner.DefaultTimeout)
	o.connectTimeout = durationValue(dialer.DefaultConnectTimeout)
	o.drainTimeout = durationValue(dialer.DefaultDrainTimeout)
	o.drainBytes = dialer.DefaultDrainBytes
	o.trust = choiceValue{"system", []string{"system", "mozilla", "none"}}
	o.progress = choiceValue{"auto", []string{"auto", "always", "never"}}

	fs.StringArrayVarP(&o.targets, "target", "t", nil, "")
	fs.IntVarP(&o.concurrency, "concurrency", "c", scanner.DefaultWorkers, "")
	fs.Var(&o.timeout, "timeout", "")
	fs.Var(&o.connectTimeout, "connect-timeout", "")
	fs.Var(&o.drainTimeout, "drain-timeout", "")
	fs.Var(&o.drainBytes, "drain-bytes", "")
	fs.Var(&o.maxMemory, "max-memory", "")
	fs.Float64Var(&o.rate, "rate", 0, "")
	fs.IntVar(&o.perHost, "per-host", 0, "")
	fs.IntVar(&o.retries, "retries", 0, "")
	fs.VarP(&o.ports, "port", "p", "")
	fs.BoolVarP(&o.only4, "ipv4", "4", false, "")
	fs.BoolVarP(&o.only6, "ipv6", "6", false, "")
	fs.BoolVar(&o.allIPs, "all-ips", false, "")
	fs.BoolVar(&o.publicOnly, "public-only", false, "")
	fs.StringSliceVar(&o.resolvers, "resolver", nil, "")
	fs.StringVar(&o.sni, "sni", "", "")
	fs.BoolVar(&o.noSNI, "no-sni", false, "")
	fs.StringSliceVar(&o.alpn, "alpn", nil, "")
	fs.StringVar(&o.startTLS, "starttls", "", "")
	fs.Var(&o.minTLS, "min-tls", "")
	fs.Var(&o.maxTLS, "max-tls", "")
	fs.BoolVar(&o.noPQ, "no-pq", false, "")
	fs.BoolVar(&o.allCertificates, "all-certificates", o.allCertificates, "")
	fs.BoolVar(&o.noRescue, "no-rescue", false, "")
	fs.StringVar(&o.cert, "cert", "", "")
	fs.StringVar(&o.key, "key", "", "")
	fs.StringVar(&o.caFile, "ca-file", "", "")
	fs.Var(&o.trust, "trust", "")
	fs.BoolVar(&o.chain, "chain", false, "")
	fs.BoolVar(&o.pem, "pem", false, "")
	fs.StringVarP(&o.output, "output", "o", "", "")
	fs.BoolVar(&o.resume, "resume", false, "")
	fs.Var(&o.shard, "shard", "")
	fs.Var(&o.progress, "progress", "")
	fs.BoolVarP(&o.quiet, "quiet", "q", false, "")
	fs.StringVar(&o.summary, "summary", "", "")
	fs.StringVar(&o.debugAddr, "debug-addr", "", "")
	fs.BoolVar(&o.version, "version", false, "")
	fs.BoolVarP(&o.help, "help", "h", false, "")
}

// usageError says what is wrong with the command line.
func usageError(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// parseOptions reads the flags of a command and, for those not given, the
// environment.
func parseOptions(command string, args []string, o interface{ register(*pflag.FlagSet) }) (*pflag.FlagSet, error) {
	fs, err := parseFlags(command, args, o)
	if err != nil {
		return nil, err
	}
	return fs, parseEnvironment(fs)
}

func parseFlags(command string, args []string, o interface{ register(*pflag.FlagSet) }) (*pflag.FlagSet, error) {
	fs := pflag.NewFlagSet(command, pflag.ContinueOnError)
	fs.SortFlags = false
	fs.Usage = func() {}
	o.register(fs)
	if err := fs.Parse(args); err != nil {
		return nil, usageError("%w\n%s", err, hint(command, fs, err))
	}
	return fs, nil
}

// opposites are flags that exclude each other.
var opposites = map[string]string{"ipv4": "ipv6", "ipv6": "ipv4", "sni": "no-sni", "no-sni": "sni"}

// parseEnvironment sets the flags that were not given.
func parseEnvironment(fs *pflag.FlagSet) (err error) {
	fs.VisitAll(func(f *pflag.Flag) {
		name := "CERTSWEEP_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, ok := os.LookupEnv(name)
		if !ok || value == "" || isServiceLink(name, value) || f.Changed || f.Name == "help" || f.Name == "version" || err != nil {
			return
		}
		// A flag wins over the environment's word for its opposite, too.
		if opposite := fs.Lookup(opposites[f.Name]); opposite != nil && opposite.Changed {
			return
		}
		values := []string{value}
		if f.Value.Type() == "stringArray" {
			values = strings.Split(value, "\n")
		}
		for _, v := range values {
			if setErr := fs.Set(f.Name, v); setErr != nil {
				err = usageError("%s in the environment: %w", name, setErr)
			}
		}
	})
	return err
}

// environmentPrefix begins the variables that set flags.
const environmentPrefix = "CERTSWEEP_"

// isServiceLink reports whether a variable is one of those with which
// Kubernetes tells a pod of a service that is called certsweep.
func isServiceLink(name, value string) bool {
	return name == "CERTSWEEP_PORT" && strings.Contains(value, "://") || serviceLink.MatchString(name)
}

var serviceLink = regexp.MustCompile(`^CERTSWEEP_(SERVICE_(HOST|PORT)(_.*)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_.*)?)$`)

// warnEnvironment says which variables look like flags and set none: a
// misspelled one would go unnoticed.
func warnEnvironment(w io.Writer, environment []string) {
	known := make(map[string]bool)
	for _, section := range flagSections {
		for _, f := range section.flags {
			known[environmentPrefix+strings.ToUpper(strings.ReplaceAll(f.name, "-", "_"))] = true
		}
	}
	links := 0
	for _, variable := range environment {
		name, value, _ := strings.Cut(variable, "=")
		switch {
		case !strings.HasPrefix(name, environmentPrefix):
		case isServiceLink(name, value):
			links++
		case !known[name]:
			fmt.Fprintf(w, "certsweep: %s in the environment sets no flag\n", results.Visible(name))
		}
	}
	if links > 0 {
		fmt.Fprintf(w, "certsweep: ignored what Kubernetes says in the environment of a service named certsweep (CERTSWEEP_PORT and so on)\n")
	}
}

// hint names the flag that was probably meant.
func hint(command string, fs *pflag.FlagSet, err error) string {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		var names []string
		fs.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near := policy.Nearest(unknown.GetSpecifiedName(), names); near != "" {
			return "did you mean --" + near + "? See " + command + " --help"
		}
	}
	return "see " + command + " --help"
}

// validate checks what no single flag can, before anything is dialed.
func (o *options) validate(fs *pflag.FlagSet) error {
	o.files = fs.Args()
	o.trustSet = fs.Changed("trust")
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
	case len(o.files) == 0 && len(o.targets) == 0 && fs.Lookup("target").Changed:
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
