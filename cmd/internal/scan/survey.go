package scan

import (
	"time"

	"certsweep/cmd/internal/flags"
	"certsweep/dialer"
	"certsweep/dialer/fingerprint"
	"certsweep/scanner"
)

// Survey holds the flags that ask for more than a handshake shows.
type Survey struct {
	Enumerate        What
	EnumerateTimeout flags.Duration
	Fingerprint      bool
}

func (o *Options) surveyFlags() []flags.Flag {
	return []flags.Flag{
		{Name: "enumerate", Argument: "WHAT[,WHAT]", To: &o.Survey.Enumerate, Group: GroupHandshake, Default: "none",
			Text: "find everything that the server accepts: `versions`, `suites`, `groups`, `all`",
			More: "One connection for each thing accepted and a few more, two at a time to one address, and `--rate` counts each. In `check` what is accepted is judged, not only what was negotiated."},
		{Name: "enumerate-timeout", Argument: "D", To: &o.Survey.EnumerateTimeout, Group: GroupHandshake,
			Text: "hard limit for all connections of one target's enumeration"},
		{Name: "fingerprint", To: &o.Survey.Fingerprint, Group: GroupHandshake,
			Text: "add the server's JARM and JA3S", More: "Eleven more connections."},
	}
}

// apply has the scanner do what the flags ask for.
func (o *Survey) apply(d *dialer.Dialer, s *scanner.Scanner) {
	d.Enumerate, d.EnumerateTimeout = fingerprint.What(o.Enumerate), time.Duration(o.EnumerateTimeout)
	d.Fingerprint = o.Fingerprint
	if d.Surveys() {
		s.Survey = d.Survey
	}
}

// sockets returns how many connections a target has at the same time.
func (o *Survey) sockets() uint64 {
	if o.Enumerate != 0 {
		return scanner.MaxLanes
	}
	return 1
}

// What is a flag's list of things to enumerate, 0 for none.
type What fingerprint.What

// Type is [flags.Value]'s.
func (v *What) Type() string { return "what" }

func (v *What) String() string { return fingerprint.What(*v).String() }

// Set reads versions, suites, groups and all, with commas between them.
func (v *What) Set(s string) error {
	what, err := fingerprint.ParseWhat(s)
	*v = What(what)
	return err
}
