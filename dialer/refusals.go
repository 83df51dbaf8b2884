package dialer

import "slices"

// refusals are what a server has said to hellos so far. They tell which are worth
// sending yet, so that one that refuses everything is not asked everything.
type refusals struct {
	handshake *Error // crypto/tls's
	hello13   *Error // of the others, nil for those that were not sent
	hello12   *Error // the first
}

// note notes what came of a hello.
func (r *refusals) note(sent *rung, failed *Error) {
	switch {
	case sent.method == MethodHello13 && !sent.lean:
		r.hello13 = failed
	case sent.method == MethodHello12 && r.hello12 == nil:
		r.hello12 = failed
	}
}

// order returns the rungs in the order in which they are to be sent, those that were
// sent first. Of the two of TLS 1.2 the one with most suites comes first if the
// server has understood what it was sent and found nothing in it for itself; else it
// is the form that it did not like, and the short one does.
func (r *refusals) order(rungs []rung) []rung {
	if foundNothing(r.handshake) && foundNothing(r.hello13) {
		return rungs
	}
	long := slices.IndexFunc(rungs, func(r rung) bool { return r.method == MethodHello12 })
	if short := long + 1; long >= 0 && short < len(rungs) && rungs[short].method == MethodHello12 {
		rungs = slices.Clone(rungs)
		rungs[long], rungs[short] = rungs[short], rungs[long]
	}
	return rungs
}

// spares reports whether a hello is not worth sending: the second of TLS 1.2, if the
// server took no notice of how the first differs from that of TLS 1.3. One that says
// of TLS 1.2 that it is the wrong version, and not of TLS 1.3, is asked for that
// again, in another form, and for nothing older.
func (r *refusals) spares(next *rung) bool {
	newer := r.hello13 != nil && !foundNothing(r.hello13) && !wrongVersion(r.hello13) && (r.hello12 == nil || wrongVersion(r.hello12))
	switch {
	case next.lean:
		return !newer
	case next.method == MethodHello12:
		return r.hello12 != nil && r.hello13 != nil && (newer || sameRefusal(r.hello12, r.hello13))
	case next.method == MethodHello10:
		return r.hello12 != nil && newer
	}
	return false
}

// foundNothing reports whether a server has said that it has no algorithm in common
// with the hello (RFC 8446 §6.2).
func foundNothing(e *Error) bool {
	return e != nil && e.Code == CodeAlert && e.Alert == alertHandshakeFailure
}

func wrongVersion(e *Error) bool { return e.Code == CodeAlert && e.Alert == alertProtocolVersion }

// sameRefusal reports whether a server has said the same twice. Whether its end of a
// connection comes as a reset is a matter of timing.
func sameRefusal(a, b *Error) bool {
	wordless := func(e *Error) bool { return e.Code == CodeEOF || e.Code == CodeReset }
	return a.Code == b.Code && a.Alert == b.Alert || wordless(a) && wordless(b)
}
