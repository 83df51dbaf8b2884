package queue

import (
	"bytes"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"certsweep/results"
	"certsweep/scanner"
)

const (
	// maxOpen is how many batches a worker has in work at a time: one that has a
	// silent target is open for as long as that is waited for, while others come
	// and go.
	maxOpen = 256
	// slotBits is how many bits of a Line count the targets of a batch, see
	// session.targets.
	slotBits = 20
	// maxPlain is how much of a batch's records waits before it is compressed; if
	// memory is short, that is leastPlain. Less of them at a time compress worse.
	maxPlain   = 4 << 20
	leastPlain = 256 << 10
)

// item is a batch that a worker has. msg, begun and given belong to its session's
// mutex; records and what they are in to whoever has the item: the goroutine that
// emits, then the one that publishes.
type item struct {
	path  string
	slot  int
	tries int // with this one
	// delivery is how often the server has given it to somebody.
	delivery int
	targets  []scanner.Target
	began    time.Time
	msg      jetstream.Msg
	given    bool // it was given back, and is nobody's here
	// left counts the targets that have not had their last record.
	left atomic.Int64

	records int
	plain   bytes.Buffer
	encoder *results.Encoder
	packed  []byte
	held    *atomic.Int64 // bytes of all items' records
	size    int64         // of this one's
}

func newItem(b *batch, targets []scanner.Target, msg jetstream.Msg, tries int, held *atomic.Int64) *item {
	it := &item{path: b.path, tries: tries, targets: targets, began: time.Now(), msg: msg, held: held}
	it.left.Store(int64(len(targets)))
	it.encoder = results.NewEncoder(&it.plain)
	return it
}

// add keeps a record. budget is what all items together should hold.
func (it *item) add(r *results.Record, budget int64) error {
	if err := it.encoder.Encode(r); err != nil {
		return err
	}
	it.records++
	most := maxPlain
	if it.held.Load() > budget/2 {
		most = leastPlain
	}
	if it.plain.Len() > most {
		it.pack()
	}
	it.account()
	return nil
}

// pack compresses what waits.
func (it *item) pack() {
	if it.plain.Len() == 0 {
		return
	}
	it.packed = compress(it.packed, it.plain.Bytes())
	it.plain = bytes.Buffer{}
}

// account brings the bytes of all items up to date.
func (it *item) account() {
	size := int64(it.plain.Cap() + cap(it.packed))
	it.held.Add(size - it.size)
	it.size = size
}

// finish returns all records, compressed.
func (it *item) finish() ([]byte, error) {
	if err := it.encoder.Flush(); err != nil {
		return nil, err
	}
	it.pack()
	it.account()
	return it.packed, nil
}

// release forgets the records.
func (it *item) release() {
	it.held.Add(-it.size)
	it.size, it.plain, it.packed = 0, bytes.Buffer{}, nil
}
