package scanner

import (
	"iter"

	"certsweep/dialer"
)

// defaultPort is where TLS from the first byte is looked for.
const defaultPort = 443

// Defaults is what holds for the targets of a list that say nothing else.
type Defaults struct {
	// Ports are probed each for a target without a port. Empty means the port
	// of its STARTTLS protocol, or 443.
	Ports      []uint16
	ServerName string
	StartTLS   dialer.Protocol
}

// Apply completes targets: every endpoint that comes out has a port. A target
// without one becomes a target for each of d.Ports, with the same line.
func (d Defaults) Apply(targets iter.Seq2[Target, error]) iter.Seq2[Target, error] {
	return func(yield func(Target, error) bool) {
		for t, err := range targets {
			if err != nil || t.Err != nil {
				if !yield(t, err) {
					return
				}
				continue
			}
			if t.Endpoint.ServerName == "" {
				t.Endpoint.ServerName = d.ServerName
			}
			if t.Endpoint.StartTLS == "" && !t.scheme {
				t.Endpoint.StartTLS = d.StartTLS
			}
			if len(d.Ports) == 0 || t.Endpoint.Port != 0 {
				t.Endpoint = t.Endpoint.WithDefaultPort(defaultPort)
				if !yield(t, nil) {
					return
				}
				continue
			}
			for _, port := range d.Ports {
				t.Endpoint.Port = port
				if !yield(t, nil) {
					return
				}
			}
		}
	}
}
