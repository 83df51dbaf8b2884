package html

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"certsweep/results"
	"certsweep/results/certificate"
	"certsweep/results/policy"
)

// Limits of what a row shows, in characters and entries. With them a row has
// at most some 60 KB whatever the peer sent; one of a real endpoint has 400 bytes.
const (
	maxText    = 300
	maxNames   = 40
	maxName    = 120
	maxChain   = 12
	maxChanges = 20
)

// noProblem is the rank of rows without one, behind all codes.
const noProblem = 1000

// fieldNames are the places of a row's array, for the script.
var fieldNames = []string{
	"line", "level", "rank", "name", "ip", "tag", "time", "start", "end", "week", "issuer", "key", "version", "group", "cipher", "alpn",
	"problems", "subject", "names", "more", "serial", "sha256", "signature", "trust", "chain", "changes",
}

// row is what the page shows of a verdict. Strings are visible and short.
type row struct {
	line                  int
	level                 policy.Level
	rank                  int // of the worst problem's code, 0 for the worst
	name, ip, tag         string
	time, start, end      *int64 // Unix time
	week                  string // of the timeline
	issuer, key           string
	version, group        string
	cipher, alpn          string
	problems              []policy.Problem
	subject               string
	names                 []string
	more                  int // names that are left out
	serial, sha256, trust string
	signature             string
	chain                 []*certificate.Certificate
	changes               []string
}

// text makes what a peer or a list says fit to be shown.
func text(s string) string { return bounded(s, maxText) }

// bounded cuts first: of a long string only what is shown is made visible.
func bounded(s string, limit int) string { return results.Visible(results.Shorten(s, limit)) }

func unix(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	return new(t.Unix())
}

func (p *Page) row(name string, v *policy.Verdict) row {
	r := v.Record
	out := row{
		line: r.Line, level: v.Level, name: name, ip: text(r.IP), tag: text(r.Tag), time: unix(r.Time),
		problems: shown(v.Problems), changes: changes(v),
	}
	if len(v.Problems) > 0 {
		out.rank = v.Problems[0].Code.Rank()
	} else {
		out.rank = noProblem
	}
	if t := r.TLS; t != nil {
		out.version, out.group = text(version(t.Version)), group(t)
		out.cipher, out.alpn = text(t.Cipher), text(t.ALPN)
	}
	if c := r.Certificate; c != nil {
		out.certificate(c)
		out.week = p.timeline.week(c.NotAfter)
		out.chain = r.Chain[:min(len(r.Chain), maxChain)]
	}
	if verification := r.Verification; verification != nil {
		out.trust = "trusted"
		if !verification.Trusted {
			out.trust = text("not trusted: " + verification.Error)
		}
	}
	return out
}

func (r *row) certificate(c *certificate.Certificate) {
	r.start, r.end = unix(c.NotBefore), unix(c.NotAfter)
	r.issuer, r.key = issuer(c), text(key(c.PublicKey))
	r.subject, r.serial = bounded(c.Subject.DN, maxText), bounded(c.SerialNumber, maxName)
	r.sha256, r.signature = bounded(c.FingerprintSHA256, maxName), bounded(c.SignatureAlgorithm, maxName)
	all := len(c.DNSNames) + len(c.IPAddresses)
	for _, names := range [][]string{c.DNSNames, c.IPAddresses} {
		for _, name := range names[:min(len(names), maxNames-len(r.names))] {
			r.names = append(r.names, bounded(name, maxName))
		}
	}
	r.more = all - len(r.names)
}

// issuer names who issued a certificate as people do: R11 · Let's Encrypt.
func issuer(c *certificate.Certificate) string {
	n := c.Issuer
	var organization string
	if len(n.Organization) > 0 {
		organization = n.Organization[0]
	}
	switch {
	case n.CommonName == "" && organization == "":
		return text(n.DN)
	case n.CommonName == "":
		return text(organization)
	case organization == "" || strings.Contains(n.CommonName, organization):
		return text(n.CommonName)
	}
	return text(results.Shorten(n.CommonName, maxName) + " · " + organization)
}

func key(k certificate.PublicKey) string {
	switch {
	case k.Curve != "":
		return k.Algorithm + " " + k.Curve
	case k.Bits != 0:
		return fmt.Sprintf("%s %d", k.Algorithm, k.Bits)
	}
	return k.Algorithm
}

// version is a record's version as people say it.
func version(v string) string {
	if v == "" || strings.HasPrefix(v, "SSL") {
		return v
	}
	return "TLS " + v
}

// group is the key exchange, with what people look for in it.
func group(t *results.TLS) string {
	if t.IsPostQuantum() {
		return text(t.KeyExchange) + " · post-quantum"
	}
	return text(t.KeyExchange)
}

// shown returns the problems with visible messages. policy bounds their length.
func shown(problems []policy.Problem) []policy.Problem {
	out := make([]policy.Problem, len(problems))
	for i, p := range problems {
		out[i] = policy.Problem{Code: policy.Code(text(string(p.Code))), Level: p.Level, Message: results.Visible(p.Message)}
	}
	return out
}

func changes(v *policy.Verdict) []string {
	var out []string
	for _, change := range v.Changes[:min(len(v.Changes), maxChanges)] {
		out = append(out, text(change))
	}
	return out
}

// encode returns the row's array. What many rows share stands in it as a number.
func (p *Page) encode(r *row) ([]byte, error) {
	s := &p.shared
	problems := make([][3]any, len(r.problems))
	for i, problem := range r.problems {
		problems[i] = [3]any{s.string(string(problem.Code)), int(problem.Level), problem.Message}
	}
	chain := make([]any, len(r.chain))
	for i, c := range r.chain {
		chain[i] = s.certificate(c)
	}
	changed := make([]any, len(r.changes))
	for i, change := range r.changes {
		changed[i] = s.string(change)
	}
	return json.Marshal([]any{
		r.line, int(r.level), r.rank, r.name, r.ip, s.string(r.tag), r.time, r.start, r.end, s.string(r.week), s.string(r.issuer), s.string(r.key),
		s.string(r.version), s.string(r.group), s.string(r.cipher), s.string(r.alpn), problems, r.subject, r.names, r.more,
		r.serial, r.sha256, s.string(r.signature), s.string(r.trust), chain, changed,
	})
}

// maxShared bounds the strings, and the certificates, that rows share. Peers
// that show a new one each have theirs in the row.
const maxShared = 20_000

// shared numbers what many rows have. The zero value is ready.
type shared struct {
	strings      []string
	certificates []json.RawMessage
	byText       map[string]int
	byHash       map[string]int
}

// string returns the number of a string, or the string itself if there are too many.
func (s *shared) string(text string) any {
	if at, ok := s.byText[text]; ok {
		return at
	}
	if len(s.strings) == maxShared {
		return text
	}
	if s.byText == nil {
		s.byText = make(map[string]int)
	}
	at := len(s.strings)
	s.byText[text] = at
	s.strings = append(s.strings, text)
	return at
}

// certificate is the same for a certificate above the leaf: what is shown of it
// is subject, issuer, start, end, key, signature and fingerprint.
func (s *shared) certificate(c *certificate.Certificate) any {
	if at, ok := s.byHash[c.FingerprintSHA256]; ok && c.FingerprintSHA256 != "" {
		return at
	}
	described := []any{
		text(c.Subject.DN), text(c.Issuer.DN), unix(c.NotBefore), unix(c.NotAfter), text(key(c.PublicKey)),
		bounded(c.SignatureAlgorithm, maxName), bounded(c.FingerprintSHA256, maxName),
	}
	line, err := json.Marshal(described)
	if err != nil || len(s.certificates) == maxShared {
		return described
	}
	if s.byHash == nil {
		s.byHash = make(map[string]int)
	}
	at := len(s.certificates)
	s.byHash[strings.Clone(c.FingerprintSHA256)] = at
	s.certificates = append(s.certificates, line)
	return at
}
