// Package dialer opens TLS connections, directly or after STARTTLS, and says
// what the server showed of itself before it closes them.
//
// Most callers want [Dialer.Probe]: it resolves, connects, makes the handshake,
// drains the connection and closes it, all within the deadline of its context
// and the drain's own, and returns a [Handshake] that also holds what was
// learnt when something went wrong. No socket leaves the package.
package dialer
