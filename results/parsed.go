package results

import (
	"crypto/x509"
	"sync"
)

// parsedCertificates remembers what crypto/x509 made of certificates: those above a
// leaf are the same for thousands of servers, and to parse one costs as much as the
// rest of its chain's description. crypto/tls has such a cache for handshakes.
type parsedCertificates struct {
	mu sync.Mutex
	m  map[string]*x509.Certificate // by their DER form
}

// The most that is remembered: a few hundred issue for nearly all of the web. What
// is larger than an intermediate should be is not worth its memory.
const (
	maxParsed     = 512
	maxParsedSize = 4 << 10
)

var parsedAbove parsedCertificates

// parse returns the parsed form of a certificate above a leaf, see [ParseChain]. The
// result is shared, and must not be changed.
func (p *parsedCertificates) parse(der []byte) *x509.Certificate {
	p.mu.Lock()
	c := p.m[string(der)]
	p.mu.Unlock()
	if c != nil {
		return c
	}
	var err error
	if c, err = x509.ParseCertificate(der); err != nil {
		return parseWithoutKey(der)
	}
	if len(der) <= maxParsedSize {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.m == nil || len(p.m) == maxParsed {
			// Whoever sends others each time does not fill it for long.
			p.m = make(map[string]*x509.Certificate)
		}
		p.m[string(der)] = c
	}
	return c
}
