package scan

import (
	"context"
	"net"
	"syscall"
)

// ipBindAddressNoPort is IP_BIND_ADDRESS_NO_PORT of ip(7), for both families.
const ipBindAddressNoPort = 24

// lateBind has the port chosen with the connect, where the pair of addresses must
// be free, and not with the bind, where the port alone must be: that is slow, and
// ends with the some 28,000 ports there are.
func lateBind(_ context.Context, _, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) {
		// A kernel that does not know it does without.
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, ipBindAddressNoPort, 1)
	})
}

// deviceDialer connects through a network interface, whose address the kernel
// chooses.
func deviceDialer(name string) (*net.Dialer, error) {
	bind := func(_ context.Context, _, _ string, c syscall.RawConn) error {
		var err error
		if controlErr := c.Control(func(fd uintptr) { err = syscall.BindToDevice(int(fd), name) }); controlErr != nil {
			return controlErr
		}
		return err
	}
	// Whether it may be done is known before the first target.
	probe, err := (&net.ListenConfig{Control: func(network, address string, c syscall.RawConn) error {
		return bind(context.Background(), network, address, c)
	}}).Listen(context.Background(), "tcp", ":0")
	if err != nil {
		return nil, err
	}
	probe.Close()
	return &net.Dialer{KeepAlive: -1, ControlContext: bind}, nil
}
