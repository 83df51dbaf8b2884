//go:build unix

package scan

import "syscall"

// descriptorLimit returns how many files this process may open; ok is false if
// nothing limits them. The Go runtime has raised the soft limit to the hard one at
// this point.
func descriptorLimit() (limit uint64, ok bool) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil || l.Cur > 1<<62 {
		return 0, false
	}
	return uint64(l.Cur), true // an int64 on FreeBSD
}
