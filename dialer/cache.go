package dialer

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

// The bounds of the cache. It is there for lists that name a host several
// times in a row (ports, duplicates), not to be a name server.
const (
	cacheNames = 4096
	cacheTime  = time.Minute
)

// cache has the answers of the last look-ups, and those that are under way. The
// zero value is empty. It is safe for concurrent use.
type cache struct {
	mu      sync.Mutex
	lookups map[string]*lookup
}

// lookup is a question and what came of it, which is written before done is
// closed and only read afterwards.
type lookup struct {
	done    chan struct{}
	addrs   []netip.Addr
	err     error
	expires time.Time
	// void says that the look-up ended with its own target's time, which says
	// nothing to another target.
	void bool
}

// get returns the answer for a name, from ask where it is not known. While one
// caller asks, others that want the same name wait for what it learns. Ask says
// whether the answer is to be kept.
func (c *cache) get(ctx context.Context, name string, ask func() (addrs []netip.Addr, keep bool, err error)) ([]netip.Addr, error) {
	for {
		l, ours := c.take(name)
		if ours {
			keep := false
			defer func() { c.put(name, l, keep) }()
			l.addrs, keep, l.err = ask()
			l.void = ctx.Err() != nil
			return l.addrs, l.err
		}
		select {
		case <-l.done:
			if !l.void {
				return l.addrs, l.err
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// take returns the look-up of a name. Where it is the caller's to make, ours is
// true, and the caller has to put it.
func (c *cache) take(name string) (l *lookup, ours bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l, ok := c.lookups[name]; ok && (l.expires.IsZero() || time.Now().Before(l.expires)) {
		return l, false
	}
	if c.lookups == nil {
		c.lookups = make(map[string]*lookup)
	}
	if len(c.lookups) >= cacheNames {
		// An arbitrary one has to go: map order is random, and a list is
		// scanned once. Whoever waits for its answer still gets it.
		for other := range c.lookups {
			delete(c.lookups, other)
			break
		}
	}
	l = &lookup{done: make(chan struct{})}
	c.lookups[name] = l
	return l, true
}

// put ends the wait for a look-up, and forgets one that is not to be kept.
func (c *cache) put(name string, l *lookup, keep bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if keep {
		l.expires = time.Now().Add(cacheTime)
	} else if c.lookups[name] == l {
		delete(c.lookups, name)
	}
	close(l.done)
}
