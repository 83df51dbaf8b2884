package hello

import (
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"slices"
)

// fetch is the state of one call of Fetch.
type fetch struct {
	client *Client
	conn   net.Conn
	in     Reader
	hello  *clientHello
	result Result

	serverRandom [32]byte
}

// ask sends the hello, returns it if a transcript may need it, and waits for the
// answer to begin. Most peers that are asked never answer, so that little is held
// meanwhile, the frames included.
func (f *fetch) ask() (sent []byte, err error) {
	if f.hello, err = newClientHello(f.client); err != nil {
		return nil, err
	}
	if sent, err = f.sendHello(f.client.Offer.recordVersion()); err != nil {
		return nil, err
	}
	if !slices.Contains(f.client.Offer.SupportedVersions, versionTLS13) {
		sent = nil
	}
	if patient, ok := f.conn.(awaiter); ok {
		if err := patient.AwaitRead(); err != nil {
			return nil, f.in.records.ended(err)
		}
	}
	return sent, nil
}

func (f *fetch) run(sent []byte) error {
	server, raw, err := f.readServerHello()
	if err != nil {
		return err
	}
	if !f.client.Offer.takes(server.Version) {
		return protocolError("the server chose version %s, which was not offered", VersionName(server.Version))
	}
	if server.Version != versionTLS13 {
		return f.readClear()
	}
	suite, ok := suites13[server.CipherSuite]
	if !ok {
		return protocolError("the server chose %s for TLS 1.3, which was not offered", SuiteName(server.CipherSuite))
	}
	transcript := suite.hash()
	transcript.Write(sent)
	if server.Retry {
		transcript = messageHash(suite, transcript)
		transcript.Write(raw)
		if server, raw, err = f.retry(server, transcript); err != nil {
			return err
		}
	}
	transcript.Write(raw)
	if err := f.startDecrypting(suite, server, transcript); err != nil {
		return err
	}
	return f.readEncrypted(transcript)
}

// sendHello sends the ClientHello and returns it as it goes into the
// transcript.
func (f *fetch) sendHello(recordVersion uint16) ([]byte, error) {
	message, err := f.hello.marshal()
	if err != nil {
		return nil, err
	}
	return message, f.send(recordHandshake, recordVersion, message)
}

func (f *fetch) send(contentType uint8, version uint16, payload []byte) error {
	if _, err := f.conn.Write(plainRecord(contentType, version, payload)); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// readServerHello returns the message parsed and as it was received; the latter
// is good until the next read.
func (f *fetch) readServerHello() (ServerHello, []byte, error) {
	message, err := f.next()
	if err != nil {
		return ServerHello{}, nil, err
	}
	if message.Type != TypeServerHello {
		return ServerHello{}, nil, protocolError("message %d in place of ServerHello", message.Type)
	}
	server, err := ParseServerHello(message.Body())
	f.result.addServerHello(&server)
	f.result.SupportsTLS13 = server.downgraded(&f.client.Offer)
	f.serverRandom = server.Random
	return server, message.Raw, err
}

// awaiter is a connection that can wait until there is something to read, so that
// no buffer has to wait with it.
type awaiter interface{ AwaitRead() error }

// next returns the next message, reading from the connection as it must.
func (f *fetch) next() (Message, error) {
	var ended error
	for idle := 0; ; {
		message, err := f.in.Next()
		if !errors.Is(err, ErrMore) {
			return message, err
		}
		if ended != nil {
			return Message{}, f.in.records.ended(ended)
		}
		free, err := f.in.records.free(f.in.records.missing(), firstBuffer)
		if err != nil {
			return Message{}, err
		}
		var n int
		n, ended = f.conn.Read(free)
		f.in.records.fed(n)
		if n > 0 {
			idle = 0
		} else if idle++; idle == 100 && ended == nil {
			ended = io.ErrNoProgress // as bufio.Reader has it
		}
	}
}

// retry answers a HelloRetryRequest and returns the ServerHello that follows
// (RFC 8446 §4.1.2, §4.1.4).
func (f *fetch) retry(request ServerHello, transcript hash.Hash) (ServerHello, []byte, error) {
	if request.Group == 0 && request.Cookie == nil {
		return ServerHello{}, nil, protocolError("a HelloRetryRequest that asks for nothing")
	}
	if request.Group != 0 {
		for _, share := range f.hello.shares {
			if share.group == request.Group {
				return ServerHello{}, nil, protocolError("a HelloRetryRequest for %s, which was sent", GroupName(request.Group))
			}
		}
		share, err := newKeyShare(request.Group)
		if err != nil {
			return ServerHello{}, nil, err
		}
		f.hello.shares = []*keyShare{share}
	}
	f.hello.cookie = request.Cookie

	// For middleboxes, RFC 8446 §D.4.
	if err := f.send(recordChangeCipherSpec, versionTLS12, []byte{1}); err != nil {
		return ServerHello{}, nil, err
	}
	sent, err := f.sendHello(versionTLS12)
	if err != nil {
		return ServerHello{}, nil, err
	}
	transcript.Write(sent)
	server, raw, err := f.readServerHello()
	switch {
	case err != nil:
		return ServerHello{}, nil, err
	case server.Retry:
		return ServerHello{}, nil, protocolError("a second HelloRetryRequest")
	case server.Version != versionTLS13 || server.CipherSuite != request.CipherSuite:
		return ServerHello{}, nil, protocolError("a ServerHello unlike the HelloRetryRequest before it")
	}
	return server, raw, nil
}

// messageHash begins a transcript anew with what stands for the first hello
// after a HelloRetryRequest, RFC 8446 §4.4.1.
func messageHash(suite suite13, transcript hash.Hash) hash.Hash {
	const typeMessageHash = 254
	first := transcript.Sum(nil)
	next := suite.hash()
	next.Write([]byte{typeMessageHash, 0, 0, uint8(len(first))})
	next.Write(first)
	return next
}

func (f *fetch) startDecrypting(suite suite13, server ServerHello, transcript hash.Hash) error {
	for _, share := range f.hello.shares {
		if share.group != server.Group {
			continue
		}
		shared, err := share.agree(server.KeyShare)
		if err != nil {
			return err
		}
		secret, err := suite.serverHandshakeSecret(shared, transcript.Sum(nil))
		if err != nil {
			return err
		}
		return f.in.Decrypt(server.CipherSuite, secret)
	}
	return protocolError("the server has a key share in %s, and the client none", GroupName(server.Group))
}

// readEncrypted reads the server's flight of TLS 1.3, RFC 8446 §4.3.
func (f *fetch) readEncrypted(transcript hash.Hash) error {
	for {
		message, err := f.next()
		if err != nil {
			return err
		}
		switch message.Type {
		case TypeEncryptedExtensions, TypeCertificateRequest:
			f.result.Add(message)
		case TypeCertificate, TypeCompressedCertificate:
			err := f.result.Add(message)
			if err == nil {
				transcript.Write(message.Raw)
				f.result.KeyProved = f.readCertificateVerify(transcript)
			}
			return err
		case TypeCertificateVerify, TypeFinished:
			return ErrNoCertificate
		default:
			return protocolError("message %d in place of Certificate", message.Type)
		}
		transcript.Write(message.Raw)
	}
}

// readCertificateVerify reports whether the next message proves the key. That
// it does not come is no error: there is a certificate.
func (f *fetch) readCertificateVerify(transcript hash.Hash) bool {
	message, err := f.next()
	return err == nil && message.Type == TypeCertificateVerify &&
		proves13(f.result.Certificates[0], message.Body(), transcript.Sum(nil))
}

// readClear reads the server's flight up to TLS 1.2, RFC 5246 §7.3.
func (f *fetch) readClear() error {
	message, err := f.next()
	if err != nil {
		return err
	}
	switch message.Type {
	case TypeCertificate:
		err := f.result.Add(message)
		f.readKeyExchange()
		return err
	case TypeServerKeyExchange, TypeCertificateRequest, TypeServerHelloDone:
		return ErrNoCertificate
	}
	return protocolError("message %d in place of Certificate", message.Type)
}

// readKeyExchange reads on to the ServerKeyExchange message, if the suite has
// one that is signed, and notes what else is at hand of the same flight. What
// does not come is no error: there is a certificate.
func (f *fetch) readKeyExchange() {
	next := f.in.Next
	if signs(SuiteName(f.result.CipherSuite)) {
		next = f.next
	}
	for {
		message, err := next()
		if err != nil {
			return
		}
		switch message.Type {
		case TypeServerKeyExchange:
			f.result.Add(message)
			f.checkServerKeyExchange(message.Body())
			next = f.in.Next
		case TypeCertificateRequest:
			f.result.Add(message)
			next = f.in.Next
		case TypeServerHelloDone:
			return
		}
	}
}

// checkServerKeyExchange notes whether the server proved its key with it.
func (f *fetch) checkServerKeyExchange(body []byte) {
	r := &f.result
	if len(r.Certificates) > 0 {
		randoms := slices.Concat(f.hello.random[:], f.serverRandom[:])
		r.KeyProved = proves12(r.Version, r.CipherSuite, r.Certificates[0], body, randoms)
	}
}
