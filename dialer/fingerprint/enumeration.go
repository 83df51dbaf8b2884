package fingerprint

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// What is a set of things to enumerate.
type What uint8

// The things to enumerate. Versions and Suites give [Enumeration.Versions], Groups
// gives [Enumeration.Groups].
const (
	Versions What = 1 << iota
	Suites
	Groups
)

// ParseWhat reads a list of versions, suites, groups and all, with commas between
// them.
func ParseWhat(s string) (What, error) {
	var w What
	for word := range strings.SplitSeq(s, ",") {
		switch strings.TrimSpace(strings.ToLower(word)) {
		case "versions":
			w |= Versions
		case "suites":
			w |= Suites
		case "groups":
			w |= Groups
		case "all":
			w |= Versions | Suites | Groups
		default:
			return 0, fmt.Errorf("%q is none of versions, suites, groups and all", word)
		}
	}
	return w, nil
}

// String is the inverse of [ParseWhat]; "" for nothing.
func (w What) String() string {
	var words []string
	for i, word := range []string{"versions", "suites", "groups"} {
		if w&(1<<i) != 0 {
			words = append(words, word)
		}
	}
	return strings.Join(words, ",")
}

// Enumeration is what a server was found to accept.
type Enumeration struct {
	// Complete says that the lists have all of it. Otherwise Err says why they
	// may not.
	Complete bool
	Err      error
	// Connections counts those that were made or tried.
	Connections int

	// Versions are the accepted ones, the newest first; nil if nobody asked.
	Versions []Version
	// Groups are lists of TLS 1.3 and 1.2, if the version is accepted and has
	// any; nil if nobody asked.
	Groups []GroupList

	// The rest is what the answers showed besides.

	// Compression: a version below TLS 1.3 compresses (CRIME).
	Compression bool
	// InsecureRenegotiation: a version below TLS 1.3 has no secure renegotiation
	// (RFC 5746).
	InsecureRenegotiation bool
	// NoExtendedMasterSecret: TLS 1.0 to 1.2 is accepted without RFC 7627.
	NoExtendedMasterSecret bool
	// NoFallbackSCSV: a hello that says that it was downgraded (RFC 7507) is
	// accepted.
	NoFallbackSCSV bool
}

// Version is an accepted version of TLS, 0x0002 for SSL 2.0.
type Version struct {
	Version uint16
	// Suites have the names of the accepted suites, in the server's order if it
	// has one; nil if nobody asked.
	Suites []string
	// ServerPreference says that the order in which a client offers suites does
	// not change which one is chosen; nil if that is not known.
	ServerPreference *bool
}

// GroupList is the key exchange groups that are accepted in a version.
type GroupList struct {
	Version uint16
	Groups  []uint16
	// Preferred is the group chosen whatever the client's order is; 0 if the
	// server goes by that, or if it is not known.
	Preferred uint16
}

// ErrShortage is wrapped by the error of [Enumerator.Dial] if this machine lacks
// what a connection takes. Dial is then called again later.
var ErrShortage = errors.New("this machine is short of what a connection takes")

// DefaultLimit is the limit of the time that all connections of an enumeration
// take together.
const DefaultLimit = time.Minute

// connectionTimeout is the limit of one connection. A server that answered the
// first in good time has no reason to take longer for the next.
const connectionTimeout = 5 * time.Second

// maxConnections bounds what a server can have us make. The longest list has some
// 350 suites; no server was seen to accept a third of them.
const maxConnections = 1000

// Enumerator asks one server what it accepts. Dial must be set. It is not changed
// by its use.
type Enumerator struct {
	// Dial returns a connection that is ready for a ClientHello.
	Dial func(ctx context.Context) (net.Conn, error)
	// ServerName is sent as SNI, if it is not empty.
	ServerName string
	// ALPN are protocols to offer.
	ALPN []string
	// What is to be found; 0 is everything.
	What What
	// MinVersion and MaxVersion bound the versions asked for; 0 is no bound.
	MinVersion, MaxVersion uint16
	// NoPostQuantum leaves the post-quantum groups out.
	NoPostQuantum bool
	// Known is what the server is known to accept from a handshake; zero if
	// nothing is. An enumeration that does not find it is not complete.
	Known Known
	// Limit bounds the time that the connections take together; 0 means
	// DefaultLimit.
	Limit time.Duration

	// Turn, if it is set, is called before each connection, and waits until it may
	// be made. Its time does not count.
	Turn func(ctx context.Context) error
	// Parallel, if it is set, runs some tasks at the same time, and returns if
	// all are done. If it is nil, they are run one after another.
	Parallel func(tasks ...func())
}

// Known is what a handshake negotiated. Suite and Group may be 0, and CertificateCurve
// is the group of an elliptic leaf's key, or 0.
type Known struct {
	Version, Suite, Group, CertificateCurve uint16
}

// Run makes the connections. It blocks until the server has refused everything
// else, or an end comes early: the limit, a server that stops answering, or ctx.
func (e *Enumerator) Run(ctx context.Context) *Enumeration {
	r := &run{Enumerator: e, ctx: ctx, what: e.What, found: make(map[uint16]*found), groups: make(map[uint16]*GroupList)}
	if r.what == 0 {
		r.what = Versions | Suites | Groups
	}
	var tasks []func()
	for _, v := range r.versions() {
		tasks = append(tasks, func() { r.version(v) })
	}
	parallel := e.Parallel
	if parallel == nil {
		parallel = func(tasks ...func()) {
			for _, task := range tasks {
				task()
			}
		}
	}
	parallel(tasks...)
	r.askAgain()
	r.fallback()
	r.control()
	return r.enumeration()
}

// run is the state of one enumeration.
type run struct {
	*Enumerator
	ctx  context.Context
	what What

	mu          sync.Mutex
	connections int
	spent       time.Duration
	stopped     error // the server does not answer any more: no more connections
	doubt       error // why it may accept more than was found
	// asked counts answers; the others have the count at which it was so.
	asked, accepted int
	refused         int
	silences        int // in a row
	// sharing: the hellos of TLS 1.3 have key shares.
	sharing bool
	proof   *request // an accepted one
	found   map[uint16]*found
	groups  map[uint16]*GroupList
	seen    Enumeration // its last four
}

// found is what is known of a version.
type found struct {
	accepted bool
	refusal  outcome // of the first hello
	plain    bool    // that was for the version
	suites   []uint16
	kinds    []string // of SSL 2.0
	prefers  *bool
}

// versions returns the versions to ask for, the oldest first: what is refused is
// then followed by what is accepted, which shows that the server still answers.
func (r *run) versions() []uint16 {
	return slices.DeleteFunc([]uint16{versionSSL20, versionSSL30, versionTLS10, versionTLS11, versionTLS12, versionTLS13}, func(v uint16) bool {
		only := r.what == Groups && v < versionTLS12
		return only || v < r.MinVersion || r.MaxVersion != 0 && v > r.MaxVersion
	})
}

// enumeration returns what was found.
func (r *run) enumeration() *Enumeration {
	result := r.seen
	result.Connections = r.connections
	result.Err = errors.Join(r.stopped, r.doubt)
	if r.stopped != nil {
		result.Err = r.stopped
	}
	if result.Err == nil && !r.acceptsAny() {
		result.Err = errors.New("the server refuses every hello of the enumeration")
	}
	if result.Err == nil {
		result.Err = r.unlike()
	}
	result.Complete = result.Err == nil
	if r.what&(Versions|Suites) != 0 {
		result.Versions = []Version{}
	}
	if r.what&Groups != 0 {
		result.Groups = []GroupList{}
	}
	for _, v := range slices.Backward(r.versions()) {
		f := r.found[v]
		if f == nil || !f.accepted {
			continue
		}
		if result.Versions != nil {
			result.Versions = append(result.Versions, r.describe(v, f))
		}
		if list := r.groups[v]; list != nil && len(list.Groups) > 0 {
			result.Groups = append(result.Groups, *list)
		}
	}
	return &result
}

func (r *run) acceptsAny() bool {
	for _, f := range r.found {
		if f.accepted {
			return true
		}
	}
	return false
}
