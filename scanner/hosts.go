package scanner

import (
	"context"
	"sync"
)

// maxWaiting bounds the targets that wait for their host in memory. A list
// that goes on with hosts that are all busy waits with them.
const maxWaiting = 1 << 14

// hosts keeps the targets of one host in flight below a limit. Those above it
// wait here, not in a worker: the worker that ends one of a host's targets
// goes on with the next.
type hosts struct {
	limit int
	room  chan struct{} // has a token when a target has left or a host is free

	mu      sync.Mutex
	busy    map[string]int
	waiting map[string][]*Target
	total   int // of waiting
}

func newHosts(limit int) *hosts {
	return &hosts{limit: limit, room: make(chan struct{}, 1), busy: make(map[string]int), waiting: make(map[string][]*Target)}
}

// admit reports whether the target may begin. If not, it waits in h, and done
// will return it. While there is no place to wait, admit blocks, until ctx is
// done.
func (h *hosts) admit(ctx context.Context, t *Target) (bool, error) {
	for {
		if admitted, waits := h.try(t); admitted || waits {
			return admitted, nil
		}
		select {
		case <-h.room:
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

func (h *hosts) try(t *Target) (admitted, waits bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	host := t.Endpoint.Host
	switch {
	case h.busy[host] < h.limit:
		h.busy[host]++
		return true, false
	case h.total < maxWaiting:
		h.waiting[host] = append(h.waiting[host], t)
		h.total++
		return false, true
	}
	return false, false
}

// done says that a target has ended, and returns the next of its host, which
// takes its place.
func (h *hosts) done(t *Target) (next *Target, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	host := t.Endpoint.Host
	if queue := h.waiting[host]; len(queue) > 0 {
		next, ok = queue[0], true
		h.total--
		if len(queue) == 1 {
			delete(h.waiting, host)
		} else {
			h.waiting[host] = queue[1:]
		}
	} else if h.busy[host]--; h.busy[host] == 0 {
		delete(h.busy, host)
	}
	select {
	case h.room <- struct{}{}:
	default:
	}
	return next, ok
}
