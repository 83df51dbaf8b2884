// Package dialer opens TLS connections, directly or after STARTTLS, and says
// what the server showed of itself before it closes them.
package dialer
