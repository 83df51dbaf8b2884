package scanner

import (
	"runtime/debug"
	"runtime/metrics"
)

const (
	// From manyInFlight targets on, what they hold is the most of the memory.
	manyInFlight = 2000
	// A process that allocates less than idleBytes between two looks waits for its
	// peers, and if it has allocated worthwhile since the last collection, there is
	// something to collect.
	idleBytes  = 1 << 20
	worthwhile = 16 << 20
)

// idle collects garbage while thousands of peers are waited for. Nobody allocates
// then, so that no collection comes by itself: the garbage of their hellos stays, and
// stacks that making keys has grown, until what the ends of these targets allocate
// has come on top, in pages that were free and not yet resident. A collection costs
// nothing as long as nobody needs the processor.
type idle struct {
	flights *flights
	read    func() (allocated, cycles uint64)
	collect func()

	allocated, collected, cycles uint64
}

func newIdle(flights *flights) *idle {
	return &idle{flights: flights, read: readAllocated, collect: debug.FreeOSMemory}
}

// readAllocated returns the bytes that the process has ever allocated, and how many
// collections it has made.
func readAllocated() (allocated, cycles uint64) {
	samples := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64(), samples[1].Value.Uint64()
}

// look is called twice a second.
func (i *idle) look() {
	if i.flights.count() < manyInFlight {
		return
	}
	allocated, cycles := i.read()
	if cycles != i.cycles {
		i.collected, i.cycles = allocated, cycles
	}
	waits := allocated-i.allocated < idleBytes
	i.allocated = allocated
	if waits && allocated-i.collected >= worthwhile {
		i.collect()
		_, i.cycles = i.read()
		i.collected = allocated
	}
}
