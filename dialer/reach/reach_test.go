//go:build unix

package reach

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"certsweep/dialer"
	"certsweep/dialer/hello"
	"certsweep/results/certificate"
)

// The coverage table: go test ./dialer/reach -run TestReach -v starts servers of many
// kinds, probes each once and prints what certificate came of it and how.

// reachName is the name that the servers are asked for.
const reachName = "reach.test"

// reachPatience is longer than any probe of a server that answers takes.
const reachPatience = 30 * time.Second

// reachAtOnce is how many servers run at a time.
const reachAtOnce = 4

// reachCase is one server that has a certificate to show.
type reachCase struct {
	server string // its group
	name   string
	chain  [][]byte // what it is configured to show
	// start returns the server's address, and leaves its end to t's.
	start func(t *testing.T) string
	// chainOf returns the chain where only start makes it.
	chainOf func(t *testing.T) [][]byte
	// stalls says that the server falls silent: the probe's time is cut short.
	stalls bool
}

func (c reachCase) id() string { return c.server + ": " + c.name }

// reachGroup is the cases of one kind of server.
type reachGroup struct {
	server   string
	programs []string // that must be installed
	cases    func(t *testing.T) []reachCase
}

// reachGroups are all of them.
var reachGroups = []reachGroup{
	{"openssl", []string{"openssl"}, reachOpenSSL},
	{"gnutls", []string{"gnutls-serv", "certtool"}, reachGnuTLS},
	{"nss", []string{"selfserv", "certutil", "pk12util", "openssl"}, reachNSS},
	{"nginx", []string{"nginx"}, reachNginx},
	{"haproxy", []string{"haproxy"}, reachHAProxy},
	{"stunnel", []string{"stunnel"}, reachStunnel},
	{"crypto/tls", nil, reachCryptoTLS},
	{"odd", nil, reachOdd},
	{"scripted", nil, reachScripted},
	{"intolerant", nil, reachIntolerant},
}

// reachRow is a line of the table.
type reachRow struct {
	reachCase
	got                  bool
	method, version      string
	status, key, signing string
}

// TestReach holds that every server which presents a certificate gives it up,
// byte for byte, but for those in reachMisses.
func TestReach(t *testing.T) {
	if testing.Short() {
		t.Skip("starts some hundred servers")
	}
	var table reachTable
	for _, group := range slices.Concat(reachGroups, stacks()) {
		t.Run(strings.ReplaceAll(group.server, "/", "-"), func(t *testing.T) {
			for _, program := range group.programs {
				if reachProgram(program) != "" {
					continue
				}
				table.skipped = append(table.skipped, group.server)
				if slices.ContainsFunc(reachGroups, func(g reachGroup) bool { return g.server == group.server }) {
					t.Skipf("%s is not installed", program)
				}
				// .ci/run has not installed all of these.
				t.Logf("%s is not installed", program)
				return
			}
			cases := group.cases(t)
			for i := range cases {
				cases[i].server = group.server
			}
			checkReachMisses(t, group.server, cases)
			reachRun(t, cases, &table)
		})
	}
	t.Log(table.String())
}

// reachRun probes the servers of a group, a few at a time.
func reachRun(t *testing.T, cases []reachCase, table *reachTable) {
	slots := make(chan struct{}, reachAtOnce)
	t.Run("case", func(t *testing.T) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				slots <- struct{}{}
				defer func() { <-slots }()
				table.add(t, c.probe(t))
			})
		}
	})
}

// probe starts the server and probes it.
func (c reachCase) probe(t *testing.T) reachRow {
	addr := netip.MustParseAddrPort(c.start(t))
	if c.chainOf != nil {
		c.chain = c.chainOf(t)
	}
	limit := reachPatience
	if c.stalls {
		limit = time.Second
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	d := &dialer.Dialer{DrainTimeout: 100 * time.Millisecond}
	endpoint := dialer.Endpoint{Host: addr.Addr().String(), Port: addr.Port(), ServerName: reachName}
	h, err := probe(d, ctx, endpoint)
	c.probeFast(t, endpoint, limit, len(h.Certificates) > 0)
	row := reachRow{reachCase: c, got: len(h.Certificates) > 0, method: string(h.Method), status: reachStatus(&h, err)}
	if h.Version != 0 {
		row.version = hello.VersionName(h.Version)
	}
	if !row.got {
		t.Logf("no certificate: %v", err)
		return row
	}
	if !slices.EqualFunc(h.Certificates, c.chain, bytes.Equal) {
		t.Errorf("%d certificates, not the %d of the server", len(h.Certificates), len(c.chain))
	}
	leaf := certificate.Read(h.Certificates[0], nil, time.Now())
	key := leaf.PublicKey
	row.key = strings.TrimSpace(fmt.Sprintf("%s %s", key.Algorithm, cmp.Or(key.Curve, fmt.Sprint(key.Bits))))
	row.signing = leaf.SignatureAlgorithm
	return row
}

// probeFast holds that a Dialer that is Fast gets a certificate if any other does.
func (c reachCase) probeFast(t *testing.T, endpoint dialer.Endpoint, limit time.Duration, got bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	d := &dialer.Dialer{DrainTimeout: 100 * time.Millisecond, Fast: true}
	h, err := probe(d, ctx, endpoint)
	fast := h.Method == dialer.MethodFast12 || h.Method == dialer.MethodFast13
	t.Logf("fast: %s %s, TLS 1.3 too: %t", h.Method, reachStatus(&h, err), h.SupportsTLS13)
	switch {
	case got && len(h.Certificates) == 0:
		t.Errorf("no certificate in a fast probe: %v", err)
	case got && !slices.EqualFunc(h.Certificates, c.chain, bytes.Equal) && c.name != "two certificates": // which it shows depends on the hello
		t.Errorf("%d certificates in a fast probe, not the %d of the server", len(h.Certificates), len(c.chain))
	case fast && (h.KeyProved || err != nil):
		t.Errorf("a fast probe that proves the key, or %v", err)
	}
}

func reachStatus(h *dialer.Handshake, err error) string {
	failed, ok := errors.AsType[*dialer.Error](err)
	switch {
	case ok && failed.Code == dialer.CodeAlert:
		return "alert " + dialer.AlertName(failed.Alert)
	case ok:
		return string(failed.Code)
	case h.ClientCertRequired:
		return "ok, client_cert_required"
	}
	return "ok"
}

// reachTable collects the rows.
type reachTable struct {
	mu      sync.Mutex
	rows    []reachRow
	skipped []string // groups
}

// add takes a row and holds it to the list of misses.
func (r *reachTable) add(t *testing.T, row reachRow) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, row)
	reason, listed := reachMisses[row.id()]
	if listed == row.got {
		t.Errorf("certificate got: %t (%s); listed as a miss: %q", row.got, row.status, reason)
	}
}

// checkReachMisses fails where a listed miss is no case of its group, or a case
// stands twice.
func checkReachMisses(t *testing.T, server string, cases []reachCase) {
	seen := make(map[string]bool)
	for _, c := range cases {
		if seen[c.id()] {
			t.Errorf("two cases %q", c.id())
		}
		seen[c.id()] = true
	}
	for id := range reachMisses {
		if strings.HasPrefix(id, server+": ") && !seen[id] {
			t.Errorf("no case %q, which is listed as a miss", id)
		}
	}
}

// String returns the table and its totals.
func (r *reachTable) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "\nSERVER\tCASE\tCERTIFICATE\tMETHOD\tVERSION\tSTATUS\tKEY\tSIGNATURE\n")
	methods := map[string]int{}
	slices.SortFunc(r.rows, func(a, b reachRow) int { return strings.Compare(a.id(), b.id()) })
	for _, row := range r.rows {
		got := "yes"
		if !row.got {
			got = "no: " + reachMisses[row.id()]
			row.method = ""
		}
		methods[row.method]++
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", row.server, row.name, got, row.method, row.version, row.status, row.key, row.signing)
	}
	w.Flush()
	fmt.Fprintf(&b, "\n%d servers: handshake %d, hello13 %d, hello12 %d, hello10 %d, no certificate %d\n",
		len(r.rows), methods["handshake"], methods["hello13"], methods["hello12"], methods["hello10"], methods[""])
	for _, server := range r.skipped {
		fmt.Fprintf(&b, "not installed: %s\n", server)
	}
	return b.String()
}

// reachProgram returns the path of a program, or "" where it is not installed.
func reachProgram(name string) string {
	if filepath.IsAbs(name) { // a module of a server
		if _, err := os.Stat(name); err != nil {
			return ""
		}
		return name
	}
	// Servers are not in everybody's PATH.
	for _, name := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}
