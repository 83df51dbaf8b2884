package dialer

import (
	"crypto/tls"
	"slices"

	"certsweep/dialer/hello"
)

// rung is a hello made by hand.
type rung struct {
	method Method
	offer  hello.Offer
	short  bool // it has 255 bytes, and no key share
	lean   bool // TLS 1.3 without what may be left out
	// nameless sends it without a server name, as most of a scan of addresses is.
	nameless *hello.Client
}

// newRungs returns the hellos to try, within what config offers: versions,
// protocols, and whether post-quantum groups are among them. That its versions
// begin at TLS 1.0 is as low as crypto/tls goes, and no limit.
func newRungs(config *tls.Config) []rung {
	least := config.MinVersion
	if least <= tls.VersionTLS10 {
		least = 0
	}
	var rungs []rung
	for _, r := range []rung{
		{method: MethodHello13, offer: hello.Hello13()}, {method: MethodHello12, offer: hello.Hello12()},
		{method: MethodHello12, offer: hello.Hello12Short(), short: true}, {method: MethodHello10, offer: hello.Hello10(), short: true},
		{method: MethodHello13, offer: hello.Hello13Lean(), lean: true},
	} {
		if r.method == MethodHello12 && config.MaxVersion != 0 && config.MaxVersion < tls.VersionTLS12 {
			continue // the next says the same
		}
		offer, ok := r.offer.Limit(least, config.MaxVersion)
		if !ok {
			continue
		}
		if r.method != MethodHello10 {
			offer.ALPN = config.NextProtos
		}
		if !hasPostQuantum(config.CurvePreferences) {
			offer = offer.WithoutPostQuantum()
		}
		r.offer, r.nameless = offer, &hello.Client{Offer: offer}
		rungs = append(rungs, r)
	}
	return rungs
}

// rungsAfter returns the rungs to climb after a failure of crypto/tls.
func (d *Dialer) rungsAfter(failure *Error) []rung {
	if failure.Code == CodeTimeout {
		return d.quietRungs
	}
	return d.rungs
}

// quietFirst returns the rungs for a server that said nothing to crypto/tls. Most of
// these say nothing to anybody, so that what comes first is what costs least: the
// short hello, which has no key share. It is also what most of those bear that drop
// another without a word. The rest is for a server that answers it, and refuses.
func quietFirst(rungs []rung) []rung {
	i := slices.IndexFunc(rungs, func(r rung) bool { return r.short })
	if i < 0 {
		return rungs
	}
	return slices.Concat(rungs[i:i+1], rungs[:i], rungs[i+1:])
}

// hasPostQuantum reports whether groups that a configuration prefers have a
// post-quantum one; the default ones do.
func hasPostQuantum(groups []tls.CurveID) bool {
	return len(groups) == 0 || slices.ContainsFunc(groups, func(group tls.CurveID) bool { return hello.IsPostQuantum(uint16(group)) })
}

// offersSSL2 reports whether the hello of SSL 2.0 may be sent: only if no version
// was asked for that it is below of.
func offersSSL2(config *tls.Config) bool { return config.MinVersion <= tls.VersionTLS10 }
