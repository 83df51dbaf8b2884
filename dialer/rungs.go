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
		{MethodHello13, hello.Hello13()}, {MethodHello12, hello.Hello12()},
		{MethodHello12, hello.Hello12Short()}, {MethodHello10, hello.Hello10()},
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
		rungs = append(rungs, rung{r.method, offer})
	}
	return rungs
}

// hasPostQuantum reports whether groups that a configuration prefers have a
// post-quantum one; the default ones do.
func hasPostQuantum(groups []tls.CurveID) bool {
	return len(groups) == 0 || slices.ContainsFunc(groups, func(group tls.CurveID) bool { return hello.IsPostQuantum(uint16(group)) })
}

// offersSSL2 reports whether the hello of SSL 2.0 may be sent: only if no version
// was asked for that it is below of.
func offersSSL2(config *tls.Config) bool { return config.MinVersion <= tls.VersionTLS10 }
