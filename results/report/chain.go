package report

import (
	"bufio"
	"fmt"
	"strings"
	"time"

	"certsweep/results"
	"certsweep/results/certificate"
	"certsweep/results/policy"
)

// chain shows the certificates link by link, with the day on which each ends.
func (c *card) chain(out *bufio.Writer, r *results.Record, v *policy.Verdict) {
	if r.Certificate == nil || r.Chain == nil {
		return
	}
	links := append([]*certificate.Certificate{r.Certificate}, r.Chain[:min(len(r.Chain), maxLinks)]...)
	now := r.Certificate.NotAfter
	if v.DaysLeft.Known {
		now = now.Add(-time.Duration(v.DaysLeft.Number * 24 * float64(time.Hour)))
	}
	label := "chain"
	for i, link := range links {
		name := link.Subject.CommonName
		if name == "" {
			name = link.Subject.DN
		}
		color := ""
		if !link.NotAfter.IsZero() && link.NotAfter.Before(now) {
			color = colors[policy.Fail]
		}
		c.link(out, label, i, results.Visible(shorten(name, maxLabel)), day(link.NotAfter), color)
		label = ""
	}
	if more := len(r.Chain) - maxLinks; more > 0 {
		c.line(out, "", fmt.Sprintf("and %d more that were sent", more), dim)
	}
	if verified := r.Verification; verified != nil && verified.Trusted {
		switch missing := verified.ChainLength - 1 - len(r.Chain); {
		case missing == 1:
			c.link(out, label, len(links), "the root, not sent", "", dim)
		case missing > 1:
			c.link(out, label, len(links), fmt.Sprintf("%d more up to the root, not sent", missing), "", dim)
		}
	}
}

// maxLinks is how many certificates above the leaf are shown: of a bad server
// there may be hundreds.
const maxLinks = 6

func (c *card) link(out *bufio.Writer, label string, depth int, name, ends, color string) {
	branch := ""
	if depth > 0 {
		branch = strings.Repeat("  ", depth-1) + c.style.sign("└ ", "` ")
	}
	room := max(8, c.width-labelWidth-2-len("  2006-01-02"))
	name = cut(branch+name, room)
	line := name
	if ends != "" {
		line = fit(name, min(room, widestLink)) + "  " + ends
	}
	fmt.Fprintf(out, "  %s%s\n", c.style.paint(dim, fit(label, labelWidth)), c.style.paint(color, line))
}

// widestLink keeps the ends of links near their names.
const widestLink = 56

func (c *card) trust(out *bufio.Writer, r *results.Record) {
	v := r.Verification
	if v == nil {
		if r.Certificate != nil {
			c.line(out, "trust", "not verified", dim)
		}
		return
	}
	text, color := "trusted", colors[policy.OK]
	if !v.Trusted {
		// What follows says the same again, in Go's words.
		why, _, _ := strings.Cut(v.Error, ": current time ")
		text, color = results.Visible("not trusted: "+why), colors[policy.Fail]
	}
	if v.NameMatch {
		text += "; the name matches"
	} else {
		text, color = text+"; the name does not match", colors[policy.Fail]
	}
	c.line(out, "trust", text, color)
}
