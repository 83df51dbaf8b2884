package dialertest

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
)

// bulkSuffix ends the names of a Bulk, which begin with a number.
const bulkSuffix = ".bulk.test"

// Bulk is a well-behaved TLS server with many certificates, for benchmarks: on
// each connection it shows that of the name asked for, or, where that is none
// of its names, the next one in turn.
type Bulk struct {
	servers []*Server
	certs   []tls.Certificate
	next    atomic.Uint64
}

// NewBulk issues n certificates under ca, which share a P-256 key, and starts
// listening on the given addresses, by default on one port of 127.0.0.1. least is the
// least version of TLS that it speaks, 0 for that of crypto/tls. It
// returns an error, and leaves nothing open, where it cannot listen on one.
func NewBulk(ca *CA, n int, least uint16, addresses ...string) (*Bulk, error) {
	if len(addresses) == 0 {
		addresses = []string{loopback}
	}
	b := new(Bulk)
	b.certs = ca.IssueMany(n, b.Host)
	serve := serveTLS(&tls.Config{GetCertificate: b.choose, MinVersion: least})
	for _, address := range addresses {
		s, err := Listen(address, serve)
		if err != nil {
			b.Close()
			return nil, err
		}
		b.servers = append(b.servers, s)
	}
	return b, nil
}

// Host returns the name of the i-th certificate, counted from 0.
func (b *Bulk) Host(i int) string { return fmt.Sprintf("%06d%s", i, bulkSuffix) }

// Addrs returns the addresses the server listens on, in the order in which
// they were given.
func (b *Bulk) Addrs() []netip.AddrPort {
	var addrs []netip.AddrPort
	for _, s := range b.servers {
		addrs = append(addrs, s.Addr())
	}
	return addrs
}

// Servers returns the servers behind the addresses, for their counts.
func (b *Bulk) Servers() []*Server { return b.servers }

// Close stops all servers and waits for their goroutines.
func (b *Bulk) Close() {
	for _, s := range b.servers {
		s.Close()
	}
}

func (b *Bulk) choose(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if number, ok := strings.CutSuffix(hello.ServerName, bulkSuffix); ok {
		if i, err := strconv.ParseUint(number, 10, 32); err == nil && i < uint64(len(b.certs)) {
			return &b.certs[i], nil
		}
	}
	i := b.next.Add(1) - 1
	return &b.certs[i%uint64(len(b.certs))], nil
}
