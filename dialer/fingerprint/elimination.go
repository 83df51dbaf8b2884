package fingerprint

import (
	"errors"
	"slices"
)

// list is something to find by elimination, in one version.
type list struct {
	version uint16
	request func(offer []uint16) *request
	chosen  func(*answer) uint16
	name    func(uint16) string
	// last is never first in an offer if another can be: some servers change their
	// order for clients that have it there.
	last func(uint16) bool
	// needed is something that a server may have to be offered whatever it then
	// chooses: the curve of its certificate, in TLS 1.2. 0 is nothing.
	needed uint16
	// zero: a choice of 0 is none. wolfSSL takes a group of that number if it has
	// none of those offered.
	zero bool
}

// elimination is what was found of a list.
type elimination struct {
	offered []uint16
	order   []uint16 // as it was chosen
	prefers *bool    // that is the server's own order
	first   answer   // to the first hello
}

var errDiffers = errors.New("the server's answers differ from one connection to the next")

// maxRounds is how often a refusal that proved to be none is put to the test.
const maxRounds = 3

// eliminate offers a list, takes out what was chosen, and goes on until the rest
// is refused.
func (r *run) eliminate(l *list, offered []uint16) *elimination {
	e := &elimination{offered: offered}
	left := slices.Clone(offered)
	needed := false
	for round := 0; len(left) > 0 || len(e.order) > 0; {
		offer := left
		if needed {
			offer = append(slices.Clone(left), l.needed)
		}
		a := answer{outcome: refused}
		if len(left) > 0 {
			a = r.ask(l.request(offer))
		}
		if len(e.order) == 0 {
			e.first = a
		}
		if a.outcome == accepted {
			choice := l.chosen(&a)
			if needed && choice == l.needed || l.zero && choice == 0 {
				a.outcome = refused
			} else if !r.take(l, e, &left, choice) {
				return e
			} else {
				continue
			}
		}
		if a.outcome == broken {
			r.doubts("%w", a.err)
		}
		if a.outcome == ended || a.outcome == silent || len(e.order) == 0 {
			return e
		}
		if !needed && l.needed != 0 && slices.Contains(e.order, l.needed) {
			needed = true
			continue
		}
		if !r.confirm(l, e, &left, a.outcome) {
			return e
		}
		if round++; round == maxRounds {
			r.doubts("%w", errDiffers)
			return e
		}
	}
	return e
}

// take moves a choice from what is left to what was chosen.
func (r *run) take(l *list, e *elimination, left *[]uint16, choice uint16) bool {
	i := slices.Index(*left, choice)
	if i < 0 {
		r.doubts("the server chose %s, which was not offered", l.name(choice))
		return false
	}
	*left = slices.Delete(*left, i, i+1)
	e.order = append(e.order, choice)
	return true
}

// confirm puts a refusal to the test, and reports whether the elimination has to
// go on. A server with an order of its own has to refuse the rest again at once:
// behind one address there may be two, which take turns. And all have to accept
// then what they accepted before. Who refuses without a word is asked once more.
func (r *run) confirm(l *list, e *elimination, left *[]uint16, refusal outcome) (again bool) {
	own := len(e.order) == 1 || !slices.IsSortedFunc(e.order, func(a, b uint16) int { return slices.Index(e.offered, a) - slices.Index(e.offered, b) })
	if own && r.acceptsMore(l, e, left) {
		return true
	}
	if again, ok := r.prove(l, e, left); again || !ok {
		return again
	}
	if own {
		return refusal == dropped && r.acceptsMore(l, e, left)
	}
	// Its order was the client's by chance, and a second refusal is not yet followed
	// by a third, for two that take turns.
	for range 2 {
		if *e.prefers && r.acceptsMore(l, e, left) {
			return true
		}
	}
	return false
}

// acceptsMore offers again what was refused.
func (r *run) acceptsMore(l *list, e *elimination, left *[]uint16) bool {
	if len(*left) == 0 {
		return false
	}
	a := r.ask(l.request(*left))
	if a.outcome != accepted || l.zero && l.chosen(&a) == 0 {
		return false
	}
	r.doubts("%w", errDiffers)
	return r.take(l, e, left, l.chosen(&a))
}

// prove has the server accept something: what was refused is offered once more,
// and what was accepted behind it, the first choice at the very end. If the server
// goes by the client's order, it then chooses what was accepted and stands first;
// if it has its own, its first choice again. ok is false if it accepts nothing any
// more, and again is true if the refusals before do not count.
func (r *run) prove(l *list, e *elimination, left *[]uint16) (again, ok bool) {
	behind := append(lastBehind(e.order[1:], l.last), e.order[0])
	a := r.ask(l.request(append(lastBehind(*left, l.last), behind...)))
	for i := 0; a.outcome == refused || a.outcome == dropped; i++ {
		// It accepted that before. Many servers limit the connections of a second.
		if i == len(patience) {
			r.stop(errRefuses)
			return false, false
		}
		r.pause(patience[i])
		if a = r.ask(l.request(e.order)); a.outcome == accepted {
			return true, true
		}
	}
	if a.outcome != accepted {
		return false, false
	}
	choice := l.chosen(&a)
	if !slices.Contains(e.order, choice) {
		r.doubts("%w", errDiffers)
		return r.take(l, e, left, choice), true
	}
	e.prefers = new(choice != behind[0] || len(e.order) == 1)
	return false, true
}

// lastBehind returns a list with something else first than what last reports, if
// it has anything else.
func lastBehind(list []uint16, last func(uint16) bool) []uint16 {
	list = slices.Clone(list)
	if last != nil {
		slices.SortStableFunc(list, func(a, b uint16) int {
			switch la, lb := last(a), last(b); {
			case la == lb:
				return 0
			case la:
				return 1
			}
			return -1
		})
	}
	return list
}
