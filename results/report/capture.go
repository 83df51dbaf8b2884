package report

import (
	"fmt"
	"time"

	"certsweep/results"
)

// capture says what was in a packet capture, and what became of its handshakes.
func (t *tally) capture(s *results.Summary) {
	c := s.Capture
	took := time.Duration(s.Seconds * float64(time.Second)).Round(time.Millisecond)
	text := fmt.Sprintf("%s: %d ok, %d errors, of %s in %s, in %v", plural(s.Targets, "record"), s.OK, s.Errors,
		plural(int(c.Handshakes), "handshake"), plural(int(c.Flows), "connection"), took)
	for i, line := range folded(text, t.width) {
		if i == 0 {
			line = t.style.paint(bold, line)
		}
		t.b.WriteString(line + "\n")
	}
	t.present(fmt.Sprintf("%s, %.1f MB: ", plural(int(c.Packets), "packet"), float64(c.Bytes)/1e6), []counted64{
		{"TCP", c.TCP}, {"QUIC (not read)", c.QUIC}, {"DTLS (not read)", c.DTLS}, {"IP fragments", c.Fragments}, {"other", c.Other},
		{"malformed", c.Malformed}, {"on links that are not read", c.UnknownLink},
	})
	t.present("not as sent: ", []counted64{
		{"segments out of order", c.OutOfOrder}, {"retransmitted", c.Retransmissions}, {"gaps", c.Gaps}, {"packets cut short", c.CutPackets},
	})
	t.present("given up: ", []counted64{
		{"for --max-buffered-per-connection", c.ConnectionCap}, {"for --max-buffered-total", c.TotalCap},
		{"records before the end for --max-buffered-total", c.UniqueEarly}, {"secrets", c.SecretsDropped},
	})
}

type counted64 struct {
	name string
	n    int64
}

// present writes what is there; nothing if nothing is.
func (t *tally) present(opening string, all []counted64) {
	text := ""
	for _, c := range all {
		if c.n > 0 {
			text += fmt.Sprintf("%d %s, ", c.n, c.name)
		}
	}
	if text == "" {
		return
	}
	for _, line := range folded(opening+text[:len(text)-2], t.width) {
		t.b.WriteString(line + "\n")
	}
}
