package report

import (
	"bufio"
	"fmt"
	"strings"

	"certsweep/results"
	"certsweep/results/policy"
	"certsweep/results/revocation"
)

// asked shows what a record has only if it was asked for.
func (c *card) asked(out *bufio.Writer, r *results.Record) {
	if r.Revocation != nil {
		c.revocation(out, r.Revocation)
	}
	if r.Enumeration != nil {
		c.enumeration(out, r.Enumeration)
	}
	if f := r.Fingerprints; f != nil {
		for _, line := range []struct{ label, text string }{{"JARM", f.JARM}, {"JA3S", f.JA3S}, {"", f.Error}} {
			c.line(out, line.label, results.Visible(line.text), "")
		}
	}
}

func (c *card) revocation(out *bufio.Writer, r *revocation.Result) {
	label := "revoked"
	colors := map[string]string{revocation.Good: colors[policy.OK], revocation.Revoked: colors[policy.Fail], revocation.Unknown: colors[policy.Unchecked]}
	for i, v := range r.Certificates[:min(len(r.Certificates), maxLinks)] {
		what := v.Status
		if v.Status == revocation.Good {
			what = "no"
		}
		if v.Source != "" {
			what += ", by " + v.Source
		}
		if i > 0 {
			label = ""
		}
		c.line(out, label, results.Visible(fmt.Sprintf("%s: %s", what, shorten(v.Subject, maxLabel))), colors[v.Status])
	}
	if len(r.Certificates) == 0 {
		c.line(out, label, results.Visible(strings.TrimSuffix(r.Status+": "+r.Error, ": ")), colors[r.Status])
	}
}

func (c *card) enumeration(out *bufio.Writer, e *results.Enumeration) {
	for _, v := range e.Versions {
		text := strings.Join(v.Suites, " ")
		if v.ServerPreference != nil && *v.ServerPreference {
			text += " (the server's order)"
		}
		name := v.Version
		if !strings.HasPrefix(name, "SSL") {
			name = "TLS " + name
		}
		if text == "" {
			text = "accepted"
		}
		c.line(out, results.Visible(name), results.Visible(text), "")
	}
	for _, g := range e.Groups {
		c.line(out, "groups", results.Visible(g.Version+": "+strings.Join(g.Groups, " ")), "")
	}
	if !e.Complete {
		c.line(out, "", results.Visible("there may be more: "+e.Error), colors[policy.Warn])
	}
}
