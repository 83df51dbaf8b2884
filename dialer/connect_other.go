//go:build !linux

package dialer

import (
	"context"
	"net"
	"time"
)

// dialRaw connects as package net does. Nil of its keep-alive probes, as no
// connection lives long enough for the first.
func (a *attempt) dialRaw(ctx context.Context, limit time.Time) (net.Conn, error) {
	d := net.Dialer{Deadline: limit, KeepAlive: -1}
	conn, err := d.DialContext(ctx, "tcp", a.h.Addr.String())
	if err != nil {
		return nil, err
	}
	setLinger(conn, 0)
	a.stop = onCancel(ctx, func() { conn.Close() })
	return conn, nil
}
