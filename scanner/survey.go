package scanner

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"certsweep/dialer"
	"certsweep/dialer/hello"
	"certsweep/results"
)

// MaxLanes is how many connections of [Scanner.Survey] one address has at a time,
// over all targets: what is found is worth no server's trouble.
const MaxLanes = 2

// surveyLimit is no limit: a survey has its own, in which it does not count the
// time that it waits for its turn.
const surveyLimit = 1000 * time.Hour

// survey adds to what a probe showed what takes more connections. It returns how
// long it waited for its turn at the address, which is no time of the target's.
func (sc *scan) survey(ctx context.Context, e *dialer.Endpoint, shown *dialer.Handshake, err error) (waited time.Duration) {
	if sc.Survey == nil || !shown.Addr.IsValid() {
		return 0
	}
	start := time.Now()
	most := MaxLanes
	if sc.PerHost > 0 {
		most = min(most, sc.PerHost)
	}
	wide, leave := sc.lanes.enter(ctx, shown.Addr.Addr(), most)
	defer leave()
	waited = time.Since(start)
	if sc.memory.enter(sc.turns) {
		defer sc.memory.leave()
	}
	f := sc.flights.begin(ctx, surveyLimit)
	defer sc.flights.done(f)
	sc.Survey(f, *e, shown, err, dialer.Pace{Turn: sc.turn, Parallel: func(tasks ...func()) { parallel(wide, tasks) }})
	if found := shown.Enumeration; found != nil && found.Err != nil {
		if cause := f.causeOf(); cause == errMemoryCut || cause == errMemoryCap {
			found.Err = cause
		}
	}
	return waited
}

// parallel runs tasks, some at a time. A panic in one is the caller's.
func parallel(wide int, tasks []func()) {
	var group errgroup.Group
	group.SetLimit(wide)
	for _, task := range tasks {
		group.Go(func() (err error) {
			defer func() {
				if value := recover(); value != nil {
					err = errPanic{value}
				}
			}()
			task()
			return nil
		})
	}
	if panicked, ok := group.Wait().(errPanic); ok {
		panic(panicked.value)
	}
}

// lanes keeps the connections of surveys to one address few. The zero value is
// ready for use.
type lanes struct {
	mu    sync.Mutex
	hosts map[netip.Addr]*lane
}

// lane is an address that is surveyed. Its users include those that wait.
type lane struct {
	*semaphore.Weighted
	users int
}

// enter waits for a lane to an address, takes a second one if it is free and most
// allows it, and returns how many it has. If ctx is done it returns at once.
func (l *lanes) enter(ctx context.Context, addr netip.Addr, most int) (n int, leave func()) {
	l.mu.Lock()
	if l.hosts == nil {
		l.hosts = make(map[netip.Addr]*lane)
	}
	host := l.hosts[addr]
	if host == nil {
		host = &lane{Weighted: semaphore.NewWeighted(int64(most))}
		l.hosts[addr] = host
	}
	host.users++
	l.mu.Unlock()
	held := int64(0)
	if host.Acquire(ctx, 1) == nil {
		held = 1
		if most > 1 && host.TryAcquire(1) {
			held++
		}
	}
	return max(1, int(held)), func() {
		host.Release(held)
		l.mu.Lock()
		defer l.mu.Unlock()
		if host.users--; host.users == 0 {
			delete(l.hosts, addr)
		}
	}
}

// recordEnumeration returns the record's form of an enumeration, nil for none, and
// the findings that its answers showed besides.
func recordEnumeration(h *dialer.Handshake) (*results.Enumeration, []results.Finding) {
	e := h.Enumeration
	if e == nil {
		return nil, nil
	}
	r := &results.Enumeration{Complete: e.Complete, Connections: e.Connections}
	if e.Err != nil {
		r.Error = results.Shorten(e.Err.Error(), maxText)
	}
	if e.Versions != nil {
		r.Versions = []results.EnumeratedVersion{}
	}
	for _, v := range e.Versions {
		r.Versions = append(r.Versions, results.EnumeratedVersion{Version: hello.VersionName(v.Version), Suites: v.Suites, ServerPreference: v.ServerPreference})
	}
	if e.Groups != nil {
		r.Groups = []results.EnumeratedGroups{}
	}
	for _, list := range e.Groups {
		groups := results.EnumeratedGroups{Version: hello.VersionName(list.Version)}
		for _, group := range list.Groups {
			groups.Groups = append(groups.Groups, hello.GroupName(group))
		}
		if list.Preferred != 0 {
			groups.Preferred = hello.GroupName(list.Preferred)
		}
		r.Groups = append(r.Groups, groups)
	}
	var observed []results.Finding
	for _, o := range []struct {
		is      bool
		finding results.Finding
	}{
		{e.Compression, results.Compression}, {e.InsecureRenegotiation, results.InsecureRenegotiation},
		{e.NoFallbackSCSV, results.NoFallbackSCSV}, {e.NoExtendedMasterSecret, results.NoExtendedMasterSecret},
	} {
		if o.is {
			observed = append(observed, o.finding)
		}
	}
	return r, observed
}

// recordFingerprints returns the record's form of the fingerprints, nil for none.
func recordFingerprints(h *dialer.Handshake) *results.Fingerprints {
	if h.JARM == "" && h.JA3S == "" && h.FingerprintError == nil {
		return nil
	}
	f := &results.Fingerprints{JARM: h.JARM, JA3S: h.JA3S}
	if h.FingerprintError != nil {
		f.Error = results.Shorten(h.FingerprintError.Error(), maxText)
	}
	return f
}
