package queue

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"certsweep/dialer/errno"
)

const (
	// requestTimeout is what an answer of the server is waited for.
	requestTimeout = 5 * time.Second
	// connectTimeout is what a server is waited for to say what it is.
	connectTimeout = 5 * time.Second
	// The pause between two attempts at something that failed for want of the
	// server or of room in its store.
	minPause = 100 * time.Millisecond
	maxPause = 5 * time.Second
	// leastPayload is the least maximum of a message's length that a server may
	// have. NATS's own default is 1 MiB.
	leastPayload = 64 << 10
	// headRoom is the part of a message that headers and subject may take.
	headRoom = 1 << 10
)

// Options says how to reach a server. The zero value is NATS's default port on
// this machine, without credentials.
type Options struct {
	// URL is one or more addresses, with commas; a token or user and password
	// may be in it. Empty means nats://127.0.0.1:4222.
	URL string
	// Credentials is a file with a JWT and its seed, or with the seed of an NKey.
	Credentials string
	// Roots is a file of root certificates to know the server by.
	Roots string
	// Dialer replaces the TCP dialer.
	Dialer nats.CustomDialer
	// Name tells connections apart in the server's own monitoring.
	Name string
	// Wait says that a server that cannot be reached is waited for.
	Wait bool
	// Say is told what people should know: that something is waited for, or that
	// it is there again. Nil says nothing. It is called from several goroutines.
	Say func(string)
}

// Client is a connection to the server. It is safe for concurrent use, and mends
// itself if the server goes away and comes back.
type Client struct {
	nc      *nats.Conn
	js      jetstream.JetStream
	options Options

	mu   sync.Mutex
	lost chan struct{} // closed while the server is away
}

// Errors of a connection that waiting does not mend.
var (
	ErrRefused = errors.New("the server refuses these credentials")
	ErrNotNATS = errors.New("what answers there is not a NATS server")
)

// Connect connects to a server. The error is an ErrRefused or ErrNotNATS if no
// patience helps, of any kind without options.Wait, or ctx's.
func Connect(ctx context.Context, options Options) (*Client, error) {
	if options.URL == "" {
		options.URL = nats.DefaultURL
	}
	if options.Say == nil {
		options.Say = func(string) {}
	}
	c := &Client{options: options, lost: make(chan struct{})}
	opts, err := c.natsOptions()
	if err != nil {
		return nil, err
	}
	said := false
	for {
		c.nc, err = nats.Connect(options.URL, opts...)
		if err == nil {
			break
		}
		err = explain(options.URL, err)
		if !options.Wait || errors.Is(err, ErrRefused) || errors.Is(err, ErrNotNATS) || ctx.Err() != nil {
			return nil, err
		}
		if !said {
			said = true
			options.Say(err.Error() + ": waiting for it")
		}
		if pause(ctx, time.Second) != nil {
			return nil, context.Cause(ctx)
		}
	}
	if err := c.check(ctx); err != nil {
		c.nc.Close()
		return nil, err
	}
	return c, nil
}

// check looks whether the server can do what is needed.
func (c *Client) check(ctx context.Context) (err error) {
	if c.js, err = jetstream.New(c.nc, jetstream.WithPublishAsyncTimeout(requestTimeout), jetstream.WithDefaultTimeout(requestTimeout)); err != nil {
		return err
	}
	if most := c.nc.MaxPayload(); most < leastPayload {
		return fmt.Errorf("the server takes messages of %d bytes only (max_payload): at least %d are needed", most, leastPayload)
	}
	for wait := minPause; ; wait = min(2*wait, maxPause) {
		_, err = c.js.AccountInfo(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		// A server that has just begun says so for a moment, too.
		if errors.Is(err, jetstream.ErrJetStreamNotEnabled) || errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount) {
			err = fmt.Errorf("the NATS server at %s has no JetStream, or none for this account: start it with -js, or use certsweep-queue serve", c.options.URL)
			if wait > time.Second || !c.options.Wait {
				return err
			}
		} else if !transient(err) || !c.options.Wait {
			return fmt.Errorf("asking the server for JetStream: %w", err)
		}
		if pause(ctx, wait) != nil {
			return context.Cause(ctx)
		}
	}
}

func (c *Client) natsOptions() ([]nats.Option, error) {
	o := c.options
	opts := []nats.Option{
		nats.Name(o.Name), nats.Timeout(connectTimeout), nats.MaxReconnects(-1), nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(250*time.Millisecond, time.Second), nats.ReconnectBufSize(-1),
		nats.PingInterval(10 * time.Second), nats.MaxPingsOutstanding(3),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			c.mu.Lock()
			select {
			case <-c.lost:
			default:
				close(c.lost)
			}
			c.mu.Unlock()
			if err != nil {
				o.Say("lost the server: waiting for it to come back")
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) {
			c.mu.Lock()
			c.lost = make(chan struct{})
			c.mu.Unlock()
			o.Say("the server is there again")
		}),
	}
	if o.Dialer != nil {
		opts = append(opts, nats.SetCustomDialer(o.Dialer))
	}
	if o.Roots != "" {
		opts = append(opts, nats.RootCAs(o.Roots))
	}
	if o.Credentials == "" {
		return opts, nil
	}
	data, err := os.ReadFile(o.Credentials)
	if err != nil {
		return nil, err
	}
	switch text := string(data); {
	case strings.Contains(text, "BEGIN NATS USER JWT"):
		return append(opts, nats.UserCredentials(o.Credentials)), nil
	case strings.Contains(text, "SU"):
		opt, err := nats.NkeyOptionFromSeed(o.Credentials)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.Credentials, err)
		}
		return append(opts, opt), nil
	}
	return nil, fmt.Errorf("%s has neither a NATS user JWT nor the seed of a user's NKey (SU…)", o.Credentials)
}

// explain says in words why a server cannot be reached. A password in its URL
// stays out of them.
func explain(url string, err error) error {
	url = Redact(url)
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var timeout net.Error
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked),
		errors.Is(err, nats.ErrAccountAuthExpired), strings.Contains(strings.ToLower(err.Error()), "authorization violation"):
		return fmt.Errorf("%s: %w", url, ErrRefused)
	case errors.Is(err, nats.ErrNkeysNotSupported), errors.Is(err, nats.ErrNoServers) && strings.HasPrefix(url, "http"):
		return fmt.Errorf("%s: %w", url, ErrNotNATS)
	case errors.As(err, &certificate):
		return fmt.Errorf("%s: %w", url, certificate)
	case errors.As(err, &record), errors.Is(err, nats.ErrNoInfoReceived), strings.Contains(err.Error(), "nats: expected '"), errors.Is(err, io.EOF):
		return fmt.Errorf("%s: %w", url, ErrNotNATS)
	case errors.Is(err, nats.ErrSecureConnWanted), errors.Is(err, nats.ErrSecureConnRequired):
		return fmt.Errorf("%s: the server and this end do not agree on TLS (tls:// or nats://): %w", url, err)
	case errno.Is(err, syscall.ECONNREFUSED), errors.Is(err, nats.ErrNoServers):
		return fmt.Errorf("no NATS server at %s", url)
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("nothing that is a NATS server answers at %s within %v", url, connectTimeout)
	}
	return fmt.Errorf("%s: %w", url, err)
}

// Redact returns a server's URLs without passwords and tokens.
func Redact(urls string) string {
	parts := strings.Split(urls, ",")
	for i, u := range parts {
		scheme, rest, ok := strings.Cut(u, "://")
		if !ok {
			scheme, rest = "", u
		} else {
			scheme += "://"
		}
		if at := strings.LastIndexByte(rest, '@'); at >= 0 {
			rest = "***@" + rest[at+1:]
		}
		parts[i] = scheme + rest
	}
	return strings.Join(parts, ",")
}

// Close ends the connection.
func (c *Client) Close() { c.nc.Close() }

func (c *Client) say(format string, args ...any) { c.options.Say(fmt.Sprintf(format, args...)) }

// attempt calls do with a context that ends when an answer is not to be expected
// any longer: after requestTimeout, or when the server goes away.
func (c *Client) attempt(ctx context.Context, do func(context.Context) error) error {
	c.mu.Lock()
	lost := c.lost
	c.mu.Unlock()
	ctx, cancel := context.WithTimeoutCause(ctx, requestTimeout, nats.ErrTimeout)
	defer cancel()
	ctx, disconnect := context.WithCancelCause(ctx)
	defer disconnect(nil)
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-lost:
			disconnect(nats.ErrDisconnected)
		case <-done:
		}
	}()
	err := do(ctx)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// pause waits for d. It returns ctx's cause if that is done first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// transient reports whether an error of the server's is one that time mends: the
// server is away, or begins, or a cluster chooses a leader.
func transient(err error) bool {
	for _, e := range []error{
		nats.ErrTimeout, nats.ErrNoResponders, nats.ErrDisconnected, nats.ErrConnectionReconnecting, nats.ErrReconnectBufExceeded,
		nats.ErrStaleConnection, jetstream.ErrNoStreamResponse, context.DeadlineExceeded, jetstream.ErrNoHeartbeat,
		jetstream.ErrConsumerLeadershipChanged, jetstream.ErrServerShutdown,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	var api *jetstream.APIError
	return errors.As(err, &api) && api.Code == 503 && !isFull(err) && !isTaken(err)
}

// isTaken reports whether the server refused a message because its subject has
// one.
func isTaken(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && strings.Contains(api.Description, "maximum messages per subject exceeded")
}

// isFull reports whether the server refused a message for want of room.
func isFull(err error) bool {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return false
	}
	switch api.ErrorCode {
	case 10002, 10023, 10028, 10047: // resources of the account, of any kind, memory, storage
		return true
	}
	return strings.Contains(api.Description, "maximum bytes exceeded") || strings.Contains(api.Description, "no space left on device")
}

// Transient reports whether an error is one that time may mend.
func Transient(err error) bool { return transient(err) }
