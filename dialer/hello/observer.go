package hello

import (
	"bytes"
	"hash"
	"slices"
)

// maxChains bounds the certificates kept of both sides together, in bytes.
const maxChains = 1 << 20

// Observer follows the handshake of two others from the messages of both sides,
// each as a [Reader] of that side gives them, and checks whether the server proved
// its key. The client's hello comes first, if there is one to be had, and the
// server's before what the client answers to it; for the rest, only the order
// within a side matters. The zero value is ready for use. An Observer is not safe
// for concurrent use.
type Observer struct {
	// Result is what the server showed. Its KeyProved can be told only if the
	// ClientHello was seen.
	Result
	// Proves, if it is set, is asked whether the server has proved the key of a leaf
	// already, on another connection. Its signature is then not checked, which is
	// most of the work for a handshake.
	Proves func(leaf []byte) bool
	// Hello is the client's first, zero as long as none was seen.
	Hello     ClientHello
	HelloSeen bool
	// ServerHelloSeen says that the server chose version and suite, with a
	// ServerHello that asks for no other ClientHello.
	ServerHelloSeen bool
	// Resumed says that the server took a pre-shared key (RFC 8446 §2.2), and so
	// shows no certificate. Below TLS 1.3 it is told by the absence of one.
	Resumed bool
	// Finished and ClientFinished are set by these messages, which below TLS 1.3
	// nobody else can read.
	Finished, ClientFinished bool
	// ClientCertificates are the client's, leaf first, as they were received.
	// ClientCertificateSeen says that it sent the message, which may be empty.
	ClientCertificates    [][]byte
	ClientCertificateSeen bool

	serverRandom [32]byte
	hellos       []byte    // the messages before the suite, and so the hash, is known
	transcript   hash.Hash // from then on; only under TLS 1.3
	kept         int       // by certificates, in bytes
	held         int       // by these and the hello
}

// Held returns about how many bytes it keeps, for those who have many and a cap
// for all.
func (o *Observer) Held() int { return cap(o.hellos) + o.held }

// AddClient notes the client's next message. The error is that of the parser of
// a ClientHello.
func (o *Observer) AddClient(m Message) error {
	switch m.Type {
	case TypeClientHello:
		if o.HelloSeen { // after a HelloRetryRequest, or out of place
			o.transcribe(m)
			return nil
		}
		hello, err := ParseClientHello(m.Body())
		if err != nil {
			return err
		}
		o.Hello, o.HelloSeen = hello, true
		o.held += hello.held(len(m.Body()))
		o.hellos = bytes.Clone(m.Raw)
	case TypeCertificate, TypeCompressedCertificate:
		o.ClientCertificateSeen = true
		if m.Type == TypeCompressedCertificate {
			var err error
			if m, err = decompress(m); err != nil {
				return nil // the handshake does not depend on it
			}
		}
		if chain, _ := ParseCertificates(o.Version, m.Body()); o.keep(chain) {
			o.ClientCertificates = chain
		}
	case TypeFinished:
		o.ClientFinished = true
	}
	return nil
}

// AddServer notes the server's next message. The error is that of the parser of
// a ServerHello or a Certificate message, or wraps [ErrTooLarge].
func (o *Observer) AddServer(m Message) error {
	switch m.Type {
	case TypeServerHello:
		return o.addServerHello(m)
	case TypeCertificate, TypeCompressedCertificate:
		if len(o.Certificates) > 0 {
			return protocolError("a second Certificate message")
		}
		err := o.Result.Add(m)
		if !o.keep(o.Certificates) {
			o.Certificates = nil
			return ErrTooLarge
		}
		o.transcribe(m)
		return err
	case TypeServerKeyExchange:
		o.Result.Add(m)
		if o.HelloSeen && len(o.Certificates) > 0 && o.Version < versionTLS13 && !o.hasProved() {
			randoms := slices.Concat(o.Hello.Random[:], o.serverRandom[:])
			o.KeyProved = proves12(o.Version, o.CipherSuite, o.Certificates[0], m.Body(), randoms)
		}
	case TypeCertificateVerify:
		if o.transcript != nil && len(o.Certificates) > 0 && !o.hasProved() {
			o.KeyProved = proves13(o.Certificates[0], m.Body(), o.transcript.Sum(nil))
		}
		o.transcribe(m)
	case TypeFinished:
		o.Finished = true
	default:
		o.transcribe(m)
		return o.Result.Add(m)
	}
	return nil
}

func (o *Observer) addServerHello(m Message) error {
	if o.ServerHelloSeen {
		return protocolError("a second ServerHello")
	}
	server, err := ParseServerHello(m.Body())
	o.Result.addServerHello(&server)
	o.serverRandom = server.Random
	if err != nil {
		return err
	}
	suite, known := suites13[server.CipherSuite]
	if server.Version == versionTLS13 && known && o.HelloSeen && o.transcript == nil {
		o.transcript = suite.hash()
		o.transcript.Write(o.hellos)
		if server.Retry {
			o.transcript = messageHash(suite, o.transcript)
		}
	}
	o.hellos = nil
	o.transcribe(m)
	if !server.Retry {
		o.ServerHelloSeen = true
		o.Resumed = server.Version == versionTLS13 && slices.ContainsFunc(server.Extensions, func(e Extension) bool { return e.Type == extensionPreSharedKey })
	}
	return nil
}

// hasProved reports whether the server needs no signature, and notes it.
func (o *Observer) hasProved() bool {
	if o.Proves != nil && o.Proves(o.Certificates[0]) {
		o.KeyProved = true
	}
	return o.KeyProved
}

// transcribe adds a message to the transcript, RFC 8446 §4.4.1.
func (o *Observer) transcribe(m Message) {
	if o.transcript != nil {
		o.transcript.Write(m.Raw)
	}
}

// keep reports whether there is room for a chain.
func (o *Observer) keep(chain [][]byte) bool {
	n := 0
	for _, der := range chain {
		n += max(cap(der), leastAlloc) + 2*sliceHeader // the slice of them grows twofold
	}
	if o.kept+n > maxChains {
		return false
	}
	o.kept += n
	o.held += n
	return true
}

// What Go needs for a few bytes, and for the header of a slice.
const (
	leastAlloc  = 16
	sliceHeader = 24
)

// held returns about how many bytes a hello needs that was parsed of n.
func (h *ClientHello) held(n int) int {
	const extension = 32
	o := &h.Offer
	n += cap(o.Extensions) * extension
	for _, list := range [][]uint16{o.CipherSuites, o.Groups, o.SignatureSchemes, o.SupportedVersions, o.KeyShares} {
		n += 2 * cap(list)
	}
	return n + len(h.ServerName) + cap(o.ALPN)*(leastAlloc+leastAlloc)
}
