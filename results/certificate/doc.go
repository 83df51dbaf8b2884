// Package certificate reads one X.509 certificate (RFC 5280) leniently: what
// crypto/x509 refuses, it walks through as far as it can and says why it was
// refused. [Read] is the whole of it.
package certificate
