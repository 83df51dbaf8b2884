package dialer

import (
	"context"
	"net"
	"net/netip"
)

// DialTCP connects to a host as Probe does, with the Dialer's resolver, its
// NetDialer or ConnectTimeout for each address, PublicOnly and Exclude, and hands the connection out. It
// is for what belongs to a scan and is no probe. It blocks until ctx is done at the
// latest; errors are of type *[Error].
func (d *Dialer) DialTCP(ctx context.Context, host string, port uint16) (net.Conn, error) {
	d.init()
	addrs, err := d.addresses(ctx, host)
	if err != nil {
		return nil, classify(PhaseResolve, err)
	}
	addrs, denied := d.dialable(host, port, addrs)
	if denied != nil {
		return nil, denied
	}
	// The Dialer's own resets a connection that is closed.
	plain := net.Dialer{KeepAlive: -1, Timeout: max(0, d.connectTimeout())}
	dial := plain.DialContext
	if d.NetDialer != nil {
		dial = d.NetDialer.DialContext
	}
	for _, addr := range addrs {
		address := Endpoint{Host: host, Port: port}.Address()
		if addr.IsValid() {
			address = netip.AddrPortFrom(addr, port).String()
		}
		var conn net.Conn
		if conn, err = dial(ctx, "tcp", address); err == nil {
			return conn, nil
		}
	}
	return nil, classify(PhaseConnect, err)
}
