package errno

import "syscall"

// windowsNumbers has what connecting, reading and writing end with on Windows: the
// numbers of Winsock ("Windows Sockets Error Codes"), and those of Win32 ("System
// Error Codes") that an overlapped operation ends with. It is no file of Windows
// alone so that it is tested everywhere.
var windowsNumbers = map[syscall.Errno]syscall.Errno{
	10004: syscall.EINTR,         // WSAEINTR
	10013: syscall.EACCES,        // WSAEACCES, a firewall's refusal
	10022: syscall.EINVAL,        // WSAEINVAL
	10024: syscall.EMFILE,        // WSAEMFILE
	10035: syscall.EWOULDBLOCK,   // WSAEWOULDBLOCK
	10048: syscall.EADDRINUSE,    // WSAEADDRINUSE, no port is left
	10049: syscall.EADDRNOTAVAIL, // WSAEADDRNOTAVAIL
	10050: syscall.ENETDOWN,      // WSAENETDOWN
	10051: syscall.ENETUNREACH,   // WSAENETUNREACH
	10052: syscall.ENETRESET,     // WSAENETRESET
	10053: syscall.ECONNABORTED,  // WSAECONNABORTED
	10054: syscall.ECONNRESET,    // WSAECONNRESET
	10055: syscall.ENOBUFS,       // WSAENOBUFS
	10058: syscall.EPIPE,         // WSAESHUTDOWN
	10060: syscall.ETIMEDOUT,     // WSAETIMEDOUT
	10061: syscall.ECONNREFUSED,  // WSAECONNREFUSED
	10064: syscall.EHOSTDOWN,     // WSAEHOSTDOWN
	10065: syscall.EHOSTUNREACH,  // WSAEHOSTUNREACH

	4:    syscall.EMFILE,       // ERROR_TOO_MANY_OPEN_FILES
	5:    syscall.EACCES,       // ERROR_ACCESS_DENIED
	8:    syscall.ENOMEM,       // ERROR_NOT_ENOUGH_MEMORY
	14:   syscall.ENOMEM,       // ERROR_OUTOFMEMORY
	64:   syscall.ECONNRESET,   // ERROR_NETNAME_DELETED
	109:  syscall.EPIPE,        // ERROR_BROKEN_PIPE
	121:  syscall.ETIMEDOUT,    // ERROR_SEM_TIMEOUT, a connect without an answer
	232:  syscall.EPIPE,        // ERROR_NO_DATA
	1225: syscall.ECONNREFUSED, // ERROR_CONNECTION_REFUSED
	1231: syscall.ENETUNREACH,  // ERROR_NETWORK_UNREACHABLE
	1232: syscall.EHOSTUNREACH, // ERROR_HOST_UNREACHABLE
	1236: syscall.ECONNABORTED, // ERROR_CONNECTION_ABORTED
	1450: syscall.ENOBUFS,      // ERROR_NO_SYSTEM_RESOURCES
	1455: syscall.ENOMEM,       // ERROR_COMMITMENT_LIMIT
}

// fromWindows returns a number's POSIX name, or the number itself if it has none.
func fromWindows(number syscall.Errno) syscall.Errno {
	if named, ok := windowsNumbers[number]; ok {
		return named
	}
	return number
}
