package capture

import (
	"io"
	"time"

	"certsweep/results"
	"certsweep/scanner"
)

// Defaults of a Reader.
const (
	DefaultMaxPerConnection = 256 << 10
	DefaultMaxTotal         = 128 << 20
	DefaultIdle             = 2 * time.Minute
)

// MinPerConnection and MinTotal are the least caps with which handshakes can be
// read: of one, and of a few.
const (
	MinPerConnection = 16 << 10
	MinTotal         = 1 << 20
)

// Reader makes a record of every TLS handshake in a capture. The zero value is
// ready for use; fields must not be changed once it was used. A Reader is not safe
// for concurrent use.
type Reader struct {
	// Recorder makes the records. Its Now is set by the Reader.
	Recorder scanner.Recorder
	// Keys has secrets of TLS 1.3. The capture's own are added to it. Nil has none
	// but those.
	Keys *KeyLog
	// Clients adds the client's certificate.
	Clients bool
	// Fingerprint adds JA3 and JA3S.
	Fingerprint bool
	// Unique has one record, made at the end, for all connections with the same
	// server, port, name, leaf and outcome.
	Unique bool
	// MaxPerConnection and MaxTotal bound what is held of one connection, and of all
	// together, in bytes of memory; 0 means the defaults.
	MaxPerConnection, MaxTotal int64
	// Idle is how long, in the packets' time, a connection may be without a packet;
	// 0 means DefaultIdle.
	Idle time.Duration

	// Counts is what was seen so far.
	Counts results.CaptureCounts

	table   table
	decoder decoder
	proofs  map[proof]struct{}
	emit    func(*results.Record) error
	err     error // of emit
	unique  *unique

	// Of the packet at hand:
	line   int
	name   string
	number int64
	now    time.Time
}

func (r *Reader) init() {
	if r.table.flows != nil {
		return
	}
	if r.Keys == nil {
		r.Keys = new(KeyLog)
	}
	r.table = table{
		flows: make(map[key]*flow), maxFlow: r.MaxPerConnection, maxTotal: r.MaxTotal, idle: int64(r.Idle),
		counts: &r.Counts, finish: r.finish,
	}
	if r.table.maxFlow == 0 {
		r.table.maxFlow = DefaultMaxPerConnection
	}
	if r.table.maxTotal == 0 {
		r.table.maxTotal = DefaultMaxTotal
	}
	if r.table.idle == 0 {
		r.table.idle = int64(DefaultIdle)
	}
	r.Keys.maxEmbedded = int(r.table.maxTotal/4) / secretCost
	r.Recorder.Now = func() time.Time { return r.now }
	if r.Unique {
		r.unique = &unique{max: r.table.maxTotal / 2, counts: &r.Counts}
	}
}

// Read reads a capture file, the line-th of those that make up a capture, and calls
// emit with a record of each handshake as it comes to its end. Connections may go
// on in the next file. It blocks for as long as in does.
//
// The error is that of emit, or wraps [ErrNoCapture], or [ErrCut] if the rest of the
// file cannot be read; what came before has been taken.
func (r *Reader) Read(line int, name string, in io.Reader, emit func(*results.Record) error) error {
	r.init()
	r.line, r.name, r.number, r.emit = line, name, 0, emit
	from, closed, err := open(in, r.Keys)
	defer closed()
	if err != nil {
		return err
	}
	var p packet
	for {
		if err := from.next(&p); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		r.packet(&p)
		if r.err != nil {
			return r.err
		}
	}
}

// End ends a capture: the connections that are open have their records now. The
// error is that of emit.
func (r *Reader) End(emit func(*results.Record) error) error {
	r.init()
	r.emit = emit
	r.table.endAll()
	if r.unique != nil && r.err == nil {
		r.err = r.unique.flush(emit)
	}
	r.Counts.SecretsDropped = int64(r.Keys.dropped)
	return r.err
}

// packet takes a packet to where it belongs.
func (r *Reader) packet(p *packet) {
	r.number++
	r.now = p.time
	c := &r.Counts
	c.Packets++
	c.Bytes += int64(len(p.data))
	if len(p.data) < p.length {
		c.CutPackets++
	}
	r.table.tick(p.time.UnixNano())
	var s segment
	switch r.decoder.decode(p, r.table.clock, &s) {
	case kindTCP:
		c.TCP++
		r.segment(&s)
	case kindQUIC:
		c.QUIC++
	case kindDTLS:
		c.DTLS++
	case kindFragment:
		c.Fragments++
	case kindMalformed:
		c.Malformed++
	case kindUnknownLink:
		c.UnknownLink++
	default:
		c.Other++
	}
}
