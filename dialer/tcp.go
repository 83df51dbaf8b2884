package dialer

import (
	"context"
	"net"
	"net/netip"
)

// DialTCP connects to a host as Probe does, with the Dialer's resolver, its
// ConnectTimeout for each address, and PublicOnly, and hands the connection out. It
// is for what belongs to a scan and is no probe. It blocks until ctx is done at the
// latest; errors are of type *[Error].
func (d *Dialer) DialTCP(ctx context.Context, host string, port uint16) (net.Conn, error) {
	addrs, err := d.Lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	addrs, denied := d.dialable(host, port, addrs)
	if denied != nil {
		return nil, denied
	}
	// The Dialer's own resets a connection that is closed.
	plain := net.Dialer{KeepAlive: -1, Timeout: max(0, d.connectTimeout())}
	for _, addr := range addrs {
		var conn net.Conn
		if conn, err = plain.DialContext(ctx, "tcp", netip.AddrPortFrom(addr, port).String()); err == nil {
			return conn, nil
		}
	}
	return nil, classify(PhaseConnect, err)
}
