package capture

import (
	"errors"
	"io"
	"time"
	"unsafe"

	"certsweep/dialer/hello"
)

// handshake is what was read of one.
type handshake struct {
	readers  [2]hello.Reader // by side
	observer hello.Observer
	began    time.Time // the ClientHello's packet, or the first if there is none
	last     time.Time // the packet that brought the end
	file     int       // of the ClientHello's packet
	name     string
	packet   int64
	unwraps  *[2]unwrap // if it is in packets of TDS

	errs       [2]error // what ended a side
	changed    [2]bool  // the side changed the cipher spec, below TLS 1.3
	decrypting [2]bool
	retried    bool // the client's second hello is waited for
	helloDone  bool // ServerHelloDone was seen
	skipped    bool // certificates were passed over without one
	encrypted  bool // there is no key
}

const (
	handshakeCost = int(unsafe.Sizeof(handshake{})) + 256 // a size class, and what it points to
	// maxWaiting is how much of one side is kept while the other side's hello,
	// or a key, may still come.
	maxWaiting = 64 << 10
)

func (h *handshake) held() int {
	return handshakeCost + h.readers[0].Held() + h.readers[1].Held() + h.observer.Held()
}

// tls13 is the number of the version, RFC 8446 §4.2.1.
const tls13 = 0x0304

// begin starts to read a side as a handshake. s is the segment that the bytes came
// with, if it is at hand.
func (r *Reader) begin(f *flow, from uint8, s *segment, p []byte, at found) {
	side, other := &f.sides[from], &f.sides[1-from]
	fresh := f.handshake == nil
	if fresh {
		f.handshake = &handshake{began: r.now, file: r.line, name: r.name, packet: r.number}
		f.handshake.observer.Proves = func(leaf []byte) bool { return r.hasProved(f, leaf) }
		f.handshake.readers[0].Changes, f.handshake.readers[1].Changes = true, true
		f.state = reading
		f.client = from
		if at.what == serverHello {
			f.client = 1 - from
		}
	}
	h := f.handshake
	if at.what == clientHello && from == f.client {
		h.began, h.file, h.name, h.packet = r.now, r.line, r.name, r.number
	}
	if at.tds && h.unwraps == nil {
		h.unwraps = new([2]unwrap)
		f.preamble = preambleTDS
	}
	if !at.tds && at.offset > 0 {
		f.preamble, p = at.preamble, p[at.offset:]
	}
	side.reading, side.prefix = true, nil
	// A hello says which byte of the server's is the first after it.
	if fresh && at.what == clientHello && s != nil && s.hasAck {
		if !other.synced || int32(s.ack-other.next) > 0 {
			other.sync(s.ack)
		}
		other.reading = !at.tds && int32(s.ack-other.next) == 0 && f.preamble != preamblePostgres
	}
	r.feed(f, from, p)
	if f.state != done && fresh && other.synced {
		r.drain(f, 1-from)
	}
}

// feed takes the next bytes of a side to its reader.
func (r *Reader) feed(f *flow, from uint8, p []byte) {
	h := f.handshake
	for len(p) > 0 {
		part := p
		if h.unwraps != nil {
			part, p = h.unwraps[from].next(p)
		} else {
			p = nil
		}
		if len(part) == 0 || h.errs[from] != nil || h.changed[from] {
			continue
		}
		if err := h.readers[from].Feed(part); err != nil {
			h.errs[from] = err
		}
	}
	if r.advance(f, false) {
		h.last = r.now
		r.table.conclude(f, endHandshake)
	}
}

// advance reads what there is, and reports whether the handshake is over. final says
// that nothing more will come.
func (r *Reader) advance(f *flow, final bool) bool {
	h := f.handshake
	o, client, server := &h.observer, f.client, 1-f.client
	for {
		before := [...]bool{o.HelloSeen, o.ServerHelloSeen, h.retried}
		if (!o.HelloSeen || h.retried) && h.errs[client] == nil {
			h.readHello(client)
		}
		wait := !final && h.errs[client] == nil && h.readers[server].Held() < maxWaiting
		if (o.HelloSeen || !wait) && (!h.retried || !wait) && r.readServer(f, server, final) {
			return true
		}
		if o.ServerHelloSeen && h.readClient(client) {
			return true
		}
		if o.Finished && (o.ClientFinished || !h.decrypting[client] || h.errs[client] != nil) {
			return true
		}
		// A side may have waited for the other.
		if before == [...]bool{o.HelloSeen, o.ServerHelloSeen, h.retried} {
			return final
		}
	}
}

// readHello reads the client's hello, the first or the second.
func (h *handshake) readHello(client uint8) {
	m, err := h.readers[client].Next()
	for err == hello.ErrChangeCipherSpec {
		m, err = h.readers[client].Next()
	}
	switch {
	case err == hello.ErrMore:
		return
	case err == nil && m.Type != hello.TypeClientHello:
		err = &hello.ProtocolError{Reason: "the client does not begin with a ClientHello"}
	case err == nil:
		err = h.observer.AddClient(m)
		h.retried = false
	}
	h.errs[client] = err
}

// readServer reads the server's flight, and reports whether that ended the
// handshake.
func (r *Reader) readServer(f *flow, server uint8, final bool) bool {
	h := f.handshake
	o := &h.observer
	if h.errs[server] != nil && !errors.Is(h.errs[server], hello.ErrTooLarge) {
		return true
	}
	for !o.Finished && !(h.retried && !final) {
		if o.ServerHelloSeen && o.Version == tls13 && !h.decrypting[server] {
			if o.Resumed {
				return true
			}
			if !r.unlock(h, f) {
				h.encrypted = true
				return final || !r.keysMayCome() || h.readers[server].Held() > maxWaiting
			}
			h.encrypted = false
		}
		m, err := h.readers[server].Next()
		switch {
		case err == hello.ErrMore:
			return h.errs[server] != nil // more was not taken
		case err == hello.ErrChangeCipherSpec:
			if o.ServerHelloSeen && o.Version < tls13 {
				h.changed[server] = true
				return true
			}
			continue
		case err == nil:
			err = h.addServer(m)
		}
		if err != nil {
			h.errs[server] = err
			return true
		}
	}
	return false
}

func (h *handshake) addServer(m hello.Message) error {
	o := &h.observer
	if !o.ServerHelloSeen && m.Type != hello.TypeServerHello {
		return &hello.ProtocolError{Reason: "the server does not begin with a ServerHello"}
	}
	switch m.Type {
	case hello.TypeServerHelloDone:
		h.helloDone = true
	case hello.TypeServerKeyExchange:
		h.skipped = len(o.Certificates) == 0
	}
	err := o.AddServer(m)
	if m.Type == hello.TypeServerHello {
		h.retried = err == nil && !o.ServerHelloSeen
	}
	return err
}

// unlock has the readers decrypt, if the secrets are known.
func (r *Reader) unlock(h *handshake, f *flow) bool {
	o := &h.observer
	if !o.HelloSeen || r.Keys == nil {
		return false
	}
	s := r.Keys.secrets[o.Hello.Random]
	if s == nil || s.serverLen == 0 {
		return false
	}
	server, client := 1-f.client, f.client
	if err := h.readers[server].Decrypt(o.CipherSuite, s.server[:s.serverLen]); err != nil {
		return false
	}
	h.decrypting[server] = true
	if s.clientLen > 0 && h.readers[client].Decrypt(o.CipherSuite, s.client[:s.clientLen]) == nil {
		h.decrypting[client] = true
	}
	return true
}

// keysMayCome reports whether a key that is missing may be in what follows.
func (r *Reader) keysMayCome() bool { return r.Keys != nil && len(r.Keys.embedded) > 0 }

// readClient reads what the client answers, and reports whether that ended the
// handshake.
func (h *handshake) readClient(client uint8) bool {
	o := &h.observer
	if h.errs[client] != nil || h.changed[client] || !o.HelloSeen || o.Version == tls13 && !h.decrypting[client] {
		return false
	}
	for !o.ClientFinished {
		m, err := h.readers[client].Next()
		switch {
		case err == hello.ErrMore:
			return false
		case err == hello.ErrChangeCipherSpec:
			if o.Version < tls13 {
				h.changed[client] = true
				return false
			}
			continue
		case err == nil:
			err = o.AddClient(m)
		}
		if err != nil {
			h.errs[client] = err
			_, alert := errors.AsType[hello.AlertError](err)
			return alert || errors.Is(err, io.EOF)
		}
	}
	return false
}
