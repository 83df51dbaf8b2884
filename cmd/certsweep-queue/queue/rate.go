package queue

import "sync"

// rate is how many targets a second are done, over the last seconds.
type rate struct {
	mu     sync.Mutex
	counts [11]int64 // at the last ticks; the oldest is at next
	next   int
	filled int
}

func (r *rate) tick(count int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[r.next] = count
	r.next = (r.next + 1) % len(r.counts)
	r.filled = min(r.filled+1, len(r.counts))
}

func (r *rate) perSecond() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.filled < 2 {
		return 0
	}
	newest := r.counts[(r.next+len(r.counts)-1)%len(r.counts)]
	oldest := r.counts[(r.next+len(r.counts)-r.filled)%len(r.counts)]
	return float64(newest-oldest) / float64(r.filled-1)
}
