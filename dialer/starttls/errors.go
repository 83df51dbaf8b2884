package starttls

import "fmt"

// Kind is why a server did not come to TLS, from a closed set. What keeps a
// connection from being read or written is no Kind: it is the error of the
// connection.
type Kind string

// The kinds.
const (
	// Refused: the server has no TLS for us, in its own words.
	Refused Kind = "refused"
	// Unexpected: the server speaks another protocol.
	Unexpected Kind = "unexpected"
	// TooLarge: the server says more than real ones do, or announces it.
	TooLarge Kind = "too_large"
	// Injection: more than the go-ahead came before the handshake.
	Injection Kind = "injection"
	// Unknown: [Upgrade] does not speak the protocol that it was asked for.
	Unknown Kind = "unknown"
)

// Error is the failure of a preamble by what the server said.
type Error struct {
	// Protocol is the one that was spoken; empty if Kind is Unknown.
	Protocol string
	Kind     Kind
	// Err quotes the server, in at most 200 bytes of its words.
	Err error
}

func (e *Error) Error() string {
	if e.Protocol == "" {
		return e.Err.Error()
	}
	return fmt.Sprintf("%s before TLS: %v", e.Protocol, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

func failed(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Err: fmt.Errorf(format, args...)}
}

// refused is the failure of a server that has no TLS for us, in its own words.
func refused(said string) *Error {
	return failed(Refused, "the server said %q", words(said))
}

// unexpected is the failure of a server that speaks another protocol.
func unexpected(want, said string) *Error {
	return failed(Unexpected, "%s expected, the server said %q", want, words(said))
}

func tooLarge() *Error {
	return failed(TooLarge, "the server says more than %d bytes", maxPreamble)
}

// cutOff adds to a read's error what had come of the server's answer.
func cutOff(said string, err error) error {
	if said == "" {
		return err
	}
	return fmt.Errorf("after %q: %w", words(said), err)
}

func words(said string) string { return said[:min(len(said), maxWords)] }
