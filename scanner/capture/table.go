package capture

import (
	"unsafe"

	"certsweep/results"
)

// flow is a TCP connection.
type flow struct {
	key          key
	newer, older *flow // in the order of their last packets
	last         int64 // when that was, by the clock of the table
	began        int64 // that it is closing, by the same
	cost         int32 // bytes that it is counted with
	outOfOrder   uint32
	searched     uint32 // bytes before a hello
	sides        [2]stream
	handshake    *handshake // nil before a hello, and when its record is made
	state        state
	client       uint8    // which side, if there was a hello
	preamble     preamble // what is spoken before TLS
	closing      bool
	reset        bool
	resetBy      uint8
}

type state uint8

const (
	searching state = iota // for a hello
	reading                // the handshake
	done                   // nothing more is wanted of it
)

// flowCost is what a flow takes: the struct, its place in the map and in what the
// map grows by. A test compares it with the heap.
const flowCost = int32(unsafe.Sizeof(flow{})) + 160

// How a flow's record came to be made, as capture.end says.
const (
	endHandshake = "handshake" // it was read to its end
	endFIN       = "fin"
	endReset     = "rst"
	endIdle      = "idle"
	endReused    = "reused"         // by another connection
	endFlowCap   = "connection_cap" // on what is held of one connection
	endTotalCap  = "total_cap"      // on what is held of all
	endCapture   = "capture"        // that ended
)

// table has the flows, and holds the caps.
type table struct {
	flows          map[key]*flow
	newest, oldest *flow
	closings       []closing
	total          int64
	maxFlow        int64
	maxTotal       int64
	idle           int64 // nanoseconds
	// clock is the time of the packets in nanoseconds. It never goes back, and
	// no packet moves it far: one with a wild time would end every flow.
	clock  int64
	counts *results.CaptureCounts
	// finish makes the record of a flow that has a handshake.
	finish func(f *flow, end string)
}

// closing is a flow that was closed before its handshake was read: packets that are
// late may still bring the rest.
type closing struct {
	key   key
	began int64
}

// closingTime is how long these are waited for, in nanoseconds of packet time.
const closingTime = 2e9

// tick moves the clock, and ends what was idle for too long.
func (t *table) tick(now int64) {
	if t.clock == 0 {
		t.clock = now
	}
	if now > t.clock {
		t.clock = min(now, t.clock+t.idle/4+1)
	}
	for t.oldest != nil && t.clock-t.oldest.last > t.idle {
		t.end(t.oldest, endIdle)
	}
	for len(t.closings) > 0 && t.clock-t.closings[0].began > closingTime {
		f := t.flows[t.closings[0].key]
		if f != nil && f.closing && f.began == t.closings[0].began {
			t.conclude(f, f.closedBy())
		}
		t.closings = t.closings[1:]
	}
}

func (f *flow) closedBy() string {
	if f.reset {
		return endReset
	}
	return endFIN
}

// close says that a side has ended the connection. Its record is made when what is
// missing had its time to come.
func (t *table) close(f *flow) {
	if f.closing || f.state == done {
		return
	}
	f.closing, f.began = true, t.clock
	if f.handshake == nil {
		return
	}
	t.closings = append(t.closings, closing{f.key, f.began})
}

// add begins a flow.
func (t *table) add(k key) *flow {
	f := &flow{key: k}
	t.flows[k] = f
	t.push(f)
	t.counts.Flows++
	t.account(f)
	return f
}

// restart begins a flow anew for another connection of the same endpoints.
func (t *table) restart(f *flow) {
	t.conclude(f, endReused)
	t.ended(f)
	*f = flow{key: f.key, newer: f.newer, older: f.older, last: f.last, cost: f.cost}
	t.counts.Flows++
	t.account(f)
}

// touch makes a flow the last to go.
func (t *table) touch(f *flow) {
	f.last = t.clock
	if t.newest == f {
		return
	}
	t.unlink(f)
	t.push(f)
}

func (t *table) push(f *flow) {
	f.older, f.newer, f.last = t.newest, nil, t.clock
	if t.newest != nil {
		t.newest.newer = f
	} else {
		t.oldest = f
	}
	t.newest = f
}

func (t *table) unlink(f *flow) {
	if f.newer != nil {
		f.newer.older = f.older
	} else {
		t.newest = f.older
	}
	if f.older != nil {
		f.older.newer = f.newer
	} else {
		t.oldest = f.newer
	}
}

// account counts what a flow holds now, and ends those that were longest without a
// packet if it is too much for all.
func (t *table) account(f *flow) {
	cost := flowCost + f.sides[0].heldFor + f.sides[1].heldFor
	if f.handshake != nil {
		cost += int32(f.handshake.held())
	}
	t.total += int64(cost - f.cost)
	f.cost = cost
	t.counts.PeakBufferedBytes = max(t.counts.PeakBufferedBytes, t.total)
	for t.total > t.maxTotal && t.oldest != nil {
		if t.oldest.state != done {
			t.counts.TotalCap++
		}
		t.end(t.oldest, endTotalCap)
	}
}

// conclude makes the record of a flow that has none yet, if it had a hello, and lets
// go what it holds. The flow itself stays, so that late packets find it.
func (t *table) conclude(f *flow, end string) {
	if f.state == done {
		return
	}
	if end != endHandshake && f.hasGap() {
		t.counts.Gaps++
	}
	if f.handshake != nil {
		t.finish(f, end)
		t.counts.Handshakes++
	}
	t.settle(f)
}

// settle lets go what a flow holds that is done with.
func (t *table) settle(f *flow) {
	f.state, f.handshake = done, nil
	f.sides[0].forget()
	f.sides[1].forget()
	t.total += int64(flowCost - f.cost)
	f.cost = flowCost
}

// ended counts a flow that leaves.
func (t *table) ended(f *flow) { t.counts.OutOfOrder += int64(f.outOfOrder) }

// end concludes a flow and removes it.
func (t *table) end(f *flow, end string) {
	t.conclude(f, end)
	t.ended(f)
	t.unlink(f)
	delete(t.flows, f.key)
	t.total -= int64(f.cost)
}

// endAll ends every flow, the one that was longest without a packet first.
func (t *table) endAll() {
	for t.oldest != nil {
		f := t.oldest
		end := endCapture
		if f.closing {
			end = f.closedBy()
		}
		t.end(f, end)
	}
	t.closings = nil
}
