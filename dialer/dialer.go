package dialer

import (
	"cmp"
	"context"
	"crypto/tls"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"certsweep/dialer/fingerprint"
	"certsweep/dialer/hello"
)

// DefaultConnectTimeout is the limit of a TCP connect. Linux sends its third
// SYN after 3 s, so 5 s survive two that were lost.
const DefaultConnectTimeout = 5 * time.Second

// Dialer probes endpoints. The zero value is ready for use: it offers all that
// crypto/tls can speak, asks the system's name servers, and drains every
// connection. A Dialer is safe for concurrent use and must not be changed once
// it was used.
type Dialer struct {
	// NetDialer makes the TCP connections. Nil means that they are made from
	// this machine directly, without keep-alive probes, as none lives long
	// enough for the first.
	NetDialer NetDialer
	// RemoteNames leaves look-ups to the NetDialer, which gets a name for an
	// address then; PublicOnly and Exclude, which must know the address, undo it.
	RemoteNames bool
	// Config is the client's TLS configuration; nil means [WideConfig]. Its
	// ServerName, its InsecureSkipVerify and its callbacks are replaced: a
	// probe takes every certificate and verifies none.
	Config *tls.Config
	// Resolver looks names up. Nil means a zero Resolver.
	Resolver *Resolver
	// NoSNI leaves the server name out of the hello.
	NoSNI bool
	// NoRescue leaves it at the handshake of crypto/tls. Otherwise, if that
	// showed no certificate, one more connection or two ask for it with a
	// hello made by hand (see package hello).
	NoRescue bool
	// Fast asks for the certificate alone, with a hello made by hand that leaves it at
	// the server's first flight, and a second one if the first was refused for its
	// version or got no answer: no handshake is completed, and no key proved. What
	// answers neither with a certificate is asked as if Fast were not set, but if
	// it was silent or no TLS.
	Fast bool
	// MaxRescues is how many answers to hellos made by hand are read at a time, each of
	// which may take 2 MiB; 0 means 64. The others wait, within their time.
	MaxRescues int
	// AllCertificates asks for the other kinds of key after a handshake: one
	// more connection for each kind, which a server without such a key refuses.
	AllCertificates bool
	// Enumerate is what [Dialer.Survey] finds out of what a server accepts, in
	// EnumerateTimeout at most, of which 0 means DefaultEnumerateTimeout. The zero
	// value is nothing.
	Enumerate        fingerprint.What
	EnumerateTimeout time.Duration
	// Fingerprint has [Dialer.Survey] take the server's JARM and JA3S: eleven
	// connections.
	Fingerprint bool
	// PublicOnly has only public addresses dialed: after a look-up, private,
	// loopback, link-local and other special ones (RFC 6890) are passed over. A
	// host that has no other fails with CodeDeniedAddress.
	PublicOnly bool
	// Exclude, if it is set, reports whether an address is not to be dialed. It
	// is asked after a look-up, and the addresses are passed over as those that
	// are not public. It must be safe for concurrent use.
	Exclude func(netip.AddrPort) bool
	// ConnectTimeout bounds the TCP connect to one address; 0 means
	// DefaultConnectTimeout, negative none of its own.
	ConnectTimeout time.Duration
	// DrainTimeout bounds the drain of a connection, which lasts three times as
	// long as its TCP connect at most, and may always last 250 ms; 0 means
	// DefaultDrainTimeout, negative that connections are not drained.
	DrainTimeout time.Duration
	// DrainBytes bounds the application data that a drain reads; 0 means
	// DefaultDrainBytes.
	DrainBytes int64

	// BeforeDrain, if it is set, is called with the context of a probe when
	// nothing is left of it but the drain. It must not block.
	BeforeDrain func(ctx context.Context)

	// minDrain stands for minDrainTimeout in tests, whose servers share a busy
	// processor with them; 0 means minDrainTimeout.
	minDrain time.Duration

	once       sync.Once
	base       *tls.Config
	resolver   *Resolver
	clients    sync.Pool // of *client
	classic    sync.Pool // of those without a post-quantum group
	rescues    chan struct{}
	alternates chan struct{}
	rungs      []rung
	quietRungs []rung // see quietFirst
	// The hellos of a Dialer that is Fast; nil if the versions leave nothing of it.
	fast12, fast13 *hello.Asker
	fastErr        error
	// offersPostQuantum: the hello of crypto/tls has a post-quantum group.
	offersPostQuantum bool
	rescued           atomic.Int64
}

// WideConfig returns a client configuration that reaches as many servers as
// crypto/tls can: TLS 1.0 to 1.3, every cipher suite it has, every group, and
// no ALPN, since offering one loses servers that have another list. It verifies
// nothing.
func WideConfig() *tls.Config {
	var suites []uint16
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		suites = append(suites, s.ID)
	}
	return &tls.Config{
		InsecureSkipVerify: true,
		MinVersion:         tls.VersionTLS10,
		CipherSuites:       suites,
	}
}

// ClassicGroups are the groups to put in CurvePreferences if the hello
// shall carry no post-quantum key share, which saves its sender 1.2 KB and
// half the CPU of a hello.
func ClassicGroups() []tls.CurveID {
	return []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521}
}

func (d *Dialer) init() {
	d.once.Do(func() {
		if d.Config != nil {
			d.base = d.Config.Clone()
		} else {
			d.base = WideConfig()
		}
		d.base.InsecureSkipVerify = true
		d.base.VerifyPeerCertificate = nil
		// A resumed session shows no certificate.
		d.base.ClientSessionCache = nil

		d.clients.New = func() any { return d.newClient() }
		d.classic.New = func() any {
			c := d.newClient()
			c.config.CurvePreferences = ClassicGroups()
			return c
		}
		d.rescues = make(chan struct{}, cmp.Or(d.MaxRescues, rescuesInFlight))
		d.alternates = make(chan struct{}, alternatesInFlight)
		d.rungs = newRungs(d.base)
		d.quietRungs = quietFirst(d.rungs)
		if d.Fast {
			d.fast12, d.fast13, d.fastErr = fastOffers(d.base)
		}
		d.offersPostQuantum = hasPostQuantum(d.base.CurvePreferences) && (d.base.MaxVersion == 0 || d.base.MaxVersion >= tls.VersionTLS13)
		d.resolver = d.Resolver
		if d.resolver == nil {
			d.resolver = new(Resolver)
		}
	})
}

// Probe resolves e.Host, connects to the first address that takes a
// connection, makes the TLS handshake, says goodbye, drains the connection and
// closes it. It blocks until ctx is done at the latest, and after a handshake
// for the drain's time on top. e must have a port. What was learnt is in h, which
// Probe overwrites, and which is the caller's again when it returns.
//
// Where the handshake shows no certificate, Probe asks again in other ways, as
// long as ctx lasts; Method then says how a certificate was got, and the error
// is still that of the handshake.
//
// A handshake that the server refused only for want of a client certificate is
// no error: ClientCertRequired is set. Every error is an *[Error], and with one
// h holds what was learnt before it.
func (d *Dialer) Probe(ctx context.Context, e Endpoint, h *Handshake) error {
	d.init()
	if err := d.probe(ctx, &e, h); err != nil {
		return err
	}
	if d.AllCertificates {
		d.askForAlternates(ctx, &e, h)
	}
	return nil
}

// probe is Probe without the other certificates.
func (d *Dialer) probe(ctx context.Context, e *Endpoint, h *Handshake) error {
	if d.Fast {
		return d.fast(ctx, e, h)
	}
	addrs, failure := d.resolve(ctx, e, h)
	if failure == nil {
		failure = d.handshake(ctx, e, addrs, h)
	}
	if failure != nil {
		return failure
	}
	return nil
}

// resolve begins h, and returns the addresses to dial.
//
//go:noinline
func (d *Dialer) resolve(ctx context.Context, e *Endpoint, h *Handshake) ([]netip.Addr, *Error) {
	*h = Handshake{ServerName: d.serverName(e)}
	start := time.Now()
	addrs, err := d.addresses(ctx, e.Host)
	h.Timing.Resolve = time.Since(start)
	if err != nil {
		return nil, classify(PhaseResolve, err)
	}
	return d.dialable(e.Host, e.Port, addrs)
}

// handshake probes the first of the addresses that takes a connection.
func (d *Dialer) handshake(ctx context.Context, e *Endpoint, addrs []netip.Addr, h *Handshake) (failure *Error) {
	for _, addr := range addrs {
		h.Addr = netip.AddrPortFrom(addr, e.Port)
		a := d.newAttempt(ctx, e, h)
		if failure = a.run(ctx); failure == nil {
			return nil
		}
		// Another address is worth a try only if this one took no connection.
		if a.phase != PhaseConnect || failure.Phase == PhaseLocal || failure.Phase == PhaseProxy || ctx.Err() != nil {
			break
		}
	}
	return d.climb(ctx, e, h, failure)
}

// addresses returns those that are to be dialed for a host, or one that is not
// valid if the NetDialer is to find them.
func (d *Dialer) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if d.RemoteNames && d.NetDialer != nil && !d.PublicOnly && d.Exclude == nil {
		if _, err := netip.ParseAddr(host); err != nil {
			return []netip.Addr{{}}, nil
		}
	}
	return d.resolver.Lookup(ctx, host)
}

// Lookup returns the addresses of a host, the best first, as Probe would try
// them. It blocks until ctx is done at the latest; errors are of type *[Error].
func (d *Dialer) Lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	d.init()
	addrs, err := d.resolver.Lookup(ctx, host)
	if err != nil {
		return nil, classify(PhaseResolve, err)
	}
	return addrs, nil
}

func (d *Dialer) connectTimeout() time.Duration {
	if d.ConnectTimeout == 0 {
		return DefaultConnectTimeout
	}
	return d.ConnectTimeout
}

// serverName returns the name to send to an endpoint, or "" for none.
func (d *Dialer) serverName(e *Endpoint) string {
	if _, err := netip.ParseAddr(e.Name()); err == nil || d.NoSNI {
		return ""
	}
	return e.Name()
}
