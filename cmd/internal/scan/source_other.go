//go:build !linux

package scan

import (
	"context"
	"errors"
	"net"
	"syscall"
)

// lateBind does nothing: see source_linux.go.
func lateBind(context.Context, string, string, syscall.RawConn) error { return nil }

// deviceDialer is of Linux.
func deviceDialer(string) (*net.Dialer, error) {
	return nil, errors.New("on this system, give an address of the interface")
}
