package report

import (
	"math"
	"strconv"
	"strings"

	"certsweep/results"
	"certsweep/results/policy"
)

// style says what a terminal can show.
type style struct {
	color bool
	ascii bool // nothing but ASCII for our own signs
}

// The ANSI sequences of what is neither good nor bad.
const (
	bold  = "\x1b[1m"
	dim   = "\x1b[2m"
	reset = "\x1b[0m"
)

// colors has the ANSI sequence that shows a level.
var colors = map[policy.Level]string{
	policy.Fail: "\x1b[1;31m", policy.Unchecked: "\x1b[35m", policy.Warn: "\x1b[33m", policy.OK: "\x1b[32m",
}

// paint puts a colour around text.
func (s style) paint(sequence, text string) string {
	if !s.color || sequence == "" || text == "" {
		return text
	}
	return sequence + text + reset
}

// sign returns the first of two signs, or the second in ASCII.
func (s style) sign(sign, ascii string) string {
	if s.ascii {
		return ascii
	}
	return sign
}

// drawn is a text with our own ellipses as the terminal can show them.
func (s style) drawn(text string) string {
	if !s.ascii {
		return text
	}
	return strings.ReplaceAll(text, "…", asciiEllipsis)
}

// word is the verdict in one word of at most six letters. What could not be
// checked is down, or answered with something else, or left a doubt.
func word(v *policy.Verdict) string {
	if v.Level != policy.Unchecked {
		return v.Level.String()
	}
	switch {
	case v.Record.Error == nil:
		return "unsure"
	case v.Record.Error.Unreachable():
		return "down"
	}
	return "error"
}

// daysLeft is the number of whole days that a certificate has left, negative for
// those since its end.
func daysLeft(v *policy.Verdict) string {
	if !v.DaysLeft.Known {
		return ""
	}
	days := v.DaysLeft.Number
	if days > -1 && days < 1 {
		return strconv.FormatFloat(math.Trunc(days*10)/10, 'f', 1, 64)
	}
	return strconv.FormatFloat(math.Trunc(days), 'f', 0, 64)
}

// codes are the reported problems of a verdict by their codes, or, if there was
// no handshake, what came instead.
func codes(v *policy.Verdict) string {
	text := ""
	for _, p := range reported(v) {
		name := string(p.Code)
		if p.Code == policy.CodeUnchecked && v.Record.Error != nil {
			name = policy.ErrorText(v.Record.Error.Code)
			if alert := v.Record.Error.Alert; alert != nil {
				name = "refused with the alert " + alert.Name
			}
		}
		if text != "" {
			text += ", "
		}
		text += name
	}
	if v.Gone {
		return "gone since the baseline"
	}
	return results.Visible(text)
}

// issuer is the short name of who issued the certificate.
func issuer(v *policy.Verdict) string {
	c := v.Record.Certificate
	if c == nil {
		return ""
	}
	if c.SelfSigned {
		return "self-signed"
	}
	name := c.Issuer.CommonName
	if name == "" && len(c.Issuer.Organization) > 0 {
		name = c.Issuer.Organization[0]
	}
	if name == "" {
		name = c.Issuer.DN
	}
	// Short names such as R11 say little without whose they are.
	const short = 4
	if len(name) <= short && len(c.Issuer.Organization) > 0 {
		name += ", " + c.Issuer.Organization[0]
	}
	return results.Visible(name)
}
