package hello

import (
	"errors"
	"fmt"
)

var (
	// ErrTooLarge is returned when the peer reached one of the caps: bytes,
	// length of a message, number of certificates, useless records in a row.
	ErrTooLarge = errors.New("the peer sends more than is read of one connection")

	// ErrNoCertificate is returned when the peer went on with the handshake
	// without showing a certificate, or showed an empty list.
	ErrNoCertificate = errors.New("the peer shows no certificate")

	// ErrChangeCipherSpec says that a side changes to what was negotiated, RFC
	// 5246 §7.1. See [Reader.Changes].
	ErrChangeCipherSpec = errors.New("hello: the side changes the cipher spec")

	// ErrDecrypt is the *[ProtocolError] of a record that the key is wrong for.
	ErrDecrypt error = &ProtocolError{Reason: "a record that does not decrypt"}
)

// AlertError is the alert with which the peer ended the handshake (RFC 8446
// §6).
type AlertError uint8

func (e AlertError) Error() string { return fmt.Sprintf("the peer sent alert %d", uint8(e)) }

// NotTLSError says that what answered does not speak TLS.
type NotTLSError struct {
	// First holds what was read of its first bytes, at most 64. An SSL 2.0
	// server is among them: its ServerHello has another form.
	First []byte
}

func (e *NotTLSError) Error() string { return fmt.Sprintf("the peer began with %q", e.First) }

// RecordError is the header of a record, after the first, that cannot be one.
type RecordError struct {
	Header [5]byte
}

func (e *RecordError) Error() string {
	return fmt.Sprintf("%x is not the header of a record", e.Header)
}

// ProtocolError says how the peer broke the protocol.
type ProtocolError struct {
	Reason string
}

func (e *ProtocolError) Error() string { return e.Reason }

func protocolError(format string, args ...any) error {
	return &ProtocolError{Reason: fmt.Sprintf(format, args...)}
}
