// Package errno finds the error numbers of system calls, by their POSIX names on
// every system. Windows' sockets have numbers of their own, with which package
// syscall's constants never agree there.
package errno

import (
	"errors"
	"syscall"
)

// Of returns the error number in err's tree, and 0 if there is none. On Windows a
// number that has a POSIX name is returned as package syscall's constant of that
// name.
func Of(err error) syscall.Errno {
	number, ok := errors.AsType[syscall.Errno](err)
	if !ok {
		return 0
	}
	return posix(number)
}

// Is reports whether err is one of the numbers, which are package syscall's
// constants with POSIX names.
func Is(err error, numbers ...syscall.Errno) bool {
	found := Of(err)
	for _, number := range numbers {
		if found == number && found != 0 {
			return true
		}
	}
	return false
}
