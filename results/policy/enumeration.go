package policy

import (
	"fmt"
	"strings"

	"certsweep/results"
)

// enumeration judges what a server accepts beyond what was negotiated. What was
// not found out may be anything.
func (j *judgement) enumeration(e *results.Enumeration) {
	if least := j.minTLS(); least != "" {
		var less []string
		for _, v := range e.Versions {
			if versionLess(v.Version, least) {
				less = append(less, protocol(v.Version))
			}
		}
		if len(less) > 0 {
			j.report(CodeMinTLS, func() string {
				return fmt.Sprintf("%s is accepted, the minimum is %s: disable what is below", strings.Join(less, ", "), least)
			})
		}
	}
	if !e.Complete {
		j.verdict.add(CodeUnchecked, j.uncheckedLevel(), "not everything that it accepts could be found out: "+e.Error)
	}
}

// shown is how many of a list's entries a message has.
const shown = 3

// some lists the first few of a list.
func some(list []string) string {
	if len(list) > shown {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:shown], ", "), len(list)-shown)
	}
	return strings.Join(list, ", ")
}

// oldProtocols and weakCiphers name what a record has of these: what was
// negotiated, or if it was enumerated what is accepted.
func oldProtocols(r *results.Record, t *results.TLS) string {
	var old []string
	if r.Enumeration != nil {
		for _, version := range r.Enumeration.OldVersions() {
			old = append(old, protocol(version))
		}
	}
	if len(old) == 0 {
		return protocol(t.Version)
	}
	return some(old)
}

func weakCiphers(r *results.Record, t *results.TLS) string {
	if r.Enumeration != nil {
		if weak := r.Enumeration.WeakCiphers(); len(weak) > 0 {
			return some(weak)
		}
	}
	return t.Cipher
}

// alone ends the advice about what is enabled beside something better.
func alone(r *results.Record) string {
	if r.Enumeration != nil {
		return " alone"
	}
	return ""
}

// describeAccepted says what the findings of an enumeration mean.
func describeAccepted(f results.Finding) string {
	switch f {
	case results.NoServerPreference:
		return "clients decide which cipher suite is chosen: have the server's order decide, unless all of them are good"
	case results.Compression:
		return "TLS compression is enabled, which gives secrets away (CRIME): disable it"
	case results.InsecureRenegotiation:
		return "no secure renegotiation (RFC 5746): update the TLS library, or disable renegotiation"
	case results.NoFallbackSCSV:
		return "a client can be downgraded to an old version (no TLS_FALLBACK_SCSV): update the TLS library, or disable the old versions"
	}
	return "no extended master secret (RFC 7627): update the TLS library"
}
