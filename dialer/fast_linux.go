package dialer

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// canStep: connections are made that [Glance] can wait for.
const canStep = true

// dialSteps begins the TCP connect. limit is the deadline of the answer.
func (g *Glance) dialSteps(record []byte, limit time.Time) error {
	if err := g.ctx.Err(); err != nil {
		return &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(g.h.Addr), Err: err}
	}
	connect := g.deadline
	if own := g.d.connectTimeout(); own > 0 {
		if at := g.start.Add(own); connect.IsZero() || at.Before(connect) {
			connect = at
		}
	}
	for try := 1; ; try++ {
		c, err := startTCP(g.h.Addr)
		if err == nil {
			w := &steppedWire{tcpConn: *c, hello: record}
			if err = w.setDeadlines(connect, limit); err == nil {
				g.stop = onCancel(g.ctx, w.abort)
				g.wire = w
				return nil
			}
			c.Close()
			return err
		}
		// As in dialRaw.
		if try == 3 || !errors.Is(err, syscall.EADDRNOTAVAIL) {
			return err
		}
	}
}

// steppedWire is a TCP connection that is waited for with hardly a stack: what is
// below wait is on that of a goroutine for each silent peer.
type steppedWire struct {
	tcpConn
	hello []byte // nil once it was sent
	made  time.Time
	err   error // of the wait, or of what it did
	n     int   // bytes of first that came
	first [5]byte
}

func (w *steppedWire) setDeadlines(connect, answer time.Time) error {
	err := w.file.SetReadDeadline(answer)
	if err == nil {
		return w.file.SetWriteDeadline(connect)
	}
	if errors.Is(err, os.ErrNoDeadline) {
		err = syscall.ENOBUFS // see await
	}
	return dialError(w.remote, "epoll_ctl", err)
}

func (w *steppedWire) wait() {
	if w.hello != nil {
		if err := w.raw.Write(w.send); err != nil {
			w.err = err
		}
		if w.err != nil {
			return
		}
		w.hello = nil
	}
	if err := w.raw.Read(w.receive); err != nil {
		w.err = err
	}
}

// send sends the hello, which nothing but a connection that is not yet made keeps
// from the socket's buffer.
func (w *steppedWire) send(fd uintptr) bool {
	for {
		_, err := syscall.Write(int(fd), w.hello)
		switch err {
		case nil:
			w.made = time.Now()
		case syscall.EAGAIN:
			return false
		case syscall.EINTR:
			continue
		default:
			w.err = err
		}
		return true
	}
}

// receive reads the first bytes of what comes.
func (w *steppedWire) receive(fd uintptr) bool {
	for {
		n, err := syscall.Read(int(fd), w.first[:])
		switch {
		case err == syscall.EAGAIN:
			return false
		case err == syscall.EINTR:
			continue
		case err != nil:
			w.err = err
		case n == 0:
			w.err = io.EOF
		default:
			w.n = n
		}
		return true
	}
}

func (w *steppedWire) connected() (time.Time, error) {
	if !w.made.IsZero() {
		if w.isSelf() {
			// As in dialRaw.
			return w.made, dialError(w.remote, "connect", syscall.ECONNREFUSED)
		}
		return w.made, nil
	}
	switch w.err {
	case syscall.EPIPE, syscall.ECONNRESET:
		// It was made, and is no more.
		return time.Now(), nil
	case nil:
		return time.Time{}, nil
	}
	return time.Time{}, dialError(w.remote, "connect", w.err)
}

func (w *steppedWire) waited() error {
	if w.n > 0 {
		return nil
	}
	return w.fault()
}

// fault returns the error of the connection as package net has it, or nil.
func (w *steppedWire) fault() error {
	err := w.err
	if _, ok := err.(syscall.Errno); err != nil && err != io.EOF && !ok && !isTimeout(err) {
		// The runtime does not say in words of its own that it was closed.
		err = net.ErrClosed
	}
	return w.failed("read", err)
}

func (w *steppedWire) take(room []byte) (n int, err error) {
	if w.n > 0 {
		n = copy(room, w.first[:w.n])
		w.n = copy(w.first[:], w.first[n:w.n])
		// As a rule there is more behind it.
		if room = room[n:]; len(room) == 0 {
			return n, nil
		}
	}
	if w.err == nil {
		more, err := w.read(room)
		if n += more; n == 0 && err != nil {
			return 0, err
		}
	}
	if n == 0 {
		return 0, w.fault()
	}
	return n, nil
}

// read reads what is in the socket.
func (w *steppedWire) read(room []byte) (n int, err error) {
	failed := w.raw.Read(func(fd uintptr) bool {
		for {
			if n, err = syscall.Read(int(fd), room); err != syscall.EINTR {
				return true
			}
		}
	})
	switch {
	case failed != nil:
		w.err = failed
	case err == syscall.EAGAIN:
		return 0, errNothing
	case err != nil:
		w.err = err
	case n == 0:
		w.err = io.EOF
	default:
		return n, nil
	}
	return 0, w.fault()
}

func (w *steppedWire) say(record []byte) {
	if len(record) > 0 {
		w.raw.Write(func(fd uintptr) bool {
			syscall.Write(int(fd), record)
			return true
		})
	}
}

func (w *steppedWire) end(peace bool) {
	if !peace {
		w.SetLinger(0)
	}
	w.Close()
}

// abort has the connection end at once, and whoever waits for it.
func (w *steppedWire) abort() {
	w.SetLinger(0)
	w.file.Close()
}
