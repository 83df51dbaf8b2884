// Package capture reads TLS handshakes out of packet captures, and makes the same
// records of them that a scan makes.
//
// Most callers want a [Reader]: its Read for each file of a capture, in order, and
// its End. It starts no goroutine and reads no clock: time is that of the packets.
// Packets are read and decoded with gopacket; the table of flows is this package's
// own, since it has to keep two promises: what one connection makes it hold is
// bounded, and so is what all of them do together.
package capture
