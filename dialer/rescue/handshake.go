package rescue

import (
	"fmt"
	"io"
)

// Handshake types, RFC 8446 §4 and, for those it dropped, RFC 5246 §7.4.
const (
	typeHelloRequest        = 0
	typeClientHello         = 1
	typeServerHello         = 2
	typeEncryptedExtensions = 8
	typeCertificate         = 11
	typeServerKeyExchange   = 12
	typeCertificateRequest  = 13
	typeServerHelloDone     = 14
	typeCertificateVerify   = 15
	typeFinished            = 20
	typeCertificateStatus   = 22
)

// Alert levels and descriptions that are not simply passed on, RFC 8446 §6.
const (
	alertLevelWarning = 1
	alertCloseNotify  = 0
	alertUserCanceled = 90
)

const handshakeHeaderSize = 4

// handshakeReader puts handshake messages together from records, which may
// hold a part of one or several. Like recordReader, it goes over every byte
// once.
type handshakeReader struct {
	records recordReader
	buf     []byte
	start   int // what is not yet returned is buf[start:]
	useless int // records and messages in a row without progress
}

// next returns the next message with its header; the bytes are good until the
// following call.
func (h *handshakeReader) next() ([]byte, error) {
	for {
		message, err := h.take()
		if message != nil || err != nil {
			return message, err
		}
		contentType, payload, err := h.records.next()
		if err != nil {
			return nil, err
		}
		switch contentType {
		case recordHandshake:
			err = h.add(payload)
		case recordAlert:
			err = h.alert(payload)
		case recordChangeCipherSpec:
			err = h.countUseless()
		default:
			err = protocolError("a record of type %d in the handshake", contentType)
		}
		if err != nil {
			return nil, err
		}
	}
}

// take returns the message at the front, or nil if it is not complete.
func (h *handshakeReader) take() ([]byte, error) {
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
		if front[0] != typeHelloRequest {
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
func (h *handshakeReader) add(payload []byte) error {
	if len(payload) == 0 {
		return h.countUseless()
	}
	if h.start >= len(h.buf)-h.start {
		h.buf = h.buf[:copy(h.buf, h.buf[h.start:])]
		h.start = 0
	}
	h.buf = append(h.buf, payload...)
	if h.buf[h.start] != typeHelloRequest {
		h.useless = 0
	}
	return nil
}

// pending reports whether a message was begun and not returned.
func (h *handshakeReader) pending() bool { return len(h.buf) > h.start }

// alert takes a warning for useless and returns any other alert as an error.
// Under TLS 1.3 the level means nothing (RFC 8446 §6), and user_canceled is
// followed by close_notify if it was meant.
func (h *handshakeReader) alert(payload []byte) error {
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

func (h *handshakeReader) countUseless() error {
	if h.useless++; h.useless > maxUselessRecords {
		return fmt.Errorf("%w: %d useless records in a row", ErrTooLarge, h.useless)
	}
	return nil
}
