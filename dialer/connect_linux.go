package dialer

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"
)

// dialRaw connects without what net.Dialer has for names and for contexts: of
// a dead target, which is most of a scan of the internet, little else remains,
// and its frames are on the stack of every worker whose peer is silent.
func (a *attempt) dialRaw(ctx context.Context, limit time.Time) (net.Conn, error) {
	for try := 1; ; try++ {
		c, err := a.dialTCP(ctx, limit)
		switch {
		case err == nil && !c.isSelf():
			c.ready()
			return c, nil
		case err == nil:
			// The kernel chose the very port that was dialed, so that the socket
			// connected to itself (RFC 9293 §3.5). Nobody listens there.
			a.detach()
			c.Close()
			err = dialError(a.h.Addr, "connect", syscall.ECONNREFUSED)
		case !errors.Is(err, syscall.EADDRNOTAVAIL):
			return nil, err
		}
		// EADDRNOTAVAIL may mean that a port was taken at this moment. Package
		// net tries three times too.
		if try == 3 {
			return nil, err
		}
	}
}

func (a *attempt) dialTCP(ctx context.Context, limit time.Time) (*tcpConn, error) {
	c, err := startTCP(a.h.Addr)
	if err != nil {
		return nil, err
	}
	a.stop = onCancel(ctx, c.abort)
	if err := c.await(limit); err != nil {
		a.detach()
		if c.isConnected() {
			// It was made in the moment when its time was up.
			c.SetLinger(0)
		}
		c.Close()
		return nil, err
	}
	return c, nil
}

// tcpConn is a TCP connection over a file that the runtime polls, as those of
// package net are. Its errors are those of package net too, addresses
// included.
type tcpConn struct {
	file   *os.File
	raw    syscall.RawConn
	remote netip.AddrPort
}

// startTCP has the kernel send the SYN.
func startTCP(addr netip.AddrPort) (*tcpConn, error) {
	family, sockaddr, err := sockaddrOf(addr)
	if err != nil {
		return nil, err
	}
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, syscall.IPPROTO_TCP)
	if err != nil {
		return nil, dialError(addr, "socket", err)
	}
	switch err := syscall.Connect(fd, sockaddr); err {
	case nil, syscall.EINPROGRESS, syscall.EALREADY, syscall.EINTR, syscall.EISCONN:
	default:
		syscall.Close(fd)
		return nil, dialError(addr, "connect", err)
	}
	c := &tcpConn{file: os.NewFile(uintptr(fd), ""), remote: addr}
	if c.raw, err = c.file.SyscallConn(); err != nil {
		c.file.Close()
		return nil, dialError(addr, "socket", err)
	}
	return c, nil
}

// await blocks until the connection is made, or cannot be.
func (c *tcpConn) await(limit time.Time) error {
	if err := c.file.SetWriteDeadline(limit); err != nil {
		if errors.Is(err, os.ErrNoDeadline) {
			// The runtime could not poll it, and os.NewFile does not say why: as
			// many files as may be polled are.
			err = syscall.ENOBUFS
		}
		return dialError(c.remote, "epoll_ctl", err)
	}
	var failed error
	// Writable is also what the runtime says if it is not sure, and before the
	// first look what it had to say may be gone.
	err := c.raw.Write(func(fd uintptr) bool {
		var errno int
		if errno, failed = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_ERROR); failed != nil {
			return true
		}
		switch e := syscall.Errno(errno); e {
		case 0:
			_, notYet := syscall.Getpeername(int(fd))
			return notYet == nil
		case syscall.EINPROGRESS, syscall.EALREADY, syscall.EINTR:
			return false
		case syscall.EISCONN:
			return true
		default:
			failed = e
			return true
		}
	})
	if err == nil {
		err = failed
	}
	if err == nil {
		return nil
	}
	return dialError(c.remote, "connect", err)
}

// isConnected asks the kernel, as await does. It is false of a closed connection.
func (c *tcpConn) isConnected() bool {
	return c.control(func(fd int) error {
		_, err := syscall.Getpeername(fd)
		return err
	}) == nil
}

// isSelf reports whether the connection is one to itself.
func (c *tcpConn) isSelf() bool {
	// Below this, no kernel chooses a port unless it is told to.
	const leastPort = 1024
	return c.remote.Port() >= leastPort && c.local() == netip.AddrPortFrom(c.remote.Addr().Unmap().WithZone(""), c.remote.Port())
}

// ready sets the options of a connection that is made. Small writes go out at
// once, as package net has it, and a close is a reset unless more is known of
// the peer: what a vanished peer leaves in the kernel stays for over a minute.
func (c *tcpConn) ready() {
	c.control(func(fd int) error { return syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1) })
	c.SetLinger(0)
}

func (c *tcpConn) control(f func(fd int) error) error {
	var failed error
	if err := c.raw.Control(func(fd uintptr) { failed = f(int(fd)) }); err != nil {
		return err
	}
	return failed
}

// SetLinger is that of [net.TCPConn].
func (c *tcpConn) SetLinger(seconds int) error {
	l := syscall.Linger{Onoff: 1, Linger: int32(seconds)}
	if seconds < 0 {
		l = syscall.Linger{}
	}
	return c.control(func(fd int) error { return syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &l) })
}

func (c *tcpConn) Read(b []byte) (int, error) {
	n, err := c.file.Read(b)
	return n, c.failed("read", err)
}

// AwaitRead blocks until there is something to read, the end and an error
// included, which a Read then returns.
func (c *tcpConn) AwaitRead() error {
	var peeked [1]byte
	err := c.raw.Read(func(fd uintptr) bool {
		_, _, err := syscall.Recvfrom(int(fd), peeked[:], syscall.MSG_PEEK)
		return err != syscall.EAGAIN && err != syscall.EINTR
	})
	if err != nil && !isTimeout(err) {
		// The runtime does not say in words of its own that it was closed.
		err = net.ErrClosed
	}
	return c.failed("read", err)
}

func (c *tcpConn) Write(b []byte) (int, error) {
	n, err := c.file.Write(b)
	return n, c.failed("write", err)
}

func (c *tcpConn) Close() error { return c.failed("close", c.file.Close()) }

// abort ends whatever waits for the connection.
func (c *tcpConn) abort() { c.file.Close() }

func (c *tcpConn) SetDeadline(t time.Time) error { return c.failed("set", c.file.SetDeadline(t)) }
func (c *tcpConn) SetReadDeadline(t time.Time) error {
	return c.failed("set", c.file.SetReadDeadline(t))
}
func (c *tcpConn) SetWriteDeadline(t time.Time) error {
	return c.failed("set", c.file.SetWriteDeadline(t))
}

func (c *tcpConn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

func (c *tcpConn) LocalAddr() net.Addr {
	if local := c.local(); local.IsValid() {
		return net.TCPAddrFromAddrPort(local)
	}
	return nil
}

// local returns the address of this end, or the zero AddrPort if the connection
// is closed.
func (c *tcpConn) local() (addr netip.AddrPort) {
	c.control(func(fd int) error {
		name, err := syscall.Getsockname(fd)
		switch name := name.(type) {
		case *syscall.SockaddrInet4:
			addr = netip.AddrPortFrom(netip.AddrFrom4(name.Addr), uint16(name.Port))
		case *syscall.SockaddrInet6:
			addr = netip.AddrPortFrom(netip.AddrFrom16(name.Addr), uint16(name.Port))
		}
		return err
	})
	return addr
}

// failed makes of an error of package os the one of package net.
func (c *tcpConn) failed(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	if path, ok := errors.AsType[*os.PathError](err); ok {
		err = path.Err
	}
	switch errno, ok := err.(syscall.Errno); {
	case ok:
		err = os.NewSyscallError(op, errno)
	case errors.Is(err, os.ErrClosed):
		err = net.ErrClosed
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// dialError is the error of net.Dialer for one that a system call returned, or
// waiting for one.
func dialError(addr netip.AddrPort, call string, err error) error {
	switch errno, ok := err.(syscall.Errno); {
	case ok:
		err = os.NewSyscallError(call, errno)
	case !isTimeout(err):
		// The runtime does not say in words of its own that it was closed.
		err = net.ErrClosed
	}
	return &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(addr), Err: err}
}

func sockaddrOf(addr netip.AddrPort) (family int, sockaddr syscall.Sockaddr, err error) {
	ip := addr.Addr().Unmap()
	if ip.Is4() {
		return syscall.AF_INET, &syscall.SockaddrInet4{Addr: ip.As4(), Port: int(addr.Port())}, nil
	}
	to := &syscall.SockaddrInet6{Addr: ip.As16(), Port: int(addr.Port())}
	if zone := ip.Zone(); zone != "" {
		index, err := strconv.ParseUint(zone, 10, 32)
		if err != nil {
			device, err := net.InterfaceByName(zone)
			if err != nil {
				return 0, nil, err
			}
			index = uint64(device.Index)
		}
		to.ZoneId = uint32(index)
	}
	return syscall.AF_INET6, to, nil
}
