// Package proxy connects through a SOCKS5 or HTTP proxy. [Parse] reads what a user
// writes, and [Dialer.DialContext] connects. What fails is an *[Error], which tells
// a proxy's failure from what the proxy says of the target.
package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// Dialer connects through a proxy. Its URL must be set, usually by [Parse]. It is
// safe for concurrent use, and must not be changed once it was used.
type Dialer struct {
	// URL has the scheme (socks5, http or https), the address and the credentials
	// of the proxy.
	URL *url.URL
	// Forward makes the connections to the proxy. Nil means a [net.Dialer]
	// without keep-alive probes.
	Forward interface {
		DialContext(ctx context.Context, network, address string) (net.Conn, error)
	}
	// Lookup looks the proxy's own name up. Nil leaves that to Forward.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// TLS is the configuration for a proxy that is spoken to under TLS. Nil
	// means a zero one.
	TLS *tls.Config
}

// Kind says what failed.
type Kind uint8

// The kinds of failure. The first four are the proxy's own, the others what it
// says of the target.
const (
	Unreachable       Kind = iota // there is no connection to the proxy, or it broke off
	Auth                          // it wants credentials, or others
	Refused                       // it does not connect there for us
	Failed                        // it could not connect, and does not say why
	TargetRefused                 // the target refused the connection
	TargetUnreachable             // there is no way from it to the target
)

// Error is the failure of a proxy, or what it says of the target.
type Error struct {
	Kind Kind
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

func failure(kind Kind, format string, args ...any) error {
	return &Error{kind, fmt.Errorf(format, args...)}
}

// defaultPorts are those of the schemes (RFC 1928 §3, RFC 9110 §4.2).
var defaultPorts = map[string]string{"socks5": "1080", "http": "80", "https": "443"}

// Parse reads "socks5://[user:password@]host[:port]", and the same with http and
// https. socks5h means socks5: names are always looked up by the proxy.
func Parse(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		// Not the error's text: it may have the password.
		return nil, errors.New("not a proxy: write socks5://HOST:PORT, http://HOST:PORT or https://HOST:PORT, with USER:PASSWORD@ before the host if it wants them")
	}
	if u.Scheme == "socks5h" {
		u.Scheme = "socks5"
	}
	port, known := defaultPorts[u.Scheme]
	switch {
	case !known:
		return nil, fmt.Errorf("a proxy of scheme %q is not supported: socks5, http and https are", u.Scheme)
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("a proxy has no path")
	case u.Hostname() == "":
		return nil, errors.New("the proxy has no host")
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return nil, fmt.Errorf("%q is not a port (1 to 65535)", p)
		}
		port = p
	}
	u.Host = net.JoinHostPort(u.Hostname(), port)
	return u, nil
}

// DialContext connects to an address through the proxy, and blocks until ctx is
// done at the latest. A name in the address is looked up by the proxy. The error is
// an *[Error], or that of ctx if ctx was canceled.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.dialProxy(ctx)
	if err != nil {
		return nil, fromProxy(ctx, err)
	}
	if deadline, ok := ctx.Deadline(); ok {
		conn.SetDeadline(deadline)
	}
	raw := conn // conn changes, while this may run
	stop := context.AfterFunc(ctx, func() { raw.SetDeadline(time.Unix(1, 0)) })
	negotiate := connectHTTP
	if d.URL.Scheme == "socks5" {
		negotiate = connectSOCKS
	}
	if d.URL.Scheme == "https" {
		if conn, err = d.startTLS(ctx, conn); err != nil {
			stop()
			return nil, fromProxy(ctx, err)
		}
	}
	err = negotiate(ctx, conn, d.URL.User, address)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		switch {
		case errors.Is(ctx.Err(), context.Canceled):
			return nil, ctx.Err()
		case ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded):
			// It may be the target that does not answer, or the proxy.
			return nil, failure(Failed, "the proxy did not connect in time")
		}
		if _, ok := errors.AsType[*Error](err); !ok {
			err = failure(Unreachable, "the proxy broke off: %w", err)
		}
		return nil, err
	}
	conn.SetDeadline(time.Time{})
	return conn, nil
}

// fromProxy is the error of a connection to the proxy; it is ctx's only if the
// caller gave up.
func fromProxy(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return failure(Unreachable, "no connection to the proxy: %w", err)
}

// dialProxy connects to the proxy itself.
func (d *Dialer) dialProxy(ctx context.Context) (net.Conn, error) {
	dial := (&net.Dialer{KeepAlive: -1}).DialContext
	if d.Forward != nil {
		dial = d.Forward.DialContext
	}
	host, port, _ := net.SplitHostPort(d.URL.Host)
	if d.Lookup == nil {
		return dial(ctx, "tcp", d.URL.Host)
	}
	addrs, err := d.Lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	err = errors.New("it has no address")
	for _, addr := range addrs {
		var conn net.Conn
		if conn, err = dial(ctx, "tcp", net.JoinHostPort(addr.String(), port)); err == nil || ctx.Err() != nil {
			return conn, err
		}
	}
	return nil, err
}

// startTLS makes the handshake with the proxy, whose certificate is verified.
func (d *Dialer) startTLS(ctx context.Context, conn net.Conn) (net.Conn, error) {
	config := &tls.Config{}
	if d.TLS != nil {
		config = d.TLS.Clone()
	}
	if config.ServerName == "" {
		config.ServerName = d.URL.Hostname()
	}
	client := tls.Client(conn, config)
	if err := client.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return client, nil
}
