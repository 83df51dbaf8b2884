package dialer

import (
	"net"
	"time"
)

// blockingWire is the connection of a Glance that may block in all that it does.
type blockingWire struct {
	conn net.Conn
	made time.Time
	buf  []byte // what wait read
	rest []byte
	err  error
}

func (w *blockingWire) wait() {
	if len(w.rest) > 0 || w.err != nil {
		return
	}
	if w.buf == nil {
		w.buf = make([]byte, drainBuffer)
	}
	var n int
	n, w.err = w.conn.Read(w.buf)
	w.rest = w.buf[:n]
}

func (w *blockingWire) connected() (time.Time, error) { return w.made, nil }

func (w *blockingWire) waited() error { return nil }

func (w *blockingWire) take(room []byte) (int, error) {
	if len(w.rest) == 0 {
		if w.err != nil {
			return 0, w.err
		}
		return 0, errNothing
	}
	n := copy(room, w.rest)
	w.rest = w.rest[n:]
	return n, nil
}

func (w *blockingWire) say(record []byte) { w.conn.Write(record) }

// SetReadDeadline sets it of reads and writes, which both may block.
func (w *blockingWire) SetReadDeadline(t time.Time) error { return w.conn.SetDeadline(t) }

func (w *blockingWire) end(peace bool) {
	raw := rawConn(w.conn)
	if peace {
		setLinger(raw, -1)
	}
	raw.Close()
}
