//go:build unix && !linux

package scan

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// machineMemory returns the memory that this machine has, in bytes, or 0 if the
// system does not say.
func machineMemory() int64 {
	name := "hw.physmem"
	switch runtime.GOOS {
	case "darwin", "ios":
		name = "hw.memsize"
	case "openbsd", "netbsd":
		name = "hw.physmem64"
	}
	if n, err := unix.SysctlUint64(name); err == nil {
		return int64(n)
	}
	// 32 bits wide on a machine of 32 bits.
	n, _ := unix.SysctlUint32(name)
	return int64(n)
}
