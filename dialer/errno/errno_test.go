package errno

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
)

func TestOf(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	for _, c := range []struct {
		err  error
		want syscall.Errno
	}{
		{nil, 0},
		{io.EOF, 0},
		{refused, syscall.ECONNREFUSED},
		{fmt.Errorf("around: %w", errors.Join(io.EOF, refused)), syscall.ECONNREFUSED},
	} {
		if got := Of(c.err); got != c.want {
			t.Errorf("%v has the number %d, want %d", c.err, got, c.want)
		}
	}
	if !Is(refused, syscall.EPIPE, syscall.ECONNREFUSED) || Is(refused, syscall.EPIPE) || Is(io.EOF, 0) || Is(nil, 0) {
		t.Error("Is does not agree with Of")
	}
}

// TestWindowsNumbers: each number of Winsock becomes the constant that the
// classification has, and what is unknown stays what it was.
func TestWindowsNumbers(t *testing.T) {
	const firstOfWinsock = 10000
	names := make(map[syscall.Errno]bool)
	for number, name := range windowsNumbers {
		if got := fromWindows(number); got != name {
			t.Errorf("%d is %v, want %v", number, got, name)
		}
		if number > firstOfWinsock {
			if names[name] {
				t.Errorf("two numbers of Winsock are %v", name)
			}
			names[name] = true
		}
	}
	for _, needed := range []syscall.Errno{
		syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EHOSTDOWN,
		syscall.ETIMEDOUT, syscall.EACCES, syscall.EMFILE, syscall.EADDRNOTAVAIL, syscall.EADDRINUSE, syscall.ENOBUFS,
	} {
		if !names[needed] {
			t.Errorf("Winsock has no number for %v", needed)
		}
	}
	if got := fromWindows(9999); got != 9999 {
		t.Errorf("an unknown number became %d", got)
	}
}

// TestRefused asks the system itself.
func TestRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	conn, err := net.Dial("tcp", address)
	if err == nil {
		conn.Close()
		t.Fatal("a closed port took a connection")
	}
	if !Is(err, syscall.ECONNREFUSED) {
		t.Errorf("on %s a closed port is %v, number %d", runtime.GOOS, err, Of(err))
	}
}
