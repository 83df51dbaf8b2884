package hello

import (
	"fmt"
	"io"
)

// Handshake types, RFC 8446 §4 and, for those it dropped, RFC 5246 §7.4.
const (
	TypeHelloRequest        = 0
	TypeClientHello         = 1
	TypeServerHello         = 2
	TypeEncryptedExtensions = 8
	TypeCertificate         = 11
	TypeServerKeyExchange   = 12
	TypeCertificateRequest  = 13
	TypeServerHelloDone     = 14
	TypeCertificateVerify   = 15
	TypeFinished            = 20
	TypeCertificateStatus   = 22

	// TypeCompressedCertificate is of RFC 8879 §4.
	TypeCompressedCertificate = 25
)

// Alert levels and descriptions that are not simply passed on, RFC 8446 §6.
const (
	alertLevelWarning = 1
	alertCloseNotify  = 0
	alertUserCanceled = 90
)

const handshakeHeaderSize = 4

// Message is a handshake message (RFC 8446 §4). Its bytes are good until the
// Reader is used again.
type Message struct {
	Type uint8
	// Raw has the header too, as it goes into a transcript.
	Raw []byte
}

// Body is the message without its header.
func (m Message) Body() []byte { return m.Raw[handshakeHeaderSize:] }

// Reader puts the handshake messages of one side together from its bytes,
// which may be cut anywhere: feed it, and take messages until it wants more. It
// needs no connection, keeps to 2 MiB of input and 16 useless records in a row,
// and goes over every byte once. The zero value is ready for the beginning of a
// stream. A Reader is not safe for concurrent use.
type Reader struct {
	// Changes has Next return [ErrChangeCipherSpec] for each change_cipher_spec
	// record, which is passed over otherwise: what follows one below TLS 1.3 is
	// encrypted and cannot be told from messages. Reading may go on after it.
	Changes bool

	records records
	buf     []byte
	start   int // what is not yet returned is buf[start:]
	useless int // records and messages in a row without progress
}

// Feed takes a copy of what the side sent next. The error wraps [ErrTooLarge];
// Next then still returns what was there before the cap.
func (h *Reader) Feed(p []byte) error { return h.records.feed(p) }

// Held returns the size of its buffers in bytes, for those who have many
// readers and a cap for all. It changes with Feed and Next only.
func (h *Reader) Held() int { return cap(h.records.buf) + cap(h.buf) }

// Decrypt has what follows decrypted with a handshake traffic secret of TLS 1.3
// (RFC 8446 §7.1), that of the key schedule or a key log's. It fails for a suite
// that is none of TLS 1.3 or cannot be computed, and inside a message: these do
// not span a change of keys (§5.1).
func (h *Reader) Decrypt(cipherSuite uint16, secret []byte) error {
	suite, ok := suites13[cipherSuite]
	if !ok {
		return protocolError("%s is no suite of TLS 1.3 that can be read", SuiteName(cipherSuite))
	}
	if h.pending() {
		return protocolError("a message in clear after ServerHello")
	}
	opener, err := suite.newRecordOpener(secret)
	if err == nil {
		h.records.opener = opener
	}
	return err
}

// Next returns the next message, or ErrMore. Other errors are of type
// [AlertError], [*NotTLSError], [*RecordError] or [*ProtocolError], among them
// [ErrDecrypt], wrap [ErrTooLarge], or io.EOF for a close_notify; nothing comes
// after one.
func (h *Reader) Next() (Message, error) {
	for {
		message, err := h.take()
		if message != nil || err != nil {
			return asMessage(message), err
		}
		contentType, payload, err := h.records.next()
		if err != nil {
			return Message{}, err
		}
		switch contentType {
		case recordHandshake:
			err = h.add(payload)
		case recordAlert:
			err = h.alert(payload)
		case recordChangeCipherSpec:
			if err = h.countUseless(); err == nil && h.Changes {
				err = ErrChangeCipherSpec
			}
		default:
			err = protocolError("a record of type %d in the handshake", contentType)
		}
		if err != nil {
			return Message{}, err
		}
	}
}

func asMessage(raw []byte) Message {
	if raw == nil {
		return Message{}
	}
	return Message{Type: raw[0], Raw: raw}
}

// take returns the message at the front, or nil if it is not complete.
func (h *Reader) take() ([]byte, error) {
	for len(h.buf)-h.start >= handshakeHeaderSize {
		front := h.buf[h.start:]
		length := int(front[1])<<16 | int(front[2])<<8 | int(front[3])
		if length > maxBytes {
			return nil, fmt.Errorf("%w: a message of %d bytes", ErrTooLarge, length)
		}
		if len(front) < handshakeHeaderSize+length {
			return nil, nil
		}
		h.start += handshakeHeaderSize + length
		// A server may send a HelloRequest at any time, RFC 5246 §7.4.1.1.
		if front[0] != TypeHelloRequest {
			return front[:handshakeHeaderSize+length], nil
		}
		if err := h.countUseless(); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// add appends a part of the handshake. What was returned before is dropped
// when it is half of the buffer, so that no byte moves twice for each time it
// was read.
func (h *Reader) add(payload []byte) error {
	if len(payload) == 0 {
		return h.countUseless()
	}
	if h.start >= len(h.buf)-h.start {
		h.buf = h.buf[:copy(h.buf, h.buf[h.start:])]
		h.start = 0
	}
	if n := len(h.buf) + len(payload); n > cap(h.buf) {
		// Twofold: append grows large slices by a quarter, and so would leave five
		// times the message as garbage.
		h.buf = append(make([]byte, 0, max(n, 2*cap(h.buf))), h.buf...)
	}
	h.buf = append(h.buf, payload...)
	if h.buf[h.start] != TypeHelloRequest {
		h.useless = 0
	}
	return nil
}

// pending reports whether a message was begun and not returned.
func (h *Reader) pending() bool { return len(h.buf) > h.start }

// alert takes a warning for useless and returns any other alert as an error.
// Under TLS 1.3 the level means nothing (RFC 8446 §6), and user_canceled is
// followed by close_notify if it was meant.
func (h *Reader) alert(payload []byte) error {
	if len(payload) != 2 {
		return protocolError("an alert of %d bytes", len(payload))
	}
	level, description := payload[0], payload[1]
	switch {
	case description == alertCloseNotify:
		return fmt.Errorf("the peer sent close_notify: %w", io.EOF)
	case description == alertUserCanceled, level == alertLevelWarning && h.records.opener == nil:
		return h.countUseless()
	}
	return AlertError(description)
}

func (h *Reader) countUseless() error {
	if h.useless++; h.useless > maxUselessRecords {
		return fmt.Errorf("%w: %d useless records in a row", ErrTooLarge, h.useless)
	}
	return nil
}
