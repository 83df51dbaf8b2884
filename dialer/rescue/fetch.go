package rescue

import (
	"fmt"
	"hash"
	"net"
	"strings"

	"golang.org/x/crypto/cryptobyte"
)

// fetch is the state of one call of Fetch.
type fetch struct {
	client *Client
	conn   net.Conn
	in     handshakeReader
	hello  *clientHello
	result Result
}

func (f *fetch) run() error {
	var err error
	if f.hello, err = newClientHello(f.client); err != nil {
		return err
	}
	// TLS 1.0 stands in the record of any first hello, RFC 8446 §5.1.
	sent, err := f.sendHello(versionTLS10)
	if err != nil {
		return err
	}
	server, raw, err := f.readServerHello()
	if err != nil {
		return err
	}
	if server.version != versionTLS13 {
		return f.readClear()
	}
	if f.client.Hello == Hello10 {
		return protocolError("the server chose TLS 1.3, which was not offered")
	}
	suite, ok := suites13[server.suite]
	if !ok {
		return protocolError("the server chose %s for TLS 1.3, which was not offered", SuiteName(server.suite))
	}
	transcript := suite.hash()
	transcript.Write(sent)
	if server.retry {
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
	return f.readEncrypted()
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
func (f *fetch) readServerHello() (serverHello, []byte, error) {
	message, err := f.in.next()
	if err != nil {
		return serverHello{}, nil, err
	}
	if message[0] != typeServerHello {
		return serverHello{}, nil, protocolError("message %d in place of ServerHello", message[0])
	}
	server, err := parseServerHello(message[handshakeHeaderSize:])
	f.result.Version, f.result.CipherSuite = server.version, server.suite
	f.result.ALPN, f.result.OCSPStapled, f.result.SCTCount = server.alpn, server.ocsp, server.scts
	if server.version == versionTLS13 {
		f.result.Group = server.group
	}
	return server, message, err
}

// retry answers a HelloRetryRequest and returns the ServerHello that follows
// (RFC 8446 §4.1.2, §4.1.4).
func (f *fetch) retry(request serverHello, transcript hash.Hash) (serverHello, []byte, error) {
	if request.group == 0 && request.cookie == nil {
		return serverHello{}, nil, protocolError("a HelloRetryRequest that asks for nothing")
	}
	if request.group != 0 {
		for _, share := range f.hello.shares {
			if share.group == request.group {
				return serverHello{}, nil, protocolError("a HelloRetryRequest for %s, which was sent", GroupName(request.group))
			}
		}
		share, err := newKeyShare(request.group)
		if err != nil {
			return serverHello{}, nil, err
		}
		f.hello.shares = []*keyShare{share}
	}
	f.hello.cookie = request.cookie

	// For middleboxes, RFC 8446 §D.4.
	if err := f.send(recordChangeCipherSpec, versionTLS12, []byte{1}); err != nil {
		return serverHello{}, nil, err
	}
	sent, err := f.sendHello(versionTLS12)
	if err != nil {
		return serverHello{}, nil, err
	}
	transcript.Write(sent)
	server, raw, err := f.readServerHello()
	switch {
	case err != nil:
		return serverHello{}, nil, err
	case server.retry:
		return serverHello{}, nil, protocolError("a second HelloRetryRequest")
	case server.version != versionTLS13 || server.suite != request.suite:
		return serverHello{}, nil, protocolError("a ServerHello unlike the HelloRetryRequest before it")
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

func (f *fetch) startDecrypting(suite suite13, server serverHello, transcript hash.Hash) error {
	// Messages do not span a change of keys, RFC 8446 §5.1.
	if f.in.pending() {
		return protocolError("a message in clear after ServerHello")
	}
	for _, share := range f.hello.shares {
		if share.group != server.group {
			continue
		}
		shared, err := share.agree(server.share)
		if err != nil {
			return err
		}
		secret, err := suite.serverHandshakeSecret(shared, transcript.Sum(nil))
		if err != nil {
			return err
		}
		f.in.records.opener, err = suite.newRecordOpener(secret)
		return err
	}
	return protocolError("the server has a key share in %s, and the client none", GroupName(server.group))
}

// readEncrypted reads the server's flight of TLS 1.3, RFC 8446 §4.3.
func (f *fetch) readEncrypted() error {
	for {
		message, err := f.in.next()
		if err != nil {
			return err
		}
		body := message[handshakeHeaderSize:]
		switch message[0] {
		case typeEncryptedExtensions:
			f.readEncryptedExtensions(body)
		case typeCertificateRequest:
			f.result.ClientCertRequested = true
		case typeCertificate:
			return f.result.readCertificates13(body)
		case typeCertificateVerify, typeFinished:
			return ErrNoCertificate
		default:
			return protocolError("message %d in place of Certificate", message[0])
		}
	}
}

// readClear reads the server's flight up to TLS 1.2, RFC 5246 §7.3.
func (f *fetch) readClear() error {
	message, err := f.in.next()
	if err != nil {
		return err
	}
	switch message[0] {
	case typeCertificate:
		err := f.result.readCertificates(message[handshakeHeaderSize:])
		f.readAtHand()
		return err
	case typeServerKeyExchange, typeCertificateRequest, typeServerHelloDone:
		return ErrNoCertificate
	}
	return protocolError("message %d in place of Certificate", message[0])
}

// readAtHand notes what else the last read brought of the same flight. None of
// it is worth a wait or an error.
func (f *fetch) readAtHand() {
	f.in.records.drain = true
	for {
		message, err := f.in.next()
		if err != nil {
			return
		}
		body := message[handshakeHeaderSize:]
		switch message[0] {
		case typeServerKeyExchange:
			f.readServerKeyExchange(body)
		case typeCertificateRequest:
			f.result.ClientCertRequested = true
		}
	}
}

// readServerKeyExchange takes the curve from the parameters of an ECDHE suite,
// RFC 8422 §5.4.
func (f *fetch) readServerKeyExchange(body []byte) {
	const namedCurve = 3
	ecdhe := strings.HasPrefix(SuiteName(f.result.CipherSuite), "TLS_ECDHE_")
	if ecdhe && len(body) > 3 && body[0] == namedCurve {
		f.result.Group = uint16(body[1])<<8 | uint16(body[2])
	}
}

func (f *fetch) readEncryptedExtensions(body []byte) {
	s := cryptobyte.String(body)
	var extensions cryptobyte.String
	s.ReadUint16LengthPrefixed(&extensions)
	for extension, data := range eachExtension(extensions) {
		if extension == extensionALPN {
			f.result.ALPN = parseALPN(data)
		}
	}
}
