package scan

import "syscall"

// machineMemory returns the memory that this machine has, in bytes, or 0 if the
// system does not say.
func machineMemory() int64 {
	var info syscall.Sysinfo_t
	if err := syscall.Sysinfo(&info); err != nil {
		return 0
	}
	return int64(uint64(info.Totalram) * uint64(info.Unit))
}
