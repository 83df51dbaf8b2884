package report

import (
	"cmp"
	"container/heap"
	"net/netip"
	"sort"

	"certsweep/results/policy"
)

// place is where a verdict belongs in the order of the list: results come as they
// are done, and a report that differs from the last one only in that shows
// changes where there are none.
type place struct {
	gone bool // of the baseline, behind the list
	line int
	host string
	addr netip.Addr // of host, if it is one
	port int
	sni  string
	ip   netip.Addr
	seen int // what nothing else tells apart
}

func placeOf(v *policy.Verdict, seen int) place {
	r := v.Record
	p := place{gone: v.Gone, line: r.Line, host: r.Host, port: r.Port, sni: r.SNI, seen: seen}
	p.addr, _ = netip.ParseAddr(r.Host)
	p.ip, _ = netip.ParseAddr(r.IP)
	return p
}

func (p *place) compare(q *place) int {
	switch {
	case p.gone != q.gone && p.gone:
		return 1
	case p.gone != q.gone:
		return -1
	}
	byHost := p.addr.Compare(q.addr)
	if !p.addr.IsValid() && !q.addr.IsValid() {
		byHost = cmp.Compare(p.host, q.host)
	}
	return cmp.Or(
		cmp.Compare(p.line, q.line),
		byHost,
		cmp.Compare(p.port, q.port),
		cmp.Compare(p.sni, q.sni),
		p.ip.Compare(q.ip),
		cmp.Compare(p.seen, q.seen),
	)
}

// maxHeld is how many verdicts wait for those before them in the list. No more
// than a scan has in flight can be late, so the order is the list's for all but
// the largest scans, in bounded memory.
const maxHeld = 20_000

// order brings what is made of verdicts into the order of the list. The zero
// value is ready.
type order[T any] struct {
	held orderHeap[T]
	seen int
}

type placed[T any] struct {
	place
	value T
}

// add takes a value, and returns the first of all if too many are held.
func (o *order[T]) add(v *policy.Verdict, value T) (first T, ok bool) {
	o.seen++
	heap.Push(&o.held, placed[T]{placeOf(v, o.seen), value})
	if len(o.held) <= maxHeld {
		return first, false
	}
	return heap.Pop(&o.held).(placed[T]).value, true
}

// rest yields what is held, in order.
func (o *order[T]) rest(yield func(T) bool) {
	for len(o.held) > 0 {
		if !yield(heap.Pop(&o.held).(placed[T]).value) {
			return
		}
	}
}

// orderHeap is container/heap's.
type orderHeap[T any] []placed[T]

func (h orderHeap[T]) Len() int           { return len(h) }
func (h orderHeap[T]) Less(i, j int) bool { return h[i].compare(&h[j].place) < 0 }
func (h orderHeap[T]) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *orderHeap[T]) Push(x any)        { *h = append(*h, x.(placed[T])) }
func (h *orderHeap[T]) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	(*h)[last] = placed[T]{}
	*h = (*h)[:last]
	return x
}

// inOrder sorts values by their places.
func inOrder[T any](places []place, values []T) {
	sort.Sort(byPlace[T]{places, values})
}

type byPlace[T any] struct {
	places []place
	values []T
}

func (b byPlace[T]) Len() int           { return len(b.places) }
func (b byPlace[T]) Less(i, j int) bool { return b.places[i].compare(&b.places[j]) < 0 }
func (b byPlace[T]) Swap(i, j int) {
	b.places[i], b.places[j] = b.places[j], b.places[i]
	b.values[i], b.values[j] = b.values[j], b.values[i]
}
