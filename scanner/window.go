package scanner

import "iter"

// windowTargets is how many targets take turns to be asked for their next name, so
// that the connections of a scan are spread over as many hosts. A window takes
// about a megabyte.
const windowTargets = 4096

// Apply yields each target of [Expand] once for each name, and targets with a name
// of their own, and lines that make no sense, as they are. Targets take turns: some
// thousands are asked for their first name, then for their second. No more of them
// are held.
//
// The order depends on targets and names alone, unless live is set: then targets
// that are slow to come, from a pipe, hold up no names of those that are there. A
// live sequence is read on a goroutine, which ends with it, or, once nothing more is
// wanted, when it yields again.
func (n *Names) Apply(targets iter.Seq2[Target, error], live bool) iter.Seq2[Target, error] {
	if n.Len() == 0 {
		return targets
	}
	return func(yield func(Target, error) bool) {
		w := window{names: n, open: true}
		var stop func()
		if live {
			w.pull, stop = pullAhead(targets)
		} else {
			w.pull, stop = pullNow(targets)
		}
		defer stop()
		for {
			t, ok, err := w.next()
			if !ok || !yield(t, err) {
				return
			}
		}
	}
}

// window is the targets that take turns.
type window struct {
	names   *Names
	pull    func(wait bool) (t Target, state pullState, err error)
	open    bool  // there may be more targets
	failure error // the sequence's: it is told when the targets before it are done
	// now are those of this round whose turn is still to come, later those of the
	// next. Both begin in rounds in turn.
	now, later []turn
	rounds     [2][]turn
}

// turn is a target, and the name that is next.
type turn struct {
	target Target
	name   int
}

// next returns the target that is next; ok is false if there is none.
func (w *window) next() (t Target, ok bool, err error) {
	for w.open && len(w.now)+len(w.later) < windowTargets {
		t, state, err := w.pull(len(w.now)+len(w.later) == 0)
		if state == pullLater {
			break
		}
		if state == pullEnd || err != nil {
			w.open, w.failure = false, err
			break
		}
		if !w.names.takes(&t) {
			return t, true, nil
		}
		w.later = append(w.later, turn{target: t})
	}
	if len(w.now)+len(w.later) > 0 {
		return w.take(), true, nil
	}
	err, w.failure = w.failure, nil
	return Target{}, err != nil, err
}

// take returns the target whose turn it is, for its next name.
func (w *window) take() Target {
	if len(w.now) == 0 {
		w.now, w.rounds = w.later, [2][]turn{w.rounds[1], w.later}
		w.later = w.rounds[0][:0]
	}
	turn := w.now[0]
	w.now = w.now[1:]
	t := w.names.ask(turn.target, turn.name)
	if turn.name++; turn.name < w.names.Len() {
		w.later = append(w.later, turn)
	}
	return t
}

// pullState says what a pull came to.
type pullState int

const (
	pullGot pullState = iota // a target, or the error that ends the sequence
	pullEnd
	pullLater // nothing has come yet
)

// pullNow returns the targets of a sequence one by one.
func pullNow(targets iter.Seq2[Target, error]) (pull func(bool) (Target, pullState, error), stop func()) {
	next, stop := iter.Pull2(targets)
	return func(bool) (Target, pullState, error) {
		t, err, ok := next()
		if !ok {
			return t, pullEnd, nil
		}
		return t, pullGot, err
	}, stop
}

// pullAhead returns the targets of a sequence as they come; a pull waits for one
// only if it says so.
func pullAhead(targets iter.Seq2[Target, error]) (pull func(wait bool) (Target, pullState, error), stop func()) {
	type pulled struct {
		target Target
		err    error
	}
	ahead, quit := make(chan pulled), make(chan struct{})
	go func() {
		defer close(ahead)
		for t, err := range targets {
			select {
			case ahead <- pulled{t, err}:
			case <-quit:
				return
			}
		}
	}()
	return func(wait bool) (Target, pullState, error) {
		var p pulled
		var open bool
		if wait {
			p, open = <-ahead
		} else {
			select {
			case p, open = <-ahead:
			default:
				return Target{}, pullLater, nil
			}
		}
		if !open {
			return Target{}, pullEnd, nil
		}
		return p.target, pullGot, p.err
	}, func() { close(quit) }
}
