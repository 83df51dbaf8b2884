package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"certsweep/results"
)

// Code names a kind of problem: a [results.Finding], or one of this package's
// own below.
type Code string

// The codes that are no findings: they come from what was asked for, not from
// the record alone.
const (
	// CodeUnchecked: the endpoint could not be checked.
	CodeUnchecked Code = "unchecked"
	// CodeMinDays: too little of the certificate's life is left.
	CodeMinDays Code = "min_days"
	// CodeMinTLS: a lower TLS version than asked for was negotiated.
	CodeMinTLS Code = "min_tls"
	// CodeIssuer: issued by somebody else.
	CodeIssuer Code = "issuer"
	// CodeName: the certificate lacks a name that it should have.
	CodeName Code = "name"
	// CodePin: the certificate's key is none of the pinned ones.
	CodePin Code = "pin"
	// CodeExpect: a finding that was expected is not there.
	CodeExpect Code = "expect"
	// CodeChanged: not what the baseline has.
	CodeChanged Code = "changed"
)

// codes has every code that a policy can name, the worst first: renderers sort
// by this order where levels are equal.
var codes = []Code{
	Code(results.Revoked), Code(results.Expired), CodePin, Code(results.NameMismatch), Code(results.Untrusted),
	Code(results.SelfSigned), Code(results.IncompleteChain), Code(results.ChainExpired), Code(results.NotYetValid),
	Code(results.Malformed), CodeName, CodeIssuer, CodeMinDays, CodeMinTLS, CodeExpect,
	Code(results.StapleMissing), CodeUnchecked, CodeChanged, Code(results.WeakKey), Code(results.WeakSignature),
	Code(results.OldProtocol), Code(results.WeakCipher), Code(results.ExpiresSoon), Code(results.ChainExpiresSoon),
	Code(results.RevocationUnknown), Code(results.NoNames), Code(results.NotPostQuantum), Code(results.LongValidity), Code(results.Unsupported),
	Code(results.HelloIntolerant), Code(results.ALPNRefused), Code(results.Compression), Code(results.InsecureRenegotiation), Code(results.NoFallbackSCSV), Code(results.NoExtendedMasterSecret),
	Code(results.NoServerPreference),
}

var ranks = func() map[Code]int {
	m := make(map[Code]int, len(codes))
	for i, c := range codes {
		m[c] = i
	}
	return m
}()

// Rank returns the code's place among all codes, 0 for the worst. Codes that
// this package does not know come last.
func (c Code) Rank() int {
	if rank, ok := ranks[c]; ok {
		return rank
	}
	return len(codes)
}

// Codes returns every code, the worst first.
func Codes() []Code { return slices.Clone(codes) }

// ParseCodes reads a list of codes with commas between them, as --fail-on and
// ignore= have it. An error names the code that it nearest resembles.
func ParseCodes(list string) ([]Code, error) {
	var parsed []Code
	for name := range strings.SplitSeq(list, ",") {
		code := Code(strings.ToLower(strings.TrimSpace(name)))
		if code == "" {
			return nil, fmt.Errorf("%s has an empty part: give codes with one comma between them, as in weak_key,untrusted", quote(list))
		}
		if _, ok := ranks[code]; !ok {
			return nil, fmt.Errorf("%s is not a finding: %s", quote(string(code)), hintCodes(code))
		}
		if !slices.Contains(parsed, code) {
			parsed = append(parsed, code)
		}
	}
	return parsed, nil
}

// hintCodes says which codes were perhaps meant.
func hintCodes(c Code) string {
	if near := Nearest(string(c), codes); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	var names []string
	for _, known := range codes {
		names = append(names, string(known))
	}
	slices.Sort(names)
	return "the codes are " + strings.Join(names, " ")
}

// Nearest returns the known word that differs from s by at most a third of its
// letters, or "": what somebody who wrote s may have meant.
func Nearest[S ~string](s string, known []S) string {
	s = strings.ReplaceAll(s, "-", "_")
	best, least := "", max(1, len(s)/3)+1
	for _, k := range known {
		if d := editDistance(s, strings.ReplaceAll(string(k), "-", "_"), least); d < least {
			best, least = string(k), d
		}
	}
	return best
}

// editDistance is the number of bytes to insert, delete or replace to make b of
// a; it gives up at limit, which also bounds its cost for overlong words.
func editDistance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// quote quotes what somebody wrote for an error message, cut to a length that
// leaves the message readable.
func quote(s string) string {
	const limit = 60
	return strconv.Quote(results.Shorten(s, limit))
}
