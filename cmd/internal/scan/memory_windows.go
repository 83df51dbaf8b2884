package scan

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

var (
	kernel32             = windows.NewLazySystemDLL("kernel32.dll")
	getProcessMemoryInfo = kernel32.NewProc("K32GetProcessMemoryInfo")
	globalMemoryStatusEx = kernel32.NewProc("GlobalMemoryStatusEx")
)

// processMemoryCounters is PROCESS_MEMORY_COUNTERS.
type processMemoryCounters struct {
	size              uint32
	pageFaults        uint32
	peakWorkingSet    uintptr
	workingSet        uintptr
	peakPagedPool     uintptr
	pagedPool         uintptr
	peakNonPagedPool  uintptr
	nonPagedPool      uintptr
	pagefileUsage     uintptr
	peakPagefileUsage uintptr
}

// PeakRSS returns the maximum resident memory that this process had, in bytes, or 0
// if the system does not say.
func PeakRSS() int64 {
	var counters processMemoryCounters
	counters.size = uint32(unsafe.Sizeof(counters))
	if getProcessMemoryInfo.Find() != nil {
		return 0
	}
	if ok, _, _ := getProcessMemoryInfo.Call(uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&counters)), uintptr(counters.size)); ok == 0 {
		return 0
	}
	return int64(counters.peakWorkingSet)
}

// memoryStatus is MEMORYSTATUSEX.
type memoryStatus struct {
	length            uint32
	load              uint32
	totalPhysical     uint64
	availablePhysical uint64
	totalPageFile     uint64
	availablePageFile uint64
	totalVirtual      uint64
	availableVirtual  uint64
	extendedVirtual   uint64
}

// machineMemory returns the memory that this machine has, in bytes, or 0 if the
// system does not say.
func machineMemory() int64 {
	var status memoryStatus
	status.length = uint32(unsafe.Sizeof(status))
	if globalMemoryStatusEx.Find() != nil {
		return 0
	}
	if ok, _, _ := globalMemoryStatusEx.Call(uintptr(unsafe.Pointer(&status))); ok == 0 {
		return 0
	}
	return int64(status.totalPhysical)
}
