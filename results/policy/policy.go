// Package policy decides which records pass: records in, verdicts out. It dials
// nothing, prints nothing and reads no clock; the time of the judgement is an
// argument, so that records saved long ago are judged as of today.
//
// Most callers want [Default] and [Policy.Judge], a [Summary] to add the
// verdicts up, and its exit status.
package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"certsweep/results"
)

// Policy says what is asked of every endpoint. The zero value fails nothing,
// but for endpoints that cannot be checked: start with [Default]. A Policy
// without a Baseline may be used by several goroutines while nobody changes it.
type Policy struct {
	// Levels says how bad each code is. A code that it lacks, or has as OK, is
	// not reported; CodeUnchecked alone is always known, Unchecked where this
	// map does not say otherwise.
	Levels map[Code]Level

	// MinDays and MinLifetimeLeft say how much of a certificate's life has to
	// be left: days, and a part of its whole lifetime from 0 to 1. Each that is
	// set must hold. With neither, DefaultMinDays must be left, but never more
	// than DefaultMinLifetimeLeft, so that certificates of 47 or 6 days pass.
	MinDays         *float64
	MinLifetimeLeft *float64
	// WarnDays is how many days before its end a certificate expires soon. Nil
	// is as a scan has it: 30 days, or a third of a lifetime shorter than 90.
	WarnDays *float64

	// RequirePQ makes a key exchange that is not post-quantum a failure.
	RequirePQ bool
	// MinTLS is the least TLS version allowed, as [ParseTLSVersion] returns it;
	// empty asks for none.
	MinTLS string
	// AllowUnreachable lets endpoints pass that no connection could be made to,
	// or that broke it off. What answered with something else than TLS, or
	// refused the handshake, stays unchecked.
	AllowUnreachable bool

	// Unverified lets records pass whose chain and name were compared with
	// nothing, as those of a scan that was told to trust nobody.
	Unverified bool

	// Expectations has what is asked of single targets. Nil is none.
	Expectations *Expectations
	// Baseline is what the records are compared with. Nil is nothing.
	Baseline *Baseline
}

const (
	// DefaultMinDays is two weeks: ACME clients renew a 90-day certificate 30
	// days before its end, so one with less has failed to for two weeks.
	DefaultMinDays = 14
	// DefaultMinLifetimeLeft bounds DefaultMinDays for lifetimes under 70 days.
	DefaultMinLifetimeLeft = 0.20
)

// Default returns the policy that is right where nobody asked for another.
func Default() *Policy {
	p := &Policy{Levels: map[Code]Level{CodeUnchecked: Unchecked, CodeChanged: Warn}}
	for _, finding := range []results.Finding{
		results.Expired, results.NotYetValid, results.Untrusted, results.SelfSigned,
		results.IncompleteChain, results.ChainExpired, results.NameMismatch, results.Malformed, results.Revoked, results.StapleMissing,
	} {
		p.Levels[Code(finding)] = Fail
	}
	for _, finding := range []results.Finding{
		results.WeakKey, results.WeakSignature, results.OldProtocol, results.WeakCipher,
		results.ExpiresSoon, results.ChainExpiresSoon, results.LongValidity, results.RevocationUnknown,
		results.Compression, results.InsecureRenegotiation, results.HelloIntolerant, results.ALPNRefused,
	} {
		p.Levels[Code(finding)] = Warn
	}
	// It could not be verified.
	p.Levels[Code(results.Unsupported)] = Unchecked
	for _, code := range []Code{CodeMinDays, CodeMinTLS, CodeIssuer, CodeName, CodePin, CodeExpect} {
		p.Levels[code] = Fail
	}
	return p
}

// Judge says what is wrong with a record at the given time, which for a live
// scan is the present. It keeps the record and does not change it. Whether the
// certificate has expired, is not yet valid or expires soon is worked out anew
// from its dates; all other findings are the record's.
func (p *Policy) Judge(r *results.Record, now time.Time) Verdict {
	v := Verdict{Record: r, Checked: isChecked(r)}
	j := judgement{policy: p, record: r, now: now, verdict: &v}
	if p.Expectations != nil {
		j.expectation = p.Expectations.For(r)
	}
	if j.expectation == nil {
		j.expectation = &none
	}

	if !v.Checked {
		j.unchecked()
	} else if r.Verification == nil && !p.Unverified {
		j.verdict.add(CodeUnchecked, j.uncheckedLevel(), "could not be checked: the record does not say whether the certificate is trusted: scan it again, without --trust none")
	}
	if r.Certificate != nil {
		j.validity(r.Certificate)
		j.identity(r.Certificate)
	}
	j.findings()
	if r.TLS != nil {
		j.handshake(r.TLS)
	}
	if r.Enumeration != nil {
		j.enumeration(r.Enumeration)
	}
	j.alternates()
	j.expected()
	if p.Baseline != nil {
		j.changes(p.Baseline)
	}
	v.sort()
	return v
}

// isChecked reports whether the record shows a certificate of which the server
// has proved that it is its own. Records from before key_proved have it in no
// case: of those, a handshake that was completed proves it, and one that was
// refused for want of a client certificate does not.
func isChecked(r *results.Record) bool {
	return r.Status == results.StatusOK && r.Certificate != nil && r.TLS != nil &&
		(r.TLS.KeyProved || r.TLS.Method == "handshake" && !r.TLS.RequiresClientCert())
}

// none is the expectation of targets that have none.
var none Expectation

// judgement is one record on its way to a verdict.
type judgement struct {
	policy      *Policy
	expectation *Expectation
	record      *results.Record
	now         time.Time
	verdict     *Verdict
}

// level returns how bad a code is for this record. Codes that the target
// ignores or expects are OK; who expects untrusted expects its reasons too.
func (j *judgement) level(code Code) Level {
	e := j.expectation
	if slices.Contains(e.Ignore, code) || slices.Contains(e.Expect, code) ||
		isReason(results.Finding(code)) && slices.Contains(e.Expect, Code(results.Untrusted)) {
		return OK
	}
	if code == Code(results.NotPostQuantum) && j.policy.RequirePQ {
		return Fail
	}
	return j.policy.Levels[code]
}

// report adds a problem if its code has a level here, and says whether it did.
// The message is only made when it is needed.
func (j *judgement) report(code Code, message func() string) bool {
	level := j.level(code)
	if level == OK || j.verdict.has(code) {
		return false
	}
	j.verdict.add(code, level, message())
	return true
}

// handshake checks what was negotiated against what the policy asks for.
func (j *judgement) handshake(t *results.TLS) {
	least := j.minTLS()
	if least != "" && t.Version != "" && versionLess(t.Version, least) {
		j.report(CodeMinTLS, func() string {
			return fmt.Sprintf("%s was negotiated, %s is the least allowed: enable TLS %s or later", protocol(t.Version), least, least)
		})
	}
	// The finding is left out where none was offered; whoever requires one asks
	// for what was agreed on. A hand-made hello says nothing of the group that a
	// client would get unless the server went so far as to name one.
	offered := j.record.Enumeration != nil && j.record.Enumeration.PostQuantum()
	if j.policy.RequirePQ && t.PostQuantum != nil && !*t.PostQuantum && !offered && (t.Method == "handshake" || t.KeyExchange != "") {
		j.report(Code(results.NotPostQuantum), func() string { return describe(results.NotPostQuantum, j.record) })
	}
}

// minTLS returns the least version allowed, or "".
func (j *judgement) minTLS() string {
	if j.expectation.MinTLS != "" {
		return j.expectation.MinTLS
	}
	return j.policy.MinTLS
}

// versions has the names of [results.TLS] in their order. Whatever else a record
// names is older: SSL.
var versions = map[string]int{"1.0": 1, "1.1": 2, "1.2": 3, "1.3": 4}

// ParseTLSVersion returns the version in a record's spelling: 1.0, 1.1, 1.2 or
// 1.3, which may also be written TLS1.2 or TLSv1.2.
func ParseTLSVersion(s string) (string, error) {
	v := strings.ToLower(s)
	v = strings.TrimPrefix(strings.TrimPrefix(v, "tls"), "v")
	if versions[v] == 0 {
		return "", fmt.Errorf("%s is not a TLS version: give 1.0, 1.1, 1.2 or 1.3", quote(s))
	}
	return v, nil
}

func versionLess(a, b string) bool { return versions[a] < versions[b] }
