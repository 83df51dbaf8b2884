//go:build unix && !linux

package scan

import (
	"runtime"
	"syscall"
)

// PeakRSS returns the maximum resident memory that this process had, in bytes, or 0
// if the system does not say.
func PeakRSS() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return int64(usage.Maxrss)
	}
	return int64(usage.Maxrss) << 10 // getrusage(2) of the BSDs: kilobytes
}
