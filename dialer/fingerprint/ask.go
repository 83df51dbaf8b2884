package fingerprint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/cryptobyte"

	"certsweep/dialer/errno"
	"certsweep/dialer/hello"
)

const (
	versionSSL20 = 0x0002
	versionSSL30 = 0x0300
	versionTLS10 = 0x0301
	versionTLS11 = 0x0302
	versionTLS12 = 0x0303
	versionTLS13 = 0x0304
)

// outcome is how the server took a hello.
type outcome uint8

const (
	accepted outcome = iota // it answered with a ServerHello
	refused                 // it answered with an alert, or another version
	dropped                 // it closed or reset the connection
	absent                  // it took no connection, or has something else to say than TLS
	silent                  // it did not answer in time
	broken                  // its answer breaks the protocol
	ended                   // we are at the end of our time
)

// request is a hello to send.
type request struct {
	client hello.Client
	// keyExchange: the ServerKeyExchange message is waited for.
	keyExchange bool
}

// answer is what came back.
type answer struct {
	outcome
	server hello.ServerHello
	group  uint16 // of the key exchange
	err    error
}

// The limits of an answer in bytes: a ServerHello and the record that it stands
// in; and one with a chain as long as crypto/tls takes.
const (
	maxHello = 64 << 10
	maxChain = 384 << 10
)

// read takes messages until it has what was asked for.
func (a *answer) read(conn net.Conn, keyExchange bool) error {
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	var in hello.Reader
	limit := maxHello
	if keyExchange {
		limit = maxChain
	}
	for total := 0; ; {
		message, err := in.Next()
		switch {
		case errors.Is(err, hello.ErrMore):
			if total >= limit {
				return hello.ErrTooLarge
			}
			n, err := conn.Read(buf[:])
			total += n
			if n == 0 && err != nil {
				return err
			}
			if err := in.Feed(buf[:n]); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		}
		switch message.Type {
		case hello.TypeServerHello:
			if a.server, err = hello.ParseServerHello(message.Body()); err != nil {
				return err
			}
			if !keyExchange {
				return nil
			}
		case hello.TypeServerKeyExchange:
			a.group = keyExchangeGroup(a.server.CipherSuite, message.Body())
			return nil
		case hello.TypeServerHelloDone:
			return nil
		case hello.TypeCertificate, hello.TypeCertificateStatus:
		default:
			return &hello.ProtocolError{Reason: fmt.Sprintf("message %d in the server's hello", message.Type)}
		}
	}
}

// keyExchangeGroup returns the group that a ServerKeyExchange message is in, by
// its curve (RFC 8422 §5.4) or by its prime (RFC 5246 §7.4.3); 0 for another.
func keyExchangeGroup(suite uint16, body cryptobyte.String) (group uint16) {
	const namedCurve = 3
	var kind uint8
	var prime cryptobyte.String
	if strings.HasPrefix(hello.SuiteName(suite), "TLS_ECDH") {
		if body.ReadUint8(&kind) && kind == namedCurve {
			body.ReadUint16(&group)
		}
	} else if body.ReadUint16LengthPrefixed(&prime) {
		group = hello.FFDHEGroup(prime)
	}
	return group
}

const bufferSize = 4 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// errSilent says that no answer came in the time of a connection.
var errSilent = errors.New("the server does not answer")

// outcomeOf says what an error of a connection means for the hello.
func outcomeOf(err error) outcome {
	var alert hello.AlertError
	var notTLS *hello.NotTLSError
	var timeout interface{ Timeout() bool }
	switch {
	case err == nil:
		return accepted
	case errors.As(err, &alert):
		return refused
	case errors.As(err, &notTLS):
		return absent
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return silent
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errno.Is(err, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE):
		return dropped
	}
	return broken
}

// connect makes a connection when it is its turn, and has use send and read on
// it. It counts, and keeps to the limits.
func (r *run) connect(use func(net.Conn) error) (outcome, error) {
	for wait := minPause; ; wait = min(2*wait, maxPause) {
		if r.Turn != nil {
			if err := r.Turn(r.ctx); err != nil {
				return ended, r.stop(err)
			}
		}
		left, err := r.left()
		if err != nil {
			return ended, err
		}
		start := time.Now()
		ctx, cancel := context.WithTimeout(r.ctx, min(connectionTimeout, left))
		conn, err := r.Dial(ctx)
		if errors.Is(err, ErrShortage) {
			cancel()
			r.pause(wait)
			continue
		}
		o := absent
		if err == nil {
			// A connection that is made knows nothing of the context.
			stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
			err = use(conn)
			stop()
			conn.Close()
			o = outcomeOf(err)
		}
		cancel()
		r.mu.Lock()
		r.connections++
		r.spent += time.Since(start)
		r.mu.Unlock()
		if r.ctx.Err() != nil {
			return ended, r.stop(context.Cause(r.ctx))
		}
		if o == silent {
			err = errSilent
		}
		return o, err
	}
}

const (
	minPause = 20 * time.Millisecond
	maxPause = time.Second
)

// left returns the time that is left, or why no more connection is to be made.
func (r *run) left() (time.Duration, error) {
	limit := r.Limit
	if limit <= 0 {
		limit = DefaultLimit
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.stopped != nil:
	case r.ctx.Err() != nil:
		r.stopped = context.Cause(r.ctx)
	case r.connections >= maxConnections:
		r.stopped = fmt.Errorf("no end after %d connections", r.connections)
	case r.spent >= limit:
		r.stopped = fmt.Errorf("no end after %v", limit)
	}
	return limit - r.spent, r.stopped
}

// stop ends the enumeration, for the first reason given.
func (r *run) stop(err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped == nil {
		r.stopped = err
	}
	return r.stopped
}

func (r *run) doubts(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.doubt == nil {
		r.doubt = fmt.Errorf(format, args...)
	}
}

func (r *run) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.ctx.Done():
	}
}

// patience has the pauses before a hello is sent again to a server that seems to
// have stopped answering: many limit the connections of a second.
var patience = []time.Duration{200 * time.Millisecond, time.Second, 2 * time.Second}

// maxSilent is how many connections in a row may get no answer before the server
// is taken for one that does not answer any more.
const maxSilent = 4

// ask sends a hello on a connection of its own, and again if the server takes no
// connection or does not answer. If it stays absent, the enumeration ends; if it
// stays silent, only its answer to this hello is unknown.
func (r *run) ask(q *request) answer {
	for i := 0; ; i++ {
		a := r.askOnce(q)
		switch {
		case a.outcome == silent && i > 0:
			r.doubts("the server does not answer a hello of version %s", hello.VersionName(versionOf(q)))
			return a
		case a.outcome != absent && a.outcome != silent:
			return a
		case i == len(patience) || a.outcome == absent && r.hopeless(a.err):
			return answer{outcome: ended, err: r.stop(a.err)}
		}
		r.pause(patience[i])
	}
}

// hopeless reports whether a server that has not accepted anything yet has shown
// that it does not speak TLS.
func (r *run) hopeless(err error) bool {
	var notTLS *hello.NotTLSError
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.accepted == 0 && errors.As(err, &notTLS)
}

func (r *run) askOnce(q *request) answer {
	var a answer
	a.outcome, a.err = r.connect(func(conn net.Conn) error {
		record, err := q.client.Marshal()
		if err != nil {
			return err
		}
		if _, err := conn.Write(record); err != nil {
			return err
		}
		return a.read(conn, q.keyExchange)
	})
	if a.outcome == accepted && a.server.Version != versionOf(q) {
		a.outcome = refused
		a.err = fmt.Errorf("the server answers with version %s", hello.VersionName(a.server.Version))
		if a.server.Version > versionOf(q) {
			a.outcome = broken
			a.err = fmt.Errorf("the server chose version %s, which was not offered", hello.VersionName(a.server.Version))
		}
	}
	r.note(q, &a)
	return a
}

// note keeps in what order things were accepted and refused.
func (r *run) note(q *request, a *answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	if a.outcome != silent {
		r.silences = 0
	} else if r.silences++; r.silences == maxSilent && r.stopped == nil {
		r.stopped = errSilent
	}
	switch a.outcome {
	case accepted:
		r.accepted = r.asked
		if r.proof == nil {
			r.proof = q
		}
		r.observe(q, &a.server)
	case refused, dropped, broken:
		r.refused = r.asked
	}
}

// versionOf returns the one version that a hello offers.
func versionOf(q *request) uint16 {
	if len(q.client.Offer.SupportedVersions) > 0 {
		return q.client.Offer.SupportedVersions[0]
	}
	return q.client.Offer.Version
}
