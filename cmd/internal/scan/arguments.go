package scan

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"certsweep/cmd/internal/process"
	"certsweep/results"
	"certsweep/scanner"
	"certsweep/scanner/list"
)

// splitArguments tells the files among the arguments from targets: what exists is
// a file. A word that is neither is a mistake, and so is one that is more likely
// a file that is missing than a host, or a check of a list that is not there
// could pass.
func (o *Options) splitArguments(args []string) error {
	o.Files = nil
	for _, arg := range args {
		_, err := os.Stat(arg)
		switch {
		case arg == "-" || !errors.Is(err, fs.ErrNotExist) && !isTarget(arg):
			// An error other than that is told when it is opened.
			o.Files = append(o.Files, arg)
		case err == nil:
			o.Files = append(o.Files, arg)
		case isTarget(arg):
			o.Targets = append(o.Targets, arg)
		default:
			return noTarget(arg)
		}
	}
	return nil
}

// parseTarget reads an argument as a line of a list.
func parseTarget(arg string) (t scanner.Target, ok bool) {
	if strings.ContainsAny(arg, "\r\n") {
		return t, false
	}
	for t := range scanner.ReadLines(list.NewReader(strings.NewReader(arg), list.Text).All(), KnownAttribute) {
		return t, !t.IsDefaults
	}
	return t, false
}

// isTarget reports whether an argument is a target beyond doubt.
func isTarget(arg string) bool {
	t, ok := parseTarget(arg)
	return ok && t.Err == nil && (t.Endpoint.Port != 0 || !isBareName(arg) || hasKnownDomain(t.Endpoint.Host))
}

// isBareName reports whether an argument has no other signs than those that the
// name of a file has, too.
func isBareName(arg string) bool {
	return strings.Trim(strings.ToLower(arg), "abcdefghijklmnopqrstuvwxyz0123456789-_.") == "" && strings.Trim(arg, "0123456789.-") != ""
}

// specialDomains are those that end names of hosts but are in no public zone
// (RFC 6761, RFC 6762, ICANN's .internal), and what companies use.
var specialDomains = []string{"localhost", "local", "localdomain", "internal", "intranet", "private", "corp", "lan", "home", "test", "example", "invalid", "onion"}

func hasKnownDomain(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	if slices.Contains(specialDomains, last) {
		return true
	}
	suffix, icann := publicsuffix.PublicSuffix(name)
	return strings.Contains(name, ".") && (icann || strings.Contains(suffix, "."))
}

// noTarget says what is wrong with an argument, and what to write.
func noTarget(arg string) error {
	t, ok := parseTarget(arg)
	switch {
	case !ok || t.Err == nil:
		return process.Usage("%s: no such file\nwrite -t %[1]s if it is a host, or %[1]s:443", results.Visible(arg))
	}
	why := t.Err
	if at, ok := errors.AsType[*scanner.LineError](why); ok {
		why = at.Err
	}
	return process.Usage("%s: no such file, and no target either: %w\nwrite a host, host:port, an address, a prefix or a URL, or name a file that has some", results.Visible(arg), why)
}
