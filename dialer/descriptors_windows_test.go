package dialer

import (
	"syscall"
	"testing"
)

func withoutDescriptors(t *testing.T, _ func()) {
	t.Helper()
	t.Skip("Windows limits no handles")
}

// queueNone has a listener's queue take no more than the system's minimum.
func queueNone(fd uintptr) error { return syscall.Listen(syscall.Handle(fd), 0) }
