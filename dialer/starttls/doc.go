// Package starttls speaks what application protocols say in the clear before
// they change to TLS on the same connection: SMTP and its like, LDAP, XMPP,
// databases, RDP and TDS.
//
// [Upgrade] is all that a caller needs, and [HandshakeDone] after the
// handshake. A protocol is one function in a file of its kind (text.go for
// lines, binary.go for lengths) and its line in preambles.
package starttls
