package fingerprint

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"certsweep/dialer/hello"
)

// errRefuses says that the server refuses now what it accepted before.
var errRefuses = errors.New("the server began to refuse what it accepted before")

// version finds what there is to find of one version.
func (r *run) version(v uint16) {
	if v == versionSSL20 {
		r.ssl2()
		return
	}
	r.suites(&list{version: v, request: r.suiteRequest(v), chosen: chosenSuite, name: hello.SuiteName, last: isChaCha}, hello.AllSuites(v))
}

// suites finds the suites of a list, or that there is one, and then the groups.
func (r *run) suites(l *list, offered []uint16) {
	f := &found{}
	if r.what&Suites != 0 {
		e := r.eliminate(l, offered)
		f.suites, f.prefers = e.order, e.prefers
		f.take(l.version, &e.first)
		if e.prefers != nil && !*e.prefers {
			f.suites = slices.DeleteFunc(slices.Clone(offered), func(id uint16) bool { return !slices.Contains(e.order, id) })
		}
	} else {
		a := r.ask(l.request(offered))
		if a.outcome == broken {
			r.doubts("%w", a.err)
		}
		f.take(l.version, &a)
	}
	r.mu.Lock()
	r.found[l.version] = f
	r.mu.Unlock()
	if f.accepted && r.what&Groups != 0 && l.version >= versionTLS12 {
		list := r.groupList(l.version, f.suites)
		r.mu.Lock()
		r.groups[l.version] = list
		r.mu.Unlock()
	}
}

// take notes how the first hello of a version was taken.
func (f *found) take(v uint16, a *answer) {
	f.accepted, f.refusal = a.outcome == accepted, a.outcome
	var alert hello.AlertError
	f.plain = a.outcome == refused && (!errors.As(a.err, &alert) || alert == alertProtocolVersion || alert == alertHandshakeFailure && v == versionSSL30)
}

// The alerts of a server that does not have a version (RFC 8446 §6.2), of which SSL 3.0 has
// only the second (RFC 6101 §5.4.2), and of one that has a better one.
const (
	alertProtocolVersion       = 70
	alertHandshakeFailure      = 40
	alertInappropriateFallback = 86 // RFC 7507 §3
)

func chosenSuite(a *answer) uint16 { return a.server.CipherSuite }

// isChaCha: OpenSSL prefers ChaCha20 if the client does (SSL_OP_PRIORITIZE_CHACHA),
// and Go if it has no AES before it.
func isChaCha(id uint16) bool { return strings.Contains(hello.SuiteName(id), "CHACHA20") }

// ssl2Timeout is how long a server may take to answer a hello of SSL 2.0. One of
// TLS may take its beginning for a long record, and wait for the rest.
const ssl2Timeout = time.Second

// ssl2 asks for SSL 2.0, whose server tells all that it accepts at once.
func (r *run) ssl2() {
	f := &found{prefers: new(false)} // the client chooses
	o, err := r.connect(func(conn net.Conn) (err error) {
		conn.SetDeadline(time.Now().Add(ssl2Timeout))
		var result hello.Result
		result, f.kinds, err = hello.FetchSSL2(conn)
		f.accepted = result.Version == versionSSL20
		return err
	})
	if f.accepted && o == broken && err != nil {
		r.doubts("%w", err)
	}
	f.refusal = o
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	if f.accepted {
		r.accepted = r.asked
	} else {
		r.refused = r.asked
	}
	r.found[versionSSL20] = f
}

// describe returns what is known of an accepted version.
func (r *run) describe(v uint16, f *found) Version {
	d := Version{Version: v}
	if r.what&Suites == 0 {
		return d
	}
	d.ServerPreference = f.prefers
	d.Suites = append([]string{}, f.kinds...)
	for _, id := range f.suites {
		d.Suites = append(d.Suites, hello.SuiteName(id))
	}
	return d
}

// askAgain asks again for versions that were refused in a way that may mean
// something else: not for the version, or for the length of the hello.
func (r *run) askAgain() {
	for _, v := range slices.Backward(r.versions()) {
		f := r.found[v]
		if f == nil || f.accepted || v == versionSSL20 || r.stopped != nil {
			continue
		}
		if f.refusal == dropped || f.refusal == refused && !f.plain {
			r.control()
			r.version(v)
			f = r.found[v]
		}
		switch {
		case f.accepted || f.refusal == silent || f.plain && v < versionTLS13 && r.proof != nil:
		case v == versionTLS13 && r.Known.Version == versionTLS13:
			// It does not ask for a key share if it gets none.
			r.sharing = true
			r.version(v)
		case v == r.Known.Version || v < versionTLS13 && r.proof == nil || v == versionTLS12 && !r.acceptsBelow13():
			r.short(v)
		}
	}
}

// acceptsBelow13 reports whether a version below TLS 1.3 was accepted.
func (r *run) acceptsBelow13() bool {
	for v, f := range r.found {
		if f.accepted && v < versionTLS13 {
			return true
		}
	}
	return false
}

// shortOffer is how many suites a server with a limit was seen to bear: wolfSSL
// has one of 150.
const shortOffer = 120

// short asks with a part of the suites at a time. Servers are met that refuse a
// hello with all of them.
func (r *run) short(v uint16) {
	l := &list{version: v, request: r.suiteRequest(v), chosen: chosenSuite, name: hello.SuiteName, last: isChaCha}
	all := hello.AllSuites(v)
	var some []uint16
	for part := range slices.Chunk(all, shortOffer) {
		some = append(some, r.eliminate(l, part).order...)
		if len(some) == 0 || r.what&Suites == 0 {
			break // the first part has what every server has one of
		}
	}
	if len(some) > 0 {
		// Their order, and that they are refused without one another.
		r.suites(l, slices.DeleteFunc(all, func(id uint16) bool { return !slices.Contains(some, id) }))
	}
}

// fallback asks with the mark of a client that tried a higher version before
// (RFC 7507). There is something to protect only if TLS 1.1 or less is accepted
// beside something higher.
func (r *run) fallback() {
	if r.what&(Versions|Suites) == 0 || r.stopped != nil {
		return
	}
	below := uint16(0)
	higher := false
	for v, f := range r.found {
		switch {
		case !f.accepted || v < versionTLS10:
		case v >= versionTLS12:
			higher = true
		default:
			below = max(below, v)
		}
	}
	if below == 0 || !higher {
		return
	}
	const fallbackSCSV = 0x5600
	offer := r.found[below].suites
	if len(offer) == 0 {
		offer = hello.AllSuites(below)
	}
	a := r.ask(r.suiteRequest(below)(append(slices.Clone(offer), fallbackSCSV)))
	r.seen.NoFallbackSCSV = a.outcome == accepted
	var alert hello.AlertError
	if a.outcome == refused && errors.As(a.err, &alert) && alert == alertInappropriateFallback {
		// Who sees that answers as it did before, and need not be asked for proof.
		r.mu.Lock()
		r.accepted, r.refused = r.asked, r.asked-1
		r.mu.Unlock()
	}
}

// control asks once more for what was accepted, if the last thing that the server
// did was to refuse: it may have refused everything by then.
func (r *run) control() {
	if r.proof == nil || r.stopped != nil || r.accepted > r.refused {
		return
	}
	for i := 0; ; i++ {
		if a := r.ask(r.proof); a.outcome == accepted || a.outcome == ended {
			return
		}
		if i == len(patience) {
			r.stop(errRefuses)
			return
		}
		r.pause(patience[i])
	}
}

// unlike returns what the handshake had that the enumeration did not find.
func (r *run) unlike() error {
	k := r.Known
	if k.Version == 0 || !slices.Contains(r.versions(), k.Version) {
		return nil
	}
	f := r.found[k.Version]
	switch {
	case f == nil || !f.accepted:
		return fmt.Errorf("the handshake had version %s, which was then refused", hello.VersionName(k.Version))
	case r.what&Suites != 0 && k.Suite != 0 && !slices.Contains(f.suites, k.Suite):
		return fmt.Errorf("the handshake had %s, which was then refused", hello.SuiteName(k.Suite))
	}
	list := r.groups[k.Version]
	if list != nil && k.Group != 0 && !slices.Contains(list.Groups, k.Group) && !(r.NoPostQuantum && hello.IsPostQuantum(k.Group)) {
		return fmt.Errorf("the handshake had %s, which was then refused", hello.GroupName(k.Group))
	}
	return nil
}
