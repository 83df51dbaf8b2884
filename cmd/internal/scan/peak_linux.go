package scan

import (
	"fmt"
	"os"
	"strings"
)

// PeakRSS returns the maximum resident memory that this process had, in bytes, or 0
// if the system does not say. getrusage would count what the parent had before it
// became this process.
func PeakRSS() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	return 0
}
