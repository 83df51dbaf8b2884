package report

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"certsweep/results"
	"certsweep/results/certificate"
	"certsweep/results/policy"
)

// card shows one endpoint after the other, with all that people want to know of
// it.
type card struct {
	w       io.Writer
	style   style
	width   int
	begun   bool
	bare    bool
	summary policy.Summary
}

const (
	// labelWidth is the column that says what a line is.
	labelWidth = 10
	// widestCard is where lines end on wide terminals: longer ones are hard to
	// read.
	widestCard = 110
	// widestBar bounds the bar of a lifetime.
	widestBar = 40
)

func newCard(w io.Writer, o Options) *card {
	return &card{w: w, style: style{o.Color, o.ASCII}, width: min(max(o.Width, leastWidth), widestCard), bare: o.Bare}
}

func (c *card) Add(v *policy.Verdict) error {
	c.summary.Add(v)
	var text strings.Builder
	out := bufio.NewWriter(&text)
	if c.begun {
		fmt.Fprintln(out)
	}
	c.begun = true
	r := v.Record
	c.title(out, v)
	if cert := r.Certificate; cert != nil {
		c.certificate(out, cert)
		c.validity(out, v, cert)
		c.line(out, "key", results.Visible(keyName(cert.PublicKey)+", signed with "+cert.SignatureAlgorithm), "")
	}
	if r.TLS != nil {
		c.handshake(out, r.TLS)
	}
	c.chain(out, r, v)
	c.trust(out, r)
	for i, other := range r.Alternates {
		label := ""
		if i == 0 {
			label = "also"
		}
		c.line(out, label, fmt.Sprintf("%s, until %s", results.Visible(keyName(other.Certificate.PublicKey)), day(other.Certificate.NotAfter)), "")
	}
	c.asked(out, r)
	if r.Timing.Total > 0 {
		c.line(out, "time", timing(&r.Timing), dim)
	}
	c.problems(out, v)
	if err := out.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(c.w, c.style.drawn(text.String()))
	return err
}

func (c *card) Close() error {
	if c.bare || c.summary.Endpoints == 1 {
		return nil
	}
	_, err := fmt.Fprintln(c.w, c.style.paint(colors[outcome(&c.summary)], sentence(&c.summary)))
	return err
}

// title is the verdict and the endpoint.
func (c *card) title(out *bufio.Writer, v *policy.Verdict) {
	signs := map[policy.Level]string{
		policy.OK: c.style.sign("✓ ", ""), policy.Warn: c.style.sign("! ", ""),
		policy.Unchecked: c.style.sign("? ", ""), policy.Fail: c.style.sign("✗ ", ""),
	}
	verdict := signs[v.Level] + word(v)
	name := cutMiddle(endpoint(v.Record), max(8, c.width-width(verdict)-2))
	fmt.Fprintf(out, "%s  %s", c.style.paint(colors[v.Level], verdict), c.style.paint(bold, name))
	var about []string
	if r := v.Record; r.IP != "" && r.IP != r.Host {
		about = append(about, results.Visible(r.IP))
	}
	if v.Record.Tag != "" {
		about = append(about, results.Visible(v.Record.Tag))
	}
	if rest := strings.Join(about, ", "); rest != "" && width(verdict)+width(name)+width(rest)+6 <= c.width {
		fmt.Fprintf(out, "  %s", c.style.paint(dim, "("+rest+")"))
	}
	fmt.Fprintln(out)
}

// line writes one label with its text, broken if it is too long.
func (c *card) line(out *bufio.Writer, label, text, color string) {
	if text == "" {
		return
	}
	for i, part := range folded(text, c.width-labelWidth-2) {
		if i > 0 {
			label = ""
		}
		fmt.Fprintf(out, "  %s%s\n", c.style.paint(dim, fit(label, labelWidth)), c.style.paint(color, part))
	}
}

func (c *card) certificate(out *bufio.Writer, cert *certificate.Certificate) {
	names := append(append([]string(nil), cert.DNSNames[:min(len(cert.DNSNames), maxNames)]...), cert.IPAddresses[:min(len(cert.IPAddresses), maxNames)]...)
	all := len(cert.DNSNames) + len(cert.IPAddresses)
	names = names[:min(len(names), maxNames)]
	label, text := "names", results.Visible(strings.Join(names, ", "))
	switch {
	case all == 0 && cert.Subject.DN != "":
		label, text = "subject", results.Visible(shorten(cert.Subject.DN, maxLabel))
	case all == 0:
		text = "none"
	case all > len(names):
		text += fmt.Sprintf(" and %d more", all-len(names))
	}
	c.line(out, label, text, "")
	by := cert.Issuer.CommonName
	if len(cert.Issuer.Organization) > 0 && !strings.Contains(by, cert.Issuer.Organization[0]) {
		if by != "" {
			by += ", "
		}
		by += cert.Issuer.Organization[0]
	}
	if by == "" {
		by = cert.Issuer.DN
	}
	if cert.SelfSigned {
		by = strings.TrimSuffix("itself ("+by, " (") + ")"
	}
	c.line(out, "issuer", results.Visible(shorten(by, maxLabel)), "")
}

// maxNames is how many names of a certificate are shown.
const maxNames = 6

// validity shows the lifetime and what is left of it, as a bar too.
func (c *card) validity(out *bufio.Writer, v *policy.Verdict, cert *certificate.Certificate) {
	if cert.NotAfter.IsZero() || cert.NotBefore.IsZero() || !v.DaysLeft.Known {
		c.line(out, "valid", "its dates cannot be read", colors[policy.Fail])
		return
	}
	c.line(out, "valid", day(cert.NotBefore)+" to "+day(cert.NotAfter), "")
	days, color := daysCell(v)
	if color == "" {
		color = colors[policy.OK]
	}
	lifetime := cert.NotAfter.Sub(cert.NotBefore).Hours() / 24
	left := min(max(v.DaysLeft.Number, 0), lifetime)
	part := 0.0
	if lifetime > 0 {
		part = left / lifetime
	}
	text := fmt.Sprintf("%s days left of %.0f", days, math.Round(lifetime))
	switch {
	case v.DaysLeft.Number > lifetime:
		text = "not valid yet"
	case v.DaysLeft.Number < 0:
		text = fmt.Sprintf("expired %s days ago", strings.TrimPrefix(days, "-"))
	}
	bar := min(widestBar, c.width-labelWidth-2-2-width(text))
	full := int(math.Round(part * float64(bar)))
	if part > 0 {
		full = max(1, full)
	}
	fmt.Fprintf(out, "  %s%s%s  %s\n", fit("", labelWidth),
		c.style.paint(color, strings.Repeat(c.style.sign("█", "#"), full)),
		c.style.paint(dim, strings.Repeat(c.style.sign("░", "."), bar-full)),
		c.style.paint(color, text))
}

func (c *card) handshake(out *bufio.Writer, t *results.TLS) {
	text := t.Version
	if !strings.HasPrefix(text, "SSL") {
		text = "TLS " + text
	}
	if t.Cipher != "" {
		text += ", " + t.Cipher
	}
	if t.ALPN != "" {
		text += ", " + t.ALPN
	}
	c.line(out, "protocol", results.Visible(text), "")
	if t.KeyExchange != "" {
		group := results.Visible(t.KeyExchange)
		switch {
		case t.IsPostQuantum():
			group += ", post-quantum"
		case t.PostQuantum != nil:
			group += ", not post-quantum"
		}
		c.line(out, "group", group, "")
	}
	switch {
	case t.RequiresClientCert():
		c.line(out, "client", "a certificate is required", "")
	case t.ClientCertRequested:
		text := "a certificate is asked for"
		if t.ClientCertRequired != nil {
			text += ", and not required"
		}
		c.line(out, "client", text, "")
	}
	if !t.KeyProved {
		c.line(out, "proof", "the server did not prove that it holds the key", colors[policy.Warn])
	}
	if t.OCSP != nil {
		c.line(out, "stapled", results.Visible("OCSP response: "+t.OCSP.Status), "")
	}
}

// problems says what is wrong and what to do about it; findings that nobody asked
// about come last.
func (c *card) problems(out *bufio.Writer, v *policy.Verdict) {
	const indent = 2 + wordWidth + 2
	var notes []string
	for _, f := range v.Record.Findings {
		told := slices.ContainsFunc(v.Problems, func(p policy.Problem) bool { return p.Code == policy.Code(f) })
		if !told && f == results.NotPostQuantum {
			notes = append(notes, "key exchange is not post-quantum: enable X25519MLKEM768 and TLS 1.3")
		}
	}
	if len(v.Problems) == 0 && len(notes) == 0 {
		return
	}
	fmt.Fprintln(out)
	say := func(level, color, text string) {
		for _, part := range folded(text, c.width-indent) {
			fmt.Fprintf(out, "  %s  %s\n", c.style.paint(color, fit(level, wordWidth)), part)
			level = ""
		}
	}
	for _, p := range v.Problems {
		level := p.Level.String()
		if p.Level == policy.Unchecked {
			level = word(v)
		}
		if p.Level == policy.OK {
			level = "let be"
		}
		say(level, colors[p.Level], results.Visible(p.Message))
	}
	for _, note := range notes {
		say("note", dim, note)
	}
}

// folded breaks a visible text into lines of at most a number of columns, at
// blanks if it can. None begins with what GitHub's runner takes for a command.
func folded(text string, columns int) []string {
	columns = max(columns, 8)
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		word = noCommand(word)
		if line != "" && width(line)+1+width(word) <= columns {
			line += " " + word
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for width(word) > columns {
			part := head(word, columns)
			if part == "" {
				break
			}
			lines = append(lines, part)
			word = noCommand(word[len(part):])
		}
		line = word
	}
	return append(lines, line)
}

func noCommand(word string) string {
	if strings.HasPrefix(word, "::") {
		return `\x3a` + word[1:]
	}
	return word
}

func day(t time.Time) string {
	if t.IsZero() {
		return "no date"
	}
	return t.UTC().Format(time.DateOnly)
}

// keyName says the kind of a key.
func keyName(k certificate.PublicKey) string {
	switch {
	case k.Curve != "" && k.Curve != k.Algorithm:
		return results.Visible(k.Algorithm + " " + k.Curve)
	case k.Bits != 0 && k.Curve == "" && k.Algorithm != "Ed25519":
		return results.Visible(fmt.Sprintf("%s %d", k.Algorithm, k.Bits))
	}
	return results.Visible(k.Algorithm)
}

// timing says what took how long, in milliseconds.
func timing(t *results.Timing) string {
	var parts []string
	for _, step := range []struct {
		name string
		ms   float64
	}{{"look-up", t.Resolve}, {"connect", t.Connect}, {"handshake", t.Handshake}, {"drain", t.Drain}} {
		if step.ms >= 0.05 {
			parts = append(parts, step.name+" "+milliseconds(step.ms))
		}
	}
	text := milliseconds(t.Total) + " ms"
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, ", ")
	}
	return text
}

func milliseconds(ms float64) string {
	if ms < 10 {
		return strconv.FormatFloat(ms, 'f', 1, 64)
	}
	return strconv.FormatFloat(ms, 'f', 0, 64)
}

func hostPort(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
